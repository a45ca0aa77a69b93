/* avg_pool2d: y = the mean of x over each window, padding not counted; dx collects dy / count of
 * the windows over it, in their order. See ops/avg_pool2d.c. */
#include "libtensor/cuda/pool.h"

CUDA_NO_SCRATCH(avg_pool2d)

namespace
{

__device__ inline int64_t area(PoolRange rows, PoolRange cols)
{
    return (rows.end - rows.begin) * (cols.end - cols.begin);
}

/* A thread per window. */
__global__ void small_windows(PoolShape s, CudaView x, int64_t n, CudaView y)
{
    CUDA_FOR(i, n)
    {
        CudaView plane = cuda_from(x, i / s.cols / s.rows * s.height * s.width);
        PoolRange rows = pool_window(s, i / s.cols % s.rows, s.height);
        PoolRange cols = pool_window(s, i % s.cols, s.width);
        real sum = 0;
        for (int64_t v = rows.begin; v < rows.end; v++)
            for (int64_t u = cols.begin; u < cols.end; u++)
                sum += cuda_get(plane, v * s.width + u);
        cuda_put(y, i, 0, sum / (real)area(rows, cols));
    }
}

/* A block per window. */
__global__ void large_windows(PoolShape s, CudaView x, CudaView y)
{
    int64_t i = blockIdx.x;
    CudaView plane = cuda_from(x, i / s.cols / s.rows * s.height * s.width);
    PoolRange rows = pool_window(s, i / s.cols % s.rows, s.height);
    PoolRange cols = pool_window(s, i % s.cols, s.width);
    int64_t width = cols.end - cols.begin, n = area(rows, cols);
    real sum = 0;

    for (int64_t k = threadIdx.x; k < n; k += CUDA_THREADS)
        sum += cuda_get(plane, (rows.begin + k / width) * s.width + cols.begin + k % width);
    double total = cuda_block_sum((double)sum);
    if (threadIdx.x == 0)
        cuda_put(y, i, 0, (real)(total / (double)n));
}

__global__ void backward(PoolShape s, CudaView dy, int64_t n, real beta, CudaView dx)
{
    CUDA_FOR(i, n)
    {
        int64_t plane = i / s.width / s.height;
        PoolRange rows = pool_windows(s, i / s.width % s.height, s.rows);
        PoolRange cols = pool_windows(s, i % s.width, s.cols);
        real sum = 0;
        for (int64_t v = rows.begin; v < rows.end; v++)
            for (int64_t u = cols.begin; u < cols.end; u++) {
                int64_t count = area(pool_window(s, v, s.height), pool_window(s, u, s.width));
                sum += cuda_get(dy, (plane * s.rows + v) * s.cols + u) / (real)count;
            }
        cuda_put(dx, i, beta, sum);
    }
}

} // namespace

void op_avg_pool2d_forward_cuda(const Call *c)
{
    const Pool2dParam *p = (const Pool2dParam *)c->param;
    PoolShape s = pool_shape(p, c->in[0].shape, c->out.shape);
    int64_t n = shape_count(c->out.shape);

    if (p->kernel < 16)
        CUDA_LAUNCH(cuda_of(c), small_windows, cuda_blocks(n), CUDA_THREADS, s, cuda_view(c->in[0]),
                    n, cuda_view(c->out));
    else
        CUDA_LAUNCH(cuda_of(c), large_windows, (unsigned)n, CUDA_THREADS, s, cuda_view(c->in[0]),
                    cuda_view(c->out));
}

void op_avg_pool2d_backward_cuda(const Call *c)
{
    PoolShape s = pool_shape((const Pool2dParam *)c->param, c->din[0].shape, c->dout.shape);
    int64_t n = shape_count(c->din[0].shape);
    if (c->din[0].data != NULL)
        CUDA_LAUNCH(cuda_of(c), backward, cuda_blocks(n), CUDA_THREADS, s, cuda_view(c->dout), n,
                    c->beta[0], cuda_view(c->din[0]));
}
