/* What max_pool2d and avg_pool2d share: the shape of a pooling. */
#ifndef LIBTENSOR_OPS_POOL_H
#define LIBTENSOR_OPS_POOL_H

#include "libtensor/op.h"

/* Checks x and the parameters; the output's shape. */
bool pool_infer(const InferIn *in, const char *op, Shape *out, Error *err);

/* Rows (or columns) of the input, of `size`, under window i: *begin .. *end - 1, never empty. */
static inline void pool_window(const Pool2dParam *p, int64_t i, int64_t size, int64_t *begin,
                               int64_t *end)
{
    *begin = i * p->stride - p->pad;
    *end = *begin + p->kernel;
    if (*begin < 0)
        *begin = 0;
    if (*end > size)
        *end = size;
}

/* Windows of 2x2 side by side, as most are. */
static inline bool pool_halves(const Pool2dParam *p)
{
    return p->kernel == 2 && p->stride == 2 && p->pad == 0;
}

/* The windows, of `count`, whose tap u lies inside the input: *begin .. *end - 1. */
static inline void pool_tap(const Pool2dParam *p, int64_t u, int64_t size, int64_t count,
                            int64_t *begin, int64_t *end)
{
    int64_t before = p->pad - u, last = size - 1 + p->pad - u;

    *begin = before > 0 ? (before + p->stride - 1) / p->stride : 0;
    *end = last < 0 ? 0 : last / p->stride + 1;
    if (*end > count)
        *end = count;
}

#endif
