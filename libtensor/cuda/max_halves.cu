/* max_halves: y = max of the first and the second half of the channels; dx goes to the larger one,
 * to the first where they are equal. See ops/max_halves.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(max_halves)

namespace
{

/* half: packs of half a sample; n: of all of y. */
template <int WIDTH> __global__ void forward(CudaView x, int64_t half, int64_t n, CudaView y)
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
__global__ void backward(CudaView x, CudaView dy, int64_t half, int64_t n, real beta, CudaView dx)
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

} // namespace

void op_max_halves_forward_cuda(const Call *c)
{
    int64_t n = shape_count(c->out.shape), half = n / c->out.shape.dim[0];
    CudaView x = cuda_view(c->in[0]), y = cuda_view(c->out);

    cuda_with_width(cuda_width(half, x, y), [&](auto wide) {
        constexpr int W = decltype(wide)::value;
        CUDA_LAUNCH(cuda_of(c), forward<W>, cuda_blocks(n / W), CUDA_THREADS, x, half / W, n / W,
                    y);
    });
}

void op_max_halves_backward_cuda(const Call *c)
{
    int64_t n = shape_count(c->dout.shape), half = n / c->dout.shape.dim[0];
    CudaView x = cuda_view(c->in[0]), dy = cuda_view(c->dout), dx = cuda_view(c->din[0]);

    if (dx.data == NULL)
        return;
    cuda_with_width(cuda_width(half, x, dy, dx), [&](auto wide) {
        constexpr int W = decltype(wide)::value;
        CUDA_LAUNCH(cuda_of(c), backward<W>, cuda_blocks(n / W), CUDA_THREADS, x, dy, half / W,
                    n / W, c->beta[0], dx);
    });
}
