/* batch_norm: y = gamma (x - m) r + beta per channel; formulas in ops/batch_norm.c.
 *
 * Training reads x twice: `moments` gives mean and sum of squares around it of every CUDA_SUM_CHUNK
 * elements, which stay in registers between the two; `finish_moments` combines them (Chan, Golub
 * and LeVeque 1979); then x is mapped. Backward makes the mask of a merged activation from x. */
#include "libtensor/cuda/sums.h"

namespace
{

constexpr int PER_THREAD = CUDA_SUM_CHUNK / CUDA_THREADS;

template <int WIDTH> __global__ void moments(CudaSums s, CudaView x, double *part)
{
    int64_t k = blockIdx.x / s.parts, p = blockIdx.x % s.parts;
    int64_t inner = s.inner / WIDTH, packs = s.samples * inner;
    int64_t begin = p * (CUDA_SUM_CHUNK / WIDTH) + threadIdx.x;
    int64_t left = s.samples * s.inner - p * CUDA_SUM_CHUNK;
    Pack<WIDTH> a[PER_THREAD / WIDTH];
    real sum = 0, squares = 0;

#pragma unroll
    for (int q = 0; q < PER_THREAD / WIDTH; q++) {
        int64_t j = begin + q * CUDA_THREADS;
        if (j < packs) {
            a[q] = cuda_load<WIDTH>(x, cuda_sum_at(j, k, s.channels, inner));
            for (int e = 0; e < WIDTH; e++)
                sum += a[q].v[e];
        }
    }
    double mean =
        cuda_block_sum((double)sum) / (double)(left < CUDA_SUM_CHUNK ? left : CUDA_SUM_CHUNK);
    real centre = (real)mean;
#pragma unroll
    for (int q = 0; q < PER_THREAD / WIDTH; q++)
        if (begin + q * CUDA_THREADS < packs)
            for (int e = 0; e < WIDTH; e++)
                squares += (a[q].v[e] - centre) * (a[q].v[e] - centre);
    double total = cuda_block_sum((double)squares);
    if (threadIdx.x == 0) {
        part[2 * (int64_t)blockIdx.x] = mean;
        part[2 * (int64_t)blockIdx.x + 1] = total;
    }
}

/* A block per channel. */
__global__ void finish_moments(CudaSums s, const double *part, BatchNormParam param,
                               real *running_mean, real *running_var, real *saved_mean,
                               real *saved_r)
{
    int64_t k = blockIdx.x, count = s.samples * s.inner;
    const double *own = part + 2 * k * s.parts;
    double sum = 0, squares = 0;

    for (int64_t p = threadIdx.x; p < s.parts; p += CUDA_THREADS) {
        int64_t left = count - p * CUDA_SUM_CHUNK;
        sum += own[2 * p] * (double)(left < CUDA_SUM_CHUNK ? left : CUDA_SUM_CHUNK);
    }
    double mean = cuda_block_sum(sum) / (double)count;
    for (int64_t p = threadIdx.x; p < s.parts; p += CUDA_THREADS) {
        int64_t left = count - p * CUDA_SUM_CHUNK;
        double off = own[2 * p] - mean;
        squares +=
            own[2 * p + 1] + off * off * (double)(left < CUDA_SUM_CHUNK ? left : CUDA_SUM_CHUNK);
    }
    squares = cuda_block_sum(squares);
    if (threadIdx.x != 0)
        return;
    real var = (real)(squares / (double)count);
    running_mean[k] += param.momentum * ((real)mean - running_mean[k]);
    running_var[k] += param.momentum * ((real)(squares / (double)(count - 1)) - running_var[k]);
    saved_mean[k] = (real)mean;
    saved_r[k] = 1 / (real)sqrt((double)(var + param.eps));
}

__global__ void take_running(int64_t channels, real eps, const real *running_mean,
                             const real *running_var, real *saved_mean, real *saved_r)
{
    CUDA_FOR(k, channels)
    {
        saved_mean[k] = running_mean[k];
        saved_r[k] = 1 / (real)sqrt((double)(running_var[k] + eps));
    }
}

/* What forward and backward know of a channel. */
struct Channels {
    const real *gamma, *shift, *mean, *r;
    int64_t count;
    Activation activation;

    /* Before the activation; by fma, so that forward and backward round alike. */
    __device__ real normalised(real x, int64_t k) const
    {
        real scale = gamma[k] * r[k];
        return fma(x, scale, fma(-mean[k], scale, shift[k]));
    }

