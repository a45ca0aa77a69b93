/* Products of row-major matrices by cuBLAS, at the precision of the device's options. */
#ifndef LIBTENSOR_CUDA_BLAS_H
#define LIBTENSOR_CUDA_BLAS_H

#include "libtensor/cuda/view.h"

/* C [m,n] = beta C + op(A) op(B), where op(A) is [m,k] and op(B) [k,n]; ta, tb: the matrix is
 * stored transposed. lda, ldb, ldc: elements from row to row as stored. A and B are both half or
 * both not; C may be half if they are. */
void cuda_gemm(Cuda *cuda, bool ta, bool tb, int64_t m, int64_t n, int64_t k, CudaView a,
               int64_t lda, CudaView b, int64_t ldb, real beta, CudaView c, int64_t ldc);

/* `count` such products; from one to the next, a, b and c move by these many elements (0: the
 * same). */
void cuda_gemm_batch(Cuda *cuda, bool ta, bool tb, int64_t m, int64_t n, int64_t k, CudaView a,
                     int64_t lda, int64_t a_step, CudaView b, int64_t ldb, int64_t b_step,
                     real beta, CudaView c, int64_t ldc, int64_t c_step, int64_t count);

/* x, of n elements, as half: itself, or rounded into *scratch, which then moves on by
 * cuda_half_bytes. */
CudaView cuda_as_half(Cuda *cuda, CudaView x, int64_t n, unsigned char **scratch);
size_t cuda_half_bytes(bool half, int64_t n);

#endif
