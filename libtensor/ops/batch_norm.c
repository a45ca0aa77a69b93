/* batch_norm: per channel c over samples and pixels (M of them),
 *
 *     train: m = mean x, v = mean (x - m)^2; running mean += momentum (m - running mean),
 *            running var += momentum (v M / (M - 1) - running var)
 *     eval:  m, v = running mean, running var
 *     y = gamma (x - m) / sqrt(v + eps) + beta
 *
 * With h = (x - m) r, r = 1 / sqrt(v + eps):  dbeta = sum dy,  dgamma = sum dy h,
 *     train: dx = gamma r (dy - dbeta / M - h dgamma / M);  eval: dx = gamma r dy.
 * saved: m and r. (Ioffe and Szegedy 2015.) A channel is a task. */
#include <math.h>

#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_batch_norm_infer(const InferIn *in, InferOut *out, Error *err)
{
    static const char *const name[] = {"x", "gamma", "beta", "mean", "var"};
    const BatchNormParam *p = in->param;
    Shape x = in->in[0];

    if (!check_real(in, 0, 2, 4, "batch_norm", "x", err))
        return false;
    if (x.ndim == 3)
        return error_set(err, "batch_norm: x has 3 dimensions, wants 2 or 4");
    for (int i = 1; i < 5; i++)
        if (!check_channels(in, i, x.dim[1], "batch_norm", name[i], err))
            return false;
    if (!(p->eps > 0) || !(p->momentum >= 0 && p->momentum <= 1))
        return error_set(err,
                         "batch_norm: eps %g, momentum %g; eps must be above 0, momentum in [0, 1]",
                         (double)p->eps, (double)p->momentum);
    if (p->train && x.dim[0] * shape_inner(x) < 2)
        return error_set(err, "batch_norm: training needs more than one value per channel");
    out->out = x;
    out->saved[0] = out->saved[1] = shape1(x.dim[1]);
    return true;
}

static double deviation(const real *restrict x, int64_t n, real mean)
{
    real lane[LANES] = {0};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (x[i + l] - mean) * (x[i + l] - mean);
    for (int l = 0; i < n; i++, l++)
        lane[l] += (x[i] - mean) * (x[i] - mean);
    return lanes_total(lane);
}

void op_batch_norm_forward(const Call *c)
{
    const BatchNormParam *p = c->param;
    const real *x = c->in[0].data, *gamma = c->in[1].data, *shift = c->in[2].data;
    real *running_mean = c->in[3].data, *running_var = c->in[4].data;
    real *y = c->out.data, *saved_mean = c->saved[0].data, *saved_r = c->saved[1].data;
    int64_t n = c->out.shape.dim[0], channels = c->out.shape.dim[1];
    int64_t inner = shape_inner(c->out.shape);
    double count = (double)(n * inner);

#pragma omp parallel for schedule(dynamic)
    for (int64_t k = 0; k < channels; k++) {
        real mean = running_mean[k], var = running_var[k];
        if (p->train) {
            double sum = 0, squares = 0;
            for (int64_t i = 0; i < n; i++)
                sum += sum_of(x + (i * channels + k) * inner, inner);
            mean = (real)(sum / count);
            for (int64_t i = 0; i < n; i++)
                squares += deviation(x + (i * channels + k) * inner, inner, mean);
            var = (real)(squares / count);
            running_mean[k] += p->momentum * (mean - running_mean[k]);
            running_var[k] += p->momentum * ((real)(squares / (count - 1)) - running_var[k]);
        }
        real r = 1 / (real)sqrt((double)(var + p->eps)), scale = gamma[k] * r;
        real offset = shift[k] - mean * scale;
        saved_mean[k] = mean;
        saved_r[k] = r;
        for (int64_t i = 0; i < n; i++) {
            const real *from = x + (i * channels + k) * inner;
            real *to = y + (i * channels + k) * inner;
            for (int64_t j = 0; j < inner; j++)
                to[j] = from[j] * scale + offset;
        }
    }
}

/* sum of dy and of dy (x - mean) over one row. */
static void row_sums(const real *restrict x, const real *restrict dy, int64_t n, real mean,
                     double *sum_dy, double *sum_dyx)
{
    real a[LANES] = {0}, b[LANES] = {0};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            a[l] += dy[i + l];
            b[l] += dy[i + l] * (x[i + l] - mean);
        }
    for (int l = 0; i < n; i++, l++) {
        a[l] += dy[i];
        b[l] += dy[i] * (x[i] - mean);
    }
    *sum_dy += lanes_total(a);
    *sum_dyx += lanes_total(b);
}

void op_batch_norm_backward(const Call *c)
{
    const BatchNormParam *p = c->param;
    const real *x = c->in[0].data, *gamma = c->in[1].data, *dy = c->dout.data;
    const real *saved_mean = c->saved[0].data, *saved_r = c->saved[1].data;
    real *dx = c->din[0].data, *dgamma = c->din[1].data, *dshift = c->din[2].data;
    int64_t n = c->dout.shape.dim[0], channels = c->dout.shape.dim[1];
    int64_t inner = shape_inner(c->dout.shape);
    double count = (double)(n * inner);

#pragma omp parallel for schedule(dynamic)
    for (int64_t k = 0; k < channels; k++) {
        real mean = saved_mean[k], r = saved_r[k], scale = gamma[k] * r;
        double sum_dy = 0, sum_dyx = 0;
        if (p->train || dgamma != NULL || dshift != NULL)
            for (int64_t i = 0; i < n; i++)
                row_sums(x + (i * channels + k) * inner, dy + (i * channels + k) * inner, inner,
                         mean, &sum_dy, &sum_dyx);
        if (dgamma != NULL)
            dgamma[k] = gradient(c->beta[1], dgamma[k], (real)(sum_dyx * (double)r));
        if (dshift != NULL)
            dshift[k] = gradient(c->beta[2], dshift[k], (real)sum_dy);
        if (dx == NULL)
            continue;
        /* dx = scale dy - slope (x - mean) - level */
        real slope = p->train ? (real)(sum_dyx * (double)(r * r * scale) / count) : 0;
        real level = p->train ? (real)(sum_dy * (double)scale / count) : 0;
        real offset = slope * mean - level;
        for (int64_t i = 0; i < n; i++) {
            const real *from = x + (i * channels + k) * inner, *d = dy + (i * channels + k) * inner;
            real *to = dx + (i * channels + k) * inner;
            if (p->train && c->beta[0] == 0)
                for (int64_t j = 0; j < inner; j++)
                    to[j] = d[j] * scale - from[j] * slope + offset;
            else if (p->train)
                for (int64_t j = 0; j < inner; j++)
                    to[j] += d[j] * scale - from[j] * slope + offset;
            else
                for (int64_t j = 0; j < inner; j++)
                    to[j] = gradient(c->beta[0], to[j], d[j] * scale);
        }
    }
}
