/* spatial_mul: y[n,c,p] = s[n,p] x[n,c,p]; dx = s dy, ds[n,p] = sum over channels of dy x. See
 * ops/spatial_mul.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(spatial_mul)

namespace
{

/* y = beta y + s x; counts are in packs. */
template <int WIDTH>
__global__ void scale(const real *x, const real *s, int64_t channels, int64_t inner, int64_t n,
                      real beta, real *y)
{
    CUDA_FOR(i, n)
    {
        Pack<WIDTH> a = cuda_load<WIDTH>(x, i);
        Pack<WIDTH> w = cuda_load<WIDTH>(s, i / inner / channels * inner + i % inner);
        for (int e = 0; e < WIDTH; e++)
            a.v[e] *= w.v[e];
        cuda_update<WIDTH>(y, i, beta, a);
    }
}

/* A thread sums the channels of a pack of pixels. */
template <int WIDTH>
__global__ void sum_channels(const real *dy, const real *x, int64_t channels, int64_t inner,
                             int64_t n, real beta, real *ds)
{
    CUDA_FOR(i, n)
    {
        int64_t at = i / inner * channels * inner + i % inner;
        Pack<WIDTH> sum = {};
        for (int64_t k = 0; k < channels; k++) {
            Pack<WIDTH> a = cuda_load<WIDTH>(dy, at + k * inner);
            Pack<WIDTH> b = cuda_load<WIDTH>(x, at + k * inner);
            for (int e = 0; e < WIDTH; e++)
                sum.v[e] += a.v[e] * b.v[e];
        }
        cuda_update<WIDTH>(ds, i, beta, sum);
    }
}

template <int WIDTH>
void launch_scale(const Call *c, const real *x, Shape shape, real beta, real *y)
{
    int64_t n = shape_count(shape) / WIDTH;
    CUDA_LAUNCH(cuda_of(c), scale<WIDTH>, cuda_blocks(n), CUDA_THREADS, x, cuda_data(c->in[1]),
                shape.dim[1], cuda_inner(shape) / WIDTH, n, beta, y);
}

template <int WIDTH> void launch_sum(const Call *c, Shape shape)
{
    int64_t inner = cuda_inner(shape) / WIDTH, n = shape.dim[0] * inner;
    CUDA_LAUNCH(cuda_of(c), sum_channels<WIDTH>, cuda_blocks(n), CUDA_THREADS, cuda_data(c->dout),
                cuda_data(c->in[0]), shape.dim[1], inner, n, c->beta[1], cuda_data(c->din[1]));
}

void multiply(const Call *c, const real *x, Shape shape, real beta, real *y)
{
    if (cuda_packs(cuda_inner(shape), x, cuda_data(c->in[1]), y))
        launch_scale<CUDA_PACK>(c, x, shape, beta, y);
    else
        launch_scale<1>(c, x, shape, beta, y);
}

} // namespace

void op_spatial_mul_forward_cuda(const Call *c)
{
    multiply(c, cuda_data(c->in[0]), c->out.shape, 0, cuda_data(c->out));
}

void op_spatial_mul_backward_cuda(const Call *c)
{
    Shape s = c->dout.shape;

    if (c->din[0].data != NULL)
        multiply(c, cuda_data(c->dout), s, c->beta[0], cuda_data(c->din[0]));
    if (c->din[1].data == NULL)
        return;
    if (cuda_packs(cuda_inner(s), cuda_data(c->dout), cuda_data(c->in[0]), cuda_data(c->din[1])))
        launch_sum<CUDA_PACK>(c, s);
    else
        launch_sum<1>(c, s);
}
