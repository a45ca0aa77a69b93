/* An image is cut into tiles of 4x4 results, each of which depends on 6x6 pixels d. With g the 3x3
 * kernel,
 *
 *     Y = A^T [ sum_c (G g_c G^T) . (B^T d_c B) ] A
 *
 * where . multiplies element by element: 36 products of matrices [to channels, from channels] times
 * [from channels, tiles]. The transforms (winograd_kernel.inc) write panels of packed operands,
 * and a task's products are small enough to be transformed while they are in its core's cache. */
#include "libtensor/winograd.h"

#include <string.h>

#include "libtensor/gemm_packed.h"
#include "libtensor/instructions.h"
#include "libtensor/ops/loops.h"
#include "libtensor/winograd_kernel.h"

enum {
    OUT = WINOGRAD_OUT,
    POINTS = WINOGRAD_POINTS,
    TAPS = WINOGRAD_TAPS,
    MIN_CHANNELS = 16, /* below, the transforms cost more than they save */
    MIN_TILES = 10,    /* likewise: the kernel's own transform */
    STEPS = WINOGRAD_STEPS,
    LINE = 64 / sizeof(real), /* of a cache */
    BLOCK_REALS = 1 << 20,    /* of transformed images between two barriers */
    TASK_ROWS = 112,          /* channels of a task, at most */
    TASK_TILES = 64,          /* likewise */
    /* From so many kernels on, or for so few tiles, a task transforms its kernels itself, DEPTH
     * steps at a time: they would come from memory otherwise. It then takes more tiles. */
    MANY_KERNELS = 1 << 15,
    FEW_TILES = 64,
    /* What is kept of a kernel takes 4 times its room: of small images only, and of so many kernels
     * for a tile. */
    KEPT_TILES = 16, /* of a sample */
    KEPT_KERNELS = 2048,
    DEPTH = 32,
    DEPTH_TILES = 128,
    TASKS = 8,           /* wanted between two barriers */
    GRADIENT_ROWS = 64,  /* of a task of the gradient to the weights */
    GRADIENT_TILES = 128 /* of a sum in single precision: longer ones lose digits */
};

static const WinogradTable *table(void)
{
    static const WinogradTable *const tables[INSTRUCTIONS_COUNT] = {
        [INSTRUCTIONS_PORTABLE] = &winograd_portable,
#ifdef __x86_64__
        [INSTRUCTIONS_AVX2] = &winograd_avx2,
        [INSTRUCTIONS_AVX512] = &winograd_avx512,
#endif
    };
    return tables[instructions_used()];
}

/* A product: from an image to an image. */
typedef struct Product {
    int64_t from_c, to_c;
    Planes from, to;
    int64_t tiles_x, tiles_y, tiles; /* of a row, of a column, of all samples */
    bool transposed;                 /* weights are [from_c, to_c, 3, 3] and turned around */
    int64_t columns, rows;           /* of a panel: tiles, channels */
    int64_t panels;                  /* of tiles */
    int64_t block;                   /* panels of tiles between two barriers */
    int64_t task;                    /* panels of tiles of a task */
    int64_t part;                    /* channels of a task, a multiple of rows */
    int64_t depth; /* steps of its kernels that a task transforms together; 0: they all are, before
                    * the tasks */
} Product;

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

/* From one point of something to the next, lest those of an element all fall into the same set of a
 * cache. */
static int64_t apart(int64_t size)
{
    return size + LINE;
}

/* Of a transformed panel of the image. */
static int64_t image_step(const Product *p)
{
    return apart(p->from_c * p->columns);
}

static Product product_of(const ConvShape *s, bool to_big)
{
    Planes big = {s->big_h, s->big_w, s->big_c * s->big_h * s->big_w, s->pad};
    Planes small = {s->small_h, s->small_w, s->small_c * s->small_h * s->small_w, 2 - s->pad};
    Product p = {.from_c = to_big ? s->small_c : s->big_c,
                 .to_c = to_big ? s->big_c : s->small_c,
                 .from = to_big ? small : big,
                 .to = to_big ? big : small,
                 .transposed = to_big,
                 .columns = gemm_panel_columns(),
                 .rows = gemm_panel_rows()};

    p.tiles_x = ceil_div(p.to.width, OUT);
    p.tiles_y = ceil_div(p.to.height, OUT);
    p.tiles = s->n * p.tiles_x * p.tiles_y;
    p.panels = ceil_div(p.tiles, p.columns);
    if (p.from_c * p.to_c >= MANY_KERNELS || p.tiles <= FEW_TILES)
        p.depth = DEPTH;
    int64_t tiles = p.depth > 0 ? DEPTH_TILES : TASK_TILES;
    p.task = max_of(1, tiles / p.columns);
    p.block = BLOCK_REALS / (POINTS * image_step(&p)) / (2 * p.task) * (2 * p.task);
    p.block = min_of(max_of(p.block, 2 * p.task), p.panels);
    int64_t panels = ceil_div(p.to_c, p.rows);
    int64_t parts = ceil_div(panels, TASK_ROWS / p.rows);
    int64_t wanted = ceil_div(TASKS, ceil_div(p.block, p.task));
    if (parts < wanted)
        parts = min_of(wanted, panels);
    p.part = ceil_div(panels, parts) * p.rows;
    return p;
}

