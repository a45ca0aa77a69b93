/* mul: y = a b; da = b dy, db = a dy. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_mul_infer(const InferIn *in, InferOut *out, Error *err)
{
    if (!check_equal(in, "mul", err))
        return false;
    out->out = in->in[0];
    return true;
}

void op_mul_forward(const Call *c)
{
    const real *a = c->in[0].data, *b = c->in[1].data;
    int64_t n = shape_count(c->out.shape);
    real *y = c->out.data;

#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

void op_mul_backward(const Call *c)
{
    int64_t n = shape_count(c->dout.shape);
    const real *dy = c->dout.data;

    for (int k = 1; k >= 0; k--) { /* db first: da may take a's place */
        const real *other = c->in[1 - k].data;
        real *d = c->din[k].data, beta = c->beta[k];
        if (d == NULL)
            continue;
#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
        for (int64_t i = 0; i < n; i++)
            d[i] = gradient(beta, d[i], other[i] * dy[i]);
    }
}
