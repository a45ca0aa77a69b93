/* slice: elements begin .. begin + count - 1 of one dimension; dx is dy there and 0 elsewhere. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_slice_infer(const InferIn *in, InferOut *out, Error *err)
{
    const AxisParam *p = in->param;
    Shape x = in->in[0];
    char text[88];

    if (!check_real(in, 0, 1, TENSOR_MAX_DIM, "slice", "x", err))
        return false;
    if (p->axis < 0 || p->axis >= x.ndim)
        return error_set(err, "slice: axis is %d, x is %s", p->axis, shape_text(x, text));
    if (p->begin < 0 || p->count < 1 || p->count > x.dim[p->axis] - p->begin)
        return error_set(err, "slice: %lld elements from %lld on, dimension %d of x has %lld",
                         (long long)p->count, (long long)p->begin, p->axis,
                         (long long)x.dim[p->axis]);
    out->out = x;
    out->out.dim[p->axis] = p->count;
    return true;
}

/* A run is dimension axis and those behind it; the part is what the slice takes of it, beginning at
 * *from. */
static void split(Shape x, const AxisParam *p, int64_t *runs, int64_t *run, int64_t *from,
                  int64_t *part)
{
    int64_t step = 1;

    for (int d = p->axis + 1; d < x.ndim; d++)
        step *= x.dim[d];
    *run = x.dim[p->axis] * step;
    *runs = shape_count(x) / *run;
    *from = p->begin * step;
    *part = p->count * step;
}

void op_slice_forward(const Call *c)
{
    int64_t runs, run, from, part;
    split(c->in[0].shape, c->param, &runs, &run, &from, &part);

    for (int64_t k = 0; k < runs; k++)
        memcpy((real *)c->out.data + k * part, (const real *)c->in[0].data + k * run + from,
               (size_t)part * sizeof(real));
}

void op_slice_backward(const Call *c)
{
    if (c->din[0].data == NULL)
        return;
    int64_t runs, run, from, part;
    split(c->din[0].shape, c->param, &runs, &run, &from, &part);

    for (int64_t k = 0; k < runs; k++) {
        real *dx = (real *)c->din[0].data + k * run;
        if (c->beta[0] == 0)
            memset(dx, 0, (size_t)run * sizeof *dx);
        add_to(dx + from, c->beta[0], (const real *)c->dout.data + k * part, part);
    }
}
