/* Training steps of whole nets on a CUDA device, or on tests/cuda_emulation, against the CPU: the
 * plan in the device's memory, its recording and replays, the optimiser. Exits 77 without a device.
 */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libautograd/optim.h"
#include "libtensor/cuda/backend_cuda.h"
#include "libtensor/rng.h"
#include "nets/imitator.h"
#include "nets/lightcnn.h"
#include "nets/segmenter.h"
#include "nets/translator.h"

enum {
    STEPS = 4, /* one that is checked, one plain, one recorded, one replayed */
    HALF_STEPS = 6,
    MAX_INPUTS = 3,
    N = 2
};

/* Of the loss and of every parameter, relative to the parameter's largest element. */
#ifdef REAL_IS_DOUBLE
static const double BOUND = 1e-11;
#else
static const double BOUND = 1e-4;
#endif

static Backend *cpu, *device;
#ifndef REAL_IS_DOUBLE
static Backend *rough; /* in bfloat16 */
#endif

typedef struct Model {
    ParamSet *set;
    Graph *graph;
    Var loss, input[MAX_INPUTS];
    int classes[MAX_INPUTS]; /* of an input of labels */
    int n_inputs;
    size_t bytes; /* of the plan */
} Model;

static Var input(Model *m, const char *name, Shape shape, int classes)
{
    Var x = ag_input(m->graph, name, classes > 0 ? DTYPE_I32 : DTYPE_REAL, shape);
    assert_true(m->n_inputs < MAX_INPUTS);
    m->classes[m->n_inputs] = classes;
    m->input[m->n_inputs++] = x;
    return x;
}

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static void imitator(Model *m)
{
    ImitatorConfig config = imitator_small(11, 16, 8);
    Imitator net = imitator_declare(m->set, &config, false);
    Var y = imitator_forward(m->graph, &net, input(m, "x", shape2(N, 11), 0), MODE_TRAIN);
    m->loss = ag_l1_loss(m->graph, y, input(m, "target", shape4(N, 3, 16, 16), 0));
}

static void segmenter(Model *m)
{
    SegmenterConfig config = {.stem = 8,
                              .bottleneck = true,
                              .blocks = {1, 1, 1, 1},
                              .width = {4, 8, 8, 8},
                              .stride = {1, 2, 1, 1},
                              .classes = 5,
                              .size = 32};
    Segmenter net = segmenter_declare(m->set, &config, false);
    Var x = input(m, "x", shape4(N, 3, 32, 32), 0), label = input(m, "label", shape3(N, 4, 4), 5);
    m->loss = ag_cross_entropy(m->graph, segmenter_forward(m->graph, &net, x, MODE_TRAIN).logits,
                               label, (CrossEntropyParam){255});
}

static void lightcnn(Model *m)
{
    LightCnnConfig config = {
        .width = {4, 6, 8, 8, 8}, .blocks = {1, 1, 1, 1}, .dim = 16, .size = 32};
    LightCnn net = lightcnn_declare(m->set, &config);
    Var y = lightcnn_forward(m->graph, &net, input(m, "x", shape4(N, 1, 32, 32), 0));
    m->loss = ag_cosine_loss(m->graph, y, input(m, "target", shape2(N, 16), 0));
}

static void translator(Model *m)
{
    TranslatorConfig config = {.size = 64,
                               .embedding = 10,
                               .width = 24,
                               .hidden = 32,
                               .gate = 4,
                               .blocks = 2,
                               .attention = true,
                               .standardise = true,
                               .continuous = 5,
                               .n_groups = 2,
                               .count = {3, 2}};
    Translator net = translator_declare(m->set, &config);
    Var y = translator_forward(m->graph, &net, input(m, "x", shape2(N, 10), 0), 1);
    m->loss = ag_l2_loss(m->graph, y, input(m, "target", shape2(N, 10), 0));
}

static void feed(const Model *m, Plan *plan)
{
    for (int i = 0; i < m->n_inputs; i++) {
        Rng rng = rng_make(3, (uint32_t)i, 0);
        int64_t n = shape_count(ag_shape(m->graph, m->input[i]));
        real *x = malloc((size_t)n * sizeof *x);
        int32_t *label = malloc((size_t)n * sizeof *label);
        assert_true(x != NULL && label != NULL);
        for (int64_t k = 0; k < n; k++)
            if (m->classes[i] > 0)
                label[k] = (int32_t)rng_below(&rng, (uint32_t)m->classes[i]);
            else
                x[k] = (real)rng_uniform(&rng);
        ag_write(plan, m->input[i], m->classes[i] > 0 ? (void *)label : (void *)x);
        free(x);
        free(label);
    }
}

