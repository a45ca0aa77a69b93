/* avg_pool2d: y = the mean of x over each window, padding not counted; dx += dy / count in the
 * window. A plane is a task; within it a row of windows goes tap by tap, so that the loops are over
 * vectors. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/loops.h"
#include "libtensor/ops/pool.h"

bool op_avg_pool2d_infer(const InferIn *in, InferOut *out, Error *err)
{
    if (!pool_infer(in, "avg_pool2d", &out->out, err))
        return false;
    out->backward_scratch =
        (size_t)(PARALLEL_SLOTS * (out->out.dim[3] + 16)) * sizeof(real); /* a row per slot */
    return true;
}

static inline void sum_tap(const real *restrict x, int64_t stride, int64_t begin, int64_t end,
                           real *restrict y)
{
    for (int64_t j = begin; j < end; j++)
        y[j] += x[j * stride];
}

/* The sum in the order of the taps, so that the bits are those of any other size's loop. */
static void halve_row(const real *restrict top, const real *restrict bottom, int64_t cols,
                      real *restrict y)
{
    for (int64_t j = 0; j < cols; j++)
        y[j] = (top[2 * j] + top[2 * j + 1] + bottom[2 * j] + bottom[2 * j + 1]) / 4;
}

static void pool_row(const Pool2dParam *p, const real *x, int64_t height, int64_t width, int64_t i,
                     int64_t cols, real *y)
{
    int64_t y0, y1, x0, x1, j0, j1;

    if (pool_halves(p)) {
        halve_row(x + 2 * i * width, x + (2 * i + 1) * width, cols, y);
        return;
    }
    pool_window(p, i, height, &y0, &y1);
    if (p->kernel >= LANES) { /* few windows, long rows */
        for (int64_t j = 0; j < cols; j++) {
            double sum = 0;
            pool_window(p, j, width, &x0, &x1);
            for (int64_t v = y0; v < y1; v++)
                sum += sum_of(x + v * width + x0, x1 - x0);
            y[j] = (real)(sum / (double)((y1 - y0) * (x1 - x0)));
        }
        return;
    }
    memset(y, 0, (size_t)cols * sizeof *y);
    for (int64_t v = y0; v < y1; v++)
        for (int64_t u = 0; u < p->kernel; u++) {
            const real *row = x + v * width - p->pad + u;
            pool_tap(p, u, width, cols, &j0, &j1);
            if (p->stride == 1)
                sum_tap(row, 1, j0, j1, y);
            else if (p->stride == 2)
                sum_tap(row, 2, j0, j1, y);
            else
                sum_tap(row, p->stride, j0, j1, y);
        }
    for (int64_t j = 0; j < cols; j++) {
        pool_window(p, j, width, &x0, &x1);
        y[j] /= (real)((y1 - y0) * (x1 - x0));
    }
}

void op_avg_pool2d_forward(const Call *c)
{
    const Pool2dParam *p = c->param;
    int64_t height = c->in[0].shape.dim[2], width = c->in[0].shape.dim[3];
    int64_t rows = c->out.shape.dim[2], cols = c->out.shape.dim[3];
    int64_t planes = c->out.shape.dim[0] * c->out.shape.dim[1];

#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < planes; k++)
        for (int64_t i = 0; i < rows; i++)
            pool_row(p, (const real *)c->in[0].data + k * height * width, height, width, i, cols,
                     (real *)c->out.data + (k * rows + i) * cols);
}

/* dx of the rows under one row of windows, each of whose pixels gets share[j]. */
static void spread_row(const Pool2dParam *p, const real *restrict share, int64_t width,
                       int64_t cols, real *restrict row)
{
    int64_t j0, j1;

    if (pool_halves(p)) {
        for (int64_t j = 0; j < cols; j++) {
            row[2 * j] += share[j];
            row[2 * j + 1] += share[j];
        }
        return;
    }
    for (int64_t u = 0; u < p->kernel; u++) {
        pool_tap(p, u, width, cols, &j0, &j1);
        for (int64_t j = j0; j < j1; j++)
            row[j * p->stride - p->pad + u] += share[j];
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
#pragma omp parallel for schedule(static) num_threads(parallel_threads())
    for (int64_t k = 0; k < planes; k++) {
        const real *dy = (const real *)c->dout.data + k * rows * cols;
        real *dx = (real *)c->din[0].data + k * height * width;
        real *share = (real *)c->scratch + parallel_slot() * (cols + 16);
        if (c->beta[0] == 0)
            memset(dx, 0, (size_t)(height * width) * sizeof *dx);
        for (int64_t i = 0; i < rows; i++) {
            int64_t y0, y1, x0, x1;
            pool_window(p, i, height, &y0, &y1);
            for (int64_t j = 0; j < cols; j++) {
                pool_window(p, j, width, &x0, &x1);
                share[j] = dy[i * cols + j] / (real)((y1 - y0) * (x1 - x0));
            }
            for (int64_t v = y0; v < y1; v++)
                spread_row(p, share, width, cols, dx + v * width);
        }
    }
}
