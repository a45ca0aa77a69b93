/* Single precision: every op's case rows against the same rows in double (tests/test_ops --values),
 * the convolutions on random shapes against their definition, and the same bits at any number of
 * threads. The bounds are relative to the largest element of each result. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "libtensor/conv.h"
#include "libtensor/conv_plain.h"
#include "libtensor/instructions.h"
#include "libtensor/op_kernels.h"
#include "libtensor/ops/stream.h"
#include "libtensor/rng.h"
#include "libtensor/winograd.h"
#include "libtensor/winograd_strided.h"
#include "tests/op_case.h"

static const double CASE_BOUND = 2e-6, CONV_BOUND = 2e-6;
/* The transforms of Winograd's filtering cost three bits: measured 4.6e-6 with 512 channels. */
static const double WINOGRAD_BOUND = 6e-6;

static void threads(int n)
{
#ifdef _OPENMP
    omp_set_num_threads(n);
#else
    (void)n;
#endif
}

/* Largest |x - want| over the largest |want|. */
static double relative_error(const real *x, const double *want, int64_t n)
{
    double largest = 0, worst = 0;

    for (int64_t k = 0; k < n; k++) {
        largest = fmax(largest, fabs(want[k]));
        worst = fmax(worst, isnan(x[k]) ? INFINITY : fabs((double)x[k] - want[k]));
    }
    return largest > 0 ? worst / largest : worst;
}

static void expect_near(FILE *values, const OpCase *c, Tensor t, const char *what, int i)
{
    int64_t n = shape_count(t.shape);
    double *want = malloc((size_t)n * sizeof *want);

    assert_non_null(want);
    assert_int_equal((int)fread(want, sizeof *want, (size_t)n, values), (int)n);
    double error = relative_error(t.data, want, n);
    if (!(error <= CASE_BOUND))
        fail_msg("%s %s: %s %d is off by %g", c->row->op_name, c->row->shapes, what, i, error);
    free(want);
}

static void test_cases_against_double(void **state)
{
    FILE *values = popen("exec " TEST_OPS " --values", "r");
    (void)state;

    assert_non_null(values);
    for (int r = 0; r < op_case_count; r++) {
        OpCase c;
        case_open(&c, &op_case_rows[r], NULL);
        case_forward(&c, false);
        case_backward(&c, 0xFF, 0, CASE_APART);
        expect_near(values, &c, c.out, "out", 0);
        for (int i = 0; i < c.n_in; i++)
            if (case_wants(&c, i))
                expect_near(values, &c, c.din[i], "din", i);
            else if ((c.info->flags & OP_UPDATES(i)) != 0)
                expect_near(values, &c, c.in[i], "in", i);
        case_free(&c);
    }
    assert_int_equal(fgetc(values), EOF);
    assert_int_equal(pclose(values), 0);
}

static real *random_reals(Rng *rng, int64_t n)
{
    real *x = malloc((size_t)n * sizeof *x);

    assert_non_null(x);
    for (int64_t k = 0; k < n; k++)
        x[k] = rng_range(rng, -1, 1);
    return x;
}

static int64_t below(Rng *rng, int64_t n)
{
    return (int64_t)rng_below(rng, (uint32_t)n);
}

/* A million products or so; now and then the shapes that nets have, and ones off every fast path.
 */
static ConvShape random_shape(Rng *rng)
{
    static const int64_t kernels[] = {1, 2, 3, 3, 3, 4, 4, 5, 7};
    ConvShape s;

    do {
        s = (ConvShape){.n = 1 + below(rng, 9),
                        .big_c = 1 + below(rng, 40),
                        .big_h = 1 + below(rng, 40),
                        .big_w = 1 + below(rng, 40),
                        .small_c = 1 + below(rng, 70),
                        .stride = 1 + below(rng, 3),
                        .kh = kernels[below(rng, 9)]};
        s.kw = below(rng, 4) == 0 ? kernels[below(rng, 9)] : s.kh;
        s.pad = below(rng, s.kh);
        if (below(rng, 8) == 0) { /* one small pixel */
            s.kh = s.big_h = 1 + below(rng, 5);
            s.kw = s.big_w = 1 + below(rng, 5);
            s.pad = 0;
        }
        if (below(rng, 3) == 0) /* widths of the fast copies */
            s.big_h = s.big_w = (int64_t)4 << below(rng, 4);
        if (below(rng, 16) == 0) { /* wider than a line */
            s.big_w = 1100;
            s.big_h = s.kh + below(rng, 3);
            s.big_c = 1 + below(rng, 3);
        }
        s.small_h = (s.big_h + 2 * s.pad - s.kh) / s.stride + 1;
        s.small_w = (s.big_w + 2 * s.pad - s.kw) / s.stride + 1;
    } while (s.big_h + 2 * s.pad < s.kh || s.big_w + 2 * s.pad < s.kw ||
             s.n * s.small_c * s.small_h * s.small_w * s.big_c * s.kh * s.kw > 1500000);
    return s;
}

