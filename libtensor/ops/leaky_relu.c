/* leaky_relu: y = x > 0 ? x : slope x, 0 < slope < 1, so y has the sign of x; dx = y > 0 ? dy :
 * slope dy. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_leaky_relu_infer(const InferIn *in, InferOut *out, Error *err)
{
    const LeakyReluParam *p = in->param;

    if (!check_real(in, 0, 1, TENSOR_MAX_DIM, "leaky_relu", "x", err))
        return false;
    if (!(p->slope > 0 && p->slope < 1))
        return error_set(err, "leaky_relu: slope is %g, wants between 0 and 1", (double)p->slope);
    out->out = in->in[0];
    return true;
}

void op_leaky_relu_forward(const Call *c)
{
    const LeakyReluParam *p = c->param;
    real slope = p->slope;
    const real *x = c->in[0].data;
    real *y = c->out.data;
    int64_t n = shape_count(c->out.shape);

#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

void op_leaky_relu_backward(const Call *c)
{
    const LeakyReluParam *p = c->param;
    real slope = p->slope;
    const real *y = c->out.data, *dy = c->dout.data;
    real *dx = c->din[0].data, beta = c->beta[0];
    int64_t n = shape_count(c->dout.shape);

    if (dx == NULL)
        return;
#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i++)
        dx[i] = gradient(beta, dx[i], y[i] > 0 ? dy[i] : slope * dy[i]);
}
