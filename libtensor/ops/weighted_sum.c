/* weighted_sum: y = sum_i StepState.weight[p.weight[i]] x_i of scalars (Eq. 4); dx_i = its weight
 * times dy. */
#include <stdio.h>

#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_weighted_sum_infer(const InferIn *in, InferOut *out, Error *err)
{
    const WeightedSumParam *p = in->param;
    char name[16], text[88];

    for (int i = 0; i < in->n_in; i++) {
        snprintf(name, sizeof name, "x%d", i);
        if (!check_real(in, i, 1, 1, "weighted_sum", name, err))
            return false;
        if (in->in[i].dim[0] != 1)
            return error_set(err, "weighted_sum: x%d is %s, wants a scalar", i,
                             shape_text(in->in[i], text));
        if (p->weight[i] < 0 || p->weight[i] >= STEP_MAX_WEIGHTS)
            return error_set(err, "weighted_sum: x%d takes weight %d, there are weights 0 to %d", i,
                             p->weight[i], STEP_MAX_WEIGHTS - 1);
    }
    out->out = shape1(1);
    return true;
}

void op_weighted_sum_forward(const Call *c)
{
    const WeightedSumParam *p = c->param;
    real sum = 0;

    for (int i = 0; i < c->n_in; i++)
        sum += c->step->weight[p->weight[i]] * *(const real *)c->in[i].data;
    *(real *)c->out.data = sum;
}

void op_weighted_sum_backward(const Call *c)
{
    const WeightedSumParam *p = c->param;
    real dy = *(const real *)c->dout.data;

    for (int i = 0; i < c->n_in; i++) {
        real *dx = c->din[i].data;
        if (dx != NULL)
            *dx = gradient(c->beta[i], *dx, c->step->weight[p->weight[i]] * dy);
    }
}
