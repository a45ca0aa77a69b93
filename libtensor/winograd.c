/* An image is cut into tiles of 4x4 results, each of which depends on 6x6 pixels d. With g the 3x3
 * kernel,
 *
 *     Y = A^T [ sum_c (G g_c G^T) . (B^T d_c B) ] A
 *
 * where . multiplies element by element: 36 products of matrices [to channels, from channels] times
 * [from channels, tiles]. The transforms evaluate polynomials at 0, +-P, +-Q and infinity. Loops
 * run over tiles, so that all is vectors. */
#include "libtensor/winograd.h"

#include <string.h>

#include "libtensor/gemm.h"
#include "libtensor/ops/loops.h"

enum {
    TAPS = 9,
    KERNELS = 64,          /* transformed together */
    OUT = 4,               /* side of a tile's results */
    IN = OUT + 2,          /* and of the pixels they depend on */
    POINTS = IN * IN,      /* products */
    MAX_TILES = 256,       /* taken together */
    MIN_CHANNELS = 16,     /* below, the transforms cost more than they save */
    MIN_TILES = 20,        /* likewise: the kernel's own transform */
    BLOCK_REALS = 1 << 20, /* of the transformed images of a block */
    ROWS = 64              /* of a task of a product */
};

/* The points: with (1, 2) errors are five times as large, with (1/2, 1), (1/2, 3/2), (5/8, 5/4) and
 * (3/4, 3/2) larger too. */
#define P ((real)0.70710678118654752440)
#define Q ((real)1.41421356237309504880)
#define PP ((real)0.5)
#define QQ ((real)2)
/* 1 over the products of their differences */
#define AT_0 (1 / (PP * QQ))
#define AT_P (1 / (2 * PP * (PP - QQ)))
#define AT_Q (1 / (2 * QQ * (QQ - PP)))

/* A product: from an image to an image. */
typedef struct Product {
    int64_t n, from_c, from_h, from_w, to_c, to_h, to_w, pad;
    int64_t tiles_x, tile_rows; /* tiles of a row; rows of tiles of all samples */
    int64_t rows, tiles;        /* of a block: rows of tiles, tiles */
    bool transposed;            /* weights are [from_c, to_c, 3, 3] and turned around */
} Product;

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t rows_of_tiles(const Product *p)
{
    return (p->to_h + OUT - 1) / OUT;
}

static Product product_of(const ConvShape *s, bool to_big)
{
    Product p = {.n = s->n,
                 .from_c = s->big_c,
                 .from_h = s->big_h,
                 .from_w = s->big_w,
                 .to_c = s->small_c,
                 .to_h = s->small_h,
                 .to_w = s->small_w,
                 .pad = s->pad};

    if (to_big)
        p = (Product){.n = s->n,
                      .from_c = s->small_c,
                      .from_h = s->small_h,
                      .from_w = s->small_w,
                      .to_c = s->big_c,
                      .to_h = s->big_h,
                      .to_w = s->big_w,
                      .pad = 2 - s->pad,
                      .transposed = true};
    p.tiles_x = (p.to_w + OUT - 1) / OUT;
    p.tile_rows = p.n * rows_of_tiles(&p);
    int64_t most = min_of(MAX_TILES, BLOCK_REALS / (POINTS * (p.from_c + p.to_c)));
    p.rows = most / p.tiles_x < 1 ? 1 : min_of(most / p.tiles_x, p.tile_rows);
    p.tiles = p.rows * p.tiles_x;
    return p;
}

bool winograd_fits(const ConvShape *s)
{
    Product p = product_of(s, false), back = product_of(s, true);

    return s->kh == 3 && s->kw == 3 && s->stride == 1 && s->pad <= 2 && s->big_c >= MIN_CHANNELS &&
           s->small_c >= MIN_CHANNELS && p.tiles_x <= MAX_TILES && back.tiles_x <= MAX_TILES &&
           p.tile_rows * p.tiles_x >= MIN_TILES;
}

static size_t product_scratch(const Product *p)
{
    int64_t reals = POINTS * (p->from_c * p->to_c + (p->from_c + p->to_c) * p->tiles);
    return (size_t)reals * sizeof(real);
}

