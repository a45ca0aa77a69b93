/* The translator's total loss in double precision, on small networks of random weights: its terms
 * by their formulas, its gradient against finite differences, and what it learns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libautograd/optim.h"
#include "libtensor/rng.h"
#include "nets/one_shot.h"
#include "nets/translator_loss.h"

enum {
    N = 2,
    SIZE = 32,
    CONTINUOUS = 5,
    OPTIONS = 3,
    DIM = CONTINUOUS + OPTIONS,
    CLASSES = 4,
    EMBEDDING = 6,
    MAP = SIZE / 4,
    MOST = N * 3 * SIZE * SIZE
};

typedef struct Nets {
    Backend *backend;
    ParamSet *set[4]; /* T, G, F_recg, F_seg */
    Translator translator;
    Imitator imitator;
    Descriptor descriptor;
    Segmenter segmenter;
    Eyes eyes;
} Nets;

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

/* Weights that keep signals alive, and biases that are not 0. */
static void randomise(ParamSet *set, uint32_t stream)
{
    Rng rng = rng_make(7, stream, 0);

    for (int i = 0; i < params_count(set); i++) {
        Shape s = params_shape(set, (Param){i});
        int64_t n = shape_count(s), fan = s.ndim > 1 ? n / s.dim[0] : 100;
        real *value = malloc((size_t)n * sizeof *value);
        for (int64_t k = 0; k < n; k++)
            value[k] = (real)(rng_normal(&rng) * sqrtf(2.0f / (float)fan));
        params_write(set, (Param){i}, value);
        free(value);
    }
}

static int setup(void **state)
{
    Nets *n = calloc(1, sizeof *n);
    Error err;
    TranslatorConfig translator = {.size = SIZE,
                                   .embedding = EMBEDDING,
                                   .width = 8,
                                   .hidden = 12,
                                   .gate = 4,
                                   .blocks = 2,
                                   .attention = true,
                                   .standardise = true,
                                   .continuous = CONTINUOUS,
                                   .n_groups = 1,
                                   .count = {OPTIONS}};
    ImitatorConfig imitator = imitator_small(DIM, SIZE, 4);
    LightCnnConfig lightcnn = {
        .width = {4, 4, 4, 4, 4}, .blocks = {1, 1, 1, 1}, .dim = EMBEDDING, .size = 16};
    SegmenterConfig segmenter = {.stem = 4,
                                 .blocks = {1, 1, 1, 1},
                                 .width = {4, 4, 4, 4},
                                 .stride = {1, 1, 1, 1},
                                 .classes = CLASSES,
                                 .size = SIZE};

    n->backend = backend_cpu_open();
    for (int i = 0; i < 4; i++)
        n->set[i] = params_new();
    n->translator = translator_declare(n->set[0], &translator);
    n->imitator = imitator_declare(n->set[1], &imitator, true);
    n->descriptor = (Descriptor){.kind = DESCRIPTOR_LIGHTCNN,
                                 .net.lightcnn = lightcnn_declare(n->set[2], &lightcnn)};
    n->segmenter = segmenter_declare(n->set[3], &segmenter, true);
    for (int i = 0; i < 4; i++) {
        must(params_alloc(n->set[i], n->backend, i == 0, 1, &err), &err);
        randomise(n->set[i], (uint32_t)i);
    }
    n->eyes = (Eyes){&n->descriptor, &n->segmenter, {0.1f, 0.1f, 0.8f}, SIZE};
    *state = n;
    return 0;
}

static int teardown(void **state)
{
    Nets *n = *state;

    for (int i = 0; i < 4; i++)
        params_free(n->set[i]);
    backend_close(n->backend);
    free(n);
    return 0;
}

static void noise(real *value, int64_t n, uint32_t stream, float lo, float hi)
{
    Rng rng = rng_make(9, stream, 0);
    for (int64_t i = 0; i < n; i++)
        value[i] = (real)rng_range(&rng, lo, hi);
}

/* The loss of N pictures, planned, its inputs written. */
typedef struct Case {
    Graph *graph;
    Plan *plan;
    TranslatorTargets target;
    TranslatorLoss loss;
    StepState step;
} Case;

static void give(Case *c, Var input, uint32_t stream, float lo, float hi)
{
    static real value[MOST];
    int64_t n = shape_count(ag_shape(c->graph, input));

    assert_true(n <= MOST);
    noise(value, n, stream, lo, hi);
    ag_write(c->plan, input, value);
}

