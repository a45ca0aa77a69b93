/* max_pool2d: y = the largest x of each window, NaN above all; saved: its index in the plane (the
 * first where equal). dx collects, in the order of the windows, what those over it that chose it
 * have. See ops/max_pool2d.c. */
#include "libtensor/cuda/pool.h"

CUDA_NO_SCRATCH(max_pool2d)

namespace
{

__global__ void forward(PoolShape s, CudaView x, int64_t n, CudaView y, int32_t *index)
{
    CUDA_FOR(i, n)
    {
        CudaView plane = cuda_from(x, i / s.cols / s.rows * s.height * s.width);
        PoolRange rows = pool_window(s, i / s.cols % s.rows, s.height);
        PoolRange cols = pool_window(s, i % s.cols, s.width);
        int64_t best = rows.begin * s.width + cols.begin;
        real top = cuda_get(plane, best);
        for (int64_t v = rows.begin; v < rows.end; v++)
            for (int64_t u = cols.begin; u < cols.end; u++) {
                real a = cuda_get(plane, v * s.width + u);
                if (a > top || a != a) {
                    top = a;
                    best = v * s.width + u;
                }
            }
        cuda_put(y, i, 0, top);
        index[i] = (int32_t)best;
    }
}

__global__ void backward(PoolShape s, CudaView dy, const int32_t *index, int64_t n, real beta,
                         CudaView dx)
{
    CUDA_FOR(i, n)
    {
        int64_t plane = i / s.width / s.height, at = i % (s.height * s.width);
        PoolRange rows = pool_windows(s, at / s.width, s.rows);
        PoolRange cols = pool_windows(s, at % s.width, s.cols);
        real sum = 0;
        for (int64_t v = rows.begin; v < rows.end; v++)
            for (int64_t u = cols.begin; u < cols.end; u++) {
                int64_t window = (plane * s.rows + v) * s.cols + u;
                if (index[window] == at)
                    sum += cuda_get(dy, window);
            }
        cuda_put(dx, i, beta, sum);
    }
}

} // namespace

void op_max_pool2d_forward_cuda(const Call *c)
{
    PoolShape s = pool_shape((const Pool2dParam *)c->param, c->in[0].shape, c->out.shape);
    int64_t n = shape_count(c->out.shape);
    CUDA_LAUNCH(cuda_of(c), forward, cuda_blocks(n), CUDA_THREADS, s, cuda_view(c->in[0]), n,
                cuda_view(c->out), (int32_t *)c->saved[0].data);
}

void op_max_pool2d_backward_cuda(const Call *c)
{
    PoolShape s = pool_shape((const Pool2dParam *)c->param, c->din[0].shape, c->dout.shape);
    int64_t n = shape_count(c->din[0].shape);
    if (c->din[0].data != NULL)
        CUDA_LAUNCH(cuda_of(c), backward, cuda_blocks(n), CUDA_THREADS, s, cuda_view(c->dout),
                    (const int32_t *)c->saved[0].data, n, c->beta[0], cuda_view(c->din[0]));
}