size_t winograd_scratch(const ConvShape *s)
{
    Product p = product_of(s, false), back = product_of(s, true);
    size_t bytes = product_scratch(&p), other = product_scratch(&back);

    return bytes > other ? bytes : other;
}

/* ---- kernels ---- */

/* G g along one direction: three vectors `step` apart to six vectors `to_step` apart. */
static void kernel_points(const real *restrict g, int64_t step, real *restrict to, int64_t to_step,
                          int64_t n)
{
#pragma omp simd
    for (int64_t t = 0; t < n; t++) {
        real g0 = g[t], g1 = g[step + t], g2 = g[2 * step + t];
        real even_p = AT_P * (g0 + PP * g2), odd_p = AT_P * P * g1;
        real even_q = AT_Q * (g0 + QQ * g2), odd_q = AT_Q * Q * g1;
        to[t] = AT_0 * g0;
        to[to_step + t] = even_p + odd_p;
        to[2 * to_step + t] = even_p - odd_p;
        to[3 * to_step + t] = even_q + odd_q;
        to[4 * to_step + t] = even_q - odd_q;
        to[5 * to_step + t] = g2;
    }
}

/* w [rows, columns, 3, 3] -> u [POINTS, rows, columns]. */
static void transform_kernels(const Product *p, const real *w, real *u)
{
    int64_t rows = p->transposed ? p->from_c : p->to_c;
    int64_t columns = p->transposed ? p->to_c : p->from_c;

#pragma omp for schedule(static)
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c += KERNELS) {
            int64_t n = min_of(KERNELS, columns - c);
            const real *from = w + (r * columns + c) * TAPS;
            real g[TAPS * KERNELS], half[3 * IN * KERNELS];
            for (int64_t k = 0; k < TAPS; k++) {
                int64_t tap = p->transposed ? TAPS - 1 - k : k;
                for (int64_t t = 0; t < n; t++)
                    g[k * KERNELS + t] = from[t * TAPS + tap];
            }
            for (int64_t i = 0; i < 3; i++)
                kernel_points(g + 3 * i * KERNELS, KERNELS, half + i * IN * KERNELS, KERNELS, n);
            for (int64_t j = 0; j < IN; j++)
                kernel_points(half + j * KERNELS, IN * KERNELS, u + (j * rows + r) * columns + c,
                              IN * rows * columns, n);
        }
}

/* ---- images ---- */

/* The planes of an image [n, c, height, width], as tiles of side x side pixels that begin OUT
 * apart, the first at -pad. */
typedef struct Tiles {
    const real *image;
    int64_t c, height, width, side, pad;
} Tiles;

/* d [side, side, tiles] of a channel: the pixels of a block's tiles, 0 outside. */
static void gather_tiles(const Product *p, const Tiles *from, int64_t channel, int64_t first,
                         int64_t rows, real *restrict d)
{
    int64_t tiles = rows * p->tiles_x;
    real line[OUT * MAX_TILES + IN];

    memset(line, 0, sizeof line);
    for (int64_t r = 0; r < rows; r++) {
        int64_t sample = (first + r) / rows_of_tiles(p), row = (first + r) % rows_of_tiles(p);
        const real *plane = from->image + (sample * from->c + channel) * from->height * from->width;
        for (int64_t i = 0; i < from->side; i++) {
            int64_t y = row * OUT + i - from->pad;
            real *restrict to = d + i * from->side * tiles + r * p->tiles_x;
            if (y < 0 || y >= from->height) {
                for (int64_t j = 0; j < from->side; j++)
                    memset(to + j * tiles, 0, (size_t)p->tiles_x * sizeof *to);
                continue;
            }
            memcpy(line + from->pad, plane + y * from->width, (size_t)from->width * sizeof *line);
            for (int64_t j = 0; j < from->side; j++)
                for (int64_t t = 0; t < p->tiles_x; t++)
                    to[j * tiles + t] = line[OUT * t + j];
        }
    }
}

/* B^T d along one direction: six vectors `step` apart, to six vectors `to_step` apart; they may be
 * the same. */
