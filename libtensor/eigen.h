/* Eigenvalues of symmetric matrices, by LAPACK as OpenBLAS carries it. */
#ifndef LIBTENSOR_EIGEN_H
#define LIBTENSOR_EIGEN_H

#include "libtensor/error.h"

/* a: n x n, symmetric; becomes its eigenvectors, one a row, orthonormal, by falling eigenvalue, the
 * first of each one's greatest values positive (to 1e-9), so that a sign is no accident. value: the
 * n eigenvalues. */
bool symmetric_eigen(int n, double *a, double *value, Error *err);

#endif
