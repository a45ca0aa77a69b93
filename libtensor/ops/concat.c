/* concat: 1 to 8 tensors joined along one dimension; dx_i is its part of dy. */
#include <stdio.h>

#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_concat_infer(const InferIn *in, InferOut *out, Error *err)
{
    const AxisParam *p = in->param;
    Shape first = in->in[0];
    char name[16], text[88], other[88];

    out->out = first;
    for (int i = 0; i < in->n_in; i++) {
        Shape s = in->in[i];
        snprintf(name, sizeof name, "x%d", i);
        if (!check_real(in, i, 1, TENSOR_MAX_DIM, "concat", name, err))
            return false;
        if (p->axis < 0 || p->axis >= first.ndim)
            return error_set(err, "concat: axis is %d, x0 is %s", p->axis, shape_text(first, text));
        bool alike = s.ndim == first.ndim;
        for (int d = 0; alike && d < s.ndim; d++)
            alike = d == p->axis || s.dim[d] == first.dim[d];
        if (!alike)
            return error_set(err,
                             "concat: x0 is %s, x%d is %s; they must be alike but in dimension %d",
                             shape_text(first, text), i, shape_text(s, other), p->axis);
        if (i > 0)
            out->out.dim[p->axis] += s.dim[p->axis];
    }
    return true;
}

/* Elements of one run: dimension axis and those behind it. */
static int64_t run_of(Shape s, int axis)
{
    int64_t n = 1;
    for (int d = axis; d < s.ndim; d++)
        n *= s.dim[d];
    return n;
}

void op_concat_forward(const Call *c)
{
    const AxisParam *p = c->param;
    int64_t run = run_of(c->out.shape, p->axis), runs = shape_count(c->out.shape) / run;

#pragma omp parallel for schedule(static) if (run * runs > PARALLEL_CHUNK)
    for (int64_t k = 0; k < runs; k++) {
        real *y = (real *)c->out.data + k * run;
        for (int i = 0; i < c->n_in; i++) {
            int64_t part = run_of(c->in[i].shape, p->axis);
            memcpy(y, (const real *)c->in[i].data + k * part, (size_t)part * sizeof *y);
            y += part;
        }
    }
}

void op_concat_backward(const Call *c)
{
    const AxisParam *p = c->param;
    int64_t run = run_of(c->dout.shape, p->axis), runs = shape_count(c->dout.shape) / run;

#pragma omp parallel for schedule(static) if (run * runs > PARALLEL_CHUNK)
    for (int64_t k = 0; k < runs; k++) {
        const real *dy = (const real *)c->dout.data + k * run;
        for (int i = 0; i < c->n_in; i++) {
            int64_t part = run_of(c->in[i].shape, p->axis);
            if (c->din[i].data != NULL)
                add_to((real *)c->din[i].data + k * part, c->beta[i], dy, part);
            dy += part;
        }
    }
}
