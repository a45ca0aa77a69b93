/* grey: y = .299 R + .587 G + .114 B; dx of each channel is its weight times dy. See ops/grey.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(grey)

namespace
{

__device__ inline real weight(int channel)
{
    return channel == 0 ? (real).299 : channel == 1 ? (real).587 : (real).114;
}

/* Counts are in packs. */
template <int WIDTH> __global__ void forward(const real *x, int64_t area, int64_t n, real *y)
{
    CUDA_FOR(i, n)
    {
        Pack<WIDTH> sum = {};
        for (int k = 0; k < 3; k++) {
            Pack<WIDTH> a = cuda_load<WIDTH>(x, (3 * (i / area) + k) * area + i % area);
            for (int e = 0; e < WIDTH; e++)
                sum.v[e] += weight(k) * a.v[e];
        }
        cuda_store<WIDTH>(y, i, sum);
    }
}

template <int WIDTH>
__global__ void backward(const real *dy, int64_t area, int64_t n, real beta, real *dx)
{
    CUDA_FOR(i, n)
    {
        Pack<WIDTH> d = cuda_load<WIDTH>(dy, i);
        for (int k = 0; k < 3; k++) {
            Pack<WIDTH> a;
            for (int e = 0; e < WIDTH; e++)
                a.v[e] = weight(k) * d.v[e];
            cuda_update<WIDTH>(dx, (3 * (i / area) + k) * area + i % area, beta, a);
        }
    }
}

template <int WIDTH> void launch_forward(const Call *c)
{
    int64_t area = cuda_inner(c->out.shape) / WIDTH, n = c->out.shape.dim[0] * area;
    CUDA_LAUNCH(cuda_of(c), forward<WIDTH>, cuda_blocks(n), CUDA_THREADS, cuda_data(c->in[0]), area,
                n, cuda_data(c->out));
}

template <int WIDTH> void launch_backward(const Call *c)
{
    int64_t area = cuda_inner(c->dout.shape) / WIDTH, n = c->dout.shape.dim[0] * area;
    CUDA_LAUNCH(cuda_of(c), backward<WIDTH>, cuda_blocks(n), CUDA_THREADS, cuda_data(c->dout), area,
                n, c->beta[0], cuda_data(c->din[0]));
}

} // namespace

void op_grey_forward_cuda(const Call *c)
{
    if (cuda_packs(cuda_inner(c->out.shape), cuda_data(c->in[0]), cuda_data(c->out)))
        launch_forward<CUDA_PACK>(c);
    else
        launch_forward<1>(c);
}

void op_grey_backward_cuda(const Call *c)
{
    if (c->din[0].data == NULL)
        return;
    if (cuda_packs(cuda_inner(c->dout.shape), cuda_data(c->dout), cuda_data(c->din[0])))
        launch_backward<CUDA_PACK>(c);
    else
        launch_backward<1>(c);
}
