/* small = w * patches of big: A is w, rows k are the taps (c, i, j) of a patch, columns the small
 * pixels of all samples. */
#include "libtensor/cuda/blas.h"
#include "libtensor/cuda/conv.h"
#include "libtensor/cuda/implicit_gemm.h"

struct ToSmall {
    static constexpr bool K_FASTEST = false, A_IS_IMAGE = false;
    ConvDims d;

    int phases() const
    {
        return 1;
    }

    __host__ __device__ ConvSize size(int) const
    {
        return {d.small_c, d.n * d.small_h * d.small_w, d.big_c * d.kh * d.kw};
    }

    __device__ int height() const
    {
        return d.big_h;
    }

    __device__ int width() const
    {
        return d.big_w;
    }

    __device__ int64_t a_row(int m) const
    {
        return (int64_t)m * d.big_c * d.kh * d.kw;
    }

    __device__ int64_t out_row(int m) const
    {
        return (int64_t)m * d.small_h * d.small_w;
    }

    __device__ ConvRow row(int, int k) const
    {
        int taps = d.kh * d.kw, c = k / taps, i = k % taps / d.kw, j = k % d.kw;
        return {k, ((int64_t)c * d.big_h + i) * d.big_w + j, i, j};
    }

    __device__ ConvColumn column(int, int p) const
    {
        int area = d.small_h * d.small_w, n = p / area, q = p % area;
        int y = q / d.small_w * d.stride - d.pad, x = q % d.small_w * d.stride - d.pad;
        return {((int64_t)n * d.big_c * d.big_h + y) * d.big_w + x,
                (int64_t)n * d.small_c * area + q, y, x};
    }
};

size_t cuda_conv_to_small_scratch(const ConvShape *s, ConvHalf half)
{
    if (!conv_is_dense(s) && !conv_is_pointwise(s))
        return conv_scratch(ToSmall{conv_dims(s)});
    return half.big || half.small
               ? cuda_half_bytes(false, conv_weights(s)) + cuda_half_bytes(half.big, conv_big(s))
               : 0;
}

void cuda_conv_to_small(Cuda *cuda, const ConvShape *s, CudaView big, const real *w, Epilogue e,
                        real beta, CudaView small, void *scratch)
{
    int64_t depth = s->big_c * s->kh * s->kw, area = s->small_h * s->small_w;
    unsigned char *rounded = (unsigned char *)scratch;
    CudaView factor = w;

    if (!conv_is_dense(s) && !conv_is_pointwise(s)) {
        conv_launch(cuda, ToSmall{conv_dims(s)}, {w, big, e, beta, small, NULL, 0, 0, 0}, scratch);
        return;
    }
    if (big.half || small.half) {
        factor = cuda_as_half(cuda, w, conv_weights(s), &rounded);
        big = cuda_as_half(cuda, big, conv_big(s), &rounded);
    }
    if (conv_is_dense(s))
        cuda_gemm(cuda, false, true, s->n, s->small_c, depth, big, depth, factor, depth, beta,
                  small, s->small_c);
    else
        cuda_gemm_batch(cuda, false, false, s->small_c, area, depth, factor, depth, 0, big, area,
                        depth * area, beta, small, area, s->small_c * area, s->n);
    cuda_conv_epilogue(cuda, e, s->n, s->small_c, area, small);
}
