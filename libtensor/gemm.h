/* Matrix products in `real`, row-major: the one place that knows BLAS. Each call runs on the
 * calling thread; kernels call it from OpenMP tasks whose shapes do not depend on the number of
 * threads, so that results do not either. */
#ifndef LIBTENSOR_GEMM_H
#define LIBTENSOR_GEMM_H

#include <cblas.h>
#include <stdbool.h>
#include <stdint.h>

#include "libtensor/real.h"

/* c [m,n] = beta c + op(a) [m,k] op(b) [k,n]; op transposes where the flag is set, lda, ldb and ldc
 * are the distances between rows as stored. beta 0: c is not read. */
static inline void gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                        const real *a, int64_t lda, const real *b, int64_t ldb, real beta, real *c,
                        int64_t ldc)
{
    CBLAS_TRANSPOSE ta = transpose_a ? CblasTrans : CblasNoTrans;
    CBLAS_TRANSPOSE tb = transpose_b ? CblasTrans : CblasNoTrans;

#ifdef REAL_IS_DOUBLE
    cblas_dgemm(CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)k, 1, a, (blasint)lda, b,
                (blasint)ldb, beta, c, (blasint)ldc);
#else
    cblas_sgemm(CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)k, 1, a, (blasint)lda, b,
                (blasint)ldb, beta, c, (blasint)ldc);
#endif
}

#endif
