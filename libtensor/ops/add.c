/* add: y = a + b; da = db = dy. da may be dy itself. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_add_infer(const InferIn *in, InferOut *out, Error *err)
{
    if (!check_equal(in, "add", err))
        return false;
    out->out = in->in[0];
    return true;
}

void op_add_forward(const Call *c)
{
    const real *a = c->in[0].data, *b = c->in[1].data;
    int64_t n = shape_count(c->out.shape);
    real *y = c->out.data;

#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i += PARALLEL_CHUNK) {
        int64_t end = parallel_chunk_end(i, n);
        for (int64_t k = i; k < end; k++)
            y[k] = a[k] + b[k];
        activate_row(c->activation, y + i, end - i);
    }
}

void op_add_backward(const Call *c)
{
    int64_t n = shape_count(c->dout.shape);
    const real *dy = c->dout.data;

    for (int k = 1; k >= 0; k--) { /* b first: da may take dy's place */
        real *d = c->din[k].data;
        if (d == NULL || d == dy)
            continue;
#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
        for (int64_t i = 0; i < n; i += PARALLEL_CHUNK)
            add_to(d + i, c->beta[k], dy + i, parallel_chunk_end(i, n) - i);
    }
}