bool winograd_fits(const ConvShape *s)
{
    int64_t tiles = s->n * ceil_div(s->small_h, OUT) * ceil_div(s->small_w, OUT);

    return s->kh == 3 && s->kw == 3 && s->stride == 1 && s->pad <= 2 && s->big_c >= MIN_CHANNELS &&
           s->small_c >= MIN_CHANNELS && tiles >= MIN_TILES;
}

/* The tiles of a panel. */
static void panel_make(const Product *p, int64_t panel, TilePanel *t)
{
    int64_t tile = panel * p->columns, end = min_of(tile + p->columns, p->tiles);

    t->tiles = end - tile;
    t->runs = 0;
    t->even = p->tiles_x % 4 == 0;
    while (tile < end) {
        int64_t x = tile % p->tiles_x, row = tile / p->tiles_x;
        int64_t tiles = min_of(p->tiles_x - x, end - tile);
        t->run[t->runs++] = (TileRun){row / p->tiles_y, row % p->tiles_y, x, tiles};
        tile += tiles;
    }
}

/* ---- to an image ---- */

static int64_t kernels_size(const Product *p)
{
    return p->depth > 0 ? 0 : POINTS * apart(gemm_packed_left(p->to_c, p->from_c));
}

static int64_t block_size(const Product *p)
{
    return p->block * POINTS * image_step(p);
}

/* Of a task's kernels of `depth` steps. */
static int64_t steps_size(const Product *p)
{
    return POINTS * apart(p->part * p->depth);
}

static int64_t task_size(const Product *p)
{
    return POINTS * p->part * p->task * p->columns + steps_size(p);
}

static size_t product_scratch(const Product *p)
{
    return (size_t)(kernels_size(p) + block_size(p) + PARALLEL_SLOTS * task_size(p)) * sizeof(real);
}

/* Kernels of rows r0 .. r1 - 1 and steps c0 .. c1 - 1, w -> u: point k at k * step, its panels one
 * behind the other. alone: what is behind a panel is the next one of these, or nothing. */
static void transform_kernels(const Product *p, const real *w, int64_t r0, int64_t r1, int64_t c0,
                              int64_t c1, bool alone, real *u, int64_t step)
{
    WinogradKernels k = {.end = w + p->to_c * p->from_c * TAPS,
                         .next_row = p->transposed ? TAPS : p->from_c * TAPS,
                         .next_step = p->transposed ? p->to_c * TAPS : TAPS,
                         .turned = p->transposed};

    for (int64_t r = r0; r < r1; r += p->rows, u += (c1 - c0) * p->rows)
        for (int64_t c = c0; c < c1; c += STEPS) {
            k.first = w + r * k.next_row + c * k.next_step;
            k.rows = min_of(p->rows, p->to_c - r);
            table()->kernels(&k, min_of(STEPS, c1 - c), p->rows, alone, u + (c - c0) * p->rows,
                             step);
        }
}

/* w -> u [POINTS, packed left operand]. */
static void transform_all_kernels(const Product *p, const real *w, real *u)
{
    int64_t size = apart(gemm_packed_left(p->to_c, p->from_c));

#pragma omp for collapse(2) schedule(static)
    for (int64_t r = 0; r < p->to_c; r += p->rows)
        for (int64_t c = 0; c < p->from_c; c += STEPS)
            transform_kernels(p, w, r, min_of(r + p->rows, p->to_c), c,
                              min_of(c + STEPS, p->from_c), false, u + r * p->from_c + c * p->rows,
                              size);
}

/* Panels first .. first + panels - 1 -> v [panels, POINTS, from_c + 1, columns]. */
static void transform_image(const Product *p, const real *from, int64_t first, int64_t panels,
                            real *v)
{
#pragma omp for collapse(2) schedule(static)
    for (int64_t j = 0; j < panels; j++)
        for (int64_t c0 = 0; c0 < p->from_c; c0 += STEPS) {
            TilePanel panel;
            panel_make(p, first + j, &panel);
            for (int64_t c = c0; c < min_of(c0 + STEPS, p->from_c); c++)
                table()->image(&panel, &p->from, from + c * p->from.height * p->from.width,
                               v + j * POINTS * image_step(p) + c * p->columns, image_step(p));
        }
}

/* Columns of panel j that are worth multiplying: half of it where the last one has no more tiles.
 */
