/* spatial_mul: y[n,c,h,w] = s[n,0,h,w] x[n,c,h,w]: pixel-wise weights, Eq. 6.
 * dx = s dy, ds[n,0,h,w] = sum over channels of dy x. Runs of pixels are the tasks. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

enum { RUN = 128 }; /* many enough for the threads at 32x32 */

bool op_spatial_mul_infer(const InferIn *in, InferOut *out, Error *err)
{
    Shape x = in->in[0], s = in->in[1];
    char text[88], other[88];

    if (!check_real(in, 0, 4, 4, "spatial_mul", "x", err) ||
        !check_real(in, 1, 4, 4, "spatial_mul", "s", err))
        return false;
    if (s.dim[0] != x.dim[0] || s.dim[1] != 1 || s.dim[2] != x.dim[2] || s.dim[3] != x.dim[3])
        return error_set(err, "spatial_mul: s is %s, x is %s; s must be alike but for one channel",
                         shape_text(s, text), shape_text(x, other));
    out->out = x;
    return true;
}

void op_spatial_mul_forward(const Call *c)
{
    const real *x = c->in[0].data, *s = c->in[1].data;
    int64_t n = c->out.shape.dim[0], channels = c->out.shape.dim[1];
    int64_t inner = shape_inner(c->out.shape);
    real *y = c->out.data;

#pragma omp parallel for schedule(static) if (n * channels * inner > PARALLEL_CHUNK)
    for (int64_t row = 0; row < n * channels; row++) {
        const real *weight = s + row / channels * inner;
        for (int64_t i = 0; i < inner; i++)
            y[row * inner + i] = weight[i] * x[row * inner + i];
    }
}

static void weight_gradient(const real *x, const real *dy, int64_t channels, int64_t inner,
                            int64_t count, real beta, real *ds)
{
    real sum[RUN] = {0};

    for (int64_t k = 0; k < channels; k++)
        for (int64_t i = 0; i < count; i++)
            sum[i] += dy[k * inner + i] * x[k * inner + i];
    for (int64_t i = 0; i < count; i++)
        ds[i] = gradient(beta, ds[i], sum[i]);
}

void op_spatial_mul_backward(const Call *c)
{
    const real *x = c->in[0].data, *s = c->in[1].data, *dy = c->dout.data;
    int64_t n = c->dout.shape.dim[0], channels = c->dout.shape.dim[1];
    int64_t inner = shape_inner(c->dout.shape), runs = (inner + RUN - 1) / RUN;
    real *dx = c->din[0].data, *ds = c->din[1].data;

#pragma omp parallel for collapse(2) schedule(static) if (n * channels * inner > PARALLEL_CHUNK)
    for (int64_t k = 0; k < n; k++)
        for (int64_t run = 0; run < runs; run++) {
            int64_t p0 = run * RUN, count = inner - p0 < RUN ? inner - p0 : RUN;
            int64_t begin = k * channels * inner + p0;
            const real *weight = s + k * inner + p0;
            if (dx != NULL)
                for (int64_t j = 0; j < channels; j++)
                    for (int64_t i = 0; i < count; i++) {
                        int64_t at = begin + j * inner + i;
                        dx[at] = gradient(c->beta[0], dx[at], weight[i] * dy[at]);
                    }
            if (ds != NULL)
                weight_gradient(x + begin, dy + begin, channels, inner, count, c->beta[1],
                                ds + k * inner + p0);
        }
}
