#include "libtensor/conv_patches.h"

#include <stdbool.h>
#include <string.h>

#include "libtensor/gemm.h"
#include "libtensor/gemm_packed.h"
#include "libtensor/ops/loops.h"
#include "libtensor/patches.h"
#include "libtensor/pointwise.h"

/* How the work is cut. Only shapes decide, so that results do not depend on the number of threads.
 * Small images are taken several samples at a time, because narrow products are slow. */
enum {
    TILE_REALS = 1 << 18, /* columns of patches of one task: they stay in a core's own cache */
    ROWS_REALS = 1 << 15, /* of those that a task makes and adds up, rows after rows */
    TILE_PIXELS = 256,    /* wanted width of a product */
    MIN_PIXELS = 64,
    SHALLOW = 32, /* depth of products that are mostly writing: it goes by whole rows, then */
    TASKS = 4,    /* wanted at least */
    BLOCK = 512,  /* of weights, whose parts are added up together */
    CHANNELS = 32 /* of a task whose image does not fit into a tile, which then is cut into rows */
};

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t small_area(const ConvShape *s)
{
    return s->small_h * s->small_w;
}

static int64_t taps(const ConvShape *s)
{
    return s->kh * s->kw;
}

static int64_t depth(const ConvShape *s)
{
    return s->big_c * taps(s);
}

/* Samples taken together. */
static int64_t group_size(const ConvShape *s)
{
    return max_of(1, min_of(s->n, TILE_PIXELS / small_area(s)));
}

static int64_t group_count(const ConvShape *s)
{
    return ceil_div(s->n, group_size(s));
}

/* Samples of group g. */
static int64_t group_members(const ConvShape *s, int64_t g)
{
    return min_of(group_size(s), s->n - g * group_size(s));
}

/* x [n,c,area] of the samples of a group -> packed [c, members * area]. */
static void pack_group(const real *x, int64_t members, int64_t c, int64_t area, real *packed)
{
    for (int64_t i = 0; i < c; i++)
        for (int64_t m = 0; m < members; m++)
            memcpy(packed + (i * members + m) * area, x + (m * c + i) * area,
                   (size_t)area * sizeof *x);
}

/* All groups of small, packed one behind the other. */
static void pack_small(const ConvShape *s, const real *small, real *packed)
{
    int64_t size = s->small_c * small_area(s);

#pragma omp parallel for schedule(static)
    for (int64_t g = 0; g < group_count(s); g++)
        pack_group(small + g * group_size(s) * size, group_members(s, g), s->small_c, small_area(s),
                   packed + g * group_size(s) * size);
}

/* ---- to small ---- */

/* A tile is `rows` small rows of a group (all rows where a group has several samples), and a task
 * is a block of channels of a tile. With one block the task makes the patches itself; with more
 * they are made first, for all tiles, which then are fewer than TASKS. */
typedef struct SmallPlan {
    int64_t rows, row_tiles, tiles; /* tiles: of all groups */
    int64_t block, blocks;          /* of small channels */
    int64_t patches, product;       /* reals of a tile */
} SmallPlan;

static SmallPlan small_plan(const ConvShape *s)
{
    SmallPlan p;
    int64_t pixels = max_of(MIN_PIXELS, min_of(TILE_REALS / depth(s), 4 * TILE_PIXELS));

    p.rows = max_of(1, pixels / s->small_w);
    p.rows = min_of(p.rows,
                    max_of(ceil_div(s->small_h * s->n, TASKS), ceil_div(MIN_PIXELS, s->small_w)));
    p.rows = group_size(s) > 1 ? s->small_h : min_of(p.rows, s->small_h);
    p.row_tiles = ceil_div(s->small_h, p.rows);
    p.tiles = p.row_tiles * group_count(s);
    p.block = s->small_c;
    if (p.tiles < TASKS)
        p.block = max_of(32, ceil_div(s->small_c, ceil_div(TASKS, p.tiles)));
    p.block = ceil_div(p.block, gemm_panel_rows()) * gemm_panel_rows();
    p.blocks = ceil_div(s->small_c, p.block);
    int64_t width = group_size(s) * p.rows * s->small_w;
    p.patches = depth(s) * width;
    p.product = group_size(s) > 1 || depth(s) < SHALLOW ? p.block * width : 0;
    return p;
}

size_t conv_patches_to_small_kept(const ConvShape *s)
{
    return (size_t)gemm_packed_left(s->small_c, depth(s)) * sizeof(real);
}

size_t conv_patches_to_small_scratch(const ConvShape *s)
{
    SmallPlan p = small_plan(s);
    return (size_t)(PARALLEL_SLOTS * (p.patches + p.product)) * sizeof(real) +
           conv_patches_to_small_kept(s);
}