static void open_case(Case *c, Nets *n, bool features)
{
    Error err;
    TranslatorLossConfig config = {
        &n->translator, &n->imitator, &n->eyes, {true, true, true, true, true}, features};

    *c = (Case){.graph = ag_graph_new(), .step.weight = {.3f, .7f, 1.1f, .4f, .02f}};
    Graph *g = c->graph;
    TranslatorTargets *t = &c->target;
    t->descriptor = ag_input(g, "descriptor", DTYPE_REAL, shape2(N, EMBEDDING));
    t->x = ag_input(g, "x", DTYPE_REAL, shape2(N, DIM));
    t->prior_scale = ag_input(g, "scale", DTYPE_REAL, shape1(CONTINUOUS));
    t->prior_shift = ag_input(g, "shift", DTYPE_REAL, shape1(CONTINUOUS));
    t->prior_zeros = ag_input(g, "zeros", DTYPE_REAL, shape2(N, CONTINUOUS));
    if (features) {
        t->picture = ag_input(g, "picture", DTYPE_REAL, shape4(N, 3, SIZE, SIZE));
    } else {
        t->maps = ag_input(g, "maps", DTYPE_REAL, shape4(N, CLASSES, MAP, MAP));
        t->content_weight = ag_input(g, "weight", DTYPE_REAL, shape1(CLASSES));
    }
    c->loss = translator_loss(g, &config, t);
    ag_keep(g, c->loss.x);
    for (int i = 0; i < TRANSLATOR_TERMS; i++)
        ag_keep(g, c->loss.term[i]);
    must(ag_plan(&c->plan, g, c->loss.total, (PlanOptions){.backend = n->backend}, &err), &err);
    give(c, t->descriptor, 1, -1, 1);
    give(c, t->x, 2, 0, 1);
    give(c, t->prior_scale, 3, 1, 4);
    give(c, t->prior_shift, 4, -2, -1);
    give(c, t->prior_zeros, 5, 0, 0);
    if (features) {
        give(c, t->picture, 6, 0, 1);
    } else {
        give(c, t->maps, 7, 0, 1);
        give(c, t->content_weight, 8, 1, 3);
    }
}

static void close_case(Case *c)
{
    ag_plan_free(c->plan);
    ag_graph_free(c->graph);
}

static double total(Case *c)
{
    ag_run(c->plan, &c->step);
    return (double)ag_scalar(c->plan, c->loss.total);
}

static double mean_difference(const real *a, const real *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += fabs((double)a[i] - (double)b[i]) / n;
    return sum;
}

/* What the loss calls loopback, the parameters and the sum, from what it says x is; G's picture of
 * x and T's view of it come from plans of their own. */
static void terms_are_their_formulas(void **state)
{
    Nets *n = *state;
    Case c;
    Error err;
    OneShot *again;
    real x[N * DIM], truth[N * DIM], seen[N * DIM], *picture = malloc(MOST * sizeof *picture);
    float loop[N * DIM];
    double sum = 0;

    open_case(&c, n, false);
    double value = total(&c);
    ag_read(c.plan, c.loss.x, x);
    noise(truth, N * DIM, 2, 0, 1);
    assert_float_equal(ag_scalar(c.plan, c.loss.term[TERM_PARAMETERS]),
                       mean_difference(x, truth, N * DIM), 1e-9);

    Graph *g = ag_graph_new();
    Plan *plan;
    Var in = ag_input(g, "x", DTYPE_REAL, shape2(N, DIM));
    Var out = imitator_forward(g, &n->imitator, in, MODE_EVAL);
    ag_keep(g, out);
    must(ag_plan(&plan, g, AG_NONE, (PlanOptions){.backend = n->backend}, &err), &err);
    ag_write(plan, in, x);
    ag_run(plan, &c.step);
    ag_read(plan, out, picture);
    must(one_shot_new(&again, &n->translator, &n->descriptor, n->eyes.chip, SIZE, 1, n->backend,
                      &err),
         &err);
    for (int i = 0; i < N; i++)
        one_shot_run(again, picture + i * 3 * SIZE * SIZE, 1, loop + i * DIM);
    for (int i = 0; i < N * DIM; i++)
        seen[i] = (real)loop[i];
    assert_float_equal(ag_scalar(c.plan, c.loss.term[TERM_LOOPBACK]),
                       mean_difference(x, seen, N * DIM), 1e-6); /* one-shot's x is float */

    for (int i = 0; i < TRANSLATOR_TERMS; i++) {
        assert_true(ag_scalar(c.plan, c.loss.term[i]) > 1e-6);
        sum += (double)(c.step.weight[i] * ag_scalar(c.plan, c.loss.term[i]));
    }
    assert_float_equal(value, sum, 1e-9);
    one_shot_free(again);
    ag_plan_free(plan);
    ag_graph_free(g);
    close_case(&c);
    free(picture);
}

