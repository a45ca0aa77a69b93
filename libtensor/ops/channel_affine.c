/* channel_affine: y[n,c,...] = scale[c] x[n,c,...] + shift[c].
 * dx = scale[c] dy, dscale[c] = sum dy x, dshift[c] = sum dy. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_channel_affine_infer(const InferIn *in, InferOut *out, Error *err)
{
    Shape x = in->in[0];

    if (!check_real(in, 0, 2, 4, "channel_affine", "x", err) ||
        !check_channels(in, 1, x.dim[1], "channel_affine", "scale", err))
        return false;
    if (check_given(in, 2) && !check_channels(in, 2, x.dim[1], "channel_affine", "shift", err))
        return false;
    out->out = x;
    return true;
}

void op_channel_affine_forward(const Call *c)
{
    const real *x = c->in[0].data, *scale = c->in[1].data, *shift = c->in[2].data;
    int64_t channels = c->out.shape.dim[1], rows = c->out.shape.dim[0] * channels;
    int64_t inner = shape_inner(c->out.shape);
    real *y = c->out.data;

#pragma omp parallel for schedule(static) if (rows * inner > PARALLEL_CHUNK)
    for (int64_t row = 0; row < rows; row++) {
        real a = scale[row % channels], b = shift != NULL ? shift[row % channels] : 0;
        for (int64_t i = row * inner; i < (row + 1) * inner; i++)
            y[i] = a * x[i] + b;
    }
}

void op_channel_affine_backward(const Call *c)
{
    const real *x = c->in[0].data, *scale = c->in[1].data, *dy = c->dout.data;
    int64_t n = c->dout.shape.dim[0], channels = c->dout.shape.dim[1];
    int64_t inner = shape_inner(c->dout.shape);
    real *dx = c->din[0].data, *dscale = c->din[1].data, *dshift = c->din[2].data;

#pragma omp parallel for schedule(static) if (n * channels * inner > PARALLEL_CHUNK)
    for (int64_t k = 0; k < channels; k++) {
        double sum = 0, products = 0;
        for (int64_t s = 0; s < n; s++) {
            int64_t begin = (s * channels + k) * inner;
            if (dx != NULL)
                for (int64_t i = begin; i < begin + inner; i++)
                    dx[i] = gradient(c->beta[0], dx[i], scale[k] * dy[i]);
            if (dscale != NULL)
                products += dot_of(dy + begin, x + begin, inner);
            if (dshift != NULL)
                sum += sum_of(dy + begin, inner);
        }
        if (dscale != NULL)
            dscale[k] = gradient(c->beta[1], dscale[k], (real)products);
        if (dshift != NULL)
            dshift[k] = gradient(c->beta[2], dshift[k], (real)sum);
    }
}
