/* grey: y = .299 R + .587 G + .114 B (ITU-R BT.601); dx of each channel is its weight times dy. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

static const real weight[3] = {(real).299, (real).587, (real).114};

bool op_grey_infer(const InferIn *in, InferOut *out, Error *err)
{
    Shape x = in->in[0];

    if (!check_real(in, 0, 4, 4, "grey", "x", err))
        return false;
    if (x.dim[1] != 3)
        return error_set(err, "grey: x has %lld channels, wants 3", (long long)x.dim[1]);
    out->out = shape4(x.dim[0], 1, x.dim[2], x.dim[3]);
    return true;
}

void op_grey_forward(const Call *c)
{
    int64_t n = c->out.shape.dim[0], area = shape_inner(c->out.shape);
    const real *x = c->in[0].data;
    real *y = c->out.data;

#pragma omp parallel for collapse(2) schedule(static) if (n * area > PARALLEL_CHUNK)
    for (int64_t k = 0; k < n; k++)
        for (int64_t i = 0; i < area; i++)
            y[k * area + i] = weight[0] * x[3 * k * area + i] +
                              weight[1] * x[(3 * k + 1) * area + i] +
                              weight[2] * x[(3 * k + 2) * area + i];
}

void op_grey_backward(const Call *c)
{
    int64_t n = c->dout.shape.dim[0], area = shape_inner(c->dout.shape);
    const real *dy = c->dout.data;
    real *dx = c->din[0].data, beta = c->beta[0];

    if (dx == NULL)
        return;
#pragma omp parallel for schedule(static) if (n * area > PARALLEL_CHUNK)
    for (int64_t row = 0; row < 3 * n; row++)
        for (int64_t i = 0; i < area; i++)
            dx[row * area + i] =
                gradient(beta, dx[row * area + i], weight[row % 3] * dy[row / 3 * area + i]);
}
