/* max_halves: MFM of LightCNN (Wu et al.), y[n,c,...] = max(x[n,c,...], x[n,c+C,...]).
 * dx goes to the larger one, to the first where they are equal. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_max_halves_infer(const InferIn *in, InferOut *out, Error *err)
{
    Shape x = in->in[0];

    if (!check_real(in, 0, 2, TENSOR_MAX_DIM, "max_halves", "x", err))
        return false;
    if (x.dim[1] % 2 != 0)
        return error_set(err, "max_halves: x has %lld channels, wants an even number",
                         (long long)x.dim[1]);
    out->out = x;
    out->out.dim[1] /= 2;
    return true;
}

void op_max_halves_forward(const Call *c)
{
    int64_t n = c->out.shape.dim[0], half = shape_count(c->out.shape) / n;
    const real *x = c->in[0].data;
    real *y = c->out.data;

#pragma omp parallel for collapse(2) schedule(static) if (n * half > PARALLEL_CHUNK)
    for (int64_t k = 0; k < n; k++)
        for (int64_t i = 0; i < half; i++) {
            real a = x[2 * k * half + i], b = x[(2 * k + 1) * half + i];
            y[k * half + i] = b > a ? b : a;
        }
}

void op_max_halves_backward(const Call *c)
{
    int64_t n = c->dout.shape.dim[0], half = shape_count(c->dout.shape) / n;
    const real *x = c->in[0].data, *dy = c->dout.data;
    real *dx = c->din[0].data, beta = c->beta[0];

    if (dx == NULL)
        return;
#pragma omp parallel for collapse(2) schedule(static) if (n * half > PARALLEL_CHUNK)
    for (int64_t k = 0; k < n; k++)
        for (int64_t i = 0; i < half; i++) {
            int64_t a = 2 * k * half + i, b = a + half;
            bool second = x[b] > x[a]; /* before dx, which may take x's place */
            real d = dy[k * half + i];
            dx[a] = gradient(beta, dx[a], second ? 0 : d);
            dx[b] = gradient(beta, dx[b], second ? d : 0);
        }
}
