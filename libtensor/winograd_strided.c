/* The small pixel (y, x) sees the big pixels (2 y - 1 + i, 2 x - 1 + j), i and j 0 .. 3. The phase
 * (a, b) of the big image, a and b 0 or 1, is its pixels (2 q + a - 1, 2 r + b - 1), and of a
 * kernel its taps i = a + 2 u, j = b + 2 v. So, in one dimension,
 *
 *     small[y] = sum_a sum_u g_a[u] big_a[y + u],     big_a[q] = sum_u g_a[u] small[q - u]
 *
 * and every sum over u (and v) is a filter of two (times two) taps, of which a tile of 4x4 results
 * depends on 5x5 pixels d: Y = A^T [ (G g G^T) . (B^T d B) ] A, where . multiplies element by
 * element. Summed over channels (and, to the small image, over phases) that is 25 products of
 * matrices: [rows, depth] of kernels times [depth, tiles] of images. The transforms evaluate
 * polynomials at +-P, +-Q and infinity.
 *
 * The tiles of the big image's four phases begin at the same small pixels, so that one transform of
 * the small image serves all; the phases of the first pixel before the image then need a tile more
 * in each direction. */
#include "libtensor/winograd_strided.h"

#include <string.h>

#include "libtensor/gemm.h"
#include "libtensor/gemm_packed.h"
#include "libtensor/ops/loops.h"

enum {
    PHASES = 4,
    TAPS = 16,
    OUT = 4,           /* side of a tile's results */
    IN = OUT + 1,      /* and of the pixels they depend on */
    POINTS = IN * IN,  /* products */
    TILES = 64,        /* of a block, whose products stay in a core's own cache */
    MIN_TILES = 64,    /* below, the kernels' transform costs more than it saves */
    MIN_CHANNELS = 16, /* below, the images' transforms do */
    MAX_WIDTH = 512,   /* of the small image */
    REALS = 1 << 20,   /* of the transformed images that are worked on together */
    MANY_BLOCKS = 16,  /* enough tasks */
    SUMMED = 4,        /* blocks of a product that sums over tiles */
    APART = 16,        /* between operands, which else would fall on the same lines of the cache */
    LANE = 16,         /* at least the rows of a panel */
    KERNELS = 64,      /* transformed together */
    ROWS = 64          /* of a task of a product that sums over tiles */
};

/* Of the points that were tried the errors are smallest with these, and all constants are exact. */
#define P ((real)0.5)
#define Q ((real)1.25)
#define PP (P * P)
#define QQ (Q * Q)
/* 1 over the products of their differences */
#define AT_P (1 / (2 * P * (PP - QQ)))
#define AT_Q (1 / (2 * Q * (QQ - PP)))

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The tiles of all samples, row by row. */
typedef struct Tiling {
    int64_t high, wide, count; /* of a sample; of all */
} Tiling;

static Tiling tiling(int64_t n, int64_t height, int64_t width)
{
    int64_t high = (height + OUT - 1) / OUT, wide = (width + OUT - 1) / OUT;
    return (Tiling){high, wide, n * high * wide};
}

/* Tiles of one row of tiles. */
typedef struct Run {
    int64_t sample, y, x; /* of the first tile */
    int64_t at, count;    /* place of the first in its block */
} Run;

/* The run that holds tile `first + at` and ends before `n`. */
static Run run_at(const Tiling *t, int64_t first, int64_t at, int64_t n)
{
    int64_t tile = first + at, row = tile / t->wide, x = tile % t->wide;
    return (Run){row / t->high, row % t->high, x, at, min_of(t->wide - x, n - at)};
}

/* Of the big image's phases, whose tiles begin at the same small pixels. */
static Tiling tiling_of_phases(const ConvShape *s)
{
    return tiling(s->n, s->small_h + 1, s->small_w + 1);
}

bool winograd_strided_fits(const ConvShape *s, bool to_big)
{
    int64_t tiles = tiling(s->n, s->small_h, s->small_w).count;

    return s->kh == 4 && s->kw == 4 && s->stride == 2 && s->pad == 1 &&
           s->big_h == 2 * s->small_h && s->big_w == 2 * s->small_w && s->small_w <= MAX_WIDTH &&
           s->small_c >= MIN_CHANNELS && s->big_c >= MIN_CHANNELS && tiles >= MIN_TILES &&
           (!to_big || 2 * tiling_of_phases(s).count <= 3 * tiles);
}

