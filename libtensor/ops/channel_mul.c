/* channel_mul: y[n,c,h,w] = s[n,c] x[n,c,h,w], the gate of SENet.
 * dx = s dy, ds[n,c] = sum over pixels of dy x. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_channel_mul_infer(const InferIn *in, InferOut *out, Error *err)
{
    Shape x = in->in[0], s = in->in[1];
    char text[88], other[88];

    if (!check_real(in, 0, 4, 4, "channel_mul", "x", err) ||
        !check_real(in, 1, 2, 2, "channel_mul", "s", err))
        return false;
    if (s.dim[0] != x.dim[0] || s.dim[1] != x.dim[1])
        return error_set(err,
                         "channel_mul: s is %s, x is %s; their first two dimensions must be alike",
                         shape_text(s, text), shape_text(x, other));
    out->out = x;
    return true;
}

void op_channel_mul_forward(const Call *c)
{
    const real *x = c->in[0].data, *s = c->in[1].data;
    int64_t inner = shape_inner(c->out.shape), rows = shape_count(c->in[1].shape);
    real *y = c->out.data;

#pragma omp parallel for schedule(static) if (rows * inner > PARALLEL_CHUNK)
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = row * inner; i < (row + 1) * inner; i++)
            y[i] = s[row] * x[i];
}

void op_channel_mul_backward(const Call *c)
{
    const real *x = c->in[0].data, *s = c->in[1].data, *dy = c->dout.data;
    int64_t inner = shape_inner(c->dout.shape), rows = shape_count(c->in[1].shape);
    real *dx = c->din[0].data, *ds = c->din[1].data;

#pragma omp parallel for schedule(static) if (rows * inner > PARALLEL_CHUNK)
    for (int64_t row = 0; row < rows; row++) {
        int64_t begin = row * inner;
        if (dx != NULL)
            for (int64_t i = begin; i < begin + inner; i++)
                dx[i] = gradient(c->beta[0], dx[i], s[row] * dy[i]);
        if (ds != NULL)
            ds[row] = gradient(c->beta[1], ds[row], (real)dot_of(dy + begin, x + begin, inner));
    }
}
