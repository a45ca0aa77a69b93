/* The verification protocol against numpy (scripts/make_verification_golden.py), and its corners.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "nets/verification.h"

enum { PAIRS = 257, DIM = 7 };

static real a[PAIRS * DIM], b[PAIRS * DIM];
static bool same[PAIRS];
static int fold[PAIRS];

static double uniform(uint32_t *state)
{
    *state = 1664525u * *state + 1013904223u;
    return (double)(*state >> 8) / 0x1p24;
}

/* As the script draws them. */
static void draw(void)
{
    uint32_t state = 1;
    for (int i = 0; i < PAIRS; i++) {
        same[i] = uniform(&state) < .4;
        for (int k = 0; k < DIM; k++) {
            real *p = &a[i * DIM + k], *q = &b[i * DIM + k];
            *p = (real)uniform(&state);
            double other = uniform(&state);
            *q = (real)(same[i] ? ((double)*p + other) / 2 : other);
        }
    }
    verification_folds(PAIRS, VERIFICATION_FOLDS, fold);
}

static void near_to(const json_t *wanted, double got, const char *what)
{
    double want = json_number_value(wanted);
    if (!json_is_number(wanted) || !(fabs(want - got) <= 1e-9))
        fail_msg("%s is %.12g, numpy says %.12g", what, got, want);
}

static void against_numpy(const char *name, VerificationConfig config)
{
    Verification v;
    Error err;
    json_t *all = json_load_file(GOLDEN "/verification.json", 0, NULL);
    json_t *want = json_object_get(all, name);
    assert_non_null(want);
    if (!verification_run(a, b, PAIRS, DIM, same, fold, &config, &v, &err))
        fail_msg("%s", err.text);
    assert_int_equal(v.folds, VERIFICATION_FOLDS);
    near_to(json_object_get(want, "accuracy"), v.accuracy, "accuracy");
    near_to(json_object_get(want, "deviation"), v.deviation, "deviation");
    near_to(json_object_get(want, "threshold"), v.threshold, "threshold");
    near_to(json_object_get(want, "area"), v.area, "area");
    for (size_t f = 0; f < VERIFICATION_FOLDS; f++) {
        near_to(json_array_get(json_object_get(want, "fold_accuracy"), f), v.fold_accuracy[f],
                "a fold's accuracy");
        near_to(json_array_get(json_object_get(want, "fold_threshold"), f), v.fold_threshold[f],
                "a fold's threshold");
    }
    for (size_t r = 0; r < VERIFICATION_RATES; r++)
        near_to(json_array_get(json_object_get(want, "tar"), r), v.tar[r], "a true accept rate");
    json_decref(all);
}

static void plain(void **state)
{
    (void)state;
    against_numpy("plain", (VerificationConfig){.centre = false});
}

static void centred(void **state)
{
    (void)state;
    against_numpy("centre", (VerificationConfig){.centre = true});
}

static void principal_components(void **state)
{
    (void)state;
    against_numpy("components", (VerificationConfig){.components = 4});
}

static void folds(void **state)
{
    (void)state;
    int small[7];
    static const int want[] = {0, 0, 0, 1, 1, 2, 2};
    verification_folds(7, 3, small);
    assert_memory_equal(small, want, sizeof want);
}

/* Distance 0 and threshold 0: not below it. The embeddings' lengths do not count; ties have half an
 * area. */
static void corners(void **state)
{
    (void)state;
    const real p[] = {1, 0, 2, 0, 1, 0, 1, 0}, q[] = {3, 0, 1, 0, -1, 0, -2, 0};
    const bool mates[] = {true, true, false, false};
    const int two[] = {0, 1, 0, 1};
    const VerificationConfig none = {.centre = false};
    Verification v;
    Error err;
    assert_true(verification_run(p, q, 4, 2, mates, two, &none, &v, &err));
    assert_true(v.accuracy == 1 && v.area == 1 && v.tar[2] == 1);
    assert_true(fabs(v.fold_threshold[0] - .01) < 1e-12); /* the first that is above 0 */
    assert_true(verification_run(p, p, 4, 2, mates, two, &none, &v, &err));
    assert_true(v.accuracy == .5 && v.area == .5 && v.tar[0] == 0);
}

static void refusals(void **state)
{
    (void)state;
    const VerificationConfig none = {.centre = false}, many = {.components = DIM + 1};
    Verification v;
    Error err;
    static bool all_same[PAIRS];
    static int odd[PAIRS], one[PAIRS];
    static real spoilt[PAIRS * DIM];
    memset(all_same, 1, sizeof all_same);
    assert_false(verification_run(a, b, PAIRS, DIM, all_same, fold, &none, &v, &err));
    assert_non_null(strstr(err.text, "different people"));
    for (int i = 0; i < PAIRS; i++)
        odd[i] = 2 * (i % 2);
    assert_false(verification_run(a, b, PAIRS, DIM, same, odd, &none, &v, &err));
    assert_non_null(strstr(err.text, "none in fold 1"));
    assert_false(verification_run(a, b, PAIRS, DIM, same, one, &none, &v, &err));
    assert_non_null(strstr(err.text, "two folds"));
    odd[5] = VERIFICATION_MAX_FOLDS;
    assert_false(verification_run(a, b, PAIRS, DIM, same, odd, &none, &v, &err));
    assert_non_null(strstr(err.text, "pair 5"));
    assert_false(verification_run(a, b, PAIRS, DIM, same, fold, &many, &v, &err));
    assert_non_null(strstr(err.text, "8 principal components"));
    memcpy(spoilt, b, sizeof spoilt);
    spoilt[3 * DIM] = NAN;
    assert_false(verification_run(a, spoilt, PAIRS, DIM, same, fold, &none, &v, &err));
    assert_non_null(strstr(err.text, "pair 3"));
}

int main(void)
{
    draw();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain), cmocka_unit_test(centred), cmocka_unit_test(principal_components),
        cmocka_unit_test(folds), cmocka_unit_test(corners), cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
