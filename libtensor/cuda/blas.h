/* Products of row-major matrices by cuBLAS, at the precision of the device's options. */
#ifndef LIBTENSOR_CUDA_BLAS_H
#define LIBTENSOR_CUDA_BLAS_H

#include "libtensor/cuda/cuda.h"

/* C [m,n] = beta C + op(A) op(B), where op(A) is [m,k] and op(B) [k,n]; ta, tb: the matrix is
 * stored transposed. lda, ldb, ldc: elements from row to row as stored. */
void cuda_gemm(Cuda *cuda, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const real *a,
               int64_t lda, const real *b, int64_t ldb, real beta, real *c, int64_t ldc);

/* `count` such products; from one to the next, a, b and c move by these many elements (0: the
 * same). */
void cuda_gemm_batch(Cuda *cuda, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const real *a,
                     int64_t lda, int64_t a_step, const real *b, int64_t ldb, int64_t b_step,
                     real beta, real *c, int64_t ldc, int64_t c_step, int64_t count);

#endif
