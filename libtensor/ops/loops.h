/* Small loops that many kernels share. */
#ifndef LIBTENSOR_OPS_LOOPS_H
#define LIBTENSOR_OPS_LOOPS_H

#include <string.h>

#include "libtensor/op.h"
#include "libtensor/parallel.h"

/* Lanes of a vectorised reduction: written out, because the order of a sum is part of the result.
 */
enum { LANES = 32 };

/* Elements behind the first two dimensions: height times width, or 1. */
static inline int64_t shape_inner(Shape s)
{
    int64_t n = 1;
    for (int d = 2; d < s.ndim; d++)
        n *= s.dim[d];
    return n;
}

/* *d = beta * *d + v for beta 0 or 1; *d is not read where beta is 0. */
static inline real gradient(real beta, real d, real v)
{
    return beta == 0 ? v : d + v;
}

static inline double lanes_total(const real lane[static LANES])
{
    double sum = 0;
    for (int l = 0; l < LANES; l++)
        sum += (double)lane[l];
    return sum;
}

/* Sum of x[0 .. n). */
static inline double sum_of(const real *restrict x, int64_t n)
{
    real lane[LANES] = {0};
    int64_t i = 0;
    double sum = 0;

    if (n < LANES) {
        for (; i < n; i++)
            sum += (double)x[i];
        return sum;
    }
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += x[i + l];
    for (int l = 0; i < n; i++, l++)
        lane[l] += x[i];
    return lanes_total(lane);
}

/* Sum of x[i] y[i]. */
static inline double dot_of(const real *restrict x, const real *restrict y, int64_t n)
{
    real lane[LANES] = {0};
    int64_t i = 0;
    double sum = 0;

    if (n < LANES) {
        for (; i < n; i++)
            sum += (double)(x[i] * y[i]);
        return sum;
    }
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += x[i + l] * y[i + l];
    for (int l = 0; i < n; i++, l++)
        lane[l] += x[i] * y[i];
    return lanes_total(lane);
}

/* d = beta d + x. */
static inline void add_to(real *restrict d, real beta, const real *restrict x, int64_t n)
{
    if (beta == 0)
        memcpy(d, x, (size_t)n * sizeof *d);
    else
        for (int64_t i = 0; i < n; i++)
            d[i] += x[i];
}

#endif
