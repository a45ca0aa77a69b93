/* batch_norm: y = gamma (x - m) r + beta per channel; formulas in ops/batch_norm.c.
 *
 * Training reads x twice: `moments` gives mean and sum of squares around it of every CUDA_SUM_CHUNK
 * elements, which stay in registers between the two; `finish_moments` combines them (Chan, Golub
 * and LeVeque 1979); then x is mapped. */
#include "libtensor/cuda/sums.h"

namespace
{

constexpr int PER_THREAD = CUDA_SUM_CHUNK / CUDA_THREADS;

template <int WIDTH> __global__ void moments(CudaSums s, const real *x, double *part)
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

struct Normalise {
    const real *gamma, *shift, *mean, *r;
    int64_t channels;
    __device__ real operator()(const real *x, int64_t row) const
    {
        int64_t k = row % channels;
        real scale = gamma[k] * r[k];
        return x[0] * scale + (shift[k] - mean[k] * scale);
    }
};

struct Terms { /* of dy, x */
    const real *mean;
    __device__ void operator()(const real *x, int64_t k, real *sum) const
    {
        sum[0] += x[0];
        sum[1] += x[0] * (x[1] - mean[k]);
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
    const real *gamma, *r, *slopes;
    int64_t channels;
    __device__ real operator()(const real *x, int64_t row) const
    {
        int64_t k = row % channels;
        return x[0] * (gamma[k] * r[k]) - x[1] * slopes[2 * k] + slopes[2 * k + 1];
    }
};

struct FrozenGradient { /* of dy */
    const real *gamma, *r;
    int64_t channels;
    __device__ real operator()(const real *x, int64_t row) const
    {
        int64_t k = row % channels;
        return x[0] * (gamma[k] * r[k]);
    }
};

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
    real *x = cuda_data(c->in[0]), *mean = cuda_data(c->saved[0]), *r = cuda_data(c->saved[1]);
    real *running_mean = cuda_data(c->in[3]), *running_var = cuda_data(c->in[4]);
    double *part = (double *)c->scratch;
    unsigned blocks = (unsigned)(s.channels * s.parts);

    if (!p->train)
        CUDA_LAUNCH(cuda_of(c), take_running, cuda_blocks(s.channels), CUDA_THREADS, s.channels,
                    p->eps, running_mean, running_var, mean, r);
    else {
        if (cuda_packs(s.inner, x))
            CUDA_LAUNCH(cuda_of(c), moments<CUDA_PACK>, blocks, CUDA_THREADS, s, x, part);
        else
            CUDA_LAUNCH(cuda_of(c), moments<1>, blocks, CUDA_THREADS, s, x, part);
        CUDA_LAUNCH(cuda_of(c), finish_moments, (unsigned)s.channels, CUDA_THREADS, s, part, *p,
                    running_mean, running_var, mean, r);
    }
    Normalise f = {cuda_data(c->in[1]), cuda_data(c->in[2]), mean, r, s.channels};
    cuda_map_rows<1>(c, {{x}}, cuda_data(c->out), 0, shape_count(c->out.shape), s.inner, f);
}

void op_batch_norm_backward_cuda(const Call *c)
{
    const BatchNormParam *p = (const BatchNormParam *)c->param;
    CudaSums s = sums_of(c->dout.shape);
    real *x = cuda_data(c->in[0]), *gamma = cuda_data(c->in[1]), *dy = cuda_data(c->dout);
    real *mean = cuda_data(c->saved[0]), *r = cuda_data(c->saved[1]), *dx = cuda_data(c->din[0]);
    double *part = (double *)c->scratch;
    real *slopes = (real *)(part + 2 * s.channels * s.parts);
    int64_t n = shape_count(c->dout.shape);

    if (p->train || c->din[1].data != NULL || c->din[2].data != NULL) {
        cuda_sum_stage<2, 2>(c, s, {{dy, x}}, Terms{mean}, part);
        CUDA_LAUNCH(cuda_of(c), finish_sums, (unsigned)s.channels, CUDA_THREADS, s, part, gamma,
                    mean, r, cuda_data(c->din[1]), c->beta[1], cuda_data(c->din[2]), c->beta[2],
                    slopes);
    }
    if (dx != NULL && p->train)
        cuda_map_rows<2>(c, {{dy, x}}, dx, c->beta[0], n, s.inner,
                         Gradient{gamma, r, slopes, s.channels});
    else if (dx != NULL)
        cuda_map_rows<1>(c, {{dy}}, dx, c->beta[0], n, s.inner,
                         FrozenGradient{gamma, r, s.channels});
}
