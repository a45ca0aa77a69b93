/* relu: y = x < 0 ? 0 : x, so that NaN stays NaN; dx = y > 0 ? dy : 0. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_relu_infer(const InferIn *in, InferOut *out, Error *err)
{
    if (!check_real(in, 0, 1, TENSOR_MAX_DIM, "relu", "x", err))
        return false;
    out->out = in->in[0];
    return true;
}

void op_relu_forward(const Call *c)
{
    const real *x = c->in[0].data;
    real *y = c->out.data;
    int64_t n = shape_count(c->out.shape);

#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] < 0 ? 0 : x[i];
}

void op_relu_backward(const Call *c)
{
    const real *y = c->out.data, *dy = c->dout.data;
    real *dx = c->din[0].data, beta = c->beta[0];
    int64_t n = shape_count(c->dout.shape);

    if (dx == NULL)
        return;
#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i++)
        dx[i] = gradient(beta, dx[i], y[i] > 0 ? dy[i] : 0);
}