static int64_t columns_of(const Product *p, int64_t panel)
{
    return 2 * (p->tiles - panel * p->columns) > p->columns ? p->columns : p->columns / 2;
}

/* Channels c0 .. c0 + channels - 1 of some panels: m [POINTS, panels, channels, columns]. */
static void multiply(const Product *p, const real *u, const real *v, int64_t c0, int64_t channels,
                     int64_t first, int64_t panels, real *m)
{
    int64_t left = apart(gemm_packed_left(p->to_c, p->from_c)), size = channels * p->columns;

    for (int64_t k = 0; k < POINTS; k++)
        for (int64_t j = 0; j < panels; j++)
            gemm_packed(channels, columns_of(p, first + j), p->from_c,
                        u + k * left + c0 * p->from_c, v + (j * POINTS + k) * image_step(p), NULL,
                        0, m + (k * panels + j) * size, p->columns);
}

/* The same with the kernels transformed here, some steps after the others, in u; or in what is kept
 * of them. */
static void transform_and_multiply(const Product *p, const real *w, const Kept *kept, real *u,
                                   const real *v, int64_t c0, int64_t channels, int64_t first,
                                   int64_t panels, real *m)
{
    int64_t size = channels * p->columns;

    if (kept != NULL)
        u = (real *)kept->bytes + c0 / p->part * ceil_div(p->from_c, p->depth) * steps_size(p);
    for (int64_t s = 0; s < p->from_c; s += p->depth) {
        int64_t depth = min_of(p->depth, p->from_c - s);
        int64_t left = apart(gemm_packed_left(channels, depth));
        if (kept == NULL || !kept->made)
            transform_kernels(p, w, c0, c0 + channels, s, s + depth, true, u, left);
        for (int64_t k = 0; k < POINTS; k++)
            for (int64_t j = 0; j < panels; j++)
                gemm_packed(channels, columns_of(p, first + j), depth, u + k * left,
                            v + (j * POINTS + k) * image_step(p) + s * p->columns, NULL, s > 0,
                            m + (k * panels + j) * size, p->columns);
        if (kept != NULL)
            u += steps_size(p);
    }
}

static void transform_results(const Product *p, const real *m, int64_t c0, int64_t channels,
                              int64_t first, int64_t panels, Epilogue epilogue, real beta, real *to)
{
    int64_t size = channels * p->columns;

    for (int64_t j = 0; j < panels; j++) {
        TilePanel panel;
        panel_make(p, first + j, &panel);
        for (int64_t c = 0; c < channels; c++)
            table()->results(&panel, &p->to, m + j * size + c * p->columns, panels * size,
                             epilogue.bias != NULL ? epilogue.bias[c0 + c] : 0, epilogue.activation,
                             beta, to + (c0 + c) * p->to.height * p->to.width);
    }
}

static void run(const Product *p, const real *from, const real *w, Epilogue epilogue, real beta,
                real *to, Kept *kept, void *scratch)
{
    real *u = scratch, *v = u + kernels_size(p), *slots = v + block_size(p);

#pragma omp parallel num_threads(parallel_threads())
    {
        if (p->depth == 0)
            transform_all_kernels(p, w, u);
        for (int64_t first = 0; first < p->panels; first += p->block) {
            int64_t panels = min_of(p->block, p->panels - first);
            transform_image(p, from, first, panels, v);
#pragma omp for collapse(2) schedule(static)
            for (int64_t j = 0; j < panels; j += p->task)
                for (int64_t c0 = 0; c0 < p->to_c; c0 += p->part) {
                    int64_t channels = min_of(p->part, p->to_c - c0);
                    int64_t some = min_of(p->task, panels - j);
                    const real *part = v + j * POINTS * image_step(p);
                    real *m = slots + parallel_slot() * task_size(p);
                    if (p->depth == 0)
                        multiply(p, u, part, c0, channels, first + j, some, m);
                    else
                        transform_and_multiply(p, w, kept,
                                               m + POINTS * p->task * p->part * p->columns, part,
                                               c0, channels, first + j, some, m);
                    transform_results(p, m, c0, channels, first + j, some, epilogue, beta, to);
                }
        }
    }
    if (kept != NULL)
        kept->made = true;
}

/* ---- gradient to the weights: of the product's sums, back through both transforms ---- */

/* Tiles of a block, a multiple of the panel's. */
static int64_t gradient_block(const Product *p)
{
    return min_of(GRADIENT_TILES / p->columns, p->panels) * p->columns;
}

static size_t gradient_scratch(const Product *p)
{
    int64_t tiles = gradient_block(p);

    return (size_t)(POINTS * (p->from_c * p->to_c + apart(gemm_packed_right(tiles, p->from_c)) +
                              apart(gemm_packed_left(p->to_c, tiles)))) *
           sizeof(real);
}