/* ---- one dimension of the transforms: vectors `step` apart, to vectors `to_step` apart ---- */

/* B^T d: five to five. */
static inline void image_points(const real *restrict d, int64_t step, real *restrict to,
                                int64_t to_step, int64_t n)
{
#pragma omp simd
    for (int64_t t = 0; t < n; t++) {
        real d0 = d[t], d1 = d[step + t], d2 = d[2 * step + t];
        real d3 = d[3 * step + t], d4 = d[4 * step + t];
        real odd_p = d3 - QQ * d1, even_p = P * (d2 - QQ * d0);
        real odd_q = d3 - PP * d1, even_q = Q * (d2 - PP * d0);
        to[t] = odd_p + even_p;
        to[to_step + t] = odd_p - even_p;
        to[2 * to_step + t] = odd_q + even_q;
        to[3 * to_step + t] = odd_q - even_q;
        to[4 * to_step + t] = d4 - (PP + QQ) * d2 + PP * QQ * d0;
    }
}

/* A^T m: five to four. */
static inline void result_points(const real *restrict m, int64_t step, real *restrict to,
                                 int64_t to_step, int64_t n)
{
#pragma omp simd
    for (int64_t t = 0; t < n; t++) {
        real sum_p = m[t] + m[step + t], sum_q = m[2 * step + t] + m[3 * step + t];
        real odd_p = P * (m[t] - m[step + t]), odd_q = Q * (m[2 * step + t] - m[3 * step + t]);
        to[t] = sum_p + sum_q;
        to[to_step + t] = odd_p + odd_q;
        to[2 * to_step + t] = PP * sum_p + QQ * sum_q;
        to[3 * to_step + t] = PP * odd_p + QQ * odd_q + m[4 * step + t];
    }
}

/* A y: four to five. */
static inline void result_gradient(const real *restrict y, int64_t step, real *restrict to,
                                   int64_t to_step, int64_t n)
{
#pragma omp simd
    for (int64_t t = 0; t < n; t++) {
        real y0 = y[t], y1 = y[step + t], y2 = y[2 * step + t], y3 = y[3 * step + t];
        real even_p = y0 + PP * y2, odd_p = P * (y1 + PP * y3);
        real even_q = y0 + QQ * y2, odd_q = Q * (y1 + QQ * y3);
        to[t] = even_p + odd_p;
        to[to_step + t] = even_p - odd_p;
        to[2 * to_step + t] = even_q + odd_q;
        to[3 * to_step + t] = even_q - odd_q;
        to[4 * to_step + t] = y3;
    }
}

/* G g: two to five. */
static inline void kernel_points(const real *restrict g, int64_t step, real *restrict to,
                                 int64_t to_step, int64_t n)
{
#pragma omp simd
    for (int64_t t = 0; t < n; t++) {
        real g0 = g[t], g1 = g[step + t];
        to[t] = AT_P * (g0 + P * g1);
        to[to_step + t] = AT_P * (P * g1 - g0);
        to[2 * to_step + t] = AT_Q * (g0 + Q * g1);
        to[3 * to_step + t] = AT_Q * (Q * g1 - g0);
        to[4 * to_step + t] = g1;
    }
}

/* G^T u: five to two. */
static inline void kernel_gradient(const real *restrict u, int64_t step, real *restrict to,
                                   int64_t to_step, int64_t n)
{
#pragma omp simd
    for (int64_t t = 0; t < n; t++) {
        real p0 = u[t], p1 = u[step + t], q0 = u[2 * step + t], q1 = u[3 * step + t];
        to[t] = AT_P * (p0 - p1) + AT_Q * (q0 - q1);
        to[to_step + t] = AT_P * P * (p0 + p1) + AT_Q * Q * (q0 + q1) + u[4 * step + t];
    }
}

/* ---- images ---- */