typedef struct Images {
    int64_t big, small, w; /* elements */
    real *x, *y, *weight, *bias;
    double *want;
} Images;

/* Runs product `which` (0 to small, 1 to big, 2 weight) into a buffer of its own; with beta 0 those
 * to images add the bias. */
static real *run_product(const ConvShape *s, const Images *m, int which, Activation activation,
                         real beta, const real *start, Kept *kept)
{
    Epilogue epilogue = {beta == 0 ? m->bias : NULL, activation};
    int64_t n = which == 0 ? m->small : which == 1 ? m->big : m->w;
    size_t bytes = which == 0   ? conv_to_small_scratch(s)
                   : which == 1 ? conv_to_big_scratch(s)
                                : conv_weight_scratch(s);
    real *out = malloc((size_t)n * sizeof *out);
    void *scratch = aligned_alloc(64, bytes / 64 * 64 + 64);

    assert_non_null(out);
    assert_non_null(scratch);
    for (int64_t k = 0; k < n; k++)
        out[k] = beta == 0 ? (real)NAN : start[k];
    memset(scratch, 0xFF, bytes);
    if (which == 0)
        conv_to_small(s, m->x, m->weight, epilogue, beta, out, kept, scratch);
    else if (which == 1)
        conv_to_big(s, m->y, m->weight, epilogue, beta, out, kept, scratch);
    else
        conv_weight(s, m->x, m->y, beta, out, scratch);
    free(scratch);
    return out;
}

/* Into m->want, without a bias. */
static void product_plain(const ConvShape *s, const Images *m, int which)
{
    if (which == 0)
        conv_to_small_plain(s, m->x, m->weight, NULL, m->want);
    else if (which == 1)
        conv_to_big_plain(s, m->y, m->weight, NULL, m->want);
    else
        conv_weight_plain(s, m->x, m->y, m->want);
}

/* What is added to element k of the product. */
static double bias_of(const ConvShape *s, const Images *m, int which, int64_t k)
{
    int64_t c = which == 0 ? s->small_c : s->big_c;
    int64_t area = which == 0 ? s->small_h * s->small_w : s->big_h * s->big_w;

    return which < 2 ? (double)m->bias[k / area % c] : 0;
}

static void expect_error(const ConvShape *s, const Images *m, int which, const real *out, int64_t n)
{
    static const char *const name[] = {"conv_to_small", "conv_to_big", "conv_weight"};
    double error = relative_error(out, m->want, n);

    if (!(error <= (which < 2 && winograd_fits(s) ? WINOGRAD_BOUND : CONV_BOUND)))
        fail_msg("%s (%s) is off by %g at n %lld, big %lldx%lldx%lld, small %lldx%lldx%lld, kernel "
                 "%lldx%lld, "
                 "stride %lld, pad %lld",
                 name[which], instructions_name(instructions_used()), error, (long long)s->n,
                 (long long)s->big_c, (long long)s->big_h, (long long)s->big_w,
                 (long long)s->small_c, (long long)s->small_h, (long long)s->small_w,
                 (long long)s->kh, (long long)s->kw, (long long)s->stride, (long long)s->pad);
}

/* The bits of `three`: of what `one` is after an activation. */
static void expect_activated(const real *one, const real *three, int64_t n, real slope)
{
    for (int64_t k = 0; k < n; k++) {
        real want = one[k] > 0 ? one[k] : slope * one[k];
        if (memcmp(&three[k], &want, sizeof want) != 0)
            fail_msg("a product differs with more threads and an activation");
    }
}

/* By one instruction set: with a bias, then added to what is there; at 3 threads with an activation
 * and what is kept of the weights. */