static void image_points(const real *d, int64_t step, real *to, int64_t to_step, int64_t n)
{
#pragma omp simd
    for (int64_t t = 0; t < n; t++) {
        real d0 = d[t], d1 = d[step + t], d2 = d[2 * step + t];
        real d3 = d[3 * step + t], d4 = d[4 * step + t], d5 = d[5 * step + t];
        real even_p = d4 - QQ * d2, odd_p = P * (d3 - QQ * d1);
        real even_q = d4 - PP * d2, odd_q = Q * (d3 - PP * d1);
        to[t] = PP * QQ * d0 - (PP + QQ) * d2 + d4;
        to[to_step + t] = even_p + odd_p;
        to[2 * to_step + t] = even_p - odd_p;
        to[3 * to_step + t] = even_q + odd_q;
        to[4 * to_step + t] = even_q - odd_q;
        to[5 * to_step + t] = PP * QQ * d1 - (PP + QQ) * d3 + d5;
    }
}

/* v [POINTS, from_c, tiles] */
static void transform_image(const Product *p, const real *from, int64_t first, int64_t rows,
                            real *v)
{
    const Tiles pixels = {from, p->from_c, p->from_h, p->from_w, IN, p->pad};
    int64_t tiles = rows * p->tiles_x;

#pragma omp for schedule(static)
    for (int64_t c = 0; c < p->from_c; c++) {
        real d[POINTS * MAX_TILES];
        gather_tiles(p, &pixels, c, first, rows, d);
        for (int j = 0; j < IN; j++)
            image_points(d + j * tiles, IN * tiles, d + j * tiles, IN * tiles, tiles);
        for (int i = 0; i < IN; i++)
            image_points(d + i * IN * tiles, tiles, v + (i * IN * p->from_c + c) * tiles,
                         p->from_c * tiles, tiles);
    }
}

/* ---- results ---- */

/* A^T m along one direction: six vectors to four. */
static void result_points(const real *m, int64_t step, real *restrict to, int64_t to_step,
                          int64_t n)
{
#pragma omp simd
    for (int64_t t = 0; t < n; t++) {
        real sum_p = m[step + t] + m[2 * step + t], sum_q = m[3 * step + t] + m[4 * step + t];
        real odd_p = P * (m[step + t] - m[2 * step + t]);
        real odd_q = Q * (m[3 * step + t] - m[4 * step + t]);
        to[t] = m[t] + sum_p + sum_q;
        to[to_step + t] = odd_p + odd_q;
        to[2 * to_step + t] = PP * sum_p + QQ * sum_q;
        to[3 * to_step + t] = PP * odd_p + QQ * odd_q + m[5 * step + t];
    }
}

/* Rows of a channel's results y [OUT, OUT, tiles] to where they belong. */
static void scatter_tiles(const Product *p, const real *restrict y, int64_t channel, int64_t first,
                          int64_t rows, real bias, Activation activation, real beta, real *to)
{
    int64_t tiles = rows * p->tiles_x;
    real line[OUT * MAX_TILES];

    for (int64_t r = 0; r < rows; r++) {
        int64_t sample = (first + r) / rows_of_tiles(p), row = (first + r) % rows_of_tiles(p);
        real *image = to + (sample * p->to_c + channel) * p->to_h * p->to_w;
        for (int i = 0; i < OUT && row * OUT + i < p->to_h; i++) {
            const real *restrict from = y + i * OUT * tiles + r * p->tiles_x;
            real *restrict at = image + (row * OUT + i) * p->to_w;
            for (int j = 0; j < OUT; j++)
                for (int64_t t = 0; t < p->tiles_x; t++)
                    line[OUT * t + j] = from[j * tiles + t] + bias;
            activate_row(activation, line, p->to_w);
            add_to(at, beta, line, p->to_w);
        }
    }
}

