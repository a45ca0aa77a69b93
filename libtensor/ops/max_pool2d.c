/* max_pool2d: y = the largest x of each window; padding never wins, NaN always does. saved: its
 * index in the plane (the first where equal), to which dx goes. A plane is a task; within it a row
 * of windows is compared tap by tap, so that the loops are over vectors. */
#include <math.h>

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

/* Windows begin .. end - 1 of a row meet x[j * stride], whose index in the plane is first + j *
 * stride. */
static inline void meet_tap(const real *restrict x, int32_t first, int64_t stride, int64_t begin,
                            int64_t end, real *restrict y, int32_t *restrict index)
{
    for (int64_t j = begin; j < end; j++) {
        real v = x[j * stride];
        bool wins = v > y[j] || v != v;
        y[j] = wins ? v : y[j];
        index[j] = wins ? first + (int32_t)(j * stride) : index[j];
    }
}

/* All four taps of 2x2 windows; first: the index of top[0]. */
static void halve_row(const real *restrict top, int64_t width, int32_t first, int64_t cols,
                      real *restrict y, int32_t *restrict index)
{
    const real *restrict bottom = top + width;
    int32_t below = first + (int32_t)width;

    for (int64_t j = 0; j < cols; j++) {
        int32_t at = 2 * (int32_t)j, best = first + at;
        real v = top[2 * j], b = top[2 * j + 1], c = bottom[2 * j], d = bottom[2 * j + 1];
        best = b > v || b != b ? first + at + 1 : best;
        v = b > v || b != b ? b : v;
        best = c > v || c != c ? below + at : best;
        v = c > v || c != c ? c : v;
        best = d > v || d != d ? below + at + 1 : best;
        y[j] = d > v || d != d ? d : v;
        index[j] = best;
    }
}

/* Row i of the windows of a plane. */
static void pool_row(const Pool2dParam *p, const real *x, int64_t height, int64_t width, int64_t i,
                     int64_t cols, real *y, int32_t *index)
{
    int64_t y0, y1, j0, j1;

    if (pool_halves(p)) {
        halve_row(x + 2 * i * width, width, (int32_t)(2 * i * width), cols, y, index);
        return;
    }
    pool_window(p, i, height, &y0, &y1);
    for (int64_t j = 0; j < cols; j++) {
        int64_t x0 = j * p->stride - p->pad;
        y[j] = -(real)INFINITY;
        index[j] = (int32_t)(y0 * width + (x0 < 0 ? 0 : x0));
    }
    for (int64_t v = y0; v < y1; v++)
        for (int64_t u = 0; u < p->kernel; u++) {
            const real *row = x + v * width - p->pad + u;
            int32_t first = (int32_t)(v * width - p->pad + u);
            pool_tap(p, u, width, cols, &j0, &j1);
            if (p->stride == 1)
                meet_tap(row, first, 1, j0, j1, y, index);
            else if (p->stride == 2)
                meet_tap(row, first, 2, j0, j1, y, index);
            else
                meet_tap(row, first, p->stride, j0, j1, y, index);
        }
}

void op_max_pool2d_forward(const Call *c)
{
    const Pool2dParam *p = c->param;
    int64_t height = c->in[0].shape.dim[2], width = c->in[0].shape.dim[3];
    int64_t rows = c->out.shape.dim[2], cols = c->out.shape.dim[3];
    int64_t planes = c->out.shape.dim[0] * c->out.shape.dim[1];

#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < planes; k++)
        for (int64_t i = 0; i < rows; i++)
            pool_row(p, (const real *)c->in[0].data + k * height * width, height, width, i, cols,
                     (real *)c->out.data + (k * rows + i) * cols,
                     (int32_t *)c->saved[0].data + (k * rows + i) * cols);
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
