#include "tests/cuda_emulation/cublas_v2.h"

#include <cblas.h>
#include <vector>

#include "tests/cuda_emulation/cuda_bf16.h"

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

static float number(float x)
{
    return x;
}

static float number(__nv_bfloat16 x)
{
    return __bfloat162float(x);
}

static void assign(float &to, float x)
{
    to = x;
}

static void assign(__nv_bfloat16 &to, float x)
{
    to = __float2bfloat16(x);
}

/* Of one element from column to column. */
static std::vector<float> columns(const __nv_bfloat16 *from, int rows, int n, int ld)
{
    std::vector<float> x((size_t)ld * n);
    for (int j = 0; j < n; j++)
        for (int i = 0; i < rows; i++)
            x[(size_t)j * ld + i] = __bfloat162float(from[(size_t)j * ld + i]);
    return x;
}

/* Rounded once, when all terms and what was there have been added up. */
template <class C>
static void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, float alpha,
                 const __nv_bfloat16 *a, int lda, const __nv_bfloat16 *b, int ldb, float beta, C *c,
                 int ldc)
{
    std::vector<float> x = columns(a, ta == CblasTrans ? k : m, ta == CblasTrans ? m : k, lda);
    std::vector<float> y = columns(b, tb == CblasTrans ? n : k, tb == CblasTrans ? k : n, ldb);
    std::vector<float> sum((size_t)m * n);

    gemm(ta, tb, m, n, k, alpha, x.data(), lda, y.data(), ldb, 0.0f, sum.data(), m);
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) {
            C &to = c[(size_t)j * ldc + i];
            assign(to, sum[(size_t)j * m + i] + (beta == 0 ? 0 : beta * number(to)));
        }
}

/* In: the type of the factors, Scale of alpha and beta. */
template <class In, class Out, class Scale>
static void enqueue(cublasHandle_t handle, cublasOperation_t transpose_a,
                    cublasOperation_t transpose_b, int m, int n, int k, const void *alpha,
                    const void *a, int lda, long long stride_a, const void *b, int ldb,
                    long long stride_b, const void *beta, void *c, int ldc, long long stride_c,
                    int batch)
{
    Scale by = *(const Scale *)alpha, keep = *(const Scale *)beta;
    CBLAS_TRANSPOSE ta = transpose_a == CUBLAS_OP_T ? CblasTrans : CblasNoTrans;
    CBLAS_TRANSPOSE tb = transpose_b == CUBLAS_OP_T ? CblasTrans : CblasNoTrans;

    emulation_enqueue(handle->stream, [=] {
        emulation_open_memory();
        for (int i = 0; i < batch; i++)
            gemm(ta, tb, m, n, k, by, (const In *)a + i * stride_a, lda,
                 (const In *)b + i * stride_b, ldb, keep, (Out *)c + i * stride_c, ldc);
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
    auto call = compute == CUBLAS_COMPUTE_64F ? enqueue<double, double, double>
                : type_a == CUDA_R_32F        ? enqueue<float, float, float>
                : type_c == CUDA_R_32F        ? enqueue<__nv_bfloat16, float, float>
                                              : enqueue<__nv_bfloat16, __nv_bfloat16, float>;
    bool half = type_a == CUDA_R_16BF && compute == CUBLAS_COMPUTE_32F;
    cudaDataType_t type = half                            ? CUDA_R_16BF
                          : compute == CUBLAS_COMPUTE_64F ? CUDA_R_64F
                                                          : CUDA_R_32F;

    if (type_a != type || type_b != type || (type_c != type && !(half && type_c == CUDA_R_32F)) ||
        m < 1 || n < 1 || k < 1 || lda < (transpose_a == CUBLAS_OP_T ? k : m) ||
        ldb < (transpose_b == CUBLAS_OP_T ? n : k) || ldc < m)
        return CUBLAS_STATUS_INVALID_VALUE;
    call(handle, transpose_a, transpose_b, m, n, k, alpha, a, lda, stride_a, b, ldb, stride_b, beta,
         c, ldc, stride_c, batch);
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
