/* The facial prior, against what defines principal components, and against characters of which the
 * answer is known. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/eigen.h"
#include "libtensor/rng.h"
#include "nets/prior.h"

/* Group "plane": values 0, 2, 4, 6, of which two directions are alive; "line": 1, 3, 5; one
 * discrete group of three options. */
enum { CONTINUOUS = 7, OPTIONS = 3, DIM = CONTINUOUS + OPTIONS, COUNT = 4000 };

static const char *const group_of[CONTINUOUS] = {"plane", "line", "plane", "line",
                                                 "plane", "line", "plane"};
static const float centre[CONTINUOUS] = {.5f, .4f, .6f, .5f, .3f, .5f, .5f};
/* Orthonormal directions and deviations along them. */
static const float first[4] = {.5f, .5f, .5f, .5f}, second[4] = {.5f, -.5f, .5f, -.5f};
static const float third[3] = {.6f, 0, .8f};
static const float sigma[3] = {.08f, .04f, .06f};

static float *people(int count)
{
    float *x = calloc((size_t)count * DIM, sizeof *x);
    assert_non_null(x);
    for (int k = 0; k < count; k++) {
        Rng rng = rng_make(5, 0, (uint64_t)k);
        float *row = x + (size_t)k * DIM, a = sigma[0] * rng_normal(&rng);
        float b = sigma[1] * rng_normal(&rng), c = sigma[2] * rng_normal(&rng);
        for (int i = 0; i < 4; i++) {
            row[2 * i] = centre[2 * i] + a * first[i] + b * second[i];
        }
        for (int i = 0; i < 3; i++) {
            row[2 * i + 1] = centre[2 * i + 1] + c * third[i];
        }
        row[CONTINUOUS + (k % 4 == 0 ? 2 : 0)] = 1; /* the second option: never */
    }
    return x;
}

static Prior *new_prior(void)
{
    Prior *prior;
    Error err;
    if (!prior_new(&prior, CONTINUOUS, group_of, 1, (int[]){OPTIONS}, &err)) {
        fail_msg("%s", err.text);
    }
    return prior;
}

static Prior *fitted(double energy)
{
    Prior *prior = new_prior();
    float *x = people(COUNT);
    Error err;
    if (!prior_fit(prior, x, COUNT, energy, &err)) {
        fail_msg("%s", err.text);
    }
    free(x);
    return prior;
}

static void eigenvalues_of_a_known_matrix(void **state)
{
    double a[9] = {2, 1, 0, 1, 2, 0, 0, 0, 2.5}, value[3];
    const double half = sqrt(.5);
    const double expected[9] = {half, half, 0, 0, 0, 1, half, -half, 0};
    Error err;
    (void)state;

    assert_true(symmetric_eigen(3, a, value, &err));
    assert_float_equal(value[0], 3, 1e-12);
    assert_float_equal(value[1], 2.5, 1e-12);
    assert_float_equal(value[2], 1, 1e-12);
    for (int i = 0; i < 9; i++) {
        assert_float_equal(a[i], expected[i], 1e-12);
    }
}

static void layout_follows_the_names(void **state)
{
    Prior *p = new_prior();
    (void)state;

    assert_int_equal(p->dim, DIM);
    assert_int_equal(p->n_groups, 2);
    assert_string_equal(p->group[0].name, "plane");
    assert_string_equal(p->group[1].name, "line");
    assert_int_equal(p->group[0].n, 4);
    assert_int_equal(p->group[1].n, 3);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(p->group[0].index[i], 2 * i);
    }
    assert_int_equal(p->choice[0].begin, CONTINUOUS);
    prior_free(p);
}

