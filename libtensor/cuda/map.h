/* Element-wise kernels: out[i] = beta out[i] + f(in0[i], in1[i], ...), 16 bytes per access where
 * the operands allow it. */
#ifndef LIBTENSOR_CUDA_MAP_H
#define LIBTENSOR_CUDA_MAP_H

#include "libtensor/cuda/cuda.h"

static inline real *cuda_data(Tensor t)
{
    return (real *)t.data;
}

/* Elements behind the first two dimensions: height times width, or 1. */
static inline int64_t cuda_inner(Shape s)
{
    return shape_count(s) / (s.dim[0] * s.dim[1]);
}

/* What a thread reads or writes at once: CUDA_PACK elements, or 1. */
template <int WIDTH> struct alignas(WIDTH * sizeof(real)) Pack {
    real v[WIDTH];
};

constexpr int CUDA_PACK = 16 / sizeof(real);

/* The i-th pack of x. */
template <int WIDTH> static __device__ inline Pack<WIDTH> cuda_load(const real *x, int64_t i)
{
    return ((const Pack<WIDTH> *)x)[i];
}

template <int WIDTH> static __device__ inline void cuda_store(real *x, int64_t i, Pack<WIDTH> pack)
{
    ((Pack<WIDTH> *)x)[i] = pack;
}

/* The i-th pack of d becomes beta d + v; d is not read where beta is 0. */
template <int WIDTH>
static __device__ inline void cuda_update(real *d, int64_t i, real beta, Pack<WIDTH> v)
{
    if (beta != 0) {
        Pack<WIDTH> old = cuda_load<WIDTH>(d, i);
        for (int e = 0; e < WIDTH; e++)
            v.v[e] += old.v[e];
    }
    cuda_store<WIDTH>(d, i, v);
}

/* Whether runs of n elements, from each of these addresses on, are whole packs. NULL is. */
static inline bool cuda_packs(int64_t n)
{
    return n % CUDA_PACK == 0;
}

template <class... Rest> static inline bool cuda_packs(int64_t n, const real *first, Rest... rest)
{
    return (uintptr_t)first % 16 == 0 && cuda_packs(n, rest...);
}

template <int IN> struct CudaInputs {
    const real *x[IN];
};

template <int IN, int WIDTH, class F>
static __global__ void cuda_map_kernel(CudaInputs<IN> in, real *out, real beta, int64_t packs,
                                       int64_t inner, F f)
{
    CUDA_FOR(i, packs)
    {
        Pack<WIDTH> x[IN], y;
        int64_t row = i / inner;
        for (int k = 0; k < IN; k++)
            x[k] = cuda_load<WIDTH>(in.x[k], i);
        for (int e = 0; e < WIDTH; e++) {
            real v[IN];
            for (int k = 0; k < IN; k++)
                v[k] = x[k].v[e];
            y.v[e] = f(v, row);
        }
        cuda_update<WIDTH>(out, i, beta, y);
    }
}

/* f(const real x[IN], int64_t row) of each of n elements, which are rows of `inner`; out may be one
 * of the inputs. */
template <int IN, class F>
static void cuda_map_rows(const Call *c, CudaInputs<IN> in, real *out, real beta, int64_t n,
                          int64_t inner, F f)
{
    bool packs = cuda_packs(inner, out);
    for (int k = 0; k < IN; k++)
        packs = packs && cuda_packs(inner, in.x[k]);
    if (packs)
        CUDA_LAUNCH(cuda_of(c), (cuda_map_kernel<IN, CUDA_PACK, F>), cuda_blocks(n / CUDA_PACK),
                    CUDA_THREADS, in, out, beta, n / CUDA_PACK, inner / CUDA_PACK, f);
    else
        CUDA_LAUNCH(cuda_of(c), (cuda_map_kernel<IN, 1, F>), cuda_blocks(n), CUDA_THREADS, in, out,
                    beta, n, inner, f);
}

/* The same where f does not care for rows. */
template <int IN, class F>
static void cuda_map(const Call *c, CudaInputs<IN> in, real *out, real beta, int64_t n, F f)
{
    cuda_map_rows<IN>(c, in, out, beta, n, n, f);
}

#endif
