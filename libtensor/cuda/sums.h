/* Sums per channel of a [samples, channels, inner] tensor, in two stages whose order depends on the
 * shape alone: blocks sum CUDA_SUM_CHUNK elements each into scratch, and the op's own second
 * kernel, a block per channel, calls cuda_sum_total. */
#ifndef LIBTENSOR_CUDA_SUMS_H
#define LIBTENSOR_CUDA_SUMS_H

#include "libtensor/cuda/map.h"

constexpr int CUDA_SUM_CHUNK = 4096;

struct CudaSums {
    int64_t samples, channels, inner;
    int64_t parts; /* blocks per channel */
};

static inline CudaSums cuda_sums(int64_t samples, int64_t channels, int64_t inner)
{
    int64_t parts = (samples * inner + CUDA_SUM_CHUNK - 1) / CUDA_SUM_CHUNK;
    return {samples, channels, inner, parts};
}

/* Scratch for n sums per channel. */
static inline size_t cuda_sums_bytes(CudaSums s, int n)
{
    return (size_t)(s.channels * s.parts * n) * sizeof(double);
}

/* Where pack j of channel k is, when there are `inner` packs in a plane. */
static __device__ inline int64_t cuda_sum_at(int64_t j, int64_t k, int64_t channels, int64_t inner)
{
    return (j / inner * channels + k) * inner + j % inner;
}

/* A thread adds CUDA_SUM_CHUNK / CUDA_THREADS elements in `real`, the block its threads in double.
 */
template <int K, int IN, int WIDTH, class Terms>
static __global__ void cuda_sum_parts(CudaSums s, CudaInputs<IN> in, Terms terms, double *part)
{
    int64_t k = blockIdx.x / s.parts, p = blockIdx.x % s.parts;
    int64_t inner = s.inner / WIDTH, packs = s.samples * inner;
    int64_t begin = p * (CUDA_SUM_CHUNK / WIDTH) + threadIdx.x;
    real sum[K] = {0};

#pragma unroll
    for (int step = 0; step < CUDA_SUM_CHUNK / WIDTH; step += CUDA_THREADS) {
        int64_t j = begin + step;
        if (j < packs) {
            Pack<WIDTH> x[IN];
            for (int q = 0; q < IN; q++)
                x[q] = cuda_load<WIDTH>(in.x[q], cuda_sum_at(j, k, s.channels, inner));
            for (int e = 0; e < WIDTH; e++) {
                real v[IN];
                for (int q = 0; q < IN; q++)
                    v[q] = x[q].v[e];
                terms(v, k, sum);
            }
        }
    }
    for (int q = 0; q < K; q++) {
        double total = cuda_block_sum((double)sum[q]);
        if (threadIdx.x == 0)
            part[(int64_t)blockIdx.x * K + q] = total;
    }
}

/* terms(const real x[IN], int64_t channel, real sum[K]) adds an element to K sums. */
template <int K, int IN, class Terms>
static void cuda_sum_stage(const Call *c, CudaSums s, CudaInputs<IN> in, Terms terms, double *part)
{
    cuda_with_width(cuda_width(s.inner, in), [&](auto wide) {
        constexpr int W = decltype(wide)::value;
        CUDA_LAUNCH(cuda_of(c), (cuda_sum_parts<K, IN, W, Terms>), (unsigned)(s.channels * s.parts),
                    CUDA_THREADS, s, in, terms, part);
    });
}

/* The q-th of K sums of channel k, to all threads of the block, all of which must call. */
template <int K>
static __device__ inline double cuda_sum_total(const double *part, int64_t parts, int64_t k, int q)
{
    double sum = 0;
    for (int64_t p = threadIdx.x; p < parts; p += CUDA_THREADS)
        sum += part[(k * parts + p) * K + q];
    return cuda_block_sum(sum);
}

#endif