/* Builds and trains; the caller closes the model. */
static Model train(void (*build)(Model *), Backend *backend, int steps, double *loss)
{
    Model m = {.set = params_new(), .graph = ag_graph_new()};
    OptimConfig config = optim_sgd((real).9);
    Error err = {""};
    Plan *plan;
    Optim *optim;

    build(&m);
    must(params_alloc(m.set, backend, true, 1, &err), &err);
    must(ag_plan(&plan, m.graph, m.loss, (PlanOptions){.backend = backend}, &err), &err);
    must(optim_new(&optim, m.set, config, &err), &err);
    feed(&m, plan);
    m.bytes = ag_plan_bytes(plan, NULL);
    for (int s = 0; s < steps; s++) {
        StepState step = {.step = (uint64_t)s, .seed = 1, .learning_rate = (real).02};
        if (s == 0)
            must(ag_run_checked(plan, &step, &err), &err);
        else
            ag_run(plan, &step);
        loss[s] = (double)ag_scalar(plan, m.loss);
        optim_step(optim, &step);
    }
    must(backend->sync(backend, &err), &err);
    optim_free(optim);
    ag_plan_free(plan);
    return m;
}

static void close_model(Model *m)
{
    ag_graph_free(m->graph);
    params_free(m->set);
}

static void expect_near(const Model *want, const Model *got, const char *name)
{
    for (int i = 0; i < params_count(want->set); i++) {
        Param param = {i};
        int64_t n = shape_count(params_shape(want->set, param));
        real *a = malloc((size_t)n * sizeof *a), *b = malloc((size_t)n * sizeof *b);
        double largest = 0, worst = 0;
        assert_true(a != NULL && b != NULL);
        params_read(want->set, param, a);
        params_read(got->set, param, b);
        for (int64_t k = 0; k < n; k++) {
            largest = fmax(largest, fabs((double)a[k]));
            worst = fmax(worst, isnan(b[k]) ? INFINITY : fabs((double)(a[k] - b[k])));
        }
        if (!(worst <= BOUND * largest))
            fail_msg("%s: %s is off by %g of %g after %d steps", name,
                     params_name(want->set, param), worst, largest, STEPS);
        free(a);
        free(b);
    }
}

static void check(void (*build)(Model *), const char *name)
{
    double want[STEPS], got[STEPS];
    Model a = train(build, cpu, STEPS, want), b = train(build, device, STEPS, got);

    assert_true(want[STEPS - 1] < want[0]); /* it learned something */
    for (int s = 0; s < STEPS; s++)
        if (!(fabs(got[s] - want[s]) <= BOUND * fabs(want[s])))
            fail_msg("%s: the loss of step %d is %.15g, on the CPU %.15g", name, s, got[s],
                     want[s]);
    expect_near(&a, &b, name);
    close_model(&a);
    close_model(&b);
}

#ifndef REAL_IS_DOUBLE
/* Of the first loss: how far losses of training in bfloat16 may be from those in float32. Measured
 * on the emulation: imitator .0003, segmenter .0030, lightcnn .0002. */
static const double HALF_BOUND = .01;

static void check_half(void (*build)(Model *), const char *name)
{
    double want[HALF_STEPS], got[HALF_STEPS], first;
    Model a = train(build, cpu, HALF_STEPS, want), b = train(build, rough, HALF_STEPS, got);
    Model same = train(build, device, 1, &first); /* with the device's scratch */

    for (int s = 0; s < HALF_STEPS; s++)
        if (!(fabs(got[s] - want[s]) <= HALF_BOUND * want[0]))
            fail_msg("%s: the loss of step %d is %g in bfloat16, %g in float32", name, s, got[s],
                     want[s]);
    assert_true(got[HALF_STEPS - 1] < got[0]);
    assert_true((double)b.bytes < .85 * (double)same.bytes); /* nets so small are half constants */
    close_model(&same);
    close_model(&a);
    close_model(&b);
}

static void test_half(void **state)
{
    (void)state;
    check_half(imitator, "imitator");
    check_half(segmenter, "segmenter");
    check_half(lightcnn, "lightcnn");
}
#endif

static void test_imitator(void **state)
{
    (void)state;
    check(imitator, "imitator");
}

static void test_segmenter(void **state)
{
    (void)state;
    check(segmenter, "segmenter");
}

static void test_lightcnn(void **state)
{
    (void)state;
    check(lightcnn, "lightcnn");
}

static void test_translator(void **state)
{
    (void)state;
    check(translator, "translator");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_imitator), cmocka_unit_test(test_segmenter),
        cmocka_unit_test(test_lightcnn), cmocka_unit_test(test_translator),
#ifndef REAL_IS_DOUBLE
        cmocka_unit_test(test_half),
#endif
    };
    Error err = {""};

    if (cuda_device_count() == 0)
        return 77;
    cpu = backend_cpu_open();
    device = backend_cuda_open((CudaOptions){.precision = PRECISION_FP32}, &err);
    if (cpu == NULL || device == NULL) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
#ifndef REAL_IS_DOUBLE
    rough = backend_cuda_open((CudaOptions){.precision = PRECISION_BF16}, &err);
    if (rough == NULL) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
#endif
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
#ifndef REAL_IS_DOUBLE
    backend_close(rough);
#endif
    backend_close(device);
    backend_close(cpu);
    return failed;
}