/* m [POINTS, to_c, tiles] */
static void transform_results(const Product *p, const real *m, Epilogue epilogue, real beta,
                              int64_t first, int64_t rows, real *to)
{
    int64_t tiles = rows * p->tiles_x;

#pragma omp for schedule(static)
    for (int64_t c = 0; c < p->to_c; c++) {
        real half[OUT * IN * MAX_TILES], y[OUT * OUT * MAX_TILES];
        for (int j = 0; j < IN; j++)
            result_points(m + (j * p->to_c + c) * tiles, IN * p->to_c * tiles, half + j * tiles,
                          IN * tiles, tiles);
        for (int i = 0; i < OUT; i++)
            result_points(half + i * IN * tiles, tiles, y + i * OUT * tiles, tiles, tiles);
        scatter_tiles(p, y, c, first, rows, epilogue.bias != NULL ? epilogue.bias[c] : 0,
                      epilogue.activation, beta, to);
    }
}

/* ---- all of it ---- */

static void multiply(const Product *p, const real *u, const real *v, int64_t tiles, real *m)
{
    int64_t size = p->from_c * p->to_c, parts = (p->to_c + ROWS - 1) / ROWS;

#pragma omp for collapse(2) schedule(dynamic)
    for (int64_t k = 0; k < POINTS; k++)
        for (int64_t part = 0; part < parts; part++) {
            int64_t c = part * ROWS, count = min_of(ROWS, p->to_c - c);
            const real *a = u + k * size + c * (p->transposed ? 1 : p->from_c);
            gemm(p->transposed, false, count, tiles, p->from_c, a,
                 p->transposed ? p->to_c : p->from_c, v + k * p->from_c * tiles, tiles, 0,
                 m + (k * p->to_c + c) * tiles, tiles);
        }
}

static void run(const Product *p, const real *from, const real *w, Epilogue epilogue, real beta,
                real *to, void *scratch)
{
    real *u = scratch, *v = u + POINTS * p->from_c * p->to_c;
    real *m = v + POINTS * p->from_c * p->tiles;

#pragma omp parallel
    {
        transform_kernels(p, w, u);
        for (int64_t first = 0; first < p->tile_rows; first += p->rows) {
            int64_t rows = min_of(p->rows, p->tile_rows - first);
            transform_image(p, from, first, rows, v);
            multiply(p, u, v, rows * p->tiles_x, m);
            transform_results(p, m, epilogue, beta, first, rows, to);
        }
    }
}

/* ---- gradient to the weights: of the product's sums, back through both transforms ---- */

/* A y along one direction: four vectors to six. */
static void result_gradient(const real *restrict y, int64_t step, real *restrict to,
                            int64_t to_step, int64_t n)
{
#pragma omp simd
    for (int64_t t = 0; t < n; t++) {
        real y0 = y[t], y1 = y[step + t], y2 = y[2 * step + t], y3 = y[3 * step + t];
        real even_p = y0 + PP * y2, odd_p = P * (y1 + PP * y3);
        real even_q = y0 + QQ * y2, odd_q = Q * (y1 + QQ * y3);
        to[t] = y0;
        to[to_step + t] = even_p + odd_p;
        to[2 * to_step + t] = even_p - odd_p;
        to[3 * to_step + t] = even_q + odd_q;
        to[4 * to_step + t] = even_q - odd_q;
        to[5 * to_step + t] = y3;
    }
}

/* dm [POINTS, to_c, tiles] of the results' gradient. */
static void transform_gradient(const Product *p, const real *dout, int64_t first, int64_t rows,
                               real *dm)
{
    const Tiles results = {dout, p->to_c, p->to_h, p->to_w, OUT, 0};
    int64_t tiles = rows * p->tiles_x;

#pragma omp for schedule(static)
    for (int64_t c = 0; c < p->to_c; c++) {
        real y[OUT * OUT * MAX_TILES], half[IN * OUT * MAX_TILES];
        gather_tiles(p, &results, c, first, rows, y);
        for (int j = 0; j < OUT; j++)
            result_gradient(y + j * tiles, OUT * tiles, half + j * tiles, OUT * tiles, tiles);
        for (int i = 0; i < IN; i++)
            result_gradient(half + i * OUT * tiles, tiles, dm + (i * IN * p->to_c + c) * tiles,
                            p->to_c * tiles, tiles);
    }
}