/* Where transformed tiles go: element (r, tile) of product k is at to + k * size + r * row + tile /
 * panel * step + tile % panel. */
typedef struct Matrix {
    real *to;
    int64_t size, row, panel, step;
} Matrix;

/* d [IN, IN, TILES] -> B^T d B as row `row`. */
static void put_image(const real *d, const Matrix *v, int64_t row)
{
    real half[POINTS * TILES];

    for (int j = 0; j < IN; j++)
        image_points(d + j * TILES, IN * TILES, half + j * TILES, IN * TILES, TILES);
    for (int i = 0; i < IN; i++)
        for (int64_t t = 0; t < TILES; t += v->panel)
            image_points(half + i * IN * TILES + t, TILES,
                         v->to + i * IN * v->size + row * v->row + t / v->panel * v->step, v->size,
                         v->panel);
}

/* d [OUT, OUT, TILES] -> A d A^T as row `row`. */
static void put_gradient(const real *d, const Matrix *v, int64_t row)
{
    real half[IN * OUT * TILES];

    for (int j = 0; j < OUT; j++)
        result_gradient(d + j * TILES, OUT * TILES, half + j * TILES, OUT * TILES, TILES);
    for (int i = 0; i < IN; i++)
        for (int64_t t = 0; t < TILES; t += v->panel)
            result_gradient(half + i * OUT * TILES + t, TILES,
                            v->to + i * IN * v->size + row * v->row + t / v->panel * v->step,
                            v->size, v->panel);
}

/* The tiles of a run all of whose pixels lie inside of their row: begin .. end - 1. */
typedef struct Inside {
    int64_t begin, end;
} Inside;

/* Tile t has the pixels x + step t .. x + step t + side - 1 of `width`. */
static Inside inside(int64_t x, int64_t step, int64_t side, int64_t width, int64_t count)
{
    Inside in = {x < 0 ? (step - 1 - x) / step : 0,
                 width < x + side ? 0 : (width - x - side) / step + 1};

    in.end = min_of(in.end, count);
    in.begin = min_of(in.begin, in.end);
    return in;
}

/* t, or the next tile that is not inside. */
static int64_t edge(Inside in, int64_t t)
{
    return t == in.begin ? in.end : t;
}

static real pixel(const real *row, int64_t width, int64_t x)
{
    return x >= 0 && x < width ? row[x] : 0;
}

/* The row that is wanted soon. */
static void prefetch_row(const real *row, int64_t n)
{
    for (int64_t i = 0; i < n; i += 16)
        __builtin_prefetch(row + i);
}

/* d [side, side, TILES]: of a channel of small the pixels of tiles, side x side each, the first
 * `before` pixels before the image; 0 outside. */
static void gather_small(const ConvShape *s, const Tiling *tiles, const real *small, int64_t c,
                         int64_t first, int64_t n, int64_t side, int64_t before, real *restrict d)
{
    int64_t area = s->small_h * s->small_w, width = s->small_w;

    for (int64_t at = 0; at < n;) {
        Run r = run_at(tiles, first, at, n);
        int64_t x = OUT * r.x - before;
        Inside in = inside(x, OUT, side, width, r.count);
        for (int64_t i = 0; i < side; i++) {
            int64_t y = OUT * r.y + i - before;
            real *restrict to = d + i * side * TILES + at;
            if (y < 0 || y >= s->small_h) {
                for (int64_t j = 0; j < side; j++)
                    memset(to + j * TILES, 0, (size_t)r.count * sizeof *to);
                continue;
            }
            const real *row = small + (r.sample * s->small_c + c) * area + y * width;
            const real *restrict from = row + x;
            prefetch_row(from + area, OUT * r.count);
            for (int64_t t = in.begin; t < in.end; t++)
                for (int64_t j = 0; j < side; j++)
                    to[j * TILES + t] = from[OUT * t + j];
            for (int64_t t = edge(in, 0); t < r.count; t = edge(in, t + 1))
                for (int64_t j = 0; j < side; j++)
                    to[j * TILES + t] = pixel(row, width, x + OUT * t + j);
        }
        at += r.count;
    }
}