/* The definition: C v = lambda v with orthonormal v, C written out here in another way. */
static void components_are_eigenvectors(void **state)
{
    Prior *p = fitted(1);
    float *x = people(COUNT);
    (void)state;

    for (int at = 0; at < p->n_groups; at++) {
        const PriorGroup *g = &p->group[at];
        double c[4][4] = {{0}}, trace = 0, sum = 0;
        for (int i = 0; i < g->n; i++) {
            for (int j = 0; j < g->n; j++) {
                double xy = 0, sx = 0, sy = 0;
                for (int k = 0; k < COUNT; k++) {
                    double u = (double)x[k * DIM + g->index[i]],
                           v = (double)x[k * DIM + g->index[j]];
                    xy += u * v;
                    sx += u;
                    sy += v;
                }
                c[i][j] = (xy - sx * sy / COUNT) / (COUNT - 1);
            }
            trace += c[i][i];
        }
        for (int k = 0; k < g->n; k++) {
            const float *v = g->basis + k * g->n;
            for (int i = 0; i < g->n; i++) {
                double cv = 0, dot = 0;
                for (int j = 0; j < g->n; j++) {
                    cv += c[i][j] * (double)v[j];
                    dot += (double)g->basis[i * g->n + j] * (double)v[j];
                }
                assert_float_equal(cv, (double)g->variance[k] * (double)v[i], 1e-9);
                assert_float_equal(dot, i == k, 1e-6);
            }
            assert_true(k == 0 || g->variance[k] <= g->variance[k - 1]);
            sum += (double)g->variance[k];
        }
        assert_float_equal(sum, trace, 1e-9);
    }
    free(x);
    prior_free(p);
}

static void what_the_characters_were_made_of_is_found(void **state)
{
    Prior *p = fitted(.999);
    (void)state;

    for (int i = 0; i < CONTINUOUS; i++) {
        assert_float_equal(p->mean[i], centre[i], .003);
    }
    assert_int_equal(p->group[0].kept, 2);
    assert_int_equal(p->group[1].kept, 1);
    assert_int_equal(prior_components(p), 3);
    assert_float_equal(sqrtf(p->group[0].variance[0]), sigma[0], .003);
    assert_float_equal(sqrtf(p->group[0].variance[1]), sigma[1], .003);
    assert_float_equal(sqrtf(p->group[1].variance[0]), sigma[2], .003);
    for (int i = 0; i < 4; i++) {
        assert_float_equal(p->group[0].basis[i], first[i], .03);
    }
    for (int i = 0; i < 3; i++) {
        assert_float_equal(p->group[1].basis[i], third[i], .001);
    }
    assert_true(p->choice[0].frequency[0] == .75f && p->choice[0].frequency[1] == 0 &&
                p->choice[0].frequency[2] == .25f);
    prior_free(p);
}

static void energy_decides_how_many(void **state)
{
    Prior *p = fitted(.7);
    const PriorGroup *plane = &p->group[0];
    double share = (double)(plane->variance[0] / (plane->variance[0] + plane->variance[1]));
    (void)state;

    assert_int_equal(plane->kept, 1); /* .08^2 / (.08^2 + .04^2) = .8 */
    assert_float_equal(prior_energy(plane, 1), share, 1e-4);
    assert_float_equal(prior_energy(plane, 0), 0, 0);
    assert_float_equal(prior_energy(plane, 4), 1, 1e-12);
    assert_int_equal(prior_needed(plane, .9), 2);
    prior_keep(p, .9);
    assert_int_equal(plane->kept, 2);
    prior_free(p);
}

/* Of the characters that it was learned from z has mean 0, deviation sigma, no correlation. */
static void encoding_decorrelates(void **state)
{
    Prior *p = fitted(.999);
    float *x = people(COUNT), z[3];
    double mean[3] = {0}, square[3] = {0}, product = 0;
    const double variance[3] = {(double)p->group[0].variance[0], (double)p->group[0].variance[1],
                                (double)p->group[1].variance[0]};
    (void)state;

    for (int k = 0; k < COUNT; k++) {
        prior_encode(p, x + (size_t)k * DIM, z);
        for (int i = 0; i < 3; i++) {
            mean[i] += (double)z[i] / COUNT;
            square[i] += (double)z[i] * (double)z[i] / (COUNT - 1);
        }
        product += (double)z[0] * (double)z[1] / (COUNT - 1);
    }
    for (int i = 0; i < 3; i++) {
        assert_float_equal(mean[i], 0, 1e-5);
        assert_float_equal(square[i] / variance[i], 1, 1e-4);
    }
    assert_float_equal(product, 0, 1e-6);
    free(x);
    prior_free(p);
}

