/* linear: y[n,o] = b[o] + sum_i w[o,i] x[n,i].
 * dx = dy w, dw = dy^T x, db = sum_n dy. Blocks of outputs (forward, dw) or inputs (dx) are the
 * tasks. */
#include "libtensor/gemm.h"
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

enum { BLOCK = 128 }; /* columns or rows of one task */

bool op_linear_infer(const InferIn *in, InferOut *out, Error *err)
{
    Shape x = in->in[0], w = in->in[1];

    if (!check_real(in, 0, 2, 2, "linear", "x", err) ||
        !check_real(in, 1, 2, 2, "linear", "w", err))
        return false;
    if (x.dim[1] != w.dim[1])
        return error_set(err, "linear: x has %lld elements a row, w wants %lld",
                         (long long)x.dim[1], (long long)w.dim[1]);
    if (check_given(in, 2) && !check_real(in, 2, 1, 1, "linear", "b", err))
        return false;
    if (check_given(in, 2) && in->in[2].dim[0] != w.dim[0])
        return error_set(err, "linear: b has %lld elements, w gives %lld",
                         (long long)in->in[2].dim[0], (long long)w.dim[0]);
    out->out = shape2(x.dim[0], w.dim[0]);
    return true;
}

static int64_t width_at(int64_t begin, int64_t total)
{
    return begin + BLOCK < total ? BLOCK : total - begin;
}

void op_linear_forward(const Call *c)
{
    const real *x = c->in[0].data, *w = c->in[1].data, *b = c->in[2].data;
    int64_t n = c->out.shape.dim[0], o = c->out.shape.dim[1], i = c->in[0].shape.dim[1];
    real *y = c->out.data;

#pragma omp parallel for schedule(dynamic)
    for (int64_t o0 = 0; o0 < o; o0 += BLOCK) {
        int64_t width = width_at(o0, o);
        for (int64_t r = 0; b != NULL && r < n; r++)
            memcpy(y + r * o + o0, b + o0, (size_t)width * sizeof *y);
        gemm(false, true, n, width, i, x, i, w + o0 * i, i, b != NULL, y + o0, o);
        for (int64_t r = 0; r < n; r++)
            activate_row(c->activation, y + r * o + o0, width);
    }
}

void op_linear_backward(const Call *c)
{
    const real *x = c->in[0].data, *w = c->in[1].data, *dy = c->dout.data;
    int64_t n = c->dout.shape.dim[0], o = c->dout.shape.dim[1], i = c->in[0].shape.dim[1];
    real *dx = c->din[0].data, *dw = c->din[1].data, *db = c->din[2].data;

    if (dw != NULL) {
#pragma omp parallel for schedule(dynamic)
        for (int64_t o0 = 0; o0 < o; o0 += BLOCK)
            gemm(true, false, width_at(o0, o), i, n, dy + o0, o, x, i, c->beta[1], dw + o0 * i, i);
    }
    if (db != NULL)
        for (int64_t k = 0; k < o; k++) {
            double sum = 0;
            for (int64_t r = 0; r < n; r++)
                sum += (double)dy[r * o + k];
            db[k] = gradient(c->beta[2], db[k], (real)sum);
        }
    if (dx != NULL) { /* last, for it may take the place of x */
#pragma omp parallel for schedule(dynamic)
        for (int64_t i0 = 0; i0 < i; i0 += BLOCK)
            gemm(false, false, n, width_at(i0, i), o, dy, o, w + i0, i, c->beta[0], dx + i0, i);
    }
}
