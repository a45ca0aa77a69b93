/* l1_loss: mean |a - b| (Eq. 1); da = dy sign(a - b) / n, 0 where a = b; db = -da.
 * Chunks are summed one by one, then their sums in order. */

#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_l1_loss_infer(const InferIn *in, InferOut *out, Error *err)
{
    if (!check_equal(in, "l1_loss", err))
        return false;
    out->out = shape1(1);
    out->forward_scratch = (size_t)parallel_chunks(shape_count(in->in[0])) * sizeof(double);
    return true;
}

static real magnitude(real x)
{
    return x < 0 ? -x : x;
}

static double distance(const real *restrict a, const real *restrict b, int64_t n)
{
    real lane[LANES] = {0};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += magnitude(a[i + l] - b[i + l]);
    for (int l = 0; i < n; i++, l++)
        lane[l] += magnitude(a[i] - b[i]);
    return lanes_total(lane);
}

void op_l1_loss_forward(const Call *c)
{
    const real *a = c->in[0].data, *b = c->in[1].data;
    int64_t n = shape_count(c->in[0].shape);
    double *part = c->scratch, sum = 0;

#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i += PARALLEL_CHUNK)
        part[i / PARALLEL_CHUNK] = distance(a + i, b + i, parallel_chunk_end(i, n) - i);
    for (int64_t k = 0; k < parallel_chunks(n); k++)
        sum += part[k];
    *(real *)c->out.data = (real)(sum / (double)n);
}

void op_l1_loss_backward(const Call *c)
{
    const real *a = c->in[0].data, *b = c->in[1].data;
    int64_t n = shape_count(c->in[0].shape);
    real *da = c->din[0].data, *db = c->din[1].data;
    real g = *(const real *)c->dout.data / (real)n;

#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i++) {
        real d = (real)((a[i] > b[i]) - (a[i] < b[i])) * g;
        if (da != NULL)
            da[i] = gradient(c->beta[0], da[i], d);
        if (db != NULL)
            db[i] = gradient(c->beta[1], db[i], -d);
    }
}
