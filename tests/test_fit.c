/* The descent of Eq. 9, the losses it descends, and least squares: on small networks of random
 * weights, whose own picture of a known x is the target. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/rng.h"
#include "nets/fit.h"
#include "nets/least_squares.h"
#include "nets/likeness.h"

enum { SIZE = 32, CONTINUOUS = 9, OPTIONS = 3, DIM = CONTINUOUS + OPTIONS, CLASSES = 5 };

static const float mean[CONTINUOUS] = {.5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f};
static const float deviation[CONTINUOUS] = {.2f, .2f, .2f, .2f, .2f, .2f, .2f, .2f, .2f};
/* The person to be found, its discrete option the second. */
static const float truth[DIM] = {.8f, .2f, .6f, .3f, .7f, .9f, .1f, .4f, .5f, 0, 1, 0};

typedef struct Nets {
    Backend *backend;
    ParamSet *set[3];
    Imitator imitator;
    Descriptor descriptor;
    Segmenter segmenter;
    Eyes eyes;
    Measure *measure;
    Target target;
    real ones[CLASSES];
} Nets;

static void must(bool ok, const Error *err)
{
    if (!ok) {
        fprintf(stderr, "%s\n", err->text);
        exit(1);
    }
}

/* Normal weights of a size that keeps signals alive through the net. */
static void randomise(ParamSet *set, uint32_t stream)
{
    Rng rng = rng_make(7, stream, 0);

    for (int i = 0; i < params_count(set); i++) {
        Shape s = params_shape(set, (Param){i});
        int64_t n = shape_count(s), fan = s.ndim > 1 ? n / s.dim[0] : 0;
        real *value = malloc((size_t)n * sizeof *value);
        for (int64_t k = 0; k < n; k++) {
            value[k] = fan ? (real)(rng_normal(&rng) * sqrtf(2.0f / (float)fan)) : 0;
        }
        params_write(set, (Param){i}, value);
        free(value);
    }
}

static void picture_of(Nets *n, const float *x, real *picture)
{
    Graph *g = ag_graph_new();
    Var in = ag_input(g, "x", DTYPE_REAL, shape2(1, DIM));
    Var out = imitator_forward(g, &n->imitator, in, MODE_EVAL);
    Plan *plan;
    Error err;
    real values[DIM];

    for (int i = 0; i < DIM; i++) {
        values[i] = x[i];
    }
    ag_keep(g, out);
    must(ag_plan(&plan, g, AG_NONE, (PlanOptions){.backend = n->backend}, &err), &err);
    ag_write(plan, in, values);
    ag_run(plan, &(StepState){.step = 0});
    ag_read(plan, out, picture);
    ag_plan_free(plan);
    ag_graph_free(g);
}

static int setup(void **state)
{
    Nets *n = calloc(1, sizeof *n);
    Error err;
    ImitatorConfig imitator = imitator_small(DIM, SIZE, 4);
    SegmenterConfig segmenter = {.stem = 8,
                                 .blocks = {1, 1, 1, 1},
                                 .width = {8, 8, 8, 8},
                                 .stride = {1, 1, 1, 1},
                                 .classes = CLASSES,
                                 .size = SIZE};
    real picture[3 * SIZE * SIZE];

    imitator.n_groups = 1;
    imitator.begin[0] = CONTINUOUS;
    imitator.count[0] = OPTIONS;
    n->backend = backend_cpu_open();
    for (int i = 0; i < 3; i++) {
        n->set[i] = params_new();
    }
    n->imitator = imitator_declare(n->set[0], &imitator, true);
    recognizer_declare(&n->descriptor.net.recognizer, n->set[1]);
    n->segmenter = segmenter_declare(n->set[2], &segmenter, true);
    for (int i = 0; i < 3; i++) {
        must(params_alloc(n->set[i], n->backend, false, 1, &err), &err);
        randomise(n->set[i], (uint32_t)i);
    }
    n->eyes = (Eyes){&n->descriptor, &n->segmenter, {0.1f, 0.1f, 0.8f}, SIZE};
    must(measure_new(&n->measure, &n->eyes, n->backend, &err), &err);
    must(target_new(&n->target, &n->eyes, &err), &err);
    picture_of(n, truth, picture);
    measure_view(n->measure, picture, &n->target.view);
    for (int k = 0; k < CLASSES; k++) {
        n->ones[k] = n->target.content_weight[k] = n->target.colour_weight[k] = 1;
    }
    *state = n;
    return 0;
}