/* d [PHASES, IN, IN, TILES]: likewise the phases of a channel of big. */
static void gather_big(const ConvShape *s, const Tiling *tiles, const real *big, int64_t c,
                       int64_t first, int64_t n, real *restrict d)
{
    int64_t area = s->big_h * s->big_w, width = s->big_w;

    for (int64_t at = 0; at < n;) {
        Run r = run_at(tiles, first, at, n);
        int64_t x = 2 * OUT * r.x - 1;
        Inside in = inside(x, 2 * OUT, 2 * IN, width, r.count);
        for (int64_t i = 0; i < 2 * IN; i++) { /* i = 2 k + a */
            int64_t y = 2 * OUT * r.y + i - 1;
            real *restrict to = d + (i % 2 * 2 * IN + i / 2) * IN * TILES + at;
            if (y < 0 || y >= s->big_h) {
                for (int64_t j = 0; j < IN; j++) {
                    memset(to + j * TILES, 0, (size_t)r.count * sizeof *to);
                    memset(to + (POINTS + j) * TILES, 0, (size_t)r.count * sizeof *to);
                }
                continue;
            }
            const real *row = big + (r.sample * s->big_c + c) * area + y * width;
            const real *restrict from = row + x;
            prefetch_row(from + area, 2 * OUT * r.count);
            for (int64_t t = in.begin; t < in.end; t++)
                for (int64_t j = 0; j < IN; j++) {
                    to[j * TILES + t] = from[2 * OUT * t + 2 * j];
                    to[(POINTS + j) * TILES + t] = from[2 * OUT * t + 2 * j + 1];
                }
            for (int64_t t = edge(in, 0); t < r.count; t = edge(in, t + 1))
                for (int64_t j = 0; j < IN; j++) {
                    to[j * TILES + t] = pixel(row, width, x + 2 * OUT * t + 2 * j);
                    to[(POINTS + j) * TILES + t] = pixel(row, width, x + 2 * OUT * t + 2 * j + 1);
                }
        }
        at += r.count;
    }
}

/* The rows of V of a channel of small, or, four of them, of big. */
static void transform_small(const ConvShape *s, const Tiling *tiles, const real *small, int64_t c,
                            int64_t first, int64_t n, const Matrix *v)
{
    real d[POINTS * TILES];

    if (n < TILES)
        memset(d, 0, sizeof d);
    gather_small(s, tiles, small, c, first, n, IN, 1, d);
    put_image(d, v, c);
}

static void transform_big(const ConvShape *s, const Tiling *tiles, const real *big, int64_t c,
                          int64_t first, int64_t n, const Matrix *v)
{
    real d[PHASES * POINTS * TILES];

    if (n < TILES)
        memset(d, 0, sizeof d);
    gather_big(s, tiles, big, c, first, n, d);
    for (int phase = 0; phase < PHASES; phase++)
        put_image(d + phase * POINTS * TILES, v, c * PHASES + phase);
}

/* ---- results ---- */

/* m: element (tile) of product k is at m + k * size; -> y [OUT, OUT, TILES] = A^T m A, and the
 * epilogue of channel c. */
static void take_results(const real *m, int64_t size, Epilogue e, int64_t c, real *y)
{
    real half[OUT * IN * TILES];

    for (int j = 0; j < IN; j++)
        result_points(m + j * size, IN * size, half + j * TILES, IN * TILES, TILES);
    for (int i = 0; i < OUT; i++)
        result_points(half + i * IN * TILES, TILES, y + i * OUT * TILES, TILES, TILES);
    for (int64_t i = 0; e.bias != NULL && i < OUT * OUT * TILES; i++)
        y[i] += e.bias[c];
    activate_row(e.activation, y, OUT * OUT * TILES);
}

/* row[x] = beta row[x] + value, if it lies inside. */
static void put_pixel(real *row, int64_t width, int64_t x, real beta, real value)
{
    if (x >= 0 && x < width)
        row[x] = gradient(beta, row[x], value);
}

