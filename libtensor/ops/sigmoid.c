/* sigmoid: y = 1 / (1 + exp(-x)); dx = y (1 - y) dy. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/exp.h"
#include "libtensor/ops/loops.h"

bool op_sigmoid_infer(const InferIn *in, InferOut *out, Error *err)
{
    if (!check_real(in, 0, 1, TENSOR_MAX_DIM, "sigmoid", "x", err))
        return false;
    out->out = in->in[0];
    return true;
}

void op_sigmoid_forward(const Call *c)
{
    const real *x = c->in[0].data;
    real *y = c->out.data;
    int64_t n = shape_count(c->out.shape);

#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i++)
        y[i] = 1 / (1 + exp_real(-x[i]));
}

void op_sigmoid_backward(const Call *c)
{
    const real *y = c->out.data, *dy = c->dout.data;
    real *dx = c->din[0].data, beta = c->beta[0];
    int64_t n = shape_count(c->dout.shape);

    if (dx == NULL)
        return;
#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i++)
        dx[i] = gradient(beta, dx[i], y[i] * (1 - y[i]) * dy[i]);
}
