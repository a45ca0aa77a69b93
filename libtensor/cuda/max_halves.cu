/* max_halves: y = max of the first and the second half of the channels; dx goes to the larger one,
 * to the first where they are equal. See ops/max_halves.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(max_halves)

namespace
{

/* half: packs of half a sample; n: of all of y. */
template <int WIDTH> __global__ void forward(const real *x, int64_t half, int64_t n, real *y)
{
    CUDA_FOR(i, n)
    {
        int64_t at = i + i / half * half;
        Pack<WIDTH> a = cuda_load<WIDTH>(x, at), b = cuda_load<WIDTH>(x, at + half);
        for (int e = 0; e < WIDTH; e++)
            a.v[e] = b.v[e] > a.v[e] ? b.v[e] : a.v[e];
        cuda_store<WIDTH>(y, i, a);
    }
}

template <int WIDTH>
__global__ void backward(const real *x, const real *dy, int64_t half, int64_t n, real beta,
                         real *dx)
{
    CUDA_FOR(i, n)
    {
        int64_t at = i + i / half * half;
        Pack<WIDTH> a = cuda_load<WIDTH>(x, at), b = cuda_load<WIDTH>(x, at + half);
        Pack<WIDTH> d = cuda_load<WIDTH>(dy, i);
        for (int e = 0; e < WIDTH; e++) {
            bool second = b.v[e] > a.v[e];
            a.v[e] = second ? 0 : d.v[e];
            b.v[e] = second ? d.v[e] : 0;
        }
        cuda_update<WIDTH>(dx, at, beta, a);
        cuda_update<WIDTH>(dx, at + half, beta, b);
    }
}

template <int WIDTH> void launch_forward(const Call *c, int64_t half, int64_t n)
{
    CUDA_LAUNCH(cuda_of(c), forward<WIDTH>, cuda_blocks(n / WIDTH), CUDA_THREADS,
                cuda_data(c->in[0]), half / WIDTH, n / WIDTH, cuda_data(c->out));
}

template <int WIDTH> void launch_backward(const Call *c, int64_t half, int64_t n)
{
    CUDA_LAUNCH(cuda_of(c), backward<WIDTH>, cuda_blocks(n / WIDTH), CUDA_THREADS,
                cuda_data(c->in[0]), cuda_data(c->dout), half / WIDTH, n / WIDTH, c->beta[0],
                cuda_data(c->din[0]));
}

} // namespace

void op_max_halves_forward_cuda(const Call *c)
{
    int64_t n = shape_count(c->out.shape), half = n / c->out.shape.dim[0];

    if (cuda_packs(half, cuda_data(c->in[0]), cuda_data(c->out)))
        launch_forward<CUDA_PACK>(c, half, n);
    else
        launch_forward<1>(c, half, n);
}

void op_max_halves_backward_cuda(const Call *c)
{
    int64_t n = shape_count(c->dout.shape), half = n / c->dout.shape.dim[0];

    if (c->din[0].data == NULL)
        return;
    if (cuda_packs(half, cuda_data(c->in[0]), cuda_data(c->dout), cuda_data(c->din[0])))
        launch_backward<CUDA_PACK>(c, half, n);
    else
        launch_backward<1>(c, half, n);
}