/* Tiles first .. first + tiles - 1 of an image of c channels, as an operand of panels of `panel`
 * channels: v [POINTS, packed]. */
static void transform_lanes(const Product *p, const real *image, const Planes *planes, int64_t c,
                            bool gradient, int64_t panel, int64_t first, int64_t tiles, real *v)
{
    int64_t step = apart(ceil_div(c, panel) * panel * tiles), area = planes->height * planes->width;

#pragma omp for collapse(2) schedule(dynamic) nowait
    for (int64_t c0 = 0; c0 < c; c0 += panel)
        for (int64_t t = 0; t < tiles; t += p->columns) {
            TilePanel tile;
            panel_make(p, (first + t) / p->columns, &tile);
            table()->image_lanes(&tile, planes, image + c0 * area, min_of(panel, c - c0), area,
                                 gradient, panel, v + c0 * tiles + t * panel, step);
        }
}

/* du [POINTS, to_c, from_c] = beta du + dm v^T */
static void multiply_gradient(const Product *p, const real *dm, const real *v, int64_t tiles,
                              real beta, real *du)
{
    int64_t size = p->from_c * p->to_c, part = GRADIENT_ROWS / p->rows * p->rows;
    int64_t left = apart(gemm_packed_left(p->to_c, tiles));
    int64_t right = apart(gemm_packed_right(tiles, p->from_c));

#pragma omp for collapse(2) schedule(static)
    for (int64_t k = 0; k < POINTS; k++)
        for (int64_t c = 0; c < p->to_c; c += part)
            gemm_packed(min_of(part, p->to_c - c), p->from_c, tiles, dm + k * left + c * tiles,
                        v + k * right, NULL, beta, du + k * size + c * p->from_c, p->from_c);
}

/* dw [to_c, from_c, 3, 3] = beta dw + G^T du G */
static void transform_kernel_gradients(const Product *p, const real *du, real beta, real *dw)
{
    enum { KERNELS = 64 };
    int64_t size = p->from_c * p->to_c;

#pragma omp for schedule(static)
    for (int64_t at = 0; at < size; at += KERNELS) {
        int64_t n = min_of(KERNELS, size - at);
        real g[TAPS * KERNELS];
        table()->kernel_gradients(n, du + at, size, g);
        for (int64_t t = 0; t < n; t++)
            for (int k = 0; k < TAPS; k++) {
                real *to = dw + (at + t) * TAPS + k;
                *to = gradient(beta, *to, g[k * n + t]);
            }
    }
}

void winograd_weight(const ConvShape *s, const real *big, const real *small, real beta, real *dw,
                     void *scratch)
{
    Product p = product_of(s, false);
    int64_t block = gradient_block(&p);
    real *du = scratch, *v = du + POINTS * p.from_c * p.to_c;
    real *dm = v + POINTS * apart(gemm_packed_right(block, p.from_c));

#pragma omp parallel
    {
        for (int64_t first = 0; first < p.tiles; first += block) {
            int64_t tiles = min_of(block, p.tiles - first);
            transform_lanes(&p, big, &p.from, p.from_c, false, p.columns, first, tiles, v);
            transform_lanes(&p, small, &p.to, p.to_c, true, p.rows, first, tiles, dm);
#pragma omp barrier
            multiply_gradient(&p, dm, v, tiles, first == 0 ? 0 : 1, du);
        }
        transform_kernel_gradients(&p, du, beta, dw);
    }
}

/* Of products whose tasks share no kernels. */
size_t winograd_kept(const ConvShape *s)
{
    Product p = product_of(s, false);

    if (p.depth == 0 || p.tiles > FEW_TILES || p.tiles_x * p.tiles_y > KEPT_TILES ||
        p.from_c * p.to_c > KEPT_KERNELS * p.tiles)
        return 0;
    return (size_t)(ceil_div(p.to_c, p.part) * ceil_div(p.from_c, p.depth) * steps_size(&p)) *
           sizeof(real);
}

size_t winograd_scratch(const ConvShape *s)
{
    Product p = product_of(s, false), back = product_of(s, true);
    size_t bytes = product_scratch(&p), other = product_scratch(&back);
    size_t gradient = gradient_scratch(&p);

    bytes = bytes > other ? bytes : other;
    return bytes > gradient ? bytes : gradient;
}

void winograd_to_small(const ConvShape *s, const real *big, const real *w, Epilogue epilogue,
                       real beta, real *small, Kept *kept, void *scratch)
{
    Product p = product_of(s, false);
    run(&p, big, w, epilogue, beta, small, kept, scratch);
}

void winograd_to_big(const ConvShape *s, const real *small, const real *w, Epilogue epilogue,
                     real beta, real *big, void *scratch)
{
    Product p = product_of(s, true);
    run(&p, small, w, epilogue, beta, big, NULL, scratch);
}
