/* Packed matrix products by every instruction set that the CPU has, against the plain triple loop
 * in double precision, in a program each for float and double. */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libtensor/gemm_packed.h"
#include "libtensor/instructions.h"
#include "libtensor/rng.h"

#ifdef REAL_IS_DOUBLE
static const double EPSILON = DBL_EPSILON;
#else
static const double EPSILON = FLT_EPSILON;
#endif

enum { GAP = 3 }; /* elements between the rows of c, which nobody may touch */

static const real UNTOUCHED = 12345;

typedef struct Product {
    int64_t m, n, k;
    real *a, *b, *bias;   /* a [m,k], b [k,n] */
    real *at, *bt;        /* their transposes */
    double *want, *bound; /* [m,n]: the product, and what rounding may cost */
} Product;

static real *reals(int64_t n)
{
    real *x = aligned_alloc(64, ((size_t)n * sizeof *x + 64) / 64 * 64);

    assert_non_null(x);
    return x;
}

static real *random_reals(Rng *rng, int64_t n)
{
    real *x = reals(n);

    for (int64_t i = 0; i < n; i++)
        x[i] = rng_range(rng, -1, 1);
    return x;
}

static real *transposed(const real *x, int64_t rows, int64_t columns)
{
    real *t = reals(rows * columns);

    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            t[c * rows + r] = x[r * columns + c];
    return t;
}

static Product product_make(Rng *rng, int64_t m, int64_t n, int64_t k)
{
    Product p = {.m = m,
                 .n = n,
                 .k = k,
                 .a = random_reals(rng, m * k),
                 .b = random_reals(rng, k * n),
                 .bias = random_reals(rng, m),
                 .want = calloc((size_t)(m * n), sizeof(double)),
                 .bound = calloc((size_t)(m * n), sizeof(double))};

    assert_non_null(p.want);
    assert_non_null(p.bound);
    p.at = transposed(p.a, m, k);
    p.bt = transposed(p.b, k, n);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t q = 0; q < k; q++) {
                double x = (double)p.a[i * k + q] * (double)p.b[q * n + j];
                p.want[i * n + j] += x;
                p.bound[i * n + j] += fabs(x) * (double)(k + 2) * EPSILON;
            }
    return p;
}

static void product_free(Product *p)
{
    free(p->a);
    free(p->b);
    free(p->bias);
    free(p->at);
    free(p->bt);
    free(p->want);
    free(p->bound);
}

/* c [m, n + GAP] with 1 in the product's place, NaN where nothing may be read. */
static real *fresh(const Product *p, real beta)
{
    real *c = reals(p->m * (p->n + GAP));

    for (int64_t i = 0; i < p->m * (p->n + GAP); i++)
        c[i] = i % (p->n + GAP) >= p->n ? UNTOUCHED : beta == 0 ? (real)NAN : 1;
    return c;
}

static real *nans(int64_t n)
{
    real *x = reals(n);

    for (int64_t i = 0; i < n; i++)
        x[i] = (real)NAN;
    return x;
}

/* Rows [i, i1) and columns [j, j1) of c, packed on their own; transposed: from the transposes. */
static void multiply(const Product *p, bool transpose, int64_t i, int64_t i1, int64_t j, int64_t j1,
                     const real *bias, real beta, real *c)
{
    int64_t m = i1 - i, n = j1 - j, k = p->k;
    real *left = nans(gemm_packed_left(m, k)), *right = nans(gemm_packed_right(k, n));

    gemm_pack_left(transpose, m, k, transpose ? p->at + i : p->a + i * k, transpose ? p->m : k,
                   left);
    gemm_pack_right(transpose, k, n, transpose ? p->bt + j * k : p->b + j, transpose ? k : p->n,
                    right);
    gemm_packed(m, n, k, left, right, bias ? bias + i : NULL, beta, c + i * (p->n + GAP) + j,
                p->n + GAP);
    free(left);
    free(right);
}

static void expect_product(const Product *p, const real *c, bool bias, real beta, const char *name)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n + GAP; j++) {
            double x = (double)c[i * (p->n + GAP) + j];
            if (j >= p->n) {
                assert_true(x == (double)UNTOUCHED);
                continue;
            }
            double want = p->want[i * p->n + j] + (double)beta + (bias ? (double)p->bias[i] : 0);
            if (!(fabs(x - want) <= p->bound[i * p->n + j] + 4 * EPSILON))
                fail_msg("%s, %lldx%lldx%lld: (%lld, %lld) is %g, not %g", name, (long long)p->m,
                         (long long)p->n, (long long)p->k, (long long)i, (long long)j, x, want);
        }
}

static void check(const Product *p, const char *name)
{
    size_t bytes = (size_t)(p->m * (p->n + GAP)) * sizeof(real);
    real *whole = fresh(p, 0), *other = fresh(p, 0), *added = fresh(p, 1);
    real *left = nans(gemm_packed_left(p->m, p->k));
    int64_t m = p->m / 3, n = p->n / 2;

    multiply(p, false, 0, p->m, 0, p->n, p->bias, 0, whole);
    expect_product(p, whole, true, 0, name);
    multiply(p, true, 0, p->m, 0, p->n, NULL, 1, added);
    expect_product(p, added, false, 1, name);
    multiply(p, true, 0, m, 0, n, p->bias, 0, other);
    multiply(p, false, 0, m, n, p->n, p->bias, 0, other);
    multiply(p, false, m, p->m, 0, n, p->bias, 0, other);
    multiply(p, true, m, p->m, n, p->n, p->bias, 0, other);
    assert_memory_equal(whole, other, bytes);
    gemm_pack_left(false, p->m, p->k, p->a, p->k, left);
    gemm_left_packed(false, p->m, p->n, p->k, left, p->b, p->n, p->bias, 0, other, p->n + GAP);
    assert_memory_equal(whole, other, bytes);
    gemm_left_packed(true, p->m, p->n, p->k, left, p->bt, p->k, NULL, 0, other, p->n + GAP);
    expect_product(p, other, false, 0, name);
    free(whole);
    free(other);
    free(added);
    free(left);
}

static void test_against_loops(void **state)
{
    /* more than a block of rows, of the depth, of both */
    static const int64_t large[][3] = {{600, 5, 3}, {13, 70, 513}, {257, 33, 259}, {1, 1, 1}};
    Instructions best = instructions_used();
    Rng rng = rng_make(3, 0, 0);
    (void)state;

    for (int round = 0; round < 150; round++) {
        const int64_t *l = large[round < 4 ? round : 0];
        int64_t m = round < 4 ? l[0] : 1 + (int64_t)rng_below(&rng, 60);
        int64_t n = round < 4 ? l[1] : 1 + (int64_t)rng_below(&rng, 80);
        int64_t k = round < 4 ? l[2] : 1 + (int64_t)rng_below(&rng, 50);
        Product p = product_make(&rng, m, n, k);
        for (int set = 0; set < INSTRUCTIONS_COUNT; set++)
            if (instructions_here((Instructions)set)) {
                instructions_use((Instructions)set);
                check(&p, instructions_name((Instructions)set));
            }
        product_free(&p);
    }
    instructions_use(best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_loops)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