/* Solves m y = b in place, by elimination with pivots. */
static void solve(double m[CONTINUOUS][CONTINUOUS], double b[CONTINUOUS])
{
    enum { N = CONTINUOUS };

    for (int k = 0; k < N; k++) {
        int pivot = k;
        for (int i = k; i < N; i++) {
            pivot = fabs(m[i][k]) > fabs(m[pivot][k]) ? i : pivot;
        }
        for (int j = 0; j < N; j++) {
            double t = m[k][j];
            m[k][j] = m[pivot][j];
            m[pivot][j] = t;
        }
        double t = b[k];
        b[k] = b[pivot];
        b[pivot] = t;
        for (int i = 0; i < N; i++) {
            double factor = i == k ? 0 : m[i][k] / m[k][k];
            for (int j = k; j < N; j++) {
                m[i][j] -= factor * m[k][j];
            }
            b[i] -= factor * b[k];
        }
    }
    for (int k = 0; k < N; k++) {
        b[k] /= m[k][k];
    }
}

/* Eq. 12 as it is printed, where its inverse exists: with every component kept. It undoes Eq. 11
 * for any x, and the matrix is the P of both. */
static void decoding_is_equation_12(void **state)
{
    Prior *p = new_prior();
    float x[50 * DIM] = {0};
    Error err;
    (void)state;

    for (int k = 0; k < 50; k++) {
        Rng rng = rng_make(8, 0, (uint64_t)k);
        for (int i = 0; i < CONTINUOUS; i++) {
            x[k * DIM + i] = rng_uniform(&rng);
        }
    }
    assert_true(prior_fit(p, x, 50, 1, &err));
    assert_int_equal(prior_components(p), CONTINUOUS);
    const float z[CONTINUOUS] = {.3f, -1.2f, .5f, 2, .1f, .2f, -.4f};
    float P[CONTINUOUS][CONTINUOUS], back[DIM] = {0}, again[CONTINUOUS];
    double ppt[CONTINUOUS][CONTINUOUS] = {{0}}, right[CONTINUOUS] = {0};

    prior_matrix(p, P[0]);
    for (int i = 0; i < CONTINUOUS; i++) {
        for (int k = 0; k < CONTINUOUS; k++) {
            right[i] += (double)P[i][k] * (double)z[k];
            for (int j = 0; j < CONTINUOUS; j++) {
                ppt[i][j] += (double)P[i][k] * (double)P[j][k];
            }
        }
    }
    solve(ppt, right);
    prior_decode(p, z, back);
    prior_encode(p, back, again);
    for (int i = 0; i < CONTINUOUS; i++) {
        assert_float_equal(back[i], right[i] + (double)p->mean[i], 1e-5);
        assert_float_equal(again[i], z[i], 1e-5);
    }
    prior_free(p);
}

/* How far x is from the subspace. */
static double off(const Prior *p, const float *x)
{
    float z[CONTINUOUS], y[DIM];
    double far = 0;

    prior_encode(p, x, z);
    prior_decode(p, z, y);
    for (int i = 0; i < CONTINUOUS; i++) {
        far = fmax(far, fabs((double)x[i] - (double)y[i]));
    }
    return far;
}

static void projection_is_orthogonal_and_stays(void **state)
{
    Prior *p = fitted(.999);
    const PriorGroup *g = &p->group[0];
    float x[DIM] = {.52f, .9f, .58f, .5f, .33f, .1f, .51f, 0, 1, 0}, y[DIM];
    (void)state;

    memcpy(y, x, sizeof y);
    prior_project(p, NULL, y);
    for (int k = 0; k < g->kept; k++) { /* what was taken away has no part in the subspace */
        double dot = 0;
        for (int i = 0; i < g->n; i++) {
            dot += (double)g->basis[k * g->n + i] * (double)(x[2 * i] - y[2 * i]);
        }
        assert_float_equal(dot, 0, 1e-6);
    }
    assert_true(off(p, x) > .01 && off(p, y) < 1e-6);
    assert_memory_equal(x + CONTINUOUS, y + CONTINUOUS, OPTIONS * sizeof *x);
    memcpy(x, y, sizeof x);
    prior_project(p, NULL, x);
    for (int i = 0; i < CONTINUOUS; i++) {
        assert_float_equal(x[i], y[i], 1e-6);
    }
    prior_free(p);
}