/* y [OUT, OUT, TILES] to the channel's tiles. */
static void scatter_small(const ConvShape *s, const Tiling *tiles, const real *restrict y,
                          int64_t c, int64_t first, int64_t n, real beta, real *small)
{
    int64_t area = s->small_h * s->small_w, width = s->small_w;

    for (int64_t at = 0; at < n;) {
        Run r = run_at(tiles, first, at, n);
        int64_t x = OUT * r.x;
        Inside in = inside(x, OUT, OUT, width, r.count);
        for (int64_t i = 0; i < OUT && OUT * r.y + i < s->small_h; i++) {
            const real *restrict from = y + i * OUT * TILES + at;
            real *row = small + (r.sample * s->small_c + c) * area + (OUT * r.y + i) * width;
            real *restrict to = row + x;
            if (beta == 0)
                for (int64_t t = in.begin; t < in.end; t++)
                    for (int64_t j = 0; j < OUT; j++)
                        to[OUT * t + j] = from[j * TILES + t];
            else
                for (int64_t t = in.begin; t < in.end; t++)
                    for (int64_t j = 0; j < OUT; j++)
                        to[OUT * t + j] += from[j * TILES + t];
            for (int64_t t = edge(in, 0); t < r.count; t = edge(in, t + 1))
                for (int64_t j = 0; j < OUT; j++)
                    put_pixel(row, width, x + OUT * t + j, beta, from[j * TILES + t]);
        }
        at += r.count;
    }
}

/* y [PHASES, OUT, OUT, TILES] to the channel's tiles. */
static void scatter_big(const ConvShape *s, const Tiling *tiles, const real *restrict y, int64_t c,
                        int64_t first, int64_t n, real beta, real *big)
{
    int64_t area = s->big_h * s->big_w, width = s->big_w;

    for (int64_t at = 0; at < n;) {
        Run r = run_at(tiles, first, at, n);
        int64_t x = 2 * OUT * r.x - 1;
        Inside in = inside(x, 2 * OUT, 2 * OUT, width, r.count);
        for (int64_t i = 0; i < 2 * OUT; i++) { /* i = 2 k + a */
            int64_t row_y = 2 * OUT * r.y + i - 1;
            const real *restrict even = y + (i % 2 * 2 * OUT + i / 2) * OUT * TILES + at;
            const real *restrict odd = even + OUT * OUT * TILES;
            if (row_y < 0 || row_y >= s->big_h)
                continue;
            real *row = big + (r.sample * s->big_c + c) * area + row_y * width;
            real *restrict to = row + x;
            if (beta == 0)
                for (int64_t t = in.begin; t < in.end; t++)
                    for (int64_t j = 0; j < OUT; j++) {
                        to[2 * (OUT * t + j)] = even[j * TILES + t];
                        to[2 * (OUT * t + j) + 1] = odd[j * TILES + t];
                    }
            else
                for (int64_t t = in.begin; t < in.end; t++)
                    for (int64_t j = 0; j < OUT; j++) {
                        to[2 * (OUT * t + j)] += even[j * TILES + t];
                        to[2 * (OUT * t + j) + 1] += odd[j * TILES + t];
                    }
            for (int64_t t = edge(in, 0); t < r.count; t = edge(in, t + 1))
                for (int64_t j = 0; j < OUT; j++) {
                    put_pixel(row, width, x + 2 * (OUT * t + j), beta, even[j * TILES + t]);
                    put_pixel(row, width, x + 2 * (OUT * t + j) + 1, beta, odd[j * TILES + t]);
                }
        }
        at += r.count;
    }
}

/* ---- to an image ---- */

typedef struct Product {
    bool to_big;
    Tiling tiles;
    int64_t rows, depth;   /* of each product */
    int64_t left, right;   /* reals of its packed operands; right: of a block of tiles */
    int64_t chunk, chunks; /* of rows: of a task */
    int64_t blocks;        /* of tiles */
    int64_t alone;         /* of these, the first ones, each is a task from end to end; ... */
    int64_t at_once;       /* ... so many of the others are transformed, then multiplied */
} Product;

