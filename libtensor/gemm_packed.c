#include "libtensor/gemm_packed.h"

#include <string.h>

#include "libtensor/gemm_kernel.h"
#include "libtensor/instructions.h"

/* Blocks, so that a panel of columns stays in the first cache while the rows pass, and the rows of
 * a block in the second one while the columns do. They are the same for all instruction sets: the
 * order of a sum is part of the result. */
enum { DEPTH = 256, BLOCK_ROWS = 252, MAX_COLUMNS = 32 };

static const GemmTable *table(void)
{
    static const GemmTable *const tables[INSTRUCTIONS_COUNT] = {
        [INSTRUCTIONS_PORTABLE] = &gemm_portable,
#ifdef __x86_64__
        [INSTRUCTIONS_AVX2] = &gemm_avx2,
        [INSTRUCTIONS_AVX512] = &gemm_avx512,
#endif
    };
    return tables[instructions_used()];
}

int64_t gemm_panel_rows(void)
{
    return table()->rows;
}

int64_t gemm_panel_columns(void)
{
    return table()->columns;
}

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t packed_size(int64_t n, int64_t k, int64_t panel)
{
    return (n + panel - 1) / panel * panel * k;
}

int64_t gemm_packed_left(int64_t m, int64_t k)
{
    return packed_size(m, k, table()->rows);
}

int64_t gemm_packed_right(int64_t k, int64_t n)
{
    return packed_size(n, k, table()->columns);
}

/* x [k,n] -> panels of `panel` columns. */
static void pack_columns(int64_t k, int64_t n, const real *x, int64_t ldx, int64_t panel,
                         real *packed)
{
    for (int64_t j = 0; j < n; j += panel, packed += panel * k) {
        int64_t columns = min_of(panel, n - j);
        for (int64_t p = 0; p < k; p++)
            memcpy(packed + p * panel, x + p * ldx + j, (size_t)columns * sizeof *x);
    }
}

/* x [n,k] -> panels of `panel` columns of its transpose: a few lines of the cache at a time. */
static void pack_rows(int64_t k, int64_t n, const real *x, int64_t ldx, int64_t panel, real *packed)
{
    enum { STEPS = 16 };

    for (int64_t j = 0; j < n; j += panel, packed += panel * k) {
        int64_t rows = min_of(panel, n - j);
        for (int64_t p0 = 0; p0 < k; p0 += STEPS) {
            int64_t steps = min_of(STEPS, k - p0);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t p = 0; p < steps; p++)
                    packed[(p0 + p) * panel + r] = x[(j + r) * ldx + p0 + p];
        }
    }
}

void gemm_pack_left(bool transpose, int64_t m, int64_t k, const real *a, int64_t lda, real *packed)
{
    if (transpose)
        pack_columns(k, m, a, lda, table()->rows, packed);
    else
        pack_rows(k, m, a, lda, table()->rows, packed);
}

void gemm_pack_right(bool transpose, int64_t k, int64_t n, const real *b, int64_t ldb, real *packed)
{
    if (transpose)
        pack_rows(k, n, b, ldb, table()->columns, packed);
    else
        pack_columns(k, n, b, ldb, table()->columns, packed);
}

/* Rows [i0, i1) of c, one panel of columns, one block of the depth from p0 on. */
static void multiply_panel(int64_t i0, int64_t i1, int64_t columns, int64_t k, int64_t p0,
                           const real *left, const real *right, const real *bias, real beta,
                           real *c, int64_t ldc)
{
    const GemmTable *t = table();
    int64_t rows = t->rows, depth = min_of(DEPTH, k - p0);

    for (int64_t i = i0; i < i1; i += rows)
        t->kernel(min_of(rows, i1 - i), columns, depth, left + i * k + p0 * rows, right,
                  bias != NULL && p0 == 0 ? bias + i : NULL, p0 == 0 ? beta : 1, c + i * ldc, ldc);
}

void gemm_packed(int64_t m, int64_t n, int64_t k, const real *left, const real *right,
                 const real *bias, real beta, real *c, int64_t ldc)
{
    int64_t columns = table()->columns, block = BLOCK_ROWS / table()->rows * table()->rows;

    for (int64_t p = 0; p < k; p += DEPTH)
        for (int64_t i = 0; i < m; i += block)
            for (int64_t j = 0; j < n; j += columns)
                multiply_panel(i, min_of(i + block, m), min_of(columns, n - j), k, p, left,
                               right + j * k + p * columns, bias, beta, c + j, ldc);
}

void gemm_left_packed(bool transpose, int64_t m, int64_t n, int64_t k, const real *left,
                      const real *b, int64_t ldb, const real *bias, real beta, real *c, int64_t ldc)
{
    int64_t columns = table()->columns;
    _Alignas(64) real panel[DEPTH * MAX_COLUMNS];

    for (int64_t p = 0; p < k; p += DEPTH)
        for (int64_t j = 0; j < n; j += columns) {
            int64_t width = min_of(columns, n - j);
            gemm_pack_right(transpose, min_of(DEPTH, k - p), width,
                            transpose ? b + j * ldb + p : b + p * ldb + j, ldb, panel);
            multiply_panel(0, m, width, k, p, left, panel, bias, beta, c + j, ldc);
        }
}
