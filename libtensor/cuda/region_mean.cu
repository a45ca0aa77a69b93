/* region_mean: y[n,k,c] = sum_p w[n,k,p] x[n,c,p] / t[n,k], t = 1 + sum_p w[n,k,p]; gradients in
 * ops/region_mean.c. There are few regions k and channels c, and many pixels p. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(region_mean)

namespace
{

struct Sizes {
    int64_t n, regions, channels, area;
};

/* A block per element of y; that of channel 0 keeps t. */
__global__ void forward(Sizes s, const real *x, const real *w, real *y, real *total)
{
    int64_t i = blockIdx.x, region = i / s.channels, channel = i % s.channels;
    const real *weight = w + region * s.area;
    const real *picture = x + (region / s.regions * s.channels + channel) * s.area;
    real sum = 0, weights = 0;

    for (int64_t p = threadIdx.x; p < s.area; p += CUDA_THREADS) {
        sum += weight[p] * picture[p];
        weights += weight[p];
    }
    double product = cuda_block_sum((double)sum);
    real t = (real)(1 + cuda_block_sum((double)weights));
    if (threadIdx.x != 0)
        return;
    y[i] = (real)product / t;
    if (channel == 0)
        total[region] = t;
}

__global__ void picture_gradient(Sizes s, const real *w, const real *dy, const real *total,
                                 real beta, real *dx)
{
    CUDA_FOR(i, s.n * s.channels * s.area)
    {
        int64_t p = i % s.area, channel = i / s.area % s.channels, k = i / s.area / s.channels;
        real sum = 0;
        for (int64_t region = k * s.regions; region < (k + 1) * s.regions; region++)
            sum += dy[region * s.channels + channel] / total[region] * w[region * s.area + p];
        dx[i] = cuda_gradient(beta, dx + i, sum);
    }
}

__global__ void weight_gradient(Sizes s, const real *x, const real *y, const real *dy,
                                const real *total, real beta, real *dw)
{
    CUDA_FOR(i, s.n * s.regions * s.area)
    {
        int64_t p = i % s.area, region = i / s.area;
        const real *picture = x + region / s.regions * s.channels * s.area + p;
        real sum = 0;
        for (int64_t channel = 0; channel < s.channels; channel++) {
            int64_t at = region * s.channels + channel;
            sum += dy[at] / total[region] * (picture[channel * s.area] - y[at]);
        }
        dw[i] = cuda_gradient(beta, dw + i, sum);
    }
}

Sizes sizes_of(Shape y, Shape x)
{
    return {y.dim[0], y.dim[1], y.dim[2], cuda_inner(x)};
}

} // namespace

void op_region_mean_forward_cuda(const Call *c)
{
    CUDA_LAUNCH(cuda_of(c), forward, (unsigned)shape_count(c->out.shape), CUDA_THREADS,
                sizes_of(c->out.shape, c->in[0].shape), cuda_data(c->in[0]), cuda_data(c->in[1]),
                cuda_data(c->out), cuda_data(c->saved[0]));
}

void op_region_mean_backward_cuda(const Call *c)
{
    Sizes s = sizes_of(c->dout.shape, c->in[0].shape);
    const real *dy = cuda_data(c->dout), *total = cuda_data(c->saved[0]);

    if (c->din[0].data != NULL)
        CUDA_LAUNCH(cuda_of(c), picture_gradient, cuda_blocks(s.n * s.channels * s.area),
                    CUDA_THREADS, s, cuda_data(c->in[1]), dy, total, c->beta[0],
                    cuda_data(c->din[0]));
    if (c->din[1].data != NULL)
        CUDA_LAUNCH(cuda_of(c), weight_gradient, cuda_blocks(s.n * s.regions * s.area),
                    CUDA_THREADS, s, cuda_data(c->in[0]), cuda_data(c->out), dy, total, c->beta[1],
                    cuda_data(c->din[1]));
}
