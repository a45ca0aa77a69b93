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

#endif
