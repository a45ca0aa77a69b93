/* softmax: per sample, pixel and group of channels, h_k = exp(beta x_k) / sum_i exp(beta x_i) (the
 * paper's 3.6); channels of no group pass through. dx_k = beta h_k (dh_k - sum_i dh_i h_i). Runs of
 * pixels are the tasks, so that the loops over channels are over vectors. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/exp.h"
#include "libtensor/ops/loops.h"

enum { RUN = 256 };

bool op_softmax_infer(const InferIn *in, InferOut *out, Error *err)
{
    const SoftmaxParam *p = in->param;
    Shape x = in->in[0];

    if (!check_real(in, 0, 2, TENSOR_MAX_DIM, "softmax", "x", err))
        return false;
    if (p->n_groups < 0 || p->n_groups > OP_MAX_GROUPS)
        return error_set(err, "softmax: %d groups, wants at most %d", p->n_groups, OP_MAX_GROUPS);
    for (int g = 0; g < p->n_groups; g++) {
        int end = p->begin[g] + p->count[g];
        if (p->begin[g] < 0 || p->count[g] < 1 || end > x.dim[1])
            return error_set(err, "softmax: group %d is channels %d to %d, x has %lld channels", g,
                             p->begin[g], end - 1, (long long)x.dim[1]);
        for (int i = 0; i < g; i++)
            if (p->begin[g] < p->begin[i] + p->count[i] && p->begin[i] < end)
                return error_set(err, "softmax: groups %d and %d overlap", i, g);
    }
    out->out = x;
    return true;
}

static int groups(const SoftmaxParam *p)
{
    return p->n_groups == 0 ? 1 : p->n_groups;
}

static int64_t group_begin(const SoftmaxParam *p, int g)
{
    return p->n_groups == 0 ? 0 : p->begin[g];
}

static int64_t group_end(const SoftmaxParam *p, int g, int64_t channels)
{
    return p->n_groups == 0 ? channels : p->begin[g] + p->count[g];
}

static bool in_group(const SoftmaxParam *p, int64_t channel)
{
    for (int g = 0; g < p->n_groups; g++)
        if (channel >= p->begin[g] && channel < p->begin[g] + p->count[g])
            return true;
    return p->n_groups == 0;
}

/* Channels k0 .. k1 - 1 of count pixels; rows of x and y are inner apart. */
static void forward_run(const real *x, real *y, int64_t k0, int64_t k1, int64_t inner,
                        int64_t count, real beta)
{
    real top[RUN], sum[RUN];

    for (int64_t i = 0; i < count; i++) {
        top[i] = x[k0 * inner + i];
        sum[i] = 0;
    }
    for (int64_t k = k0 + 1; k < k1; k++)
        for (int64_t i = 0; i < count; i++)
            top[i] = x[k * inner + i] > top[i] ? x[k * inner + i] : top[i];
    for (int64_t k = k0; k < k1; k++)
        for (int64_t i = 0; i < count; i++) {
            real e = exp_real(beta * (x[k * inner + i] - top[i]));
            y[k * inner + i] = e;
            sum[i] += e;
        }
    for (int64_t i = 0; i < count; i++)
        sum[i] = 1 / sum[i];
    for (int64_t k = k0; k < k1; k++)
        for (int64_t i = 0; i < count; i++)
            y[k * inner + i] *= sum[i];
}

static void backward_run(const real *y, const real *dy, real *dx, int64_t k0, int64_t k1,
                         int64_t inner, int64_t count, real beta, real keep)
{
    real dot[RUN] = {0};

    for (int64_t k = k0; k < k1; k++)
        for (int64_t i = 0; i < count; i++)
            dot[i] += dy[k * inner + i] * y[k * inner + i];
    for (int64_t k = k0; k < k1; k++)
        for (int64_t i = k * inner; i < k * inner + count; i++)
            dx[i] = gradient(keep, dx[i], beta * y[i] * (dy[i] - dot[i - k * inner]));
}

void op_softmax_forward(const Call *c)
{
    const SoftmaxParam *p = c->param;
    int64_t n = c->out.shape.dim[0], channels = c->out.shape.dim[1];
    int64_t inner = shape_inner(c->out.shape), runs = (inner + RUN - 1) / RUN;
    const real *x = c->in[0].data;
    real *y = c->out.data;

#pragma omp parallel for collapse(2) schedule(static) if (n * channels * inner > 1024)
    for (int64_t k = 0; k < n; k++)
        for (int64_t run = 0; run < runs; run++) {
            int64_t p0 = run * RUN, count = inner - p0 < RUN ? inner - p0 : RUN;
            int64_t at = k * channels * inner + p0;
            for (int g = 0; g < groups(p); g++)
                forward_run(x + at, y + at, group_begin(p, g), group_end(p, g, channels), inner,
                            count, p->beta);
            for (int64_t j = 0; j < channels && x != y; j++)
                if (!in_group(p, j))
                    memcpy(y + at + j * inner, x + at + j * inner, (size_t)count * sizeof *y);
        }
}

void op_softmax_backward(const Call *c)
{
    const SoftmaxParam *p = c->param;
    int64_t n = c->dout.shape.dim[0], channels = c->dout.shape.dim[1];
    int64_t inner = shape_inner(c->dout.shape), runs = (inner + RUN - 1) / RUN;
    const real *y = c->out.data, *dy = c->dout.data;
    real *dx = c->din[0].data;

    if (dx == NULL)
        return;
#pragma omp parallel for collapse(2) schedule(static) if (n * channels * inner > 1024)
    for (int64_t k = 0; k < n; k++)
        for (int64_t run = 0; run < runs; run++) {
            int64_t p0 = run * RUN, count = inner - p0 < RUN ? inner - p0 : RUN;
            int64_t at = k * channels * inner + p0;
            for (int g = 0; g < groups(p); g++)
                backward_run(y + at, dy + at, dx + at, group_begin(p, g), group_end(p, g, channels),
                             inner, count, p->beta, c->beta[0]);
            for (int64_t j = 0; j < channels && dx != dy; j++)
                if (!in_group(p, j))
                    add_to(dx + at + j * inner, c->beta[0], dy + at + j * inner, count);
        }
}
