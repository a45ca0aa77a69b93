/* CUDA on the CPU, for tests: with this folder in front of the include path, a C++ compiler makes
 * the backend's .cu files into a program that runs anywhere. It is strict rather than fast.
 *
 *  - Threads of a block are fibers, so that __syncthreads and shuffles mean what they mean on a
 *    device; blocks run one after another. Both go in ascending order, or in descending order where
 *    the environment has CUDA_EMULATION_REVERSE: a kernel whose bits change by that has a race.
 *  - A thread that leaves the kernel while others wait for it, a barrier that not all reach, a
 *    shuffle in less than a whole warp end the program with a message.
 *  - Device memory can be touched inside a kernel or a copy only: a host that follows a device
 *    pointer crashes, as it should. Fresh memory is NaN, or the first MiB of it.
 *  - Work enters streams by emulation_enqueue: it runs at once, or is kept if the stream is being
 *    captured. Until the capture ends, memory cannot be had or given back, nothing can be waited
 *    for, and the host's memory cannot be copied, for a graph would copy what is there later.
 *
 * Only what the backend uses is here; a compiler's error says what is missing. */
#ifndef TESTS_CUDA_EMULATION_CUDA_RUNTIME_H
#define TESTS_CUDA_EMULATION_CUDA_RUNTIME_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <math.h> /* with the overloads for float */

/* ---- The language ---- */

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __shared__ static /* blocks run one after another */
#define __align__(n) __attribute__((aligned(n)))

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

/* Of the threads of a block, and of a warp. */
void __syncthreads();
void __syncwarp(unsigned mask = 0xFFFFFFFFu);

/* The 64 bits that thread `lane` of this warp gives in the same call. */
uint64_t emulation_exchange(unsigned mask, uint64_t mine, int lane);

template <class T> T emulation_shuffle(unsigned mask, T value, int lane)
{
    static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle moves at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = emulation_exchange(mask, bits, lane);
    memcpy(&value, &bits, sizeof value);
    return value;
}

inline int emulation_lane()
{
    return (int)((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32);
}

template <class T> T __shfl_xor_sync(unsigned mask, T value, int lane_mask)
{
    return emulation_shuffle(mask, value, emulation_lane() ^ lane_mask);
}

/* ---- The runtime ---- */

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorStreamCaptureUnsupported = 900,
    cudaErrorUnknown = 999,
};

enum cudaMemcpyKind {
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost = 2,
    cudaMemcpyDeviceToDevice = 3,
};

enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };

enum { cudaStreamNonBlocking = 1 };
enum { cudaEventDisableTiming = 2 };

typedef struct EmulatedStream *cudaStream_t;
typedef struct EmulatedEvent *cudaEvent_t;
typedef struct EmulatedGraph *cudaGraph_t, *cudaGraphExec_t;

/* There is one device. */
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);

const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();

cudaError_t cudaMalloc(void **memory, size_t bytes);
cudaError_t cudaFree(void *memory);
cudaError_t cudaMallocHost(void **memory, size_t bytes);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);

/* ---- The emulator ---- */

/* Runs `thread` once for every thread of every block. */
void emulation_run_grid(dim3 grid, dim3 block, const std::function<void()> &thread);

/* cudaErrorStreamCaptureUnsupported while a stream is being captured. */
cudaError_t emulation_check_capture();

/* Runs work now, or keeps it while the stream is being captured. */
void emulation_enqueue(cudaStream_t stream, std::function<void()> work);

/* Between these, device memory can be touched. */
void emulation_open_memory();
void emulation_close_memory();

/* Where the bytes at this address can always be touched. */
void *emulation_copy_address(const void *memory);

/* Ends the program. */
[[noreturn]] void emulation_die(const char *message);

/* Whether a device could launch this; if not, the error waits for cudaGetLastError. */
bool emulation_check_launch(dim3 grid, dim3 block);

/* kernel<<<grid, block, 0, stream>>>(args...) of libtensor/cuda/cuda.h. The arguments are copied.
 */
template <class... Params, class... Args>
void emulated_launch(void (*kernel)(Params...), dim3 grid, dim3 block, cudaStream_t stream,
                     Args... args)
{
    std::function<void()> thread = std::bind(kernel, static_cast<Params>(args)...);

    if (emulation_check_launch(grid, block))
        emulation_enqueue(stream, [=] {
            emulation_open_memory();
            emulation_run_grid(grid, block, thread);
            emulation_close_memory();
        });
}

#endif