/* du [POINTS, to_c, from_c] = beta du + dm v^T */
static void multiply_gradient(const Product *p, const real *dm, const real *v, int64_t tiles,
                              real beta, real *du)
{
    int64_t size = p->from_c * p->to_c, parts = (p->to_c + ROWS - 1) / ROWS;

#pragma omp for collapse(2) schedule(dynamic)
    for (int64_t k = 0; k < POINTS; k++)
        for (int64_t part = 0; part < parts; part++) {
            int64_t c = part * ROWS, count = min_of(ROWS, p->to_c - c);
            gemm(false, true, count, p->from_c, tiles, dm + (k * p->to_c + c) * tiles, tiles,
                 v + k * p->from_c * tiles, tiles, beta, du + k * size + c * p->from_c, p->from_c);
        }
}

/* G^T u along one direction: six vectors to three. */
static void kernel_gradient(const real *restrict u, int64_t step, real *restrict to,
                            int64_t to_step, int64_t n)
{
#pragma omp simd
    for (int64_t t = 0; t < n; t++) {
        real sum_p = AT_P * (u[step + t] + u[2 * step + t]);
        real sum_q = AT_Q * (u[3 * step + t] + u[4 * step + t]);
        real odd_p = AT_P * P * (u[step + t] - u[2 * step + t]);
        real odd_q = AT_Q * Q * (u[3 * step + t] - u[4 * step + t]);
        to[t] = AT_0 * u[t] + sum_p + sum_q;
        to[to_step + t] = odd_p + odd_q;
        to[2 * to_step + t] = PP * sum_p + QQ * sum_q + u[5 * step + t];
    }
}

/* dw [to_c, from_c, 3, 3] = beta dw + G^T du G */
static void transform_kernel_gradients(const Product *p, const real *du, real beta, real *dw)
{
    int64_t size = p->from_c * p->to_c;

#pragma omp for schedule(static)
    for (int64_t r = 0; r < p->to_c; r++)
        for (int64_t c = 0; c < p->from_c; c += KERNELS) {
            int64_t n = min_of(KERNELS, p->from_c - c), at = r * p->from_c + c;
            real half[3 * IN * KERNELS], g[TAPS * KERNELS];
            for (int j = 0; j < IN; j++)
                kernel_gradient(du + j * size + at, IN * size, half + j * KERNELS, IN * KERNELS, n);
            for (int i = 0; i < 3; i++)
                kernel_gradient(half + i * IN * KERNELS, KERNELS, g + 3 * i * KERNELS, KERNELS, n);
            for (int64_t t = 0; t < n; t++)
                for (int k = 0; k < TAPS; k++) {
                    real *to = dw + (at + t) * TAPS + k;
                    *to = gradient(beta, *to, g[k * KERNELS + t]);
                }
        }
}

void winograd_weight(const ConvShape *s, const real *big, const real *small, real beta, real *dw,
                     void *scratch)
{
    Product p = product_of(s, false);
    real *du = scratch, *v = du + POINTS * p.from_c * p.to_c, *dm = v + POINTS * p.from_c * p.tiles;

#pragma omp parallel
    {
        for (int64_t first = 0; first < p.tile_rows; first += p.rows) {
            int64_t rows = min_of(p.rows, p.tile_rows - first);
            transform_image(&p, big, first, rows, v);
            transform_gradient(&p, small, first, rows, dm);
            multiply_gradient(&p, dm, v, rows * p.tiles_x, first == 0 ? 0 : 1, du);
        }
        transform_kernel_gradients(&p, du, beta, dw);
    }
}

void winograd_to_small(const ConvShape *s, const real *big, const real *w, Epilogue epilogue,
                       real beta, real *small, void *scratch)
{
    Product p = product_of(s, false);
    run(&p, big, w, epilogue, beta, small, scratch);
}

void winograd_to_big(const ConvShape *s, const real *small, const real *w, Epilogue epilogue,
                     real beta, real *big, void *scratch)
{
    Product p = product_of(s, true);
    run(&p, small, w, epilogue, beta, big, scratch);
}
