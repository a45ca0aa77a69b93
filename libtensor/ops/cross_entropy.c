/* cross_entropy: -mean of log p[label], p = softmax(x) over channels, over the pixels that have a
 * label 0 <= label < C other than `ignore`; 0 if none has. dx = dy (p - [channel = label]) / count
 * there, else 0. saved: p and count. Runs of pixels are the tasks. */
#include <math.h>

#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/exp.h"
#include "libtensor/ops/loops.h"

enum { RUN = 256 };

bool op_cross_entropy_infer(const InferIn *in, InferOut *out, Error *err)
{
    Shape x = in->in[0], label = in->in[1];
    char text[88], other[88];

    if (!check_real(in, 0, 4, 4, "cross_entropy", "x", err) ||
        !check_type(in, 1, DTYPE_I32, "cross_entropy", "label", err))
        return false;
    if (!shape_equal(label, shape3(x.dim[0], x.dim[2], x.dim[3])))
        return error_set(err, "cross_entropy: x is %s, label is %s, wants one label per pixel",
                         shape_text(x, text), shape_text(label, other));
    out->out = shape1(1);
    out->saved[0] = x;
    out->saved[1] = shape1(1);
    int64_t runs = (x.dim[2] * x.dim[3] + RUN - 1) / RUN;
    out->forward_scratch = (size_t)(2 * x.dim[0] * runs) * sizeof(double);
    return true;
}

static bool counts(int32_t label, int64_t channels, int32_t ignore)
{
    return label >= 0 && label < channels && label != ignore;
}

/* Writes p of one run; adds to its loss and count. */
static void forward_run(const real *x, const int32_t *label, real *p, int64_t channels,
                        int64_t inner, int64_t pixels, int32_t ignore, double *loss, double *count)
{
    real top[RUN], sum[RUN];

    for (int64_t i = 0; i < pixels; i++) {
        top[i] = x[i];
        sum[i] = 0;
    }
    for (int64_t k = 1; k < channels; k++)
        for (int64_t i = 0; i < pixels; i++)
            top[i] = x[k * inner + i] > top[i] ? x[k * inner + i] : top[i];
    for (int64_t k = 0; k < channels; k++)
        for (int64_t i = 0; i < pixels; i++) {
            real e = exp_real(x[k * inner + i] - top[i]);
            p[k * inner + i] = e;
            sum[i] += e;
        }
    *loss = *count = 0;
    for (int64_t i = 0; i < pixels; i++)
        if (counts(label[i], channels, ignore)) {
            *loss += log((double)sum[i]) - (double)(x[label[i] * inner + i] - top[i]);
            *count += 1;
        }
    for (int64_t i = 0; i < pixels; i++)
        sum[i] = 1 / sum[i];
    for (int64_t k = 0; k < channels; k++)
        for (int64_t i = 0; i < pixels; i++)
            p[k * inner + i] *= sum[i];
}

void op_cross_entropy_forward(const Call *c)
{
    const CrossEntropyParam *param = c->param;
    int64_t n = c->in[0].shape.dim[0], channels = c->in[0].shape.dim[1];
    int64_t inner = shape_inner(c->in[0].shape), runs = (inner + RUN - 1) / RUN;
    const real *x = c->in[0].data;
    const int32_t *label = c->in[1].data;
    real *p = c->saved[0].data;
    double *part = c->scratch, loss = 0, count = 0;

#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t k = 0; k < n; k++)
        for (int64_t run = 0; run < runs; run++) {
            int64_t p0 = run * RUN, pixels = inner - p0 < RUN ? inner - p0 : RUN;
            int64_t at = k * channels * inner + p0;
            double *own = part + 2 * (k * runs + run);
            forward_run(x + at, label + k * inner + p0, p + at, channels, inner, pixels,
                        param->ignore, &own[0], &own[1]);
        }
    for (int64_t k = 0; k < n * runs; k++) {
        loss += part[2 * k];
        count += part[2 * k + 1];
    }
    *(real *)c->out.data = count > 0 ? (real)(loss / count) : 0;
    *(real *)c->saved[1].data = (real)count;
}

void op_cross_entropy_backward(const Call *c)
{
    const CrossEntropyParam *param = c->param;
    int64_t n = c->din[0].shape.dim[0], channels = c->din[0].shape.dim[1];
    int64_t inner = shape_inner(c->din[0].shape), runs = (inner + RUN - 1) / RUN;
    const int32_t *label = c->in[1].data;
    const real *p = c->saved[0].data;
    real *dx = c->din[0].data, beta = c->beta[0], count = *(const real *)c->saved[1].data;
    real g = count > 0 ? *(const real *)c->dout.data / count : 0;

    if (dx == NULL)
        return;
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t k = 0; k < n; k++)
        for (int64_t run = 0; run < runs; run++) {
            int64_t p0 = run * RUN, pixels = inner - p0 < RUN ? inner - p0 : RUN;
            int64_t at = k * channels * inner + p0;
            const int32_t *of = label + k * inner + p0;
            real weight[RUN];
            for (int64_t i = 0; i < pixels; i++)
                weight[i] = counts(of[i], channels, param->ignore) ? g : 0;
            for (int64_t j = 0; j < channels; j++)
                for (int64_t i = 0; i < pixels; i++) {
                    real *d = dx + at + j * inner + i;
                    *d = gradient(beta, *d, weight[i] * p[at + j * inner + i]);
                }
            for (int64_t i = 0; i < pixels; i++)
                if (counts(of[i], channels, param->ignore))
                    dx[at + of[i] * inner + i] -= g;
        }
}
