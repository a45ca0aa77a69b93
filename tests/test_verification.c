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
    if (!verification_run(a, b, PAIRS, DIM, same, fold, &config, &v, NULL, &err))
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

static void signed_roots(void **state)
{
    (void)state;
    against_numpy("root", (VerificationConfig){.components = DIM, .signed_root = true});
}

/* Embeddings that know nothing are right half of the time, whatever is done to them. */
static void random_embeddings(void **state)
{
    (void)state;
    enum { MANY = 4000, WIDTH = 16 };
    static real p[MANY * WIDTH], q[MANY * WIDTH];
    static bool mates[MANY];
    static int part[MANY];
    const VerificationConfig config[] = {
        {.centre = false}, {.centre = true}, {.components = 8, .signed_root = true}};
    uint32_t seed = 2;
    for (int i = 0; i < MANY * WIDTH; i++) {
        p[i] = (real)uniform(&seed);
        q[i] = (real)uniform(&seed);
    }
    for (int i = 0; i < MANY; i++)
        mates[i] = i % 2;
    verification_folds(MANY, VERIFICATION_FOLDS, part);
    for (size_t k = 0; k < sizeof config / sizeof *config; k++) {
        Verification v;
        Error err;
        assert_true(verification_run(p, q, MANY, WIDTH, mates, part, &config[k], &v, NULL, &err));
        /* four deviations of the mean of as many coins */
        assert_true(fabs(v.accuracy - .5) < .032 && fabs(v.area - .5) < .037);
    }
}

/* Of two far ones and a near one: at a rate of a third one may pass. */
static void curve(void **state)
{
    (void)state;
    const double distance[] = {.1, .2, .9, .15, .5, .6}, far[] = {0, .3, .34, .67, 1};
    const double want[] = {1. / 3, 1. / 3, 2. / 3, 2. / 3, 1};
    const bool mates[] = {true, true, true, false, false, false};
    double tar[5];
    Error err;
    assert_true(verification_roc(distance, mates, 6, far, tar, 5, &err));
    for (int i = 0; i < 5; i++)
        assert_true(fabs(tar[i] - want[i]) < 1e-12);
    /* and the distances that a run hands out are the ones its figures are of */
    static double own[PAIRS];
    Verification v;
    assert_true(verification_run(a, b, PAIRS, DIM, same, fold,
                                 &(VerificationConfig){.centre = true}, &v, own, &err));
    double right = 0, at[] = {.1};
    int in_fold[VERIFICATION_FOLDS] = {0};
    for (int i = 0; i < PAIRS; i++)
        in_fold[fold[i]]++;
    for (int i = 0; i < PAIRS; i++)
        right += ((own[i] < v.fold_threshold[fold[i]]) == same[i]) / (double)in_fold[fold[i]];
    assert_true(fabs(right / VERIFICATION_FOLDS - v.accuracy) < 1e-12);
    assert_true(verification_roc(own, same, PAIRS, at, tar, 1, &err) &&
                fabs(tar[0] - v.tar[0]) < 1e-12);
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
    assert_true(verification_run(p, q, 4, 2, mates, two, &none, &v, NULL, &err));
    assert_true(v.accuracy == 1 && v.area == 1 && v.tar[2] == 1);
    assert_true(fabs(v.fold_threshold[0] - .01) < 1e-12); /* the first that is above 0 */
    assert_true(verification_run(p, p, 4, 2, mates, two, &none, &v, NULL, &err));
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
    assert_false(verification_run(a, b, PAIRS, DIM, all_same, fold, &none, &v, NULL, &err));
    assert_non_null(strstr(err.text, "different people"));
    for (int i = 0; i < PAIRS; i++)
        odd[i] = 2 * (i % 2);
    assert_false(verification_run(a, b, PAIRS, DIM, same, odd, &none, &v, NULL, &err));
    assert_non_null(strstr(err.text, "none in fold 1"));
    assert_false(verification_run(a, b, PAIRS, DIM, same, one, &none, &v, NULL, &err));
    assert_non_null(strstr(err.text, "two folds"));
    odd[5] = VERIFICATION_MAX_FOLDS;
    assert_false(verification_run(a, b, PAIRS, DIM, same, odd, &none, &v, NULL, &err));
    assert_non_null(strstr(err.text, "pair 5"));
    assert_false(verification_run(a, b, PAIRS, DIM, same, fold, &many, &v, NULL, &err));
    assert_non_null(strstr(err.text, "8 principal components"));
    memcpy(spoilt, b, sizeof spoilt);
    spoilt[3 * DIM] = NAN;
    assert_false(verification_run(a, spoilt, PAIRS, DIM, same, fold, &none, &v, NULL, &err));
    assert_non_null(strstr(err.text, "pair 3"));
}

int main(void)
{
    draw();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),
        cmocka_unit_test(centred),
        cmocka_unit_test(principal_components),
        cmocka_unit_test(signed_roots),
        cmocka_unit_test(random_embeddings),
        cmocka_unit_test(curve),
        cmocka_unit_test(folds),
        cmocka_unit_test(corners),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
