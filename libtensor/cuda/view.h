/* The elements of a tensor as kernels see them: real or bfloat16 in memory (DTYPE_BF16), always
 * real in registers, 16 bytes per access where addresses and sizes allow it. Which of the two it is
 * is asked at run time: all threads go the same way, and mixed operands need no kernels of their
 * own. */
#ifndef LIBTENSOR_CUDA_VIEW_H
#define LIBTENSOR_CUDA_VIEW_H

#include <cuda_bf16.h>
#include <type_traits>

#include "libtensor/cuda/cuda.h"

struct CudaView {
    void *data;
    bool half; /* bfloat16 */
    CudaView(const real *x) : data((void *)x), half(false)
    {
    }
};

/* Of a tensor that is DTYPE_REAL, or DTYPE_BF16 where the backend's table allows it. */
static inline CudaView cuda_view(Tensor t)
{
    CudaView view((const real *)t.data);
    view.half = t.type == DTYPE_BF16;
    return view;
}

/* The part of it that begins at element i. */
static __host__ __device__ inline CudaView cuda_from(CudaView x, int64_t i)
{
    x.data = (char *)x.data + i * (x.half ? (int64_t)sizeof(__nv_bfloat16) : (int64_t)sizeof(real));
    return x;
}

/* What a thread reads or writes at once. */
template <int WIDTH> struct alignas(WIDTH * sizeof(real) < 16 ? WIDTH * sizeof(real) : 16) Pack {
    real v[WIDTH];
};

template <int WIDTH> struct alignas(WIDTH * sizeof(__nv_bfloat16)) HalfPack {
    __nv_bfloat16 v[WIDTH];
};

constexpr int CUDA_PACK = 16 / sizeof(real), CUDA_HALF_PACK = 16 / sizeof(__nv_bfloat16);

/* Whether x has to be asked, and is half: packs of CUDA_PACK are for operands none of which is
 * (cuda_width), and their kernels the same as without bfloat16. */
template <int WIDTH> static __device__ inline bool cuda_is_half(const CudaView &x)
{
    return sizeof(real) == 4 && WIDTH != CUDA_PACK && x.half;
}

/* The i-th pack of x. */
template <int WIDTH> static __device__ inline Pack<WIDTH> cuda_load(const real *x, int64_t i)
{
    return ((const Pack<WIDTH> *)x)[i];
}

template <int WIDTH> static __device__ inline Pack<WIDTH> cuda_load(const CudaView &x, int64_t i)
{
    if (!cuda_is_half<WIDTH>(x))
        return cuda_load<WIDTH>((const real *)x.data, i);
    HalfPack<WIDTH> half = ((const HalfPack<WIDTH> *)x.data)[i];
    Pack<WIDTH> pack;
    for (int e = 0; e < WIDTH; e++)
        pack.v[e] = (real)__bfloat162float(half.v[e]);
    return pack;
}

template <int WIDTH> static __device__ inline void cuda_store(real *x, int64_t i, Pack<WIDTH> pack)
{
    ((Pack<WIDTH> *)x)[i] = pack;
}

template <int WIDTH>
static __device__ inline void cuda_store(const CudaView &x, int64_t i, Pack<WIDTH> pack)
{
    if (!cuda_is_half<WIDTH>(x)) {
        cuda_store<WIDTH>((real *)x.data, i, pack);
        return;
    }
    HalfPack<WIDTH> half;
    for (int e = 0; e < WIDTH; e++)
        half.v[e] = __float2bfloat16((float)pack.v[e]);
    ((HalfPack<WIDTH> *)x.data)[i] = half;
}

/* The i-th pack of d becomes beta d + v; d is not read where beta is 0. D: real * or CudaView. */
template <int WIDTH, class D>
static __device__ inline void cuda_update(const D &d, int64_t i, real beta, Pack<WIDTH> v)
{
    if (beta != 0) {
        Pack<WIDTH> old = cuda_load<WIDTH>(d, i);
        for (int e = 0; e < WIDTH; e++)
            v.v[e] += old.v[e];
    }
    cuda_store<WIDTH>(d, i, v);
}

/* Single elements. */
static __device__ inline real cuda_get(const CudaView &x, int64_t i)
{
    return cuda_load<1>(x, i).v[0];
}

static __device__ inline void cuda_put(const CudaView &d, int64_t i, real beta, real v)
{
    cuda_update<1>(d, i, beta, Pack<1>{{v}});
}

/* ---- host ---- */

/* Whether runs of n elements, from each of these addresses on, are whole packs. NULL is. */
static inline bool cuda_packs(int64_t n)
{
    return n % CUDA_PACK == 0;
}

template <class... Rest> static inline bool cuda_packs(int64_t n, const real *first, Rest... rest)
{
    return (uintptr_t)first % 16 == 0 && cuda_packs(n, rest...);
}

/* Elements per access to runs of n elements from each of these on: 16 bytes of the narrowest; 1
 * where they are no whole packs. */
static inline int cuda_width(int64_t n, const CudaView &x)
{
    int width = x.half ? CUDA_HALF_PACK : CUDA_PACK;
    return (uintptr_t)x.data % 16 == 0 && n % width == 0 ? width : 1;
}

static inline int cuda_common(int a, int b)
{
    return a == 1 || b == 1 ? 1 : a > b ? a : b;
}

template <int IN> struct CudaInputs {
    CudaView x[IN];
};

template <int IN> static inline int cuda_width(int64_t n, const CudaInputs<IN> &in)
{
    int width = cuda_width(n, in.x[0]);
    for (int k = 1; k < IN; k++)
        width = cuda_common(width, cuda_width(n, in.x[k]));
    return width;
}

template <class First, class Second, class... Rest>
static inline int cuda_width(int64_t n, const First &first, const Second &second,
                             const Rest &...rest)
{
    return cuda_common(cuda_width(n, first), cuda_width(n, second, rest...));
}

/* launch(width) with a width that is a constant: decltype(width)::value. */
template <class Launch> static void cuda_with_width(int width, Launch launch)
{
    if (width == CUDA_PACK)
        launch(std::integral_constant<int, CUDA_PACK>());
    else if (width == 1)
        launch(std::integral_constant<int, 1>());
    else if constexpr (sizeof(real) == 4) /* in double nothing is half */
        launch(std::integral_constant<int, CUDA_HALF_PACK>());
}

#endif
