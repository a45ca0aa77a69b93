#include "libtensor/conv.h"

#include <string.h>

#include "libtensor/gemm.h"
#include "libtensor/ops/loops.h"

enum { TILE_REALS = 1 << 19 }; /* patches of one task: about an L2 cache */

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* One small pixel whose patch is the whole big image: every product is one GEMM over samples. */
static bool is_dense(const ConvShape *s)
{
    return s->small_h == 1 && s->small_w == 1 && s->pad == 0 && s->kh == s->big_h &&
           s->kw == s->big_w;
}

/* Patches are the image itself. */
static bool is_pointwise(const ConvShape *s)
{
    return s->kh == 1 && s->kw == 1 && s->stride == 1 && s->pad == 0;
}

/* Small columns x0 .. x1 - 1 whose tap j lies inside the big image. */
static void inside(const ConvShape *s, int64_t j, int64_t *x0, int64_t *x1)
{
    int64_t first = s->pad - j;               /* x * stride >= first */
    int64_t last = s->big_w - 1 + s->pad - j; /* x * stride <= last */

    *x0 = first <= 0 ? 0 : min_of(ceil_div(first, s->stride), s->small_w);
    *x1 = last < 0 ? 0 : min_of(last / s->stride + 1, s->small_w);
    if (*x1 < *x0)
        *x1 = *x0;
}

/* cols [channels * kh * kw, rows * small_w] = patches of the small rows y0 .. y0 + rows - 1. */
static void patches(const ConvShape *s, const real *big, int64_t channels, int64_t y0, int64_t rows,
                    real *cols)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < s->kh; i++)
            for (int64_t j = 0; j < s->kw; j++) {
                int64_t x0, x1;
                inside(s, j, &x0, &x1);
                for (int64_t r = 0; r < rows; r++, cols += s->small_w) {
                    int64_t y = (y0 + r) * s->stride - s->pad + i;
                    if (y < 0 || y >= s->big_h) {
                        memset(cols, 0, (size_t)s->small_w * sizeof *cols);
                        continue;
                    }
                    const real *row = big + (c * s->big_h + y) * s->big_w - s->pad + j;
                    for (int64_t x = 0; x < x0; x++)
                        cols[x] = 0;
                    if (s->stride == 1)
                        memcpy(cols + x0, row + x0, (size_t)(x1 - x0) * sizeof *cols);
                    else if (s->stride == 2)
                        for (int64_t x = x0; x < x1; x++)
                            cols[x] = row[2 * x];
                    else
                        for (int64_t x = x0; x < x1; x++)
                            cols[x] = row[x * s->stride];
                    for (int64_t x = x1; x < s->small_w; x++)
                        cols[x] = 0;
                }
            }
}

/* The reverse: adds cols of all small rows into the big channels. */
static void add_patches(const ConvShape *s, const real *cols, int64_t channels, real *big)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < s->kh; i++)
            for (int64_t j = 0; j < s->kw; j++) {
                int64_t x0, x1;
                inside(s, j, &x0, &x1);
                for (int64_t r = 0; r < s->small_h; r++, cols += s->small_w) {
                    int64_t y = r * s->stride - s->pad + i;
                    if (y < 0 || y >= s->big_h)
                        continue;
                    real *row = big + (c * s->big_h + y) * s->big_w - s->pad + j;
                    if (s->stride == 1)
                        for (int64_t x = x0; x < x1; x++)
                            row[x] += cols[x];
                    else if (s->stride == 2)
                        for (int64_t x = x0; x < x1; x++)
                            row[2 * x] += cols[x];
                    else
                        for (int64_t x = x0; x < x1; x++)
                            row[x * s->stride] += cols[x];
                }
            }
}

/* Channels of one task so that tasks keep many cores busy and a task's patches fit the tile. */
static int64_t channel_block(int64_t channels, int64_t reals_per_channel, int64_t tasks_besides)
{
    int64_t block = TILE_REALS / reals_per_channel;
    int64_t wanted = ceil_div(8, tasks_besides); /* blocks, for a few tasks per core */

    if (block > ceil_div(channels, wanted))
        block = ceil_div(channels, wanted);
    return block < 1 ? 1 : block;
}

static int64_t small_rows_block(const ConvShape *s)
{
    int64_t rows = TILE_REALS / (s->big_c * s->kh * s->kw * s->small_w);
    int64_t wanted = ceil_div(8, s->n);

    if (rows > ceil_div(s->small_h, wanted))
        rows = ceil_div(s->small_h, wanted);
    return rows < 1 ? 1 : rows;
}

size_t conv_to_small_scratch(const ConvShape *s)
{
    if (is_dense(s) || is_pointwise(s))
        return 0;
    return (size_t)(PARALLEL_SLOTS * s->big_c * s->kh * s->kw * small_rows_block(s) * s->small_w) *
           sizeof(real);
}

static void fill_bias(real *to, const real *bias, int64_t channels, int64_t count, int64_t stride)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < count; i++)
            to[c * stride + i] = bias[c];
}

static void add_bias(real *to, const real *bias, int64_t channels, int64_t count)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < count; i++)
            to[c * count + i] += bias[c];
}

