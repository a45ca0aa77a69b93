/* The transposed map, by phases: with stride s, the big pixels whose (y + pad) mod s and (x + pad)
 * mod s are (ry, rx) see only the taps i = ry + s t, j = rx + s u, and of the small image the pixel
 * ((y + pad - ry) / s - t, (x + pad - rx) / s - u). So each of the s * s phases is a product
 * without zeros: A is w, rows k are (small channel, t, u), columns the phase's big pixels of all
 * samples. */
#include "libtensor/cuda/blas.h"
#include "libtensor/cuda/conv.h"
#include "libtensor/cuda/implicit_gemm.h"

/* One direction of a phase. */
struct ConvPhase {
    int first, count; /* big pixels first, first + stride, ... */
    int taps;
};

static __host__ __device__ inline ConvPhase conv_phase(int residue, int stride, int pad, int big,
                                                       int kernel)
{
    int first = ((residue - pad) % stride + stride) % stride;
    int count = first < big ? (big - first + stride - 1) / stride : 0;
    int taps = residue < kernel ? (kernel - residue + stride - 1) / stride : 0;
    return {first, count, taps};
}

struct ToBig {
    static constexpr bool K_FASTEST = false, A_IS_IMAGE = false;
    ConvDims d;

    int phases() const
    {
        return d.stride * d.stride;
    }

    __host__ __device__ ConvPhase down(int phase) const
    {
        return conv_phase(phase / d.stride, d.stride, d.pad, d.big_h, d.kh);
    }

    __host__ __device__ ConvPhase across(int phase) const
    {
        return conv_phase(phase % d.stride, d.stride, d.pad, d.big_w, d.kw);
    }

    __host__ __device__ ConvSize size(int phase) const
    {
        ConvPhase y = down(phase), x = across(phase);
        return {d.big_c, d.n * y.count * x.count, d.small_c * y.taps * x.taps};
    }

    __device__ int height() const
    {
        return d.small_h;
    }

    __device__ int width() const
    {
        return d.small_w;
    }

    __device__ int64_t a_row(int m) const
    {
        return (int64_t)m * d.kh * d.kw;
    }

    __device__ int64_t out_row(int m) const
    {
        return (int64_t)m * d.big_h * d.big_w;
    }

    __device__ ConvRow row(int phase, int k) const
    {
        int across_taps = across(phase).taps, taps = down(phase).taps * across_taps;
        int o = k / taps, t = k % taps / across_taps, u = k % taps % across_taps;
        int i = phase / d.stride + d.stride * t, j = phase % d.stride + d.stride * u;
        return {(((int64_t)o * d.big_c) * d.kh + i) * d.kw + j,
                ((int64_t)o * d.small_h - t) * d.small_w - u, -t, -u};
    }

    __device__ ConvColumn column(int phase, int p) const
    {
        ConvPhase down_ = down(phase), across_ = across(phase);
        int area = down_.count * across_.count, n = p / area, q = p % area;
        int big_y = down_.first + q / across_.count * d.stride;
        int big_x = across_.first + q % across_.count * d.stride;
        int y = (big_y + d.pad - phase / d.stride) / d.stride;
        int x = (big_x + d.pad - phase % d.stride) / d.stride;
        return {((int64_t)n * d.small_c * d.small_h + y) * d.small_w + x,
                ((int64_t)n * d.big_c * d.big_h + big_y) * d.big_w + big_x, y, x};
    }
};

size_t cuda_conv_to_big_scratch(const ConvShape *s, ConvHalf half)
{
    if (!conv_is_dense(s) && !conv_is_pointwise(s))
        return conv_scratch(ToBig{conv_dims(s)});
    return half.big || half.small ? cuda_half_bytes(false, conv_weights(s)) +
                                        cuda_half_bytes(half.small, conv_small(s))
                                  : 0;
}

void cuda_conv_to_big(Cuda *cuda, const ConvShape *s, CudaView small, const real *w, Epilogue e,
                      real beta, CudaView big, void *scratch)
{
    int64_t depth = s->big_c * s->kh * s->kw, area = s->big_h * s->big_w;
    unsigned char *rounded = (unsigned char *)scratch;
    CudaView factor = w;

    if (!conv_is_dense(s) && !conv_is_pointwise(s)) {
        conv_launch(cuda, ToBig{conv_dims(s)}, {w, small, e, beta, big, NULL, 0, 0, 0}, scratch);
        return;
    }
    if (big.half || small.half) {
        factor = cuda_as_half(cuda, w, conv_weights(s), &rounded);
        small = cuda_as_half(cuda, small, conv_small(s), &rounded);
    }
    if (conv_is_dense(s))
        cuda_gemm(cuda, false, false, s->n, depth, s->small_c, small, s->small_c, factor, depth,
                  beta, big, depth);
    else
        cuda_gemm_batch(cuda, true, false, depth, area, s->small_c, factor, depth, 0, small, area,
                        s->small_c * area, beta, big, area, depth * area, s->n);
    cuda_conv_epilogue(cuda, e, s->n, s->big_c, area, big);
}
