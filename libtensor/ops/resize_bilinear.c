/* resize_bilinear: samples a box of x, by default all of it, at the half-pixel centres of the
 * output:
 *
 *     v = y0 + (i + 1/2) src_height / height - 1/2, clamped to [0, H - 1], between rows floor v and
 * floor v + 1
 *
 * and the same across (align_corners = false). dx is the transposed map. Both directions are tables
 * of two indices and a weight, made in scratch; a plane is a task. */
#include <math.h>

#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

typedef struct Tap {
    int32_t at, next; /* rows or columns of the input */
    real weight;      /* of next; at has the rest */
} Tap;

bool op_resize_bilinear_infer(const InferIn *in, InferOut *out, Error *err)
{
    const ResizeParam *p = in->param;
    Shape x = in->in[0];

    if (!check_real(in, 0, 4, 4, "resize_bilinear", "x", err))
        return false;
    if (p->height < 1 || p->width < 1)
        return error_set(err, "resize_bilinear: output is %dx%d, wants at least 1x1", p->height,
                         p->width);
    if (p->src_height < 0 || p->src_width < 0 || (p->src_height > 0) != (p->src_width > 0))
        return error_set(
            err, "resize_bilinear: source box is %gx%g, wants both positive, or both 0 for all",
            (double)p->src_height, (double)p->src_width);
    out->out = shape4(x.dim[0], x.dim[1], p->height, p->width);
    /* taps of rows and columns, and a row of reals per slot */
    out->forward_scratch = (size_t)(p->height + p->width) * sizeof(Tap) +
                           (size_t)(PARALLEL_SLOTS * (x.dim[3] + 16)) * sizeof(real);
    out->backward_scratch = out->forward_scratch;
    return true;
}

static void make_taps(Tap *tap, int64_t n, int64_t size, real begin, real extent)
{
    double scale = (double)extent / (double)n;

    for (int64_t i = 0; i < n; i++) {
        double v = (double)begin + ((double)i + .5) * scale - .5;
        v = fmin(fmax(v, 0), (double)(size - 1));
        tap[i].at = (int32_t)v;
        tap[i].next = tap[i].at + 1 < size ? tap[i].at + 1 : tap[i].at;
        tap[i].weight = (real)(v - (double)tap[i].at);
    }
}

/* Makes both tables at the start of scratch; returns what is behind them. */
static real *make_tables(const ResizeParam *p, int64_t height, int64_t width, void *scratch)
{
    bool all = p->src_height == 0;
    Tap *rows = scratch, *cols = rows + p->height;

    make_taps(rows, p->height, height, all ? 0 : p->y, all ? (real)height : p->src_height);
    make_taps(cols, p->width, width, all ? 0 : p->x, all ? (real)width : p->src_width);
    return (real *)(cols + p->width);
}

void op_resize_bilinear_forward(const Call *c)
{
    const ResizeParam *p = c->param;
    int64_t height = c->in[0].shape.dim[2], width = c->in[0].shape.dim[3];
    int64_t planes = c->out.shape.dim[0] * c->out.shape.dim[1];
    real *lines = make_tables(p, height, width, c->scratch);
    const Tap *rows = c->scratch, *cols = rows + p->height;

#pragma omp parallel for collapse(2) schedule(static) num_threads(parallel_threads())
    for (int64_t k = 0; k < planes; k++)
        for (int64_t i = 0; i < p->height; i++) {
            const real *x = (const real *)c->in[0].data + k * height * width;
            const real *a = x + rows[i].at * width, *b = x + rows[i].next * width;
            real *y = (real *)c->out.data + (k * p->height + i) * p->width;
            real *line = lines + parallel_slot() * (width + 16), weight = rows[i].weight;
            for (int64_t j = 0; j < width; j++)
                line[j] = a[j] + weight * (b[j] - a[j]);
            for (int64_t j = 0; j < p->width; j++)
                y[j] = line[cols[j].at] + cols[j].weight * (line[cols[j].next] - line[cols[j].at]);
        }
}

void op_resize_bilinear_backward(const Call *c)
{
    const ResizeParam *p = c->param;
    int64_t height = c->din[0].shape.dim[2], width = c->din[0].shape.dim[3];
    int64_t planes = c->dout.shape.dim[0] * c->dout.shape.dim[1];

    if (c->din[0].data == NULL)
        return;
    real *lines = make_tables(p, height, width, c->scratch);
    const Tap *rows = c->scratch, *cols = rows + p->height;
#pragma omp parallel for schedule(static) num_threads(parallel_threads())
    for (int64_t k = 0; k < planes; k++) {
        real *dx = (real *)c->din[0].data + k * height * width;
        real *line = lines + parallel_slot() * (width + 16);
        if (c->beta[0] == 0)
            memset(dx, 0, (size_t)(height * width) * sizeof *dx);
        for (int64_t i = 0; i < p->height; i++) {
            const real *dy = (const real *)c->dout.data + (k * p->height + i) * p->width;
            real *a = dx + rows[i].at * width, *b = dx + rows[i].next * width;
            real weight = rows[i].weight;
            memset(line, 0, (size_t)width * sizeof *line);
            for (int64_t j = 0; j < p->width; j++) {
                line[cols[j].at] += (1 - cols[j].weight) * dy[j];
                line[cols[j].next] += cols[j].weight * dy[j];
            }
            for (int64_t j = 0; j < width; j++)
                a[j] += (1 - weight) * line[j];
            for (int64_t j = 0; j < width; j++)
                b[j] += weight * line[j];
        }
    }
}