static Product product_of(const ConvShape *s, bool to_big)
{
    Product p = {.to_big = to_big,
                 .tiles = to_big ? tiling_of_phases(s) : tiling(s->n, s->small_h, s->small_w),
                 .rows = to_big ? PHASES * s->big_c : s->small_c,
                 .depth = to_big ? s->small_c : PHASES * s->big_c};

    p.left = gemm_packed_left(p.rows, p.depth) + APART;
    p.right = gemm_packed_right(p.depth, TILES) + APART;
    p.chunk = PHASES * gemm_panel_rows(); /* whole panels, and all phases of a channel */
    p.chunks = (p.rows + p.chunk - 1) / p.chunk;
    p.blocks = (p.tiles.count + TILES - 1) / TILES;
    p.alone = p.blocks >= MANY_BLOCKS ? p.blocks : 0;
    p.at_once =
        p.alone > 0 ? PARALLEL_SLOTS : min_of(p.blocks, max_of(1, REALS / (POINTS * p.right)));
    return p;
}

static size_t product_scratch(const Product *p)
{
    int64_t reals = POINTS * (p->left + p->at_once * p->right + PARALLEL_SLOTS * p->chunk * TILES);
    return (size_t)reals * sizeof(real);
}

/* g [2, 2, LANE]: the kernels of n rows from r on, at depth k; turned around for the big image,
 * which the taps reach backwards. */
static void gather_kernels(const ConvShape *s, const Product *p, const real *w, int64_t r,
                           int64_t n, int64_t k, real *restrict g)
{
    for (int64_t t = 0; t < n; t++) {
        int64_t row = p->to_big ? k : r + t, column = p->to_big ? r + t : k;
        int64_t phase = column % PHASES;
        const real *from =
            w + (row * s->big_c + column / PHASES) * TAPS + phase / 2 * 4 + phase % 2;
        g[t] = from[p->to_big ? 10 : 0];
        g[LANE + t] = from[p->to_big ? 8 : 2];
        g[2 * LANE + t] = from[p->to_big ? 2 : 8];
        g[3 * LANE + t] = from[p->to_big ? 0 : 10];
    }
}

/* u [POINTS, left]: G g G^T in panels. */
static void transform_kernels(const ConvShape *s, const Product *p, const real *w, real *u)
{
    int64_t panel = gemm_panel_rows();

#pragma omp for schedule(static)
    for (int64_t r = 0; r < p->rows; r += panel)
        for (int64_t k = 0; k < p->depth; k++) {
            real g[4 * LANE] = {0}, half[2 * IN * LANE], all[POINTS * LANE];
            real *to = u + r * p->depth + k * panel;
            gather_kernels(s, p, w, r, min_of(panel, p->rows - r), k, g);
            for (int j = 0; j < 2; j++)
                kernel_points(g + j * LANE, 2 * LANE, half + j * LANE, 2 * LANE, LANE);
            for (int i = 0; i < IN; i++)
                kernel_points(half + 2 * i * LANE, LANE, all + i * IN * LANE, LANE, LANE);
            for (int i = 0; i < POINTS; i++)
                memcpy(to + i * p->left, all + i * LANE, (size_t)panel * sizeof *to);
        }
}

/* The results of a chunk of rows for a block of tiles. */
static void multiply_block(const ConvShape *s, const Product *p, int64_t chunk, int64_t first,
                           const real *u, const real *v, Epilogue e, real beta, real *m, real *to)
{
    int64_t row = chunk * p->chunk, rows = min_of(p->chunk, p->rows - row);
    int64_t n = min_of(TILES, p->tiles.count - first);
    real y[PHASES * OUT * OUT * TILES];

    for (int k = 0; k < POINTS; k++)
        gemm_packed(rows, n, p->depth, u + k * p->left + row * p->depth, v + k * p->right, NULL, 0,
                    m + k * rows * TILES, TILES);
    if (!p->to_big) {
        for (int64_t r = 0; r < rows; r++) {
            take_results(m + r * TILES, rows * TILES, e, row + r, y);
            scatter_small(s, &p->tiles, y, row + r, first, n, beta, to);
        }
        return;
    }
    for (int64_t r = 0; r < rows; r += PHASES) {
        int64_t c = (row + r) / PHASES;
        for (int phase = 0; phase < PHASES; phase++)
            take_results(m + (r + phase) * TILES, rows * TILES, e, c,
                         y + phase * OUT * OUT * TILES);
        scatter_big(s, &p->tiles, y, c, first, n, beta, to);
    }
}

