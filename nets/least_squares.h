/* Box-constrained nonlinear least squares by Levenberg and Marquardt, for functions that can only
 * be called: the engine's render has no gradient. */
#ifndef NETS_LEAST_SQUARES_H
#define NETS_LEAST_SQUARES_H

#include "libtensor/error.h"

/* Residuals of `count` points at once (so that they can be computed in parallel): point count x n,
 * residual count x m. */
typedef bool Residuals(void *context, int count, const float *point, float *residual, Error *err);

typedef struct LeastSquares {
    int n, m;
    float lo, hi;     /* box of every variable */
    float difference; /* of the finite differences; taken inwards at the box */
    int max_iterations;
    float tolerance; /* stop when the sum of squares falls by less than this share */
    Residuals *function;
    void *context;
} LeastSquares;

/* Improves x (n values inside the box) in place: never ends with a greater sum of squares than it
 * began. Per iteration n residuals for the Jacobian and a few for the step. *squares, if not NULL:
 * the final sum. */
bool least_squares_solve(const LeastSquares *problem, float *x, double *squares, Error *err);

#endif
