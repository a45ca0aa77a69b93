/* pad2d: zeros around the image; dx is the middle of dy. See ops/pad2d.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(pad2d)

namespace
{

struct Frame {
    int64_t height, width, rows, cols, top, left; /* inside, outside */
};

__global__ void forward(Frame f, const real *x, int64_t n, real *y)
{
    CUDA_FOR(i, n)
    {
        int64_t row = i / f.cols % f.rows - f.top, col = i % f.cols - f.left;
        bool inside = row >= 0 && row < f.height && col >= 0 && col < f.width;
        y[i] = inside ? x[(i / f.cols / f.rows * f.height + row) * f.width + col] : 0;
    }
}

__global__ void backward(Frame f, const real *dy, int64_t n, real beta, real *dx)
{
    CUDA_FOR(i, n)
    {
        int64_t row = i / f.width % f.height + f.top, col = i % f.width + f.left;
        int64_t plane = i / f.width / f.height;
        dx[i] = cuda_gradient(beta, dx + i, dy[(plane * f.rows + row) * f.cols + col]);
    }
}

Frame frame_of(const Call *c, Shape x, Shape y)
{
    const Pad2dParam *p = (const Pad2dParam *)c->param;
    return {x.dim[2], x.dim[3], y.dim[2], y.dim[3], p->top, p->left};
}

} // namespace

void op_pad2d_forward_cuda(const Call *c)
{
    int64_t n = shape_count(c->out.shape);
    CUDA_LAUNCH(cuda_of(c), forward, cuda_blocks(n), CUDA_THREADS,
                frame_of(c, c->in[0].shape, c->out.shape), cuda_data(c->in[0]), n,
                cuda_data(c->out));
}

void op_pad2d_backward_cuda(const Call *c)
{
    int64_t n = shape_count(c->din[0].shape);
    if (c->din[0].data != NULL)
        CUDA_LAUNCH(cuda_of(c), backward, cuda_blocks(n), CUDA_THREADS,
                    frame_of(c, c->din[0].shape, c->dout.shape), cuda_data(c->dout), n, c->beta[0],
                    cuda_data(c->din[0]));
}
