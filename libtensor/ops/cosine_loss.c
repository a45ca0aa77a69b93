/* cosine_loss: mean over n of 1 - a_n . b_n / (|a_n| |b_n|) (Eq. 5); norms below 1e-8 count as
 * 1e-8. da_n = dy / N (a.b a / |a|^2 - b) / (|a| |b|), without the first term where |a| is below;
 * db alike. saved: a.b, |a|, |b| per n. */
#include <math.h>

#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

static const double SMALLEST = 1e-8;

bool op_cosine_loss_infer(const InferIn *in, InferOut *out, Error *err)
{
    if (!check_equal(in, "cosine_loss", err) || !check_real(in, 0, 2, 2, "cosine_loss", "a", err))
        return false;
    out->out = shape1(1);
    out->saved[0] = shape2(in->in[0].dim[0], 3);
    return true;
}

void op_cosine_loss_forward(const Call *c)
{
    int64_t n = c->in[0].shape.dim[0], d = c->in[0].shape.dim[1];
    const real *a = c->in[0].data, *b = c->in[1].data;
    real *saved = c->saved[0].data;
    double sum = 0;

    for (int64_t k = 0; k < n; k++) {
        double dot = dot_of(a + k * d, b + k * d, d);
        double norm_a = fmax(sqrt(dot_of(a + k * d, a + k * d, d)), SMALLEST);
        double norm_b = fmax(sqrt(dot_of(b + k * d, b + k * d, d)), SMALLEST);
        sum += 1 - dot / (norm_a * norm_b);
        saved[3 * k] = (real)dot;
        saved[3 * k + 1] = (real)norm_a;
        saved[3 * k + 2] = (real)norm_b;
    }
    *(real *)c->out.data = (real)(sum / (double)n);
}

/* dx = beta dx + scale (dot x / norm^2 - other) / (norm other_norm) */
static void row_gradient(const real *x, const real *other, int64_t d, double dot, double norm,
                         double other_norm, double scale, real beta, real *dx)
{
    real toward = (real)(-scale / (norm * other_norm));
    real along = norm > SMALLEST ? (real)(scale * dot / (norm * norm * norm * other_norm)) : 0;

    for (int64_t i = 0; i < d; i++)
        dx[i] = gradient(beta, dx[i], along * x[i] + toward * other[i]);
}

void op_cosine_loss_backward(const Call *c)
{
    int64_t n = c->in[0].shape.dim[0], d = c->in[0].shape.dim[1];
    const real *a = c->in[0].data, *b = c->in[1].data, *saved = c->saved[0].data;
    real *da = c->din[0].data, *db = c->din[1].data;
    double scale = (double)*(const real *)c->dout.data / (double)n;

    for (int64_t k = 0; k < n; k++) {
        double dot = (double)saved[3 * k], norm_a = (double)saved[3 * k + 1];
        double norm_b = (double)saved[3 * k + 2];
        if (da != NULL)
            row_gradient(a + k * d, b + k * d, d, dot, norm_a, norm_b, scale, c->beta[0],
                         da + k * d);
        if (db != NULL)
            row_gradient(b + k * d, a + k * d, d, dot, norm_b, norm_a, scale, c->beta[1],
                         db + k * d);
    }
}
