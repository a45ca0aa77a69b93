/* Losses of a difference: mean f(a - b) with f(d) = |d| or d^2. Chunks are summed one by one, then
 * their sums in order. */
#ifndef LIBTENSOR_OPS_DIFFERENCE_H
#define LIBTENSOR_OPS_DIFFERENCE_H

#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

typedef enum Difference { DIFFERENCE_MAGNITUDE, DIFFERENCE_SQUARE } Difference;

static inline bool difference_infer(const InferIn *in, InferOut *out, const char *op, Error *err)
{
    if (!check_equal(in, op, err))
        return false;
    out->out = shape1(1);
    out->forward_scratch = (size_t)parallel_chunks(shape_count(in->in[0])) * sizeof(double);
    return true;
}

static inline real difference_term(Difference f, real d)
{
    if (f == DIFFERENCE_SQUARE)
        return d * d;
    return d < 0 ? -d : d;
}

static inline double difference_sum(Difference f, const real *restrict a, const real *restrict b,
                                    int64_t n)
{
    real lane[LANES] = {0};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += difference_term(f, a[i + l] - b[i + l]);
    for (int l = 0; i < n; i++, l++)
        lane[l] += difference_term(f, a[i] - b[i]);
    return lanes_total(lane);
}

static inline void difference_forward(Difference f, const Call *c)
{
    const real *a = c->in[0].data, *b = c->in[1].data;
    int64_t n = shape_count(c->in[0].shape);
    double *part = c->scratch, sum = 0;

#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i += PARALLEL_CHUNK)
        part[i / PARALLEL_CHUNK] = difference_sum(f, a + i, b + i, parallel_chunk_end(i, n) - i);
    for (int64_t k = 0; k < parallel_chunks(n); k++)
        sum += part[k];
    *(real *)c->out.data = (real)(sum / (double)n);
}

/* f'(d): the sign, 0 at 0; or 2 d. */
static inline real difference_slope(Difference f, real d)
{
    return f == DIFFERENCE_SQUARE ? 2 * d : (real)((d > 0) - (d < 0));
}

static inline void difference_backward(Difference f, const Call *c)
{
    const real *a = c->in[0].data, *b = c->in[1].data;
    int64_t n = shape_count(c->in[0].shape);
    real *da = c->din[0].data, *db = c->din[1].data;
    real g = *(const real *)c->dout.data / (real)n;

#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i++) {
        real d = difference_slope(f, a[i] - b[i]) * g;
        if (da != NULL)
            da[i] = gradient(c->beta[0], da[i], d);
        if (db != NULL)
            db[i] = gradient(c->beta[1], db[i], -d);
    }
}

#endif