static void expect_product(const ConvShape *s, const Images *m, int which)
{
    const Activation none = {.kind = ACTIVATION_NONE}, leaky = {ACTIVATION_LEAKY_RELU, (real).2};
    int64_t n = which == 0 ? m->small : which == 1 ? m->big : m->w;
    const real *start = which == 0 ? m->y : which == 1 ? m->x : m->weight;
    size_t bytes = which == 0 ? conv_to_small_kept(s) : which == 1 ? conv_to_big_kept(s) : 0;
    Kept of_weights = {.bytes = aligned_alloc(64, bytes / 64 * 64 + 64)};
    Kept *kept = bytes > 0 ? &of_weights : NULL;

    assert_non_null(of_weights.bytes);
    for (real beta = 0; beta <= 1; beta++) {
        threads(1);
        real *one = run_product(s, m, which, none, beta, start, NULL);
        threads(3);
        real *three = run_product(s, m, which, beta == 0 ? leaky : none, beta, start, kept);
        threads(2);
        assert_true(kept == NULL || kept->made);
        expect_activated(one, three, n, which < 2 && beta == 0 ? leaky.slope : 1);
        for (int64_t k = 0; k < n; k++)
            m->want[k] += beta == 0 ? bias_of(s, m, which, k) : (double)start[k];
        expect_error(s, m, which, one, n);
        for (int64_t k = 0; k < n; k++)
            m->want[k] -= beta == 0 ? bias_of(s, m, which, k) : (double)start[k];
        free(one);
        free(three);
    }
    free(of_weights.bytes);
}

static void expect_product_of_all(const ConvShape *s, const Images *m, int which)
{
    Instructions best = instructions_used();

    product_plain(s, m, which);
    for (int set = 0; set < INSTRUCTIONS_COUNT; set++)
        if (instructions_here((Instructions)set)) {
            instructions_use((Instructions)set);
            expect_product(s, m, which);
        }
    instructions_use(best);
}

static void expect_products(Rng *rng, const ConvShape *s)
{
    int64_t channels = s->small_c > s->big_c ? s->small_c : s->big_c;
    Images m = {.big = s->n * s->big_c * s->big_h * s->big_w,
                .small = s->n * s->small_c * s->small_h * s->small_w,
                .w = s->small_c * s->big_c * s->kh * s->kw};
    int64_t most = m.big > m.small ? m.big : m.small;

    m.x = random_reals(rng, m.big);
    m.y = random_reals(rng, m.small);
    m.weight = random_reals(rng, m.w);
    m.bias = random_reals(rng, channels);
    m.want = malloc((size_t)(most > m.w ? most : m.w) * sizeof *m.want);
    assert_non_null(m.want);
    expect_product_of_all(s, &m, 0);
    expect_product_of_all(s, &m, 1);
    expect_product_of_all(s, &m, 2);
    free(m.x);
    free(m.y);
    free(m.weight);
    free(m.bias);
    free(m.want);
}

static void test_convolutions(void **state)
{
    Rng rng = rng_make(7, 0, 0);
    (void)state;

    for (int round = 0; round < 150; round++) {
        ConvShape s = random_shape(&rng);
        expect_products(&rng, &s);
    }
}

/* Shapes too large for the random ones. */
typedef struct LargeShape {
    int64_t n, big_c, big_h, big_w, small_c, kernel, stride, pad;
} LargeShape;

static ConvShape large_shape(const LargeShape *l)
{
    return (ConvShape){.n = l->n,
                       .big_c = l->big_c,
                       .big_h = l->big_h,
                       .big_w = l->big_w,
                       .small_c = l->small_c,
                       .small_h = (l->big_h + 2 * l->pad - l->kernel) / l->stride + 1,
                       .small_w = (l->big_w + 2 * l->pad - l->kernel) / l->stride + 1,
                       .kh = l->kernel,
                       .kw = l->kernel,
                       .stride = l->stride,
                       .pad = l->pad};
}

/* Many channels, several blocks of tiles, every padding, and sides that are no multiple of 4. */
static void test_winograd(void **state)
{
    static const LargeShape shapes[] = {{1, 230, 18, 18, 146, 3, 1, 1},
                                        {3, 16, 33, 70, 17, 3, 1, 0},
                                        {2, 65, 10, 15, 130, 3, 1, 2},
                                        {5, 16, 8, 7, 512, 3, 1, 1},
                                        {1, 16, 12, 16, 16, 3, 1, 1},
                                        {1, 16, 3, 1020, 16, 3, 1, 1}};
    Rng rng = rng_make(8, 0, 0);
    (void)state;

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        ConvShape s = large_shape(&shapes[i]);
        assert_true(winograd_fits(&s));
        expect_products(&rng, &s);
    }
}

/* 4x4, stride 2: tiles that are whole and that are not, blocks that end within a row of
 * tiles. */