/* The slope of the loss along a random direction of each of T's tensors. */
static void check_gradient(Nets *n, bool features)
{
    const double h = 1e-7;
    ParamSet *set = n->translator.set;
    Case c;

    open_case(&c, n, features);
    for (int i = 0; i < params_count(set); i++) {
        Param p = {i};
        int64_t count = shape_count(params_shape(set, p));
        if (!params_grad(set, p)) /* the buffers of the standardised descriptor */
            continue;
        real *value = malloc(4 * (size_t)count * sizeof *value), *grad = value + count,
             *along = grad + count, *moved = along + count;
        double slope = 0, differ[2], size = 0;
        params_read(set, p, value);
        noise(along, count, 100 + (uint32_t)i, -1, 1);
        total(&c);
        params_read_grad(set, p, grad);
        for (int64_t k = 0; k < count; k++) {
            slope += (double)grad[k] * (double)along[k];
            size += fabs((double)grad[k]);
        }
        for (int s = 0; s < 2; s++) {
            for (int64_t k = 0; k < count; k++)
                moved[k] = value[k] + (real)(s ? -h : h) * along[k];
            params_write(set, p, moved);
            differ[s] = total(&c);
        }
        params_write(set, p, value);
        double measured = (differ[0] - differ[1]) / (2 * h);
        assert_true(size > 0);
        if (fabs(slope - measured) > 1e-6 * (size + 1e-2))
            fail_msg("%s: the gradient says %.10g, differences %.10g", params_name(set, p), slope,
                     measured);
        free(value);
    }
    close_case(&c);
}

static void gradient_with_maps(void **state)
{
    check_gradient(*state, false);
}

static void gradient_with_features(void **state)
{
    check_gradient(*state, true);
}

/* T learns x of two pictures by heart; the other networks stay as they are to the bit. */
static void learns_and_leaves_the_others(void **state)
{
    Nets *n = *state;
    Case c;
    Optim *optim;
    Error err;
    real *before[4] = {NULL};

    for (int i = 1; i < 4; i++) {
        size_t bytes = (size_t)params_elements(n->set[i]) * sizeof(real);
        before[i] = malloc(bytes);
        memcpy(before[i], params_values(n->set[i]), bytes);
        assert_false(params_trainable(n->set[i]));
    }
    open_case(&c, n, false);
    must(optim_new(&optim, n->translator.set, optim_adam(), &err), &err);
    for (int i = 0; i < TRANSLATOR_TERMS; i++)
        c.step.weight[i] = i == TERM_IDENTITY || i == TERM_LOOPBACK;
    c.step.learning_rate = (real).01;
    double first = total(&c), last = first;
    for (int i = 0; i < 300; i++) {
        last = total(&c);
        optim_step(optim, &c.step);
        c.step.step++;
    }
    assert_true(last < .8 * first);

    for (int i = 0; i < TRANSLATOR_TERMS; i++)
        c.step.weight[i] = i == TERM_PARAMETERS;
    for (int i = 0; i < 600; i++) {
        total(&c);
        optim_step(optim, &c.step);
        c.step.step++;
    }
    /* The continuous ones; the options, which sum to 1, cannot reach the noise they shall be. */
    real x[N * DIM], truth[N * DIM];
    ag_read(c.plan, c.loss.x, x);
    noise(truth, N * DIM, 2, 0, 1);
    for (int i = 0; i < N; i++)
        assert_true(mean_difference(x + i * DIM, truth + i * DIM, CONTINUOUS) < .02);
    for (int i = 1; i < 4; i++) {
        assert_memory_equal(before[i], params_values(n->set[i]),
                            (size_t)params_elements(n->set[i]) * sizeof(real));
        free(before[i]);
    }
    optim_free(optim);
    close_case(&c);
}

/* Terms that are switched off are not there, and neither is G when nothing looks at I'. */
static void what_is_off_is_not_built(void **state)
{
    Nets *n = *state;
    Error err;
    Graph *g = ag_graph_new();
    Plan *plan;
    TranslatorLossConfig config = {.translator = &n->translator, .term[TERM_PARAMETERS] = true};
    TranslatorTargets t = {.descriptor =
                               ag_input(g, "descriptor", DTYPE_REAL, shape2(N, EMBEDDING)),
                           .x = ag_input(g, "x", DTYPE_REAL, shape2(N, DIM))};

    TranslatorLoss loss = translator_loss(g, &config, &t);
    for (int i = 0; i < TRANSLATOR_TERMS; i++)
        assert_int_equal(loss.term[i].id >= 0, i == TERM_PARAMETERS);
    must(ag_plan(&plan, g, loss.total, (PlanOptions){.backend = n->backend}, &err), &err);
    ag_plan_free(plan);
    ag_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(terms_are_their_formulas, setup, teardown),
        cmocka_unit_test_setup_teardown(gradient_with_maps, setup, teardown),
        cmocka_unit_test_setup_teardown(gradient_with_features, setup, teardown),
        cmocka_unit_test_setup_teardown(learns_and_leaves_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_off_is_not_built, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