/* Channel c of a block of tiles, transformed. */
static void transform_channel(const ConvShape *s, const Product *p, const real *from, int64_t c,
                              int64_t first, real *v)
{
    int64_t n = min_of(TILES, p->tiles.count - first), panel = gemm_panel_columns();
    Matrix to = {v, p->right, panel, panel, panel * p->depth};

    if (p->to_big)
        transform_small(s, &p->tiles, from, c, first, n, &to);
    else
        transform_big(s, &p->tiles, from, c, first, n, &to);
}

static void run(const ConvShape *s, const Product *p, const real *from, const real *w, Epilogue e,
                real beta, real *to, Kept *kept, void *scratch)
{
    real *v = (real *)scratch + POINTS * p->left, *u = kept != NULL ? kept->bytes : scratch;
    int64_t channels = p->to_big ? s->small_c : s->big_c, size = POINTS * p->right;
    real *slots = v + p->at_once * size;

#pragma omp parallel num_threads(parallel_threads())
    {
        real *own = slots + parallel_slot() * POINTS * p->chunk * TILES;
        if (kept == NULL || !kept->made)
            transform_kernels(s, p, w, u);
#pragma omp for schedule(dynamic)
        for (int64_t b = 0; b < p->alone; b++) {
            real *own_v = v + parallel_slot() * size;
            for (int64_t c = 0; c < channels; c++)
                transform_channel(s, p, from, c, b * TILES, own_v);
            for (int64_t chunk = 0; chunk < p->chunks; chunk++)
                multiply_block(s, p, chunk, b * TILES, u, own_v, e, beta, own, to);
        }
        for (int64_t b0 = p->alone; b0 < p->blocks; b0 += p->at_once) {
            int64_t blocks = min_of(p->at_once, p->blocks - b0);
#pragma omp for collapse(2) schedule(static)
            for (int64_t b = 0; b < blocks; b++)
                for (int64_t c = 0; c < channels; c++)
                    transform_channel(s, p, from, c, (b0 + b) * TILES, v + b * size);
#pragma omp for collapse(2) schedule(dynamic)
            for (int64_t b = 0; b < blocks; b++)
                for (int64_t chunk = 0; chunk < p->chunks; chunk++)
                    multiply_block(s, p, chunk, (b0 + b) * TILES, u, v + b * size, e, beta, own,
                                   to);
        }
    }
    if (kept != NULL)
        kept->made = true;
}

size_t winograd_strided_kept(const ConvShape *s, bool to_big)
{
    Product p = product_of(s, to_big);
    return (size_t)(POINTS * p.left) * sizeof(real);
}

void winograd_strided_to_small(const ConvShape *s, const real *big, const real *w,
                               Epilogue epilogue, real beta, real *small, Kept *kept, void *scratch)
{
    Product p = product_of(s, false);
    run(s, &p, big, w, epilogue, beta, small, kept, scratch);
}

void winograd_strided_to_big(const ConvShape *s, const real *small, const real *w,
                             Epilogue epilogue, real beta, real *big, Kept *kept, void *scratch)
{
    Product p = product_of(s, true);
    run(s, &p, small, w, epilogue, beta, big, kept, scratch);
}

/* ---- to the weights: of the products' sums over tiles, back through both transforms ---- */

typedef struct Sum {
    Tiling tiles;
    int64_t rows, columns; /* small channels; big channels and their phases */
    int64_t blocks;        /* of tiles, in all */
    int64_t left, right;   /* reals of each product's operands */
} Sum;

static Sum sum_of_shape(const ConvShape *s)
{
    Sum p = {.tiles = tiling(s->n, s->small_h, s->small_w),
             .rows = s->small_c,
             .columns = PHASES * s->big_c};

    p.blocks = (p.tiles.count + TILES - 1) / TILES;
    p.left = p.rows * SUMMED * TILES + APART;
    p.right = p.columns * SUMMED * TILES + APART;
    return p;
}

