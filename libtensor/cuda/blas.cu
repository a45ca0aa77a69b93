/* cuBLAS counts by columns: C = A B by rows is C^T = B^T A^T by columns. */
#include "libtensor/cuda/blas.h"

static const cudaDataType_t data_type = sizeof(real) == 8 ? CUDA_R_64F : CUDA_R_32F;

static cublasComputeType_t compute_type(const Cuda *cuda)
{
    if (sizeof(real) == 8)
        return CUBLAS_COMPUTE_64F;
    switch (cuda->precision) {
    case PRECISION_TF32:
        return CUBLAS_COMPUTE_32F_FAST_TF32;
    case PRECISION_BF16:
        return CUBLAS_COMPUTE_32F_FAST_16BF;
    default:
        return CUBLAS_COMPUTE_32F;
    }
}

void cuda_gemm_batch(Cuda *cuda, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const real *a,
                     int64_t lda, int64_t a_step, const real *b, int64_t ldb, int64_t b_step,
                     real beta, real *c, int64_t ldc, int64_t c_step, int64_t count)
{
    const real one = 1;
    cublasStatus_t status = cublasGemmStridedBatchedEx(
        cuda->blas, tb ? CUBLAS_OP_T : CUBLAS_OP_N, ta ? CUBLAS_OP_T : CUBLAS_OP_N, (int)n, (int)m,
        (int)k, &one, b, data_type, (int)ldb, b_step, a, data_type, (int)lda, a_step, &beta, c,
        data_type, (int)ldc, c_step, (int)count, compute_type(cuda), CUBLAS_GEMM_DEFAULT);
    cuda_note_blas(cuda, status, "a product of matrices");
}

void cuda_gemm(Cuda *cuda, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const real *a,
               int64_t lda, const real *b, int64_t ldb, real beta, real *c, int64_t ldc)
{
    const real one = 1;
    cublasStatus_t status =
        cublasGemmEx(cuda->blas, tb ? CUBLAS_OP_T : CUBLAS_OP_N, ta ? CUBLAS_OP_T : CUBLAS_OP_N,
                     (int)n, (int)m, (int)k, &one, b, data_type, (int)ldb, a, data_type, (int)lda,
                     &beta, c, data_type, (int)ldc, compute_type(cuda), CUBLAS_GEMM_DEFAULT);
    cuda_note_blas(cuda, status, "a product of matrices");
}