    /* dy behind the activation. */
    __device__ real masked(real dy, real x, int64_t k) const
    {
        if (activation.kind == ACTIVATION_NONE || normalised(x, k) > 0)
            return dy;
        return activation.kind == ACTIVATION_RELU ? 0 : activation.slope * dy;
    }
};

struct Normalise {
    Channels channels;
    __device__ real operator()(const real *x, int64_t row) const
    {
        return cuda_activate(channels.activation, channels.normalised(x[0], row % channels.count));
    }
};

struct Terms { /* of dy, x */
    Channels channels;
    __device__ void operator()(const real *x, int64_t k, real *sum) const
    {
        real d = channels.masked(x[0], x[1], k);
        sum[0] += d;
        sum[1] += d * (x[1] - channels.mean[k]);
    }
};

/* A block per channel. slopes: what Gradient takes from x and from 1, per channel. */
__global__ void finish_sums(CudaSums s, const double *part, const real *gamma, const real *mean,
                            const real *r, real *dgamma, real gamma_beta, real *dshift,
                            real shift_beta, real *slopes)
{
    int64_t k = blockIdx.x;
    double sum_dy = cuda_sum_total<2>(part, s.parts, k, 0);
    double sum_dyx = cuda_sum_total<2>(part, s.parts, k, 1);

    if (threadIdx.x != 0)
        return;
    if (dgamma != NULL)
        dgamma[k] = cuda_gradient(gamma_beta, dgamma + k, (real)(sum_dyx * (double)r[k]));
    if (dshift != NULL)
        dshift[k] = cuda_gradient(shift_beta, dshift + k, (real)sum_dy);
    real scale = gamma[k] * r[k];
    double count = (double)(s.samples * s.inner);
    real slope = (real)(sum_dyx * (double)(r[k] * r[k] * scale) / count);
    slopes[2 * k] = slope;
    slopes[2 * k + 1] = slope * mean[k] - (real)(sum_dy * (double)scale / count);
}

struct Gradient { /* of dy, x; training */
    Channels channels;
    const real *slopes;
    __device__ real operator()(const real *x, int64_t row) const
    {
        int64_t k = row % channels.count;
        real d = channels.masked(x[0], x[1], k), scale = channels.gamma[k] * channels.r[k];
        return d * scale - x[1] * slopes[2 * k] + slopes[2 * k + 1];
    }
};

/* Of dy, and of x if there is an activation. */
template <int IN> struct FrozenGradient {
    Channels channels;
    __device__ real operator()(const real *x, int64_t row) const
    {
        int64_t k = row % channels.count;
        real d = IN == 1 ? x[0] : channels.masked(x[0], x[IN - 1], k);
        return d * (channels.gamma[k] * channels.r[k]);
    }
};

Channels channels_of(const Call *c)
{
    return {cuda_data(c->in[1]),    cuda_data(c->in[2]),   cuda_data(c->saved[0]),
            cuda_data(c->saved[1]), c->in[1].shape.dim[0], c->activation};
}

CudaSums sums_of(Shape x)
{
    return cuda_sums(x.dim[0], x.dim[1], cuda_inner(x));
}

} // namespace

void op_batch_norm_scratch_cuda(const InferIn *in, InferOut *out)
{
    size_t parts = cuda_sums_bytes(sums_of(in->in[0]), 2);
    out->forward_scratch = parts;
    out->backward_scratch = parts + (size_t)(2 * in->in[0].dim[1]) * sizeof(real); /* slopes */
}

void op_batch_norm_forward_cuda(const Call *c)
{
    const BatchNormParam *p = (const BatchNormParam *)c->param;
    CudaSums s = sums_of(c->out.shape);
    CudaView x = cuda_view(c->in[0]);
    real *mean = cuda_data(c->saved[0]), *r = cuda_data(c->saved[1]);
    real *running_mean = cuda_data(c->in[3]), *running_var = cuda_data(c->in[4]);
    double *part = (double *)c->scratch;
    unsigned blocks = (unsigned)(s.channels * s.parts);

    if (!p->train)
        CUDA_LAUNCH(cuda_of(c), take_running, cuda_blocks(s.channels), CUDA_THREADS, s.channels,
                    p->eps, running_mean, running_var, mean, r);
    else {
        cuda_with_width(cuda_width(s.inner, x), [&](auto wide) {
            CUDA_LAUNCH(cuda_of(c), moments<decltype(wide)::value>, blocks, CUDA_THREADS, s, x,
                        part);
        });
        CUDA_LAUNCH(cuda_of(c), finish_moments, (unsigned)s.channels, CUDA_THREADS, s, part, *p,
                    running_mean, running_var, mean, r);
    }
    cuda_map_rows<1>(c, {{x}}, cuda_view(c->out), 0, shape_count(c->out.shape), s.inner,
                     Normalise{channels_of(c)});
}

void op_batch_norm_backward_cuda(const Call *c)
{
    const BatchNormParam *p = (const BatchNormParam *)c->param;
    CudaSums s = sums_of(c->dout.shape);
    Channels channels = channels_of(c);
    CudaView x = cuda_view(c->in[0]), dy = cuda_view(c->dout), dx = cuda_view(c->din[0]);
    double *part = (double *)c->scratch;
    real *slopes = (real *)(part + 2 * s.channels * s.parts);
    int64_t n = shape_count(c->dout.shape);

    if (p->train || c->din[1].data != NULL || c->din[2].data != NULL) {
        cuda_sum_stage<2, 2>(c, s, {{dy, x}}, Terms{channels}, part);
        CUDA_LAUNCH(cuda_of(c), finish_sums, (unsigned)s.channels, CUDA_THREADS, s, part,
                    channels.gamma, channels.mean, channels.r, cuda_data(c->din[1]), c->beta[1],
                    cuda_data(c->din[2]), c->beta[2], slopes);
    }
    if (dx.data == NULL)
        return;
    if (p->train)
        cuda_map_rows<2>(c, {{dy, x}}, dx, c->beta[0], n, s.inner, Gradient{channels, slopes});
    else if (c->activation.kind != ACTIVATION_NONE)
        cuda_map_rows<2>(c, {{dy, x}}, dx, c->beta[0], n, s.inner, FrozenGradient<2>{channels});
    else
        cuda_map_rows<1>(c, {{dy}}, dx, c->beta[0], n, s.inner, FrozenGradient<1>{channels});
}
