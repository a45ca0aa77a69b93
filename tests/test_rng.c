/* Philox4x32-10 against the known answers of Random123 (kat_vectors), and what is made of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "libtensor/rng.h"

/* counter word 0 is the element, 1 and 2 the step, 3 the stream; the key is the seed */
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const uint32_t *c = rows[i].counter, *k = rows[i].key;
        uint32_t out[4];
        philox(k[0] | (uint64_t)k[1] << 32, c[3], c[1] | (uint64_t)c[2] << 32, c[0], out);
        for (int j = 0; j < 4; j++)
            assert_int_equal(out[j], rows[i].want[j]);
    }
}

static void words_come_in_order(void **state)
{
    (void)state;
    Rng rng = rng_make(11, 22, 33);
    for (uint32_t element = 0; element < 5; element++) {
        uint32_t out[4];
        philox(11, 22, 33, element, out);
        for (int j = 0; j < 4; j++)
            assert_int_equal(rng_u32(&rng), out[j]);
    }
}

static void seed_stream_and_step_matter(void **state)
{
    (void)state;
    Rng a = rng_make(1, 2, 3),
        b[] = {rng_make(2, 2, 3), rng_make(1, 3, 3), rng_make(1, 2, 4),
               rng_make(1ull << 32 | 1, 2, 3), rng_make(1, 2, 1ull << 32 | 3)};
    uint32_t first = rng_u32(&a);
    for (int i = 0; i < 5; i++)
        assert_int_not_equal(first, rng_u32(&b[i]));
}

static void uniform_moments(void **state)
{
    (void)state;
    enum { N = 200000 };
    Rng rng = rng_make(5, 0, 0);
    double sum = 0, square = 0;
    for (int i = 0; i < N; i++) {
        float x = rng_uniform(&rng);
        assert_true(x >= 0 && x < 1);
        sum += (double)x;
        square += (double)x * (double)x;
    }
    /* five standard deviations */
    assert_true(fabs(sum / N - .5) < 5 * sqrt(1. / 12 / N));
    assert_true(fabs(square / N - 1. / 3) < 5 * sqrt(4. / 45 / N));
    for (int i = 0; i < 1000; i++) {
        float x = rng_range(&rng, -3, -2);
        assert_true(x >= -3 && x < -2);
    }
}

static void normal_moments(void **state)
{
    (void)state;
    enum { N = 200000 };
    Rng rng = rng_make(6, 0, 0);
    double m[5] = {0};
    for (int i = 0; i < N; i++) {
        double x = (double)rng_normal(&rng), power = 1;
        assert_true(isfinite(x));
        for (int k = 0; k < 5; k++, power *= x)
            m[k] += power / N;
    }
    /* variances of the moments: 1, 2, 15, 96 over N; five standard deviations */
    assert_true(fabs(m[1]) < 5 * sqrt(1. / N));
    assert_true(fabs(m[2] - 1) < 5 * sqrt(2. / N));
    assert_true(fabs(m[3]) < 5 * sqrt(15. / N));
    assert_true(fabs(m[4] - 3) < 5 * sqrt(96. / N));
}

static void below_is_unbiased(void **state)
{
    (void)state;
    enum { N = 60000 };
    Rng rng = rng_make(7, 0, 0);
    int count[6] = {0};
    for (int i = 0; i < N; i++) {
        uint32_t x = rng_below(&rng, 6);
        assert_true(x < 6);
        count[x]++;
    }
    double chi2 = 0;
    for (int k = 0; k < 6; k++)
        chi2 += (count[k] - N / 6.) * (count[k] - N / 6.) / (N / 6.);
    assert_true(chi2 < 20.5); /* 5 degrees of freedom, p = .001 */
    /* For n = 3 * 2^30 a plain modulo would make the lowest third twice as likely. */
    int low = 0;
    for (int i = 0; i < N; i++)
        low += rng_below(&rng, 3u << 30) < 1u << 30;
    assert_true(fabs(low / (double)N - 1. / 3) < 5 * sqrt(2. / 9 / N));
    assert_int_equal(rng_below(&rng, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(words_come_in_order),
        cmocka_unit_test(seed_stream_and_step_matter),
        cmocka_unit_test(uniform_moments),
        cmocka_unit_test(normal_moments),
        cmocka_unit_test(below_is_unbiased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
