/* dw = small * patches of big: A is small, rows k are the small pixels of all samples, columns the
 * taps (c, i, j). */
#include "libtensor/cuda/blas.h"
#include "libtensor/cuda/conv.h"
#include "libtensor/cuda/implicit_gemm.h"

struct Weight {
    static constexpr bool K_FASTEST = true, A_IS_IMAGE = true;
    ConvDims d;

    int phases() const
    {
        return 1;
    }

    __host__ __device__ ConvSize size(int) const
    {
        return {d.small_c, d.big_c * d.kh * d.kw, d.n * d.small_h * d.small_w};
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
        return (int64_t)m * d.small_h * d.small_w;
    }

    __device__ int64_t out_row(int m) const
    {
        return (int64_t)m * d.big_c * d.kh * d.kw;
    }

    __device__ ConvRow row(int, int k) const
    {
        int area = d.small_h * d.small_w, n = k / area, q = k % area;
        int y = q / d.small_w * d.stride - d.pad, x = q % d.small_w * d.stride - d.pad;
        return {(int64_t)n * d.small_c * area + q,
                ((int64_t)n * d.big_c * d.big_h + y) * d.big_w + x, y, x};
    }

    __device__ ConvColumn column(int, int p) const
    {
        int taps = d.kh * d.kw, c = p / taps, i = p % taps / d.kw, j = p % d.kw;
        return {((int64_t)c * d.big_h + i) * d.big_w + j, p, i, j};
    }
};

size_t cuda_conv_weight_scratch(const ConvShape *s, ConvHalf half)
{
    if (!conv_is_dense(s))
        return conv_scratch(Weight{conv_dims(s)});
    return half.big || half.small
               ? cuda_half_bytes(half.big, conv_big(s)) + cuda_half_bytes(half.small, conv_small(s))
               : 0;
}

void cuda_conv_weight(Cuda *cuda, const ConvShape *s, CudaView big, CudaView small, real beta,
                      real *dw, void *scratch)
{
    int64_t depth = s->big_c * s->kh * s->kw;
    const Epilogue none = {NULL, {ACTIVATION_NONE, 0}};
    unsigned char *rounded = (unsigned char *)scratch;

    if (!conv_is_dense(s)) {
        conv_launch(cuda, Weight{conv_dims(s)}, {small, big, none, beta, dw, NULL, 0, 0, 0},
                    scratch);
        return;
    }
    if (big.half || small.half) {
        big = cuda_as_half(cuda, big, conv_big(s), &rounded);
        small = cuda_as_half(cuda, small, conv_small(s), &rounded);
    }
    cuda_gemm(cuda, true, false, s->small_c, depth, s->n, small, s->small_c, big, depth, beta, dw,
              depth);
}