/* Patches of channels c0 .. c0 + channels - 1 of a tile. */
static void gather_tile(const ConvShape *s, const SmallPlan *p, const real *big, int64_t tile,
                        int64_t c0, int64_t channels, real *cols)
{
    int64_t g = tile / p->row_tiles, y0 = tile % p->row_tiles * p->rows;
    int64_t rows = min_of(p->rows, s->small_h - y0), members = group_members(s, g);
    int64_t width = rows * s->small_w;

    for (int64_t m = 0; m < members; m++)
        patches_gather(s, big + ((g * group_size(s) + m) * s->big_c + c0) * s->big_h * s->big_w,
                       channels, y0, rows, cols + c0 * taps(s) * members * width + m * width,
                       members * width);
}

/* The epilogue of the channels from c0 on. */
static Epilogue epilogue_at(Epilogue e, int64_t c0)
{
    e.bias = e.bias != NULL ? e.bias + c0 : NULL;
    return e;
}

/* Pixels of to [members,c,area] = beta to + packed [c, members * pixels], and the epilogue; to is
 * `sample` reals a member. */
static void unpack_group(const real *packed, int64_t members, int64_t c, int64_t pixels,
                         int64_t area, Epilogue epilogue, real beta, real *to, int64_t sample)
{
    for (int64_t m = 0; m < members; m++)
        for (int64_t i = 0; i < c; i++) {
            const real *from = packed + (i * members + m) * pixels;
            real *row = to + m * sample + i * area;
            real b = epilogue.bias != NULL ? epilogue.bias[i] : 0;
            for (int64_t k = 0; k < pixels; k++)
                row[k] = gradient(beta, row[k], from[k] + b);
            activate_row(epilogue.activation, row, pixels);
        }
}

static void multiply_tile(const ConvShape *s, const SmallPlan *p, const real *left,
                          Epilogue epilogue, real beta, const real *cols, int64_t cols_stride,
                          int64_t tile, int64_t block, real *product, real *small)
{
    int64_t g = tile / p->row_tiles, y0 = tile % p->row_tiles * p->rows;
    int64_t rows = min_of(p->rows, s->small_h - y0), members = group_members(s, g);
    int64_t width = members * rows * s->small_w, area = small_area(s);
    int64_t c0 = block * p->block, channels = min_of(p->block, s->small_c - c0);
    real *to = small + (g * group_size(s) * s->small_c + c0) * area + y0 * s->small_w;

    left += c0 * depth(s);
    epilogue = epilogue_at(epilogue, c0);
    if (p->product > 0) {
        gemm_left_packed(false, channels, width, depth(s), left, cols, cols_stride, NULL, 0,
                         product, width);
        unpack_group(product, members, channels, width / members, area, epilogue, beta, to,
                     s->small_c * area);
        return;
    }
    gemm_left_packed(false, channels, width, depth(s), left, cols, cols_stride, epilogue.bias, beta,
                     to, area);
    for (int64_t c = 0; c < channels; c++)
        activate_row(epilogue.activation, to + c * area, width);
}

void conv_patches_to_small(const ConvShape *s, const real *big, const real *w, Epilogue epilogue,
                           real beta, real *small, Kept *kept, void *scratch)
{
    SmallPlan p = small_plan(s);
    bool shared = p.blocks > 1;
    real *cols = scratch, *products = cols + PARALLEL_SLOTS * p.patches;
    real *left = kept != NULL ? kept->bytes : products + PARALLEL_SLOTS * p.product;
    int64_t panel = gemm_panel_rows(), unpacked = kept != NULL && kept->made ? 0 : s->small_c;
    int64_t run = max_of(1, 64 / taps(s)), runs = ceil_div(s->big_c, run);

#pragma omp parallel num_threads(parallel_threads())
    {
#pragma omp for schedule(static)
        for (int64_t c = 0; c < unpacked; c += panel)
            gemm_pack_left(false, min_of(panel, s->small_c - c), depth(s), w + c * depth(s),
                           depth(s), left + c * depth(s));
        if (shared) {
#pragma omp for collapse(2) schedule(static)
            for (int64_t tile = 0; tile < p.tiles; tile++)
                for (int64_t r = 0; r < runs; r++)
                    gather_tile(s, &p, big, tile, r * run, min_of(run, s->big_c - r * run),
                                cols + tile * p.patches);
        }
#pragma omp for collapse(2) schedule(dynamic)
        for (int64_t tile = 0; tile < p.tiles; tile++)
            for (int64_t block = 0; block < p.blocks; block++) {
                int64_t g = tile / p.row_tiles, y0 = tile % p.row_tiles * p.rows;
                int64_t rows = min_of(p.rows, s->small_h - y0);
                const real *own = cols + (shared ? tile : parallel_slot()) * p.patches;
                int64_t stride = group_members(s, g) * rows * s->small_w;
                if (!shared)
                    gather_tile(s, &p, big, tile, 0, s->big_c, cols + parallel_slot() * p.patches);
                multiply_tile(s, &p, left, epilogue, beta, own, stride, tile, block,
                              products + parallel_slot() * p.product, small);
            }
    }
    if (kept != NULL)
        kept->made = true;
}