static void bounds_hold_inside_the_subspace(void **state)
{
    Prior *p = fitted(.999);
    (void)state;

    for (uint64_t k = 0; k < 200; k++) {
        Rng rng = rng_make(9, 0, k);
        float x[DIM] = {0};
        for (int i = 0; i < CONTINUOUS; i++) {
            x[i] = rng_range(&rng, -1, 2);
        }
        prior_project(p, NULL, x);
        for (int i = 0; i < CONTINUOUS; i++) {
            assert_true(x[i] >= 0 && x[i] <= 1);
        }
        assert_true(off(p, x) < 1e-4);
    }
    prior_free(p);
}

/* A component nearly along a wall of the box: alternating projections crawl there. */
static void bounds_hold_along_a_wall(void **state)
{
    const char *const one[3] = {"group", "group", "group"};
    const float mean[3] = {.5f, .01f, .5f}, along[3] = {.99875f, .05f, 0};
    float x[3] = {0, -.015f, .5f};
    Prior *p;
    Error err;
    (void)state;

    assert_true(prior_new(&p, 3, one, 0, NULL, &err));
    memcpy(p->mean, mean, sizeof mean);
    memcpy(p->group[0].basis, along, sizeof along);
    p->group[0].variance[0] = 1;
    p->group[0].kept = 1;
    prior_project(p, NULL, x);
    assert_float_equal(x[0], .5 - .01 / .05 * .99875, 1e-5);
    assert_float_equal(x[1], 0, 1e-6);
    x[0] = 1.2f; /* and the other wall */
    x[1] = p->mean[1] = .99f;
    prior_project(p, NULL, x);
    assert_float_equal(x[0], .5 + .01 / .05 * .99875, 1e-5);
    assert_float_equal(x[1], 1, 1e-6);
    prior_free(p);
}

/* Frequencies whose sum was rounded down. */
static void what_was_never_chosen_is_never_drawn(void **state)
{
    Prior *p = fitted(.999);
    float x[DIM];
    (void)state;

    memcpy(p->choice[0].frequency, (float[]){.5f, .25f, 0}, OPTIONS * sizeof(float));
    for (uint64_t k = 0; k < 50; k++) {
        prior_draw(p, 3, k, x);
        assert_true(x[CONTINUOUS + 2] == 0);
    }
    prior_free(p);
}

/* What moves is what a point of the subspace has there, wherever in the box the rest would be. */
static void resting_values_rest(void **state)
{
    Prior *p = fitted(.999);
    const float moves[CONTINUOUS] = {1, 0, 1, 0, 1, 0, 0};
    const float x[DIM] = {.9f, .9f, .1f, .1f, .8f, .2f, .47f, 1, 0, 0};
    float y[DIM];
    (void)state;

    memcpy(y, x, sizeof y);
    prior_project(p, moves, y);
    assert_true(y[6] == x[6]);                                 /* rests in its group */
    assert_true(y[1] == x[1] && y[3] == x[3] && y[5] == x[5]); /* a group of nothing else */
    assert_true(fabsf(y[0] - x[0]) > .05f && fabsf(y[2] - x[2]) > .05f);
    /* .5 (a + b), .5 (a - b), .5 (a + b) and so again: values 0 and 4 differ as their means do. */
    assert_float_equal(y[0] - y[4], p->mean[0] - p->mean[4], .02);

    /* A resting value sets no bounds: where value 6 is 1, value 2 would be 1.1. */
    const float others[CONTINUOUS] = {1, 0, 0, 0, 1, 0, 1};
    memcpy(y, (float[]){.5f, .5f, 1.4f, .5f, .3f, .5f, 1.3f}, CONTINUOUS * sizeof *y);
    prior_project(p, others, y);
    assert_true(y[2] == 1.4f);
    assert_float_equal(y[6], 1, .01);
    prior_free(p);
}