static void test_winograd_strided(void **state)
{
    static const LargeShape shapes[] = {{1, 16, 64, 64, 40, 4, 2, 1},
                                        {2, 16, 36, 50, 30, 4, 2, 1},
                                        {1, 17, 58, 98, 60, 4, 2, 1},
                                        {16, 16, 16, 16, 60, 4, 2, 1},
                                        {1, 16, 14, 1024, 16, 4, 2, 1}};
    Rng rng = rng_make(10, 0, 0);
    (void)state;

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        ConvShape s = large_shape(&shapes[i]);
        assert_true(winograd_strided_fits(&s, false));
        expect_products(&rng, &s);
    }
}

/* Small images that are cut into rows, whose patches overlap, touch or leave big rows between them
 * out. */
static void test_cut_rows(void **state)
{
    static const LargeShape shapes[] = {
        {1, 40, 66, 140, 17, 4, 2, 1}, {2, 33, 67, 90, 5, 7, 2, 3},   {1, 70, 61, 62, 7, 5, 1, 0},
        {1, 80, 90, 100, 6, 3, 3, 0},  {1, 90, 120, 131, 3, 2, 3, 1}, {1, 3, 150, 181, 40, 4, 2, 1},
        {1, 2, 1, 1, 3, 2, 50, 5}}; /* all in the padding */
    Rng rng = rng_make(9, 0, 0);
    (void)state;

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        ConvShape s = large_shape(&shapes[i]);
        expect_products(&rng, &s);
    }
}

/* A batch_norm whose result is streamed has the bits of one in place, which is not. A row of a
 * channel is no multiple of 16 bytes, so that every second one is not aligned. */
static void test_streamed(void **state)
{
    enum { N = 2, C = 2, H = 4098, W = 1025, COUNT = N * C * H * W };
    const BatchNormParam p = {(real)1e-5, (real).1, true};
    real gamma[C] = {1, (real)-.7}, beta[C] = {(real).2, 0}, mean[C] = {0}, var[C] = {1, 1};
    real saved_mean[C], saved_r[C],
        *x = aligned_alloc(64, ((size_t)COUNT * sizeof *x + 63) / 64 * 64);
    real *y = aligned_alloc(64, ((size_t)COUNT * sizeof *y + 63) / 64 * 64);
    Tensor image = {x, shape4(N, C, H, W), DTYPE_REAL};
    Call call = {.in = {image,
                        {gamma, shape1(C), DTYPE_REAL},
                        {beta, shape1(C), DTYPE_REAL},
                        {mean, shape1(C), DTYPE_REAL},
                        {var, shape1(C), DTYPE_REAL}},
                 .n_in = 5,
                 .out = image,
                 .saved = {{saved_mean, shape1(C), DTYPE_REAL}, {saved_r, shape1(C), DTYPE_REAL}},
                 .activation = {.kind = ACTIVATION_RELU},
                 .param = &p};
    (void)state;

    assert_non_null(x);
    assert_non_null(y);
    assert_true(tensor_bytes(image) >= STREAM_BYTES);
    for (int64_t k = 0; k < COUNT; k++)
        x[k] = (real)(k * 37 % 1009) / 500 - 1;
    call.out.data = y;
    op_batch_norm_forward(&call);
    call.out.data = x;
    op_batch_norm_forward(&call);
    assert_memory_equal(x, y, COUNT * sizeof *x);
    free(x);
    free(y);
}

static void test_threads(void **state)
{
    (void)state;
    for (int r = 0; r < op_case_count; r++) {
        real *first[OP_MAX_IN + 1] = {NULL};
        OpCase c;
        case_open(&c, &op_case_rows[r], NULL);
        for (int n = 1; n <= 2; n++) {
            threads(n);
            case_reset(&c);
            case_forward(&c, false);
            case_backward(&c, 0xFF, 0, CASE_APART);
            for (int i = 0; i <= c.n_in; i++) {
                Tensor t = i < c.n_in ? c.din[i] : c.out;
                if (t.data == NULL)
                    continue;
                if (n == 1) {
                    first[i] = malloc(tensor_bytes(t));
                    assert_non_null(first[i]);
                    memcpy(first[i], t.data, tensor_bytes(t));
                } else {
                    assert_memory_equal(t.data, first[i], tensor_bytes(t));
                    free(first[i]);
                }
            }
        }
        case_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases_against_double),
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_winograd),
        cmocka_unit_test(test_winograd_strided),
        cmocka_unit_test(test_cut_rows),
        cmocka_unit_test(test_streamed),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