/* Small rows taken together where all of them, of `channels` big channels, would be more than a
 * tile: those of `reals` columns. */
static int64_t cut_rows(const ConvShape *s, int64_t channels, int64_t reals)
{
    if (channels * taps(s) * small_area(s) <= TILE_REALS)
        return s->small_h;
    return max_of(1, reals / (channels * taps(s) * s->small_w));
}

/* ---- to big ---- */

/* A task is a block of big channels of a group of samples: w^T times the small image, or a few rows
 * of it after the other, gives the columns, which are added up where they belong. */
static int64_t big_rows(const ConvShape *s)
{
    return group_size(s) > 1 ? s->small_h : cut_rows(s, min_of(CHANNELS, s->big_c), ROWS_REALS);
}

static int64_t big_block(const ConvShape *s)
{
    int64_t block = TILE_REALS / (taps(s) * group_size(s) * big_rows(s) * s->small_w);

    return max_of(1, min_of(block, ceil_div(s->big_c, ceil_div(TASKS, group_count(s)))));
}

static int64_t packed_size(const ConvShape *s)
{
    return group_size(s) > 1 ? s->n * s->small_c * small_area(s) : 0;
}

/* Reals of the packed weights of a block. */
static int64_t left_size(const ConvShape *s)
{
    return gemm_packed_left(big_block(s) * taps(s), s->small_c);
}

size_t conv_patches_to_big_kept(const ConvShape *s)
{
    return (size_t)(ceil_div(s->big_c, big_block(s)) * left_size(s)) * sizeof(real);
}

size_t conv_patches_to_big_scratch(const ConvShape *s)
{
    int64_t slot = big_block(s) * taps(s) * group_size(s) * big_rows(s) * s->small_w;
    return (size_t)(packed_size(s) + PARALLEL_SLOTS * slot) * sizeof(real) +
           conv_patches_to_big_kept(s);
}

/* left: w^T of every block of big channels. */
static void pack_transposed(const ConvShape *s, const real *w, real *left)
{
    int64_t panel = gemm_panel_rows(), rows = big_block(s) * taps(s);
    int64_t panels = ceil_div(rows, panel), blocks = ceil_div(s->big_c, big_block(s));

#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t b = 0; b < blocks; b++)
        for (int64_t i = 0; i < panels; i++) {
            int64_t r = b * rows + i * panel, end = min_of((b + 1) * rows, depth(s));
            if (r < end)
                gemm_pack_left(true, min_of(panel, end - r), s->small_c, w + r, depth(s),
                               left + b * left_size(s) + i * panel * s->small_c);
        }
}

void conv_patches_to_big(const ConvShape *s, const real *small, const real *w, Epilogue epilogue,
                         real beta, real *big, Kept *kept, void *scratch)
{
    int64_t block = big_block(s), blocks = ceil_div(s->big_c, block), area = small_area(s);
    int64_t big_area = s->big_h * s->big_w, most = big_rows(s);
    int64_t slot = block * taps(s) * group_size(s) * most * s->small_w;
    real *slots = scratch, *packed = slots + PARALLEL_SLOTS * slot;
    real *left = kept != NULL ? kept->bytes : packed + packed_size(s);

    if (kept == NULL || !kept->made)
        pack_transposed(s, w, left);
    if (kept != NULL)
        kept->made = true;
    if (packed_size(s) > 0)
        pack_small(s, small, packed);
    else
        packed = NULL;
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(parallel_threads())
    for (int64_t g = 0; g < group_count(s); g++)
        for (int64_t b = 0; b < blocks; b++) {
            int64_t c0 = b * block, channels = min_of(block, s->big_c - c0);
            int64_t n0 = g * group_size(s), width = group_members(s, g) * area;
            Epilogue own = epilogue_at(epilogue, c0);
            const real *from = (packed != NULL ? packed : small) + n0 * s->small_c * area;
            real *to = big + (n0 * s->big_c + c0) * big_area;
            real *cols = slots + parallel_slot() * slot;
            for (int64_t y0 = 0; y0 < s->small_h; y0 += most) {
                int64_t rows = min_of(most, s->small_h - y0), part = width / s->small_h * rows;
                gemm_left_packed(false, channels * taps(s), part, s->small_c,
                                 left + b * left_size(s), from + y0 * s->small_w, width, NULL, 0,
                                 cols, part);
                for (int64_t m = 0; m < group_members(s, g); m++)
                    patches_scatter(s, cols + m * area, part, channels, y0, rows, own, beta,
                                    to + m * s->big_c * big_area);
            }
        }
}

