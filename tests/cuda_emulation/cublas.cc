#include "tests/cuda_emulation/cublas_v2.h"

#include <cblas.h>

struct EmulatedBlas {
    cudaStream_t stream;
};

cublasStatus_t cublasCreate(cublasHandle_t *handle)
{
    *handle = new EmulatedBlas();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle)
{
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *, size_t)
{
    return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusString(cublasStatus_t status)
{
    return status == CUBLAS_STATUS_SUCCESS ? "success" : "invalid value";
}

static void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, float alpha,
                 const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc)
{
    cblas_sgemm(CblasColMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

static void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, double alpha,
                 const double *a, int lda, const double *b, int ldb, double beta, double *c,
                 int ldc)
{
    cblas_dgemm(CblasColMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

template <class T>
static void enqueue(cublasHandle_t handle, cublasOperation_t transpose_a,
                    cublasOperation_t transpose_b, int m, int n, int k, const void *alpha,
                    const void *a, int lda, long long stride_a, const void *b, int ldb,
                    long long stride_b, const void *beta, void *c, int ldc, long long stride_c,
                    int batch)
{
    T by = *(const T *)alpha, keep = *(const T *)beta;
    CBLAS_TRANSPOSE ta = transpose_a == CUBLAS_OP_T ? CblasTrans : CblasNoTrans;
    CBLAS_TRANSPOSE tb = transpose_b == CUBLAS_OP_T ? CblasTrans : CblasNoTrans;

    emulation_enqueue(handle->stream, [=] {
        emulation_open_memory();
        for (int i = 0; i < batch; i++)
            gemm(ta, tb, m, n, k, by, (const T *)a + i * stride_a, lda, (const T *)b + i * stride_b,
                 ldb, keep, (T *)c + i * stride_c, ldc);
        emulation_close_memory();
    });
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transpose_a,
                                          cublasOperation_t transpose_b, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType_t type_a,
                                          int lda, long long stride_a, const void *b,
                                          cudaDataType_t type_b, int ldb, long long stride_b,
                                          const void *beta, void *c, cudaDataType_t type_c, int ldc,
                                          long long stride_c, int batch,
                                          cublasComputeType_t compute, cublasGemmAlgo_t)
{
    bool doubles = compute == CUBLAS_COMPUTE_64F;
    cudaDataType_t type = doubles ? CUDA_R_64F : CUDA_R_32F;

    if (type_a != type || type_b != type || type_c != type || m < 1 || n < 1 || k < 1 ||
        lda < (transpose_a == CUBLAS_OP_T ? k : m) || ldb < (transpose_b == CUBLAS_OP_T ? n : k) ||
        ldc < m)
        return CUBLAS_STATUS_INVALID_VALUE;
    (doubles ? enqueue<double> : enqueue<float>)(handle, transpose_a, transpose_b, m, n, k, alpha,
                                                 a, lda, stride_a, b, ldb, stride_b, beta, c, ldc,
                                                 stride_c, batch);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transpose_a,
                            cublasOperation_t transpose_b, int m, int n, int k, const void *alpha,
                            const void *a, cudaDataType_t type_a, int lda, const void *b,
                            cudaDataType_t type_b, int ldb, const void *beta, void *c,
                            cudaDataType_t type_c, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t algo)
{
    return cublasGemmStridedBatchedEx(handle, transpose_a, transpose_b, m, n, k, alpha, a, type_a,
                                      lda, 0, b, type_b, ldb, 0, beta, c, type_c, ldc, 0, 1,
                                      compute, algo);
}
