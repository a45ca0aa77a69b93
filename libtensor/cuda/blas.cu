/* cuBLAS counts by columns: C = A B by rows is C^T = B^T A^T by columns. */
#include "libtensor/cuda/blas.h"

static cudaDataType_t type_of(CudaView x)
{
    return x.half ? CUDA_R_16BF : sizeof(real) == 8 ? CUDA_R_64F : CUDA_R_32F;
}

static cublasComputeType_t compute_type(const Cuda *cuda, CudaView factor)
{
    if (sizeof(real) == 8)
        return CUBLAS_COMPUTE_64F;
    switch (factor.half ? PRECISION_FP32 : cuda->precision) {
    case PRECISION_TF32:
        return CUBLAS_COMPUTE_32F_FAST_TF32;
    case PRECISION_BF16:
        return CUBLAS_COMPUTE_32F_FAST_16BF;
    default:
        return CUBLAS_COMPUTE_32F;
    }
}

void cuda_gemm_batch(Cuda *cuda, bool ta, bool tb, int64_t m, int64_t n, int64_t k, CudaView a,
                     int64_t lda, int64_t a_step, CudaView b, int64_t ldb, int64_t b_step,
                     real beta, CudaView c, int64_t ldc, int64_t c_step, int64_t count)
{
    const real one = 1;
    cublasStatus_t status = cublasGemmStridedBatchedEx(
        cuda->blas, tb ? CUBLAS_OP_T : CUBLAS_OP_N, ta ? CUBLAS_OP_T : CUBLAS_OP_N, (int)n, (int)m,
        (int)k, &one, b.data, type_of(b), (int)ldb, b_step, a.data, type_of(a), (int)lda, a_step,
        &beta, c.data, type_of(c), (int)ldc, c_step, (int)count, compute_type(cuda, a),
        CUBLAS_GEMM_DEFAULT);
    cuda_note_blas(cuda, status, "a product of matrices");
}

void cuda_gemm(Cuda *cuda, bool ta, bool tb, int64_t m, int64_t n, int64_t k, CudaView a,
               int64_t lda, CudaView b, int64_t ldb, real beta, CudaView c, int64_t ldc)
{
    const real one = 1;
    cublasStatus_t status = cublasGemmEx(
        cuda->blas, tb ? CUBLAS_OP_T : CUBLAS_OP_N, ta ? CUBLAS_OP_T : CUBLAS_OP_N, (int)n, (int)m,
        (int)k, &one, b.data, type_of(b), (int)ldb, a.data, type_of(a), (int)lda, &beta, c.data,
        type_of(c), (int)ldc, compute_type(cuda, a), CUBLAS_GEMM_DEFAULT);
    cuda_note_blas(cuda, status, "a product of matrices");
}

template <int WIDTH> static __global__ void copy(CudaView from, CudaView to, int64_t packs)
{
    CUDA_FOR(i, packs)
    cuda_store<WIDTH>(to, i, cuda_load<WIDTH>(from, i));
}

size_t cuda_half_bytes(bool half, int64_t n)
{
    size_t bytes = (size_t)n * sizeof(__nv_bfloat16);
    return half ? 0 : (bytes + 63) / 64 * 64;
}

CudaView cuda_as_half(Cuda *cuda, CudaView x, int64_t n, unsigned char **scratch)
{
    if (x.half)
        return x;
    CudaView to = x;
    to.data = *scratch;
    to.half = true;
    *scratch += cuda_half_bytes(false, n);
    cuda_with_width(cuda_width(n, x, to), [&](auto wide) {
        constexpr int W = decltype(wide)::value;
        CUDA_LAUNCH(cuda, copy<W>, cuda_blocks(n / W), CUDA_THREADS, x, to, n / W);
    });
    return to;
}
