/* region_mean: the mean of x under the weights of each region, y[n,k,c] = sum_p w[n,k,p] x[n,c,p] /
 * t[n,k], t[n,k] = 1 + sum_p w[n,k,p]. With g = dy / t:  dx[n,c,p] = sum_k g[n,k,c] w[n,k,p],
 *                   dw[n,k,p] = sum_c g[n,k,c] (x[n,c,p] - y[n,k,c]).   saved: t. */
#include "libtensor/gemm.h"
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_region_mean_infer(const InferIn *in, InferOut *out, Error *err)
{
    Shape x = in->in[0], w = in->in[1];
    char text[88], other[88];

    if (!check_real(in, 0, 4, 4, "region_mean", "x", err) ||
        !check_real(in, 1, 4, 4, "region_mean", "w", err))
        return false;
    if (x.dim[0] != w.dim[0] || x.dim[2] != w.dim[2] || x.dim[3] != w.dim[3])
        return error_set(err, "region_mean: x is %s, w is %s; they must be alike but in channels",
                         shape_text(x, text), shape_text(w, other));
    out->out = shape3(x.dim[0], w.dim[1], x.dim[1]);
    out->saved[0] = shape2(x.dim[0], w.dim[1]);
    out->backward_scratch = (size_t)shape_count(out->out) * sizeof(real);
    return true;
}

void op_region_mean_forward(const Call *c)
{
    int64_t n = c->out.shape.dim[0], regions = c->out.shape.dim[1], channels = c->out.shape.dim[2];
    int64_t area = shape_inner(c->in[0].shape);

#pragma omp parallel for schedule(static)
    for (int64_t s = 0; s < n; s++) {
        const real *x = (const real *)c->in[0].data + s * channels * area;
        const real *w = (const real *)c->in[1].data + s * regions * area;
        real *y = (real *)c->out.data + s * regions * channels;
        real *total = (real *)c->saved[0].data + s * regions;
        gemm(false, true, regions, channels, area, w, area, x, area, 0, y, channels);
        for (int64_t k = 0; k < regions; k++) {
            total[k] = (real)(1 + sum_of(w + k * area, area));
            for (int64_t i = 0; i < channels; i++)
                y[k * channels + i] /= total[k];
        }
    }
}

void op_region_mean_backward(const Call *c)
{
    int64_t n = c->dout.shape.dim[0], regions = c->dout.shape.dim[1],
            channels = c->dout.shape.dim[2];
    int64_t area = shape_inner(c->in[0].shape);

#pragma omp parallel for schedule(static)
    for (int64_t s = 0; s < n; s++) {
        const real *x = (const real *)c->in[0].data + s * channels * area;
        const real *w = (const real *)c->in[1].data + s * regions * area;
        const real *y = (const real *)c->out.data + s * regions * channels;
        const real *dy = (const real *)c->dout.data + s * regions * channels;
        const real *total = (const real *)c->saved[0].data + s * regions;
        real *g = (real *)c->scratch + s * regions * channels;
        for (int64_t i = 0; i < regions * channels; i++)
            g[i] = dy[i] / total[i / channels];
        if (c->din[0].data != NULL)
            gemm(true, false, channels, area, regions, g, channels, w, area, c->beta[0],
                 (real *)c->din[0].data + s * channels * area, area);
        if (c->din[1].data != NULL) {
            real *dw = (real *)c->din[1].data + s * regions * area;
            gemm(false, false, regions, area, channels, g, channels, x, area, c->beta[1], dw, area);
            for (int64_t k = 0; k < regions; k++) {
                real level = (real)dot_of(g + k * channels, y + k * channels, channels);
                for (int64_t i = 0; i < area; i++)
                    dw[k * area + i] -= level;
            }
        }
    }
}
