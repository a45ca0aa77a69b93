/* What max_pool2d and avg_pool2d share on CUDA: which inputs a window covers, and which windows
 * cover an input. */
#ifndef LIBTENSOR_CUDA_POOL_H
#define LIBTENSOR_CUDA_POOL_H

#include "libtensor/cuda/map.h"

struct PoolShape {
    int64_t height, width, rows, cols; /* of a plane of x, of a plane of y */
    int kernel, stride, pad;
};

static inline PoolShape pool_shape(const Pool2dParam *p, Shape x, Shape y)
{
    return {x.dim[2], x.dim[3], y.dim[2], y.dim[3], p->kernel, p->stride, p->pad};
}

struct PoolRange {
    int64_t begin, end;
};

/* Rows (or columns) of the input, of `size`, under window i; never empty. */
static __device__ inline PoolRange pool_window(PoolShape s, int64_t i, int64_t size)
{
    int64_t begin = i * s.stride - s.pad, end = begin + s.kernel;
    return {begin < 0 ? 0 : begin, end > size ? size : end};
}

/* Windows, of `count`, over row (or column) v of the input; may be empty. */
static __device__ inline PoolRange pool_windows(PoolShape s, int64_t v, int64_t count)
{
    int64_t first = v + s.pad - s.kernel + 1, end = (v + s.pad) / s.stride + 1;
    return {first > 0 ? (first + s.stride - 1) / s.stride : 0, end > count ? count : end};
}

#endif