static void draws_are_the_prior(void **state)
{
    Prior *p = fitted(.999);
    enum { DRAWS = 4000 };
    double square = 0, sigma_1 = (double)p->group[0].variance[1];
    int chosen[OPTIONS] = {0};
    float x[DIM], again[DIM];
    (void)state;

    for (uint64_t k = 0; k < DRAWS; k++) {
        float z[3];
        prior_draw(p, 3, k, x);
        assert_true(off(p, x) < 1e-5);
        prior_encode(p, x, z);
        square += (double)z[1] * (double)z[1] / sigma_1 / DRAWS;
        for (int i = 0; i < OPTIONS; i++) {
            assert_true(x[CONTINUOUS + i] == 0 || x[CONTINUOUS + i] == 1);
            chosen[i] += x[CONTINUOUS + i] == 1;
        }
    }
    assert_float_equal(square, 1, .1);
    assert_int_equal(chosen[1], 0);
    assert_int_equal(chosen[0] + chosen[2], DRAWS);
    assert_true(abs(chosen[0] - 3 * DRAWS / 4) < 120); /* 4 deviations */
    prior_draw(p, 3, DRAWS - 1, again);
    assert_memory_equal(x, again, sizeof x);
    prior_draw(p, 4, DRAWS - 1, again);
    assert_memory_not_equal(x, again, sizeof x);
    prior_free(p);
}

static void wrong_characters_are_refused(void **state)
{
    Prior *p = new_prior();
    float *x = people(5);
    Error err;
    (void)state;

    assert_false(prior_fit(p, x, 4, .9, &err));
    assert_non_null(strstr(err.text, "4 characters are too few"));
    assert_non_null(strstr(err.text, "\"plane\" has 4"));
    assert_true(prior_fit(p, x, 5, .9, &err));
    x[3 * DIM + 2] = NAN;
    assert_false(prior_fit(p, x, 5, .9, &err));
    assert_non_null(strstr(err.text, "parameter 2 of character 3"));
    free(x);
    prior_free(p);
}

/* Values that never change have no component, and are what they were. */
static void constant_values_stay(void **state)
{
    Prior *p = new_prior();
    float x[20 * DIM] = {0}, y[DIM];
    Error err;
    (void)state;

    for (int k = 0; k < 20; k++) {
        Rng rng = rng_make(11, 0, (uint64_t)k);
        x[k * DIM + 2] = rng_uniform(&rng);
        x[k * DIM + 4] = .25f;
    }
    assert_true(prior_fit(p, x, 20, .95, &err));
    assert_int_equal(p->group[0].kept, 1);
    assert_true(prior_energy(&p->group[1], 1) == 1);
    for (int i = 0; i < DIM; i++) {
        y[i] = .8f;
    }
    prior_project(p, NULL, y);
    assert_float_equal(y[0], 0, 1e-6);
    assert_float_equal(y[1], 0, 1e-6);
    assert_float_equal(y[2], .8f, 1e-5);
    assert_float_equal(y[4], .25f, 1e-6);
    prior_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvalues_of_a_known_matrix),
        cmocka_unit_test(layout_follows_the_names),
        cmocka_unit_test(components_are_eigenvectors),
        cmocka_unit_test(what_the_characters_were_made_of_is_found),
        cmocka_unit_test(energy_decides_how_many),
        cmocka_unit_test(encoding_decorrelates),
        cmocka_unit_test(decoding_is_equation_12),
        cmocka_unit_test(projection_is_orthogonal_and_stays),
        cmocka_unit_test(bounds_hold_inside_the_subspace),
        cmocka_unit_test(bounds_hold_along_a_wall),
        cmocka_unit_test(what_was_never_chosen_is_never_drawn),
        cmocka_unit_test(resting_values_rest),
        cmocka_unit_test(draws_are_the_prior),
        cmocka_unit_test(wrong_characters_are_refused),
        cmocka_unit_test(constant_values_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
