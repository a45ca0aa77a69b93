/* max_pool2d: y = the largest x of each window; padding never wins. saved: its index in the plane
 * (the first where equal), to which dx goes. A plane is a task. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/loops.h"
#include "libtensor/ops/pool.h"

bool op_max_pool2d_infer(const InferIn *in, InferOut *out, Error *err)
{
    if (!pool_infer(in, "max_pool2d", &out->out, err))
        return false;
    out->saved[0] = out->out;
    out->saved_type[0] = DTYPE_I32;
    return true;
}

void op_max_pool2d_forward(const Call *c)
{
    const Pool2dParam *p = c->param;
    int64_t height = c->in[0].shape.dim[2], width = c->in[0].shape.dim[3];
    int64_t rows = c->out.shape.dim[2], cols = c->out.shape.dim[3];
    int64_t planes = c->out.shape.dim[0] * c->out.shape.dim[1];

#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < planes; k++) {
        const real *x = (const real *)c->in[0].data + k * height * width;
        real *y = (real *)c->out.data + k * rows * cols;
        int32_t *index = (int32_t *)c->saved[0].data + k * rows * cols;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < cols; j++) {
                int64_t y0, y1, x0, x1;
                pool_window(p, i, height, &y0, &y1);
                pool_window(p, j, width, &x0, &x1);
                int64_t best = y0 * width + x0;
                for (int64_t v = y0; v < y1; v++)
                    for (int64_t u = x0; u < x1; u++)
                        if (x[v * width + u] > x[best])
                            best = v * width + u;
                y[i * cols + j] = x[best];
                index[i * cols + j] = (int32_t)best;
            }
    }
}

void op_max_pool2d_backward(const Call *c)
{
    Shape x = c->din[0].shape;
    int64_t area = c->dout.shape.dim[2] * c->dout.shape.dim[3];
    int64_t planes = c->dout.shape.dim[0] * c->dout.shape.dim[1];

    if (c->din[0].data == NULL)
        return;
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < planes; k++) {
        const real *dy = (const real *)c->dout.data + k * area;
        const int32_t *index = (const int32_t *)c->saved[0].data + k * area;
        real *dx = (real *)c->din[0].data + k * shape_inner(x);
        if (c->beta[0] == 0)
            memset(dx, 0, (size_t)shape_inner(x) * sizeof *dx);
        for (int64_t i = 0; i < area; i++)
            dx[index[i]] += dy[i];
    }
}
