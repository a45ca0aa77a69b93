/* What every kernel file of the CUDA backend includes: the device's state, the one way to launch a
 * kernel, loops and reductions whose order depends on shapes alone.
 *
 * An op on CUDA is libtensor/cuda/NAME.cu with three functions of C linkage
 * (declared by cuda_kernels.h):
 *
 *     void op_NAME_forward_cuda(const Call *c)        // as on the CPU, but every operand, scratch
 *     void op_NAME_backward_cuda(const Call *c)       // and c->step are device memory; c->param is
 *                                                     // host memory
 *     void op_NAME_scratch_cuda(const InferIn *in, InferOut *out)
 *                                                     // sets out->forward_scratch and
 *                                                     // out->backward_scratch (bytes) for CUDA
 *
 * They only queue work on cuda_of(c)->stream: no allocation, no synchronisation, no reading back,
 * so that a plan can be captured as a CUDA graph. The grid of a launch depends on shapes alone,
 * never on the device at hand; so do results. No float atomics.
 *
 * The same sources are compiled by nvcc and, for the tests, as C++ against tests/cuda_emulation. */
#ifndef LIBTENSOR_CUDA_CUDA_H
#define LIBTENSOR_CUDA_CUDA_H

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <stdint.h>

extern "C" {
#include "libtensor/cuda/backend_cuda.h"
#include "libtensor/cuda/cuda_kernels.h"
}

/* The state of an open device: Backend.state. */
typedef struct Cuda {
    int device;
    cudaStream_t stream; /* everything that computes is queued here, in order */
    cublasHandle_t blas; /* on the same stream, with a workspace of its own */
    Precision precision;
    cudaError_t error;         /* the first that happened; cudaSuccess: none */
    char what[96];             /* during what */
    struct CudaMemory *memory; /* of backend_cuda.cu */
} Cuda;

static inline Cuda *cuda_of(const Call *c)
{
    return (Cuda *)c->backend->state;
}

/* Keeps the first error; `what` names the kernel or call for the message. */
void cuda_note(Cuda *cuda, cudaError_t error, const char *what);
void cuda_note_blas(Cuda *cuda, cublasStatus_t status, const char *what);

/* For ops that need no scratch on CUDA. */
#define CUDA_NO_SCRATCH(name)                                       \
    void op_##name##_scratch_cuda(const InferIn *in, InferOut *out) \
    {                                                               \
        (void)in;                                                   \
        out->forward_scratch = out->backward_scratch = 0;           \
    }

/* CUDA_LAUNCH(cuda, kernel, grid, block, arguments...); a template with several arguments goes in
 * parentheses: CUDA_LAUNCH(cuda, (sum<real, 2>), ...). The only <<<>>> of the tree. */
#ifdef __CUDACC__
#define CUDA_LAUNCH(cuda, kernel, grid, block, ...)              \
    do {                                                         \
        kernel<<<grid, block, 0, (cuda)->stream>>>(__VA_ARGS__); \
        cuda_note(cuda, cudaPeekAtLastError(), #kernel);         \
    } while (0)
#else /* tests/cuda_emulation/cuda_runtime.h */
#define CUDA_LAUNCH(cuda, kernel, grid, block, ...)                                    \
    do {                                                                               \
        emulated_launch(kernel, dim3(grid), dim3(block), (cuda)->stream, __VA_ARGS__); \
        cuda_note(cuda, cudaPeekAtLastError(), #kernel);                               \
    } while (0)
#endif

enum {
    CUDA_WARP = 32,
    CUDA_THREADS = 256 /* of a block, where nothing else asks for another number */
};

/* Blocks of CUDA_THREADS for a CUDA_FOR over n items; at least 1. */
static inline unsigned cuda_blocks(int64_t n)
{
    int64_t blocks = (n + CUDA_THREADS - 1) / CUDA_THREADS, most = 4096;
    return (unsigned)(blocks < 1 ? 1 : blocks > most ? most : blocks);
}

/* Grid-stride loop of a kernel: i from 0 to n - 1 over all threads of a one-dimensional grid. */
#define CUDA_FOR(i, n)                                                        \
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n); \
         i += (int64_t)gridDim.x * blockDim.x)

/* d = beta d + v for beta 0 or 1; d is not read where beta is 0 (it may hold NaN). */
static __device__ inline real cuda_gradient(real beta, const real *d, real v)
{
    return beta == 0 ? v : *d + v;
}

static __device__ inline real cuda_activate(Activation a, real x)
{
    switch (a.kind) {
    case ACTIVATION_RELU:
        return x < 0 ? 0 : x;
    case ACTIVATION_LEAKY_RELU:
        return x > 0 ? x : a.slope * x;
    default:
        return x;
    }
}

struct CudaAdd {
    template <class T> __device__ T operator()(T a, T b) const
    {
        return a + b;
    }
};

struct CudaMax {
    template <class T> __device__ T operator()(T a, T b) const
    {
        return a > b ? a : b;
    }
};

/* x combined over the 32 lanes of a warp in a fixed order (butterfly); all lanes get the result. */
template <class T, class Combine> static __device__ inline T cuda_warp_reduce(T x, Combine combine)
{
    for (int lane = CUDA_WARP / 2; lane > 0; lane /= 2)
        x = combine(x, __shfl_xor_sync(0xffffffffu, x, lane));
    return x;
}

/* x combined over a block of THREADS (a multiple of 32, one-dimensional) in a fixed order; all
 * threads get the result, and all must call. May be called again without a barrier in between. */
template <int THREADS, class T, class Combine>
static __device__ inline T cuda_block_reduce(T x, Combine combine)
{
    __shared__ T warp[THREADS / CUDA_WARP];
    x = cuda_warp_reduce(x, combine);
    __syncthreads(); /* of an earlier call, everyone has read */
    if (threadIdx.x % CUDA_WARP == 0)
        warp[threadIdx.x / CUDA_WARP] = x;
    __syncthreads();
    x = warp[0];
    for (int i = 1; i < THREADS / CUDA_WARP; i++)
        x = combine(x, warp[i]);
    return x;
}

template <class T> static __device__ inline T cuda_block_sum(T x)
{
    return cuda_block_reduce<CUDA_THREADS>(x, CudaAdd());
}

template <class T> static __device__ inline T cuda_block_max(T x)
{
    return cuda_block_reduce<CUDA_THREADS>(x, CudaMax());
}

#endif
