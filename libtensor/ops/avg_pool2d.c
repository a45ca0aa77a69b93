/* avg_pool2d: y = the mean of x over each window, padding not counted; dx += dy / count in the
 * window. A plane is a task. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/loops.h"
#include "libtensor/ops/pool.h"

bool op_avg_pool2d_infer(const InferIn *in, InferOut *out, Error *err)
{
    return pool_infer(in, "avg_pool2d", &out->out, err);
}

void op_avg_pool2d_forward(const Call *c)
{
    const Pool2dParam *p = c->param;
    int64_t height = c->in[0].shape.dim[2], width = c->in[0].shape.dim[3];
    int64_t rows = c->out.shape.dim[2], cols = c->out.shape.dim[3];
    int64_t planes = c->out.shape.dim[0] * c->out.shape.dim[1];

#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < planes; k++) {
        const real *x = (const real *)c->in[0].data + k * height * width;
        real *y = (real *)c->out.data + k * rows * cols;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < cols; j++) {
                int64_t y0, y1, x0, x1;
                pool_window(p, i, height, &y0, &y1);
                pool_window(p, j, width, &x0, &x1);
                real sum = 0;
                for (int64_t v = y0; v < y1; v++)
                    for (int64_t u = x0; u < x1; u++)
                        sum += x[v * width + u];
                y[i * cols + j] = sum / (real)((y1 - y0) * (x1 - x0));
            }
    }
}

void op_avg_pool2d_backward(const Call *c)
{
    const Pool2dParam *p = c->param;
    int64_t height = c->din[0].shape.dim[2], width = c->din[0].shape.dim[3];
    int64_t rows = c->dout.shape.dim[2], cols = c->dout.shape.dim[3];
    int64_t planes = c->dout.shape.dim[0] * c->dout.shape.dim[1];

    if (c->din[0].data == NULL)
        return;
#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < planes; k++) {
        const real *dy = (const real *)c->dout.data + k * rows * cols;
        real *dx = (real *)c->din[0].data + k * height * width;
        if (c->beta[0] == 0)
            memset(dx, 0, (size_t)(height * width) * sizeof *dx);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < cols; j++) {
                int64_t y0, y1, x0, x1;
                pool_window(p, i, height, &y0, &y1);
                pool_window(p, j, width, &x0, &x1);
                real share = dy[i * cols + j] / (real)((y1 - y0) * (x1 - x0));
                for (int64_t v = y0; v < y1; v++)
                    for (int64_t u = x0; u < x1; u++)
                        dx[v * width + u] += share;
            }
    }
}