void conv_to_small(const ConvShape *s, const real *big, const real *w, const real *bias, real beta,
                   real *small, void *scratch)
{
    int64_t depth = s->big_c * s->kh * s->kw, area = s->small_h * s->small_w;
    int64_t big_size = s->big_c * s->big_h * s->big_w, small_size = s->small_c * area;

    if (is_dense(s)) {
        gemm(false, true, s->n, s->small_c, depth, big, depth, w, depth, beta, small, s->small_c);
        for (int64_t n = 0; bias != NULL && n < s->n; n++)
            add_bias(small + n * s->small_c, bias, s->small_c, 1);
        return;
    }
    int64_t rows = small_rows_block(s), blocks = ceil_div(s->small_h, rows);
    int64_t slot = depth * rows * s->small_w;
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(parallel_threads())
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t b = 0; b < blocks; b++) {
            int64_t y0 = b * rows, height = min_of(rows, s->small_h - y0),
                    count = height * s->small_w;
            real *to = small + n * small_size + y0 * s->small_w;
            real keep = beta;
            const real *cols = big + n * big_size + y0 * s->small_w;
            int64_t cols_stride = area;
            if (bias != NULL && beta == 0) {
                fill_bias(to, bias, s->small_c, count, area);
                keep = 1;
            }
            if (!is_pointwise(s)) {
                real *own = (real *)scratch + parallel_slot() * slot;
                patches(s, big + n * big_size, s->big_c, y0, height, own);
                cols = own;
                cols_stride = count;
            }
            gemm(false, false, s->small_c, count, depth, w, depth, cols, cols_stride, keep, to,
                 area);
        }
}

static int64_t to_big_block(const ConvShape *s)
{
    return channel_block(s->big_c, s->kh * s->kw * s->small_h * s->small_w, s->n);
}

size_t conv_to_big_scratch(const ConvShape *s)
{
    if (is_dense(s) || is_pointwise(s))
        return 0;
    return (size_t)(PARALLEL_SLOTS * to_big_block(s) * s->kh * s->kw * s->small_h * s->small_w) *
           sizeof(real);
}

void conv_to_big(const ConvShape *s, const real *small, const real *w, const real *bias, real beta,
                 real *big, void *scratch)
{
    int64_t taps = s->kh * s->kw, depth = s->big_c * taps, area = s->small_h * s->small_w;
    int64_t big_area = s->big_h * s->big_w;

    if (is_dense(s)) {
        gemm(false, false, s->n, depth, s->small_c, small, s->small_c, w, depth, beta, big, depth);
        for (int64_t n = 0; bias != NULL && n < s->n; n++)
            add_bias(big + n * depth, bias, s->big_c, big_area);
        return;
    }
    int64_t block = to_big_block(s), blocks = ceil_div(s->big_c, block);
    int64_t slot = block * taps * area;
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(parallel_threads())
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t b = 0; b < blocks; b++) {
            int64_t c0 = b * block, channels = min_of(block, s->big_c - c0);
            const real *from = small + n * s->small_c * area;
            real *to = big + (n * s->big_c + c0) * big_area;
            if (is_pointwise(s)) {
                gemm(true, false, channels, area, s->small_c, w + c0, depth, from, area, beta, to,
                     area);
            } else {
                real *cols = (real *)scratch + parallel_slot() * slot;
                gemm(true, false, channels * taps, area, s->small_c, w + c0 * taps, depth, from,
                     area, 0, cols, area);
                if (beta == 0)
                    memset(to, 0, (size_t)(channels * big_area) * sizeof *to);
                add_patches(s, cols, channels, to);
            }
            if (bias != NULL)
                add_bias(to, bias + c0, channels, big_area);
        }
}

static int64_t weight_block(const ConvShape *s)
{
    return channel_block(s->big_c, s->kh * s->kw * s->small_h * s->small_w, 1);
}

size_t conv_weight_scratch(const ConvShape *s)
{
    if (is_dense(s) || is_pointwise(s))
        return 0;
    return (size_t)(PARALLEL_SLOTS * weight_block(s) * s->kh * s->kw * s->small_h * s->small_w) *
           sizeof(real);
}

/* Tasks are blocks of big channels; each sums its samples in order, so the sum's order is fixed. */
void conv_weight(const ConvShape *s, const real *big, const real *small, real beta, real *dw,
                 void *scratch)
{
    int64_t taps = s->kh * s->kw, depth = s->big_c * taps, area = s->small_h * s->small_w;
    int64_t big_area = s->big_h * s->big_w;

    if (is_dense(s)) {
        gemm(true, false, s->small_c, depth, s->n, small, s->small_c, big, depth, beta, dw, depth);
        return;
    }
    int64_t block = weight_block(s), blocks = ceil_div(s->big_c, block);
    int64_t slot = block * taps * area;
#pragma omp parallel for schedule(dynamic) num_threads(parallel_threads())
    for (int64_t b = 0; b < blocks; b++) {
        int64_t c0 = b * block, channels = min_of(block, s->big_c - c0);
        for (int64_t n = 0; n < s->n; n++) {
            const real *cols = big + (n * s->big_c + c0) * big_area;
            if (!is_pointwise(s)) {
                real *own = (real *)scratch + parallel_slot() * slot;
                patches(s, cols, channels, 0, s->small_h, own);
                cols = own;
            }
            gemm(false, true, s->small_c, channels * taps, area, small + n * s->small_c * area,
                 area, cols, area, n == 0 ? beta : 1, dw + c0 * taps, depth);
        }
    }
}

void conv_bias(int64_t n, int64_t c, int64_t inner, const real *dout, real beta, real *db)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < c; i++) {
        double sum = 0;
        for (int64_t k = 0; k < n; k++)
            sum += sum_of(dout + (k * c + i) * inner, inner);
        db[i] = gradient(beta, db[i], (real)sum);
    }
}
