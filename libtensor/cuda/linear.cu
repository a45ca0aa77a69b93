/* linear: y = x w^T + b, dx = dy w, dw = dy^T x, db = sums of the columns of dy. See ops/linear.c.
 */
#include "libtensor/cuda/blas.h"

CUDA_NO_SCRATCH(linear)

static __global__ void finish(real *y, Epilogue e, int64_t n, int64_t o)
{
    CUDA_FOR(i, n * o)
    y[i] = cuda_activate(e.activation, e.bias != NULL ? y[i] + e.bias[i % o] : y[i]);
}

void op_linear_forward_cuda(const Call *c)
{
    int64_t n = c->out.shape.dim[0], o = c->out.shape.dim[1], i = c->in[0].shape.dim[1];
    const real *x = (const real *)c->in[0].data, *w = (const real *)c->in[1].data;
    Epilogue e = {(const real *)c->in[2].data, c->activation};
    real *y = (real *)c->out.data;

    cuda_gemm(cuda_of(c), false, true, n, o, i, x, i, w, i, 0, y, o);
    if (e.bias != NULL || e.activation.kind != ACTIVATION_NONE)
        CUDA_LAUNCH(cuda_of(c), finish, cuda_blocks(n * o), CUDA_THREADS, y, e, n, o);
}

/* A thread sums a column, so that a warp reads whole lines. */
static __global__ void sum_columns(const real *dy, int64_t n, int64_t o, real beta, real *db)
{
    CUDA_FOR(k, o)
    {
        double sum = 0;
        for (int64_t r = 0; r < n; r++)
            sum += (double)dy[r * o + k];
        db[k] = cuda_gradient(beta, db + k, (real)sum);
    }
}

void op_linear_backward_cuda(const Call *c)
{
    int64_t n = c->dout.shape.dim[0], o = c->dout.shape.dim[1], i = c->in[0].shape.dim[1];
    const real *x = (const real *)c->in[0].data, *w = (const real *)c->in[1].data;
    const real *dy = (const real *)c->dout.data;
    real *dx = (real *)c->din[0].data, *dw = (real *)c->din[1].data, *db = (real *)c->din[2].data;

    if (dw != NULL)
        cuda_gemm(cuda_of(c), true, false, o, i, n, dy, o, x, i, c->beta[1], dw, i);
    if (db != NULL)
        CUDA_LAUNCH(cuda_of(c), sum_columns, cuda_blocks(o), CUDA_THREADS, dy, n, o, c->beta[2],
                    db);
    if (dx != NULL) /* last, for it may take the place of x */
        cuda_gemm(cuda_of(c), false, false, n, i, o, dy, o, w, i, c->beta[0], dx, i);
}