static size_t sum_scratch(const Sum *p)
{
    int64_t reals = p->rows * p->columns + p->left + p->right;
    return (size_t)(POINTS * reals) * sizeof(real);
}

size_t winograd_strided_scratch(const ConvShape *s)
{
    Product small = product_of(s, false), big = product_of(s, true);
    Sum sum = sum_of_shape(s);
    size_t a = product_scratch(&small), b = product_scratch(&big), c = sum_scratch(&sum);
    return a > b ? (a > c ? a : c) : (b > c ? b : c);
}

/* dw [small_c, big_c, 4, 4] = beta dw + G^T du G of every phase. */
static void transform_gradients(const Sum *p, const real *du, real beta, real *dw)
{
    int64_t size = p->rows * p->columns;

#pragma omp for schedule(static)
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t c = 0; c < p->columns; c += KERNELS) {
            int64_t n = min_of(KERNELS, p->columns - c), at = r * p->columns + c;
            real half[2 * IN * KERNELS], g[4 * KERNELS];
            for (int j = 0; j < IN; j++)
                kernel_gradient(du + j * size + at, IN * size, half + j * KERNELS, IN * KERNELS, n);
            for (int i = 0; i < 2; i++)
                kernel_gradient(half + i * IN * KERNELS, KERNELS, g + 2 * i * KERNELS, KERNELS, n);
            for (int64_t t = 0; t < n; t++)
                for (int k = 0; k < 4; k++) {
                    int phase = (int)(t % PHASES);
                    real *to = dw + (at + t) / PHASES * TAPS + (phase / 2 + k / 2 * 2) * 4 +
                               phase % 2 + k % 2 * 2;
                    *to = gradient(beta, *to, g[k * KERNELS + t]);
                }
        }
}

static void transform_small_gradient(const ConvShape *s, const Tiling *tiles, const real *small,
                                     int64_t c, int64_t first, int64_t n, const Matrix *v)
{
    real d[OUT * OUT * TILES];

    if (n < TILES)
        memset(d, 0, sizeof d);
    gather_small(s, tiles, small, c, first, n, OUT, 0, d);
    put_gradient(d, v, c);
}

void winograd_strided_weight(const ConvShape *s, const real *big, const real *small, real beta,
                             real *dw, void *scratch)
{
    Sum p = sum_of_shape(s);
    int64_t tiles = SUMMED * TILES, size = p.rows * p.columns;
    int64_t parts = (p.rows + ROWS - 1) / ROWS;
    real *du = scratch, *v = du + POINTS * size, *dm = v + POINTS * p.right;

#pragma omp parallel
    {
        for (int64_t b0 = 0; b0 < p.blocks; b0 += SUMMED) {
            int64_t blocks = min_of(SUMMED, p.blocks - b0);
            int64_t n = min_of(tiles, p.tiles.count - b0 * TILES);
#pragma omp for collapse(2) schedule(static) nowait
            for (int64_t c = 0; c < s->big_c; c++)
                for (int64_t b = 0; b < blocks; b++) {
                    Matrix to = {v + b * TILES, p.right, tiles, TILES, 0};
                    transform_big(s, &p.tiles, big, c, (b0 + b) * TILES,
                                  min_of(TILES, n - b * TILES), &to);
                }
#pragma omp for collapse(2) schedule(static)
            for (int64_t c = 0; c < s->small_c; c++)
                for (int64_t b = 0; b < blocks; b++) {
                    Matrix to = {dm + b * TILES, p.left, tiles, TILES, 0};
                    transform_small_gradient(s, &p.tiles, small, c, (b0 + b) * TILES,
                                             min_of(TILES, n - b * TILES), &to);
                }
#pragma omp for collapse(2) schedule(dynamic)
            for (int64_t k = 0; k < POINTS; k++)
                for (int64_t part = 0; part < parts; part++) {
                    int64_t r = part * ROWS;
                    gemm(false, true, min_of(ROWS, p.rows - r), p.columns, n,
                         dm + k * p.left + r * tiles, tiles, v + k * p.right, tiles,
                         b0 == 0 ? 0 : 1, du + k * size + r * p.columns, p.columns);
                }
        }
        transform_gradients(&p, du, beta, dw);
    }
}