/* ---- weights ---- */

/* A task is a block of big channels and a run of groups, which it sums in order. With one run it
 * sums into dw; with more, each run has a dw of its own, and these are added in order. */
typedef struct WeightPlan {
    int64_t block, blocks; /* of big channels */
    int64_t run, runs;     /* of groups */
    int64_t rows;          /* small rows taken together, one part after the other */
    int64_t patches;       /* reals of a slot */
} WeightPlan;

static WeightPlan weight_plan(const ConvShape *s)
{
    WeightPlan p;
    bool direct = pointwise_fits(s) && group_size(s) == 1;

    p.rows = group_size(s) > 1 || direct ? s->small_h
                                         : cut_rows(s, min_of(CHANNELS, s->big_c), TILE_REALS);
    int64_t width = group_size(s) * p.rows * s->small_w;
    p.block = min_of(TILE_REALS / (taps(s) * width), ceil_div(256, taps(s)));
    if (direct)
        p.block = 256;
    p.block = max_of(1, min_of(p.block, s->big_c));
    p.blocks = ceil_div(s->big_c, p.block);
    p.run = ceil_div(group_count(s), p.blocks >= TASKS ? 1 : 2 * TASKS);
    p.runs = ceil_div(group_count(s), p.run);
    p.patches = p.block * taps(s) * width;
    return p;
}

static int64_t partial_size(const ConvShape *s, const WeightPlan *p)
{
    return p->runs > 1 ? p->runs * s->small_c * depth(s) : 0;
}

size_t conv_patches_weight_scratch(const ConvShape *s)
{
    WeightPlan p = weight_plan(s);
    return (size_t)(packed_size(s) + partial_size(s, &p) + PARALLEL_SLOTS * p.patches) *
           sizeof(real);
}

static void add_partials(int64_t runs, int64_t size, const real *partial, real beta, real *dw)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < size; i += BLOCK)
        for (int64_t r = 0; r < runs; r++)
            add_to(dw + i, r == 0 ? beta : 1, partial + r * size + i, min_of(BLOCK, size - i));
}

void conv_patches_weight(const ConvShape *s, const real *big, const real *small, real beta,
                         real *dw, void *scratch)
{
    WeightPlan p = weight_plan(s);
    int64_t area = small_area(s), big_area = s->big_h * s->big_w, size = s->small_c * depth(s);
    bool direct = pointwise_fits(s) && group_size(s) == 1;
    real *packed = scratch, *partial = packed + packed_size(s);
    real *slots = partial + partial_size(s, &p);

    if (packed_size(s) > 0)
        pack_small(s, small, packed);
    else
        packed = NULL;
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(parallel_threads())
    for (int64_t r = 0; r < p.runs; r++)
        for (int64_t b = 0; b < p.blocks; b++) {
            int64_t c0 = b * p.block, channels = min_of(p.block, s->big_c - c0);
            real *to = (p.runs > 1 ? partial + r * size : dw) + c0 * taps(s);
            real *own = slots + parallel_slot() * p.patches;
            for (int64_t g = r * p.run; g < min_of((r + 1) * p.run, group_count(s)); g++) {
                int64_t n0 = g * group_size(s), width = group_members(s, g) * area;
                const real *from = big + (n0 * s->big_c + c0) * big_area;
                for (int64_t y0 = 0; y0 < s->small_h; y0 += p.rows) {
                    int64_t rows = min_of(p.rows, s->small_h - y0),
                            part = width / s->small_h * rows;
                    for (int64_t m = 0; !direct && m < group_members(s, g); m++)
                        patches_gather(s, from + m * s->big_c * big_area, channels, y0, rows,
                                       own + m * area, part);
                    gemm(false, true, s->small_c, channels * taps(s), part,
                         (packed != NULL ? packed : small) + n0 * s->small_c * area +
                             y0 * s->small_w,
                         width, direct ? from : own, part,
                         g > r * p.run || y0 > 0 ? 1 : (p.runs > 1 ? 0 : beta), to, depth(s));
                }
            }
        }
    if (p.runs > 1)
        add_partials(p.runs, size, partial, beta, dw);
}
