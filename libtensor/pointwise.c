#include "libtensor/pointwise.h"

#include "libtensor/gemm_packed.h"
#include "libtensor/parallel.h"

enum {
    ROWS = 512,  /* of a task at most: their weights stay in a core's own cache */
    PIXELS = 128 /* likewise */
};

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t area_of(const ConvShape *s)
{
    return s->small_h * s->small_w;
}

bool pointwise_fits(const ConvShape *s)
{
    return s->kh == 1 && s->kw == 1 && s->stride == 1 && s->pad == 0;
}

/* Rows of a task: as even as whole panels allow. */
static int64_t block_rows(int64_t rows)
{
    int64_t panel = gemm_panel_rows(), even = ceil_div(rows, ceil_div(rows, ROWS));
    return ceil_div(even, panel) * panel;
}

size_t pointwise_kept(const ConvShape *s, bool to_big)
{
    return sizeof(real) * (size_t)(to_big ? gemm_packed_left(s->big_c, s->small_c)
                                          : gemm_packed_left(s->small_c, s->big_c));
}

size_t pointwise_scratch(const ConvShape *s)
{
    size_t small = pointwise_kept(s, false), big = pointwise_kept(s, true);
    return small > big ? small : big;
}

/* to [n,rows,area] = beta to + op(w) [rows,depth] from [n,depth,area], and the epilogue. */
static void multiply(const ConvShape *s, bool transpose, int64_t rows, int64_t depth,
                     const real *from, const real *w, Epilogue e, real beta, real *to, Kept *kept,
                     void *scratch)
{
    int64_t panel = gemm_panel_rows(), area = area_of(s), block = block_rows(rows);
    real *left = kept != NULL ? kept->bytes : scratch;
    int64_t unpacked = kept != NULL && kept->made ? 0 : rows;

#pragma omp parallel
    {
#pragma omp for schedule(static)
        for (int64_t r = 0; r < unpacked; r += panel)
            gemm_pack_left(transpose, min_of(panel, rows - r), depth,
                           w + r * (transpose ? 1 : depth), transpose ? rows : depth,
                           left + r * depth);
#pragma omp for collapse(3) schedule(dynamic)
        for (int64_t r = 0; r < rows; r += block)
            for (int64_t n = 0; n < s->n; n++)
                for (int64_t x = 0; x < area; x += PIXELS) {
                    int64_t height = min_of(block, rows - r), width = min_of(PIXELS, area - x);
                    real *at = to + (n * rows + r) * area + x;
                    gemm_left_packed(false, height, width, depth, left + r * depth,
                                     from + n * depth * area + x, area,
                                     e.bias != NULL ? e.bias + r : NULL, beta, at, area);
                    for (int64_t i = 0; i < height; i++)
                        activate_row(e.activation, at + i * area, width);
                }
    }
    if (kept != NULL)
        kept->made = true;
}

void pointwise_to_small(const ConvShape *s, const real *big, const real *w, Epilogue epilogue,
                        real beta, real *small, Kept *kept, void *scratch)
{
    multiply(s, false, s->small_c, s->big_c, big, w, epilogue, beta, small, kept, scratch);
}

void pointwise_to_big(const ConvShape *s, const real *small, const real *w, Epilogue epilogue,
                      real beta, real *big, Kept *kept, void *scratch)
{
    multiply(s, true, s->big_c, s->small_c, small, w, epilogue, beta, big, kept, scratch);
}
