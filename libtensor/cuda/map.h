/* Element-wise kernels: out[i] = beta out[i] + f(in0[i], in1[i], ...), 16 bytes per access where
 * the operands allow it. */
#ifndef LIBTENSOR_CUDA_MAP_H
#define LIBTENSOR_CUDA_MAP_H

#include "libtensor/cuda/view.h"

static inline real *cuda_data(Tensor t)
{
    return (real *)t.data;
}

/* Elements behind the first two dimensions: height times width, or 1. */
static inline int64_t cuda_inner(Shape s)
{
    return shape_count(s) / (s.dim[0] * s.dim[1]);
}

template <int IN, int WIDTH, class F>
static __global__ void cuda_map_kernel(CudaInputs<IN> in, CudaView out, real beta, int64_t packs,
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
 * of the inputs if both are stored alike. */
template <int IN, class F>
static void cuda_map_rows(const Call *c, CudaInputs<IN> in, CudaView out, real beta, int64_t n,
                          int64_t inner, F f)
{
    cuda_with_width(cuda_width(inner, in, out), [&](auto wide) {
        constexpr int W = decltype(wide)::value;
        CUDA_LAUNCH(cuda_of(c), (cuda_map_kernel<IN, W, F>), cuda_blocks(n / W), CUDA_THREADS, in,
                    out, beta, n / W, inner / W, f);
    });
}

/* The same where f does not care for rows. */
template <int IN, class F>
static void cuda_map(const Call *c, CudaInputs<IN> in, CudaView out, real beta, int64_t n, F f)
{
    cuda_map_rows<IN>(c, in, out, beta, n, n, f);
}

#endif