static int teardown(void **state)
{
    Nets *n = *state;

    target_free(&n->target);
    measure_free(n->measure);
    for (int i = 0; i < 3; i++) {
        params_free(n->set[i]);
    }
    backend_close(n->backend);
    free(n);
    return 0;
}

static FitConfig config(Nets *n, int starts)
{
    OptimConfig optim = optim_adam();

    optim.project = true;
    optim.lo = 0;
    optim.hi = 1;
    return (FitConfig){.backend = n->backend,
                       .imitator = &n->imitator,
                       .eyes = n->eyes,
                       .starts = starts,
                       .n_continuous = CONTINUOUS,
                       .optim = optim,
                       .mean = mean,
                       .deviation = deviation};
}

static Fit *make_fit(Nets *n, const FitConfig *c)
{
    Fit *fit;
    Error err;

    must(fit_new(&fit, c, &err), &err);
    fit_set_target(fit, &n->target.view, n->ones, n->ones);
    return fit;
}

static void begin(float *x)
{
    memcpy(x, truth, DIM * sizeof *x);
    for (int i = 0; i < CONTINUOUS; i++) {
        x[i] = 0.5f;
    }
}

static double largest_error(const float *x, int n)
{
    double worst = 0;

    for (int i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)x[i] - truth[i]));
    }
    return worst;
}

static void descent_recovers_x(void **state)
{
    Nets *n = *state;
    FitConfig c = config(n, 1);
    Fit *fit = make_fit(n, &c);
    float x[DIM];
    real start = 0;

    begin(x);
    fit_set_x(fit, 0, x);
    fit_set_weight(fit, 0, FIT_IDENTITY, 1);
    fit_set_weight(fit, 0, FIT_COLOUR, 10);
    for (int i = 0; i < 300; i++) {
        fit_step(fit, (real)cosine_decay(0.05, 0.01, 300, (uint64_t)i));
        start = i == 0 ? fit_total(fit, 0) : start;
    }
    fit_evaluate(fit);
    fit_get_x(fit, 0, x);
    print_message("total %.3g -> %.3g, largest error of x %.3f\n", (double)start,
                  (double)fit_total(fit, 0), largest_error(x, DIM));
    assert_true(fit_total(fit, 0) < 1e-3 * start);
    assert_true(largest_error(x, DIM) < 0.05);
    fit_free(fit);
}

/* What the graph descends is what the host measures on the same picture. */
static void graph_and_memory_agree(void **state)
{
    Nets *n = *state;
    FitConfig c = config(n, 1);
    Fit *fit = make_fit(n, &c);
    float x[DIM];
    real picture[3 * SIZE * SIZE];
    View view;
    Error err;

    must(view_new(&view, &n->eyes, &err), &err);
    begin(x);
    x[2] = 0.9f;
    fit_set_x(fit, 0, x);
    fit_evaluate(fit);
    fit_picture(fit, 0, picture);
    measure_view(n->measure, picture, &view);
    Losses losses = target_losses(&n->target, &n->eyes, &view);
    losses.prior = prior_loss(x, mean, deviation, CONTINUOUS);
    assert_true(losses.identity > 1e-3 && losses.content > 1e-3 && losses.colour > 1e-7);
    assert_float_equal(fit_loss(fit, 0, FIT_IDENTITY), losses.identity, 1e-4 * losses.identity);
    assert_float_equal(fit_loss(fit, 0, FIT_CONTENT), losses.content, 1e-4 * losses.content);
    assert_float_equal(fit_loss(fit, 0, FIT_COLOUR), losses.colour,
                       1e-3 * losses.colour); /* of small differences */
    assert_float_equal(fit_loss(fit, 0, FIT_PRIOR), losses.prior, 1e-5);

    /* The residuals' squares are the losses, but for content, which they take squared. */
    int m = target_residual_count(&n->eyes);
    float *r = malloc((size_t)m * sizeof *r);
    double sum = 0;
    target_residuals(&n->target, &n->eyes, &view, (Weights){.identity = 2, .colour = 3}, r);
    for (int i = 0; i < m; i++) {
        sum += (double)r[i] * r[i];
    }
    assert_float_equal(sum, 2 * losses.identity + 3 * losses.colour, 1e-4 * sum);
    free(r);
    view_free(&view);
    fit_free(fit);
}

/* 1 - cos of Eq. 5, of descriptors that are not normalised. */
static double cosine_loss(const real *a, const real *b, int n)
{
    double ab = 0, aa = 0, bb = 0;

    for (int i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return 1 - ab / sqrt(aa * bb);
}

/* What a descriptor's own graph makes of two pictures, 2 x dim. */
static void describe(const Nets *n, const Eyes *eyes, const real *pictures, real *descriptor)
{
    Graph *g = ag_graph_new();
    Var in = ag_input(g, "pictures", DTYPE_REAL, shape4(2, 3, SIZE, SIZE));
    Var out = descriptor_forward(g, eyes->descriptor, in, eyes->chip);
    Plan *plan;
    Error err;

    ag_keep(g, out);
    must(ag_plan(&plan, g, AG_NONE, (PlanOptions){.backend = n->backend}, &err), &err);
    ag_write(plan, in, pictures);
    ag_run(plan, &(StepState){.step = 0});
    ag_read(plan, out, descriptor);
    ag_plan_free(plan);
    ag_graph_free(g);
}

/* With LightCNN in the recogniser's place identity is the cosine: in the descent's graph, in memory
 * and in the residuals of least squares. */
static void identity_of_lightcnn_is_the_cosine(void **state)
{
    enum { LIGHT_DIM = 8 };
    Nets *n = *state;
    LightCnnConfig net = {
        .width = {4, 4, 4, 4, 4}, .blocks = {1, 1, 1, 1}, .dim = LIGHT_DIM, .size = SIZE};
    Descriptor light = {.kind = DESCRIPTOR_LIGHTCNN};
    ParamSet *set = params_new();
    Measure *measure;
    Target target;
    View view;
    FitConfig c = config(n, 1);
    real pictures[2 * 3 * SIZE * SIZE], raw[2 * LIGHT_DIM];
    float x[DIM];
    Error err;

    light.net.lightcnn = lightcnn_declare(set, &net);
    must(params_alloc(set, n->backend, false, 1, &err), &err);
    c.eyes.descriptor = &light;
    must(measure_new(&measure, &c.eyes, n->backend, &err), &err);
    must(target_new(&target, &c.eyes, &err), &err);
    must(view_new(&view, &c.eyes, &err), &err);
    begin(x);
    picture_of(n, x, pictures);
    picture_of(n, truth, pictures + 3 * SIZE * SIZE);
    describe(n, &c.eyes, pictures, raw);
    double wanted = cosine_loss(raw, raw + LIGHT_DIM, LIGHT_DIM);

    measure_view(measure, pictures, &view);
    measure_view(measure, pictures + 3 * SIZE * SIZE, &target.view);
    Losses losses = target_losses(&target, &c.eyes, &view);
    assert_true(wanted > 1e-4);
    assert_float_equal(losses.identity, wanted, 1e-3 * wanted);
    assert_float_equal(view_distance(&view, &target.view, &c.eyes), wanted, 1e-3 * wanted);

    Fit *fit;
    must(fit_new(&fit, &c, &err), &err);
    fit_set_target(fit, &target.view, n->ones, n->ones);
    fit_set_x(fit, 0, x);
    fit_set_weight(fit, 0, FIT_IDENTITY, 1);
    fit_evaluate(fit);
    assert_float_equal(fit_loss(fit, 0, FIT_IDENTITY), wanted, 1e-3 * wanted);
    fit_view(fit, 0, &view);
    assert_float_equal(target_losses(&target, &c.eyes, &view).identity, wanted, 1e-3 * wanted);
    for (int i = 0; i < 20; i++) {
        fit_step(fit, 0.02f);
    }
    assert_true(fit_loss(fit, 0, FIT_IDENTITY) < 0.7 * wanted);

    int m = target_residual_count(&c.eyes);
    float *r = malloc((size_t)m * sizeof *r);
    double sum = 0;
    target_residuals(&target, &c.eyes, &view, (Weights){.identity = 2}, r);
    for (int i = 0; i < m; i++) {
        sum += (double)r[i] * r[i];
    }
    assert_float_equal(sum, 2 * wanted, 2e-3 * wanted);
    free(r);
    fit_free(fit);
    view_free(&view);
    target_free(&target);
    measure_free(measure);
    params_free(set);
}

static void starts_do_not_feel_each_other(void **state)
{
    Nets *n = *state;
    FitConfig one = config(n, 1), two = config(n, 2);
    Fit *alone = make_fit(n, &one), *pair = make_fit(n, &two);
    float x[DIM], y[DIM];

    begin(x);
    begin(y);
    y[0] = 0.1f;
    fit_set_x(alone, 0, x);
    fit_set_x(pair, 0, y);
    fit_set_x(pair, 1, x);
    for (int t = 0; t < FIT_TERMS; t++) {
        fit_set_weight(alone, 0, (FitTerm)t, 1);
        fit_set_weight(pair, 0, (FitTerm)t, 3);
        fit_set_weight(pair, 1, (FitTerm)t, 1);
    }
    for (int i = 0; i < 10; i++) {
        fit_step(alone, 0.02f);
        fit_step(pair, 0.02f);
    }
    fit_get_x(alone, 0, x);
    fit_get_x(pair, 1, y);
    for (int i = 0; i < DIM; i++) {
        assert_float_equal(x[i], y[i], 1e-4);
    }
    fit_free(alone);
    fit_free(pair);
}

static void masked_values_rest_and_others_stay_inside(void **state)
{
    Nets *n = *state;
    FitConfig c = config(n, 1);
    Fit *fit = make_fit(n, &c);
    float x[DIM];
    float mask[CONTINUOUS] = {1, 1, 1, 0, 0, 0, 0, 0, 0};

    begin(x);
    fit_set_x(fit, 0, x);
    fit_set_mask(fit, mask);
    fit_set_weight(fit, 0, FIT_IDENTITY, 1);
    for (int i = 0; i < 5; i++) {
        fit_step(fit, 0.4f); /* far out of the box but for the projection */
    }
    fit_get_x(fit, 0, x);
    for (int i = 0; i < CONTINUOUS; i++) {
        assert_true(x[i] >= 0 && x[i] <= 1);
        assert_true(i < 3 ? x[i] != 0.5f : x[i] == 0.5f);
    }
    fit_free(fit);
}

/* The paper's way: features, cosine, and one-hots through the softmax. */
static void options_are_found_through_the_softmax(void **state)
{
    Nets *n = *state;
    FitConfig c = config(n, 1);
    float x[DIM];

    c.beta = 10;
    c.cosine = c.features = true;
    Fit *fit = make_fit(n, &c);
    begin(x);
    memcpy(x, truth, CONTINUOUS * sizeof *x);
    for (int i = CONTINUOUS; i < DIM; i++) {
        x[i] = 0.5f;
    }
    fit_set_x(fit, 0, x);
    fit_set_weight(fit, 0, FIT_IDENTITY, 1);
    fit_set_weight(fit, 0, FIT_CONTENT, 1);
    for (int i = 0; i < 100; i++) {
        fit_step(fit, 0.02f);
    }
    fit_get_x(fit, 0, x);
    assert_true(x[CONTINUOUS + 1] > x[CONTINUOUS] + 0.2f);
    assert_true(x[CONTINUOUS + 1] > x[CONTINUOUS + 2] + 0.2f);
    fit_free(fit);
}

/* Discrete groups enter the imitator as h(x_k, 100) = exp(100 x_k) / sum_i exp(100 x_i) (3.6). */
static void beta_is_the_papers(void **state)
{
    Nets *n = *state;
    FitConfig c = config(n, 1);
    float x[DIM], through[DIM];
    real seen[3 * SIZE * SIZE], wanted[3 * SIZE * SIZE];
    double sum = 0;

    c.beta = 100;
    Fit *fit = make_fit(n, &c);
    memcpy(x, truth, sizeof x);
    x[CONTINUOUS] = 0.5f;
    x[CONTINUOUS + 1] = 0.51f;
    x[CONTINUOUS + 2] = 0.485f;
    memcpy(through, x, sizeof x);
    for (int i = CONTINUOUS; i < DIM; i++) {
        sum += exp(100 * (double)x[i]);
    }
    for (int i = CONTINUOUS; i < DIM; i++) {
        through[i] = (float)(exp(100 * (double)x[i]) / sum);
    }
    assert_true(through[CONTINUOUS] > 0.2f && through[CONTINUOUS + 1] < 0.8f);
    fit_set_x(fit, 0, x);
    fit_evaluate(fit);
    fit_picture(fit, 0, seen);
    picture_of(n, through, wanted);
    for (int i = 0; i < 3 * SIZE * SIZE; i++) {
        assert_float_equal(seen[i], wanted[i], 1e-5);
    }
    fit_free(fit);
}

/* Two components of all nine values around the truth's mean; what they span holds the truth. */
static Prior *make_prior(void)
{
    const char *const group[CONTINUOUS] = {"a", "a", "a", "a", "a", "a", "a", "a", "a"};
    float people[CONTINUOUS * 2][DIM];
    Prior *prior;
    Error err;

    for (int k = 0; k < CONTINUOUS * 2; k++) {
        Rng rng = rng_make(2, 0, (uint64_t)k);
        float a = 0.3f * rng_normal(&rng), b = 0.1f * rng_normal(&rng);
        for (int i = 0; i < DIM; i++) {
            people[k][i] = i < CONTINUOUS
                               ? truth[i] + a * (truth[i] - 0.5f) + b * (i % 2 ? 1.f : -1.f)
                               : truth[i];
        }
    }
    must(prior_new(&prior, CONTINUOUS, group, 1, (int[]){OPTIONS}, &err), &err);
    must(prior_fit(prior, people[0], CONTINUOUS * 2, 0.9999, &err), &err);
    assert_int_equal(prior->group[0].kept, 2);
    return prior;
}

static double off(const Prior *prior, const float *x)
{
    float z[2], y[DIM];
    double far = 0;

    prior_encode(prior, x, z);
    prior_decode(prior, z, y);
    for (int i = 0; i < CONTINUOUS; i++) {
        far = fmax(far, fabs((double)x[i] - (double)y[i]));
    }
    return far;
}

/* Every step of every start ends in the prior's subspace and in the box, and the descent finds what
 * lies there. */
static void steps_stay_in_the_priors_subspace(void **state)
{
    Nets *n = *state;
    FitConfig c = config(n, 2);
    Prior *prior = make_prior();
    float x[DIM];

    c.prior = prior;
    Fit *fit = make_fit(n, &c);
    begin(x);
    x[0] = x[1] = 0.9f;
    for (int s = 0; s < 2; s++) {
        fit_set_x(fit, s, x);
        fit_set_weight(fit, s, FIT_IDENTITY, 1);
        fit_set_weight(fit, s, FIT_COLOUR, s == 0 ? 10 : 0);
    }
    assert_true(off(prior, x) > 0.02);
    for (int i = 0; i < 30; i++) {
        fit_step(fit, (real)cosine_decay(0.1, 0.01, 30, (uint64_t)i));
        for (int s = 0; s < 2; s++) {
            fit_get_x(fit, s, x);
            assert_true(off(prior, x) < 1e-4);
            for (int k = 0; k < DIM; k++) {
                assert_true(x[k] >= 0 && x[k] <= 1);
            }
        }
    }
    fit_get_x(fit, 0, x);
    assert_true(largest_error(x, DIM) < 0.05);

    const float mask[CONTINUOUS] = {1, 1, 0, 1, 1, 1, 1, 1, 1};
    float before = x[2] = 0.123f, other = x[3];
    fit_set_mask(fit, mask);
    fit_set_x(fit, 0, x);
    for (int i = 0; i < 3; i++) {
        fit_step(fit, 0.1f);
    }
    fit_get_x(fit, 0, x);
    assert_true(x[2] == before && fabsf(x[3] - other) > 0.01f);
    fit_free(fit);
    prior_free(prior);
}

/* (x0 - 0.3)^2 + (x0 x1 - 0.6)^2 + ...: inside the box the best is x0 = 0.3 + a little, x1 at its
 * bound 1. */
static bool valley(void *context, int count, const float *point, float *residual, Error *err)
{
    (void)err;
    *(int *)context += count;
    for (int i = 0; i < count; i++) {
        const float *x = point + 2 * i;
        residual[3 * i] = 3 * (x[0] - 0.3f);
        residual[3 * i + 1] = x[0] * x[1] - 0.6f;
        residual[3 * i + 2] = 0.01f * x[1];
    }
    return true;
}

static void least_squares_ends_at_the_bound(void **state)
{
    int calls = 0;
    float x[2] = {0.9f, 0.1f};
    double squares;
    Error err;
    LeastSquares problem = {.n = 2,
                            .m = 3,
                            .lo = 0,
                            .hi = 1,
                            .difference = 1e-3f,
                            .max_iterations = 30,
                            .tolerance = 0,
                            .function = valley,
                            .context = &calls};
    (void)state;

    must(least_squares_solve(&problem, x, &squares, &err), &err);
    /* With x1 = 1: 9 (x0 - .3) + (x0 - .6) = 0. */
    assert_float_equal(x[1], 1, 1e-6);
    assert_float_equal(x[0], 0.33, 1e-3);
    assert_float_equal(squares, 9 * 0.03 * 0.03 + 0.27 * 0.27 + 1e-4, 1e-4);
    assert_true(calls < 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graph_and_memory_agree),
        cmocka_unit_test(descent_recovers_x),
        cmocka_unit_test(identity_of_lightcnn_is_the_cosine),
        cmocka_unit_test(starts_do_not_feel_each_other),
        cmocka_unit_test(masked_values_rest_and_others_stay_inside),
        cmocka_unit_test(options_are_found_through_the_softmax),
        cmocka_unit_test(beta_is_the_papers),
        cmocka_unit_test(steps_stay_in_the_priors_subspace),
        cmocka_unit_test(least_squares_ends_at_the_bound),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
