/* The imitator, the segmentation net, LightCNN and the translator: sizes, shapes, configurations,
 * folding, and that they learn. Their numbers against PyTorch's: test_paper_nets.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libautograd/optim.h"
#include "libtensor/rng.h"
#include "nets/imitator.h"
#include "nets/lightcnn.h"
#include "nets/segmenter.h"
#include "nets/translator.h"

static Backend *cpu;

static int open_cpu(void **state)
{
    (void)state;
    cpu = backend_cpu_open();
    return cpu ? 0 : -1;
}

static int close_cpu(void **state)
{
    (void)state;
    backend_close(cpu);
    return 0;
}

static real *random_values(int64_t n, uint64_t seed)
{
    real *v = malloc((size_t)n * sizeof *v);
    Rng rng = rng_make(seed, 0, 0);
    assert_non_null(v);
    for (int64_t i = 0; i < n; i++)
        v[i] = rng_uniform(&rng);
    return v;
}

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

/* Sums of numel() over the modules' parameters in PyTorch 1.13 of
 *   Imitator(264): nn.Sequential of ConvTranspose2d(bias=False), BatchNorm2d, ReLU, ...,
 * ConvTranspose2d SegNet(): torchvision's ResNet-50 blocks without the classifier, and Conv2d(2048,
 * 11, 1). */
static void paper_sizes(void **state)
{
    (void)state;
    Error err;
    ParamSet *a = params_new(), *b = params_new();
    ImitatorConfig imitator = imitator_paper(264, 512);
    SegmenterConfig segmenter = segmenter_paper(11, 256);
    imitator_declare(a, &imitator, false);
    segmenter_declare(b, &segmenter, false);
    must(params_alloc(a, cpu, false, 1, &err), &err);
    must(params_alloc(b, cpu, false, 1, &err), &err);
    assert_int_equal(params_elements(a), 13376515);
    assert_int_equal(params_elements(b), 23530571);
    Param param;
    assert_true(params_find(a, "net.0.weight", &param));
    assert_true(shape_equal(params_shape(a, param), shape4(264, 512, 4, 4)));
    assert_true(params_find(a, "net.1.running_var", &param));
    assert_true(params_find(a, "net.21.bias", &param));
    assert_true(params_find(b, "layer4.2.conv3.weight", &param));
    assert_true(shape_equal(params_shape(b, param), shape4(2048, 512, 1, 1)));
    assert_true(params_find(b, "layer1.0.downsample.0.weight", &param));
    params_free(a);
    params_free(b);
}

static void configurations(void **state)
{
    (void)state;
    Error err;
    ImitatorConfig a = imitator_small(30, 64, 8), a2;
    a.sigmoid = true;
    a.n_groups = 2;
    a.begin[0] = 20, a.count[0] = 6, a.begin[1] = 26, a.count[1] = 4;
    char *text = imitator_to_json(&a);
    must(imitator_from_json(&a2, text, &err), &err);
    char *again = imitator_to_json(&a2);
    assert_string_equal(text, again);
    assert_non_null(strstr(text, "[[20,6],[26,4]]"));
    free(text);
    free(again);
    a.count[1] = 5; /* beyond x */
    text = imitator_to_json(&a);
    assert_false(imitator_from_json(&a2, text, &err));
    assert_non_null(strstr(err.text, "group 1"));
    free(text);
    assert_false(imitator_from_json(&a2, "{\"dim\":30}", &err));
    assert_false(imitator_from_json(&a2, "", &err));
    a = imitator_paper(30, 512);
    a.size = 96;
    assert_false(imitator_check(&a, &err));

    SegmenterConfig b = {.stem = 16,
                         .blocks = {2, 2, 2, 2},
                         .width = {16, 32, 48, 64},
                         .stride = {1, 1, 1, 1},
                         .classes = 11,
                         .size = 128};
    SegmenterConfig b2;
    text = segmenter_to_json(&b);
    must(segmenter_from_json(&b2, text, &err), &err);
    again = segmenter_to_json(&b2);
    assert_string_equal(text, again);
    free(text);
    free(again);
    b.blocks[2] = SEGMENTER_MAX_BLOCKS + 1;
    assert_false(segmenter_check(&b, &err));
    assert_non_null(strstr(err.text, "stage 2"));
    assert_int_equal(segmenter_stride(&b2), 4);
    SegmenterConfig paper = segmenter_paper(11, 256);
    assert_int_equal(segmenter_stride(&paper), 8);
    assert_int_equal(segmenter_channels(&paper, 3), 2048);
}

static void more_configurations(void **state)
{
    (void)state;
    Error err;
    LightCnnConfig a = {.width = {16, 32, 64, 48, 40},
                        .blocks = {1, 3, 2, 4},
                        .dim = 128,
                        .size = 64,
                        .classes = 20};
    LightCnnConfig a2;
    char *text = lightcnn_to_json(&a);
    must(lightcnn_from_json(&a2, text, &err), &err);
    assert_memory_equal(&a, &a2, sizeof a);
    free(text);
    a.size = 72; /* not a multiple of 16 */
    text = lightcnn_to_json(&a);
    assert_false(lightcnn_from_json(&a2, text, &err));
    assert_non_null(strstr(err.text, "size 72"));
    free(text);
    assert_false(lightcnn_from_json(&a2, "{\"dim\":30}", &err));
    a = lightcnn_paper(0);
    a.blocks[1] = LIGHTCNN_MAX_BLOCKS + 1;
    assert_false(lightcnn_check(&a, &err));

    TranslatorConfig b = {.size = 128,
                          .embedding = 128,
                          .width = 256,
                          .hidden = 64,
                          .gate = 16,
                          .blocks = 2,
                          .attention = true,
                          .standardise = true,
                          .continuous = 30,
                          .n_groups = 2,
                          .count = {5, 3}};
    TranslatorConfig b2;
    assert_int_equal(translator_dim(&b), 38);
    b.attention = false;
    text = translator_to_json(&b);
    must(translator_from_json(&b2, text, &err), &err);
    char *again = translator_to_json(&b2);
    assert_string_equal(text, again);
    free(text);
    free(again);
    b.count[1] = 0;
    assert_false(translator_check(&b, &err));
    assert_non_null(strstr(err.text, "group"));
    b.continuous = b.n_groups = 0; /* nothing comes out */
    assert_false(translator_check(&b, &err));
    assert_false(translator_from_json(&b2, "[]", &err));
}

static void shapes(void **state)
{
    (void)state;
    ImitatorConfig ic = imitator_paper(264, 512);
    SegmenterConfig sc = segmenter_paper(11, 256);
    ParamSet *a = params_new(), *b = params_new();
    Imitator imitator = imitator_declare(a, &ic, false);
    Segmenter segmenter = segmenter_declare(b, &sc, false);
    Graph *g = ag_graph_new();
    Var y =
        imitator_forward(g, &imitator, ag_input(g, "x", DTYPE_REAL, shape2(2, 264)), MODE_TRAIN);
    assert_true(shape_equal(ag_shape(g, y), shape4(2, 3, 512, 512)));
    SegmenterOut out = segmenter_forward(
        g, &segmenter, ag_input(g, "photo", DTYPE_REAL, shape4(2, 3, 256, 256)), MODE_EVAL);
    assert_true(shape_equal(ag_shape(g, out.logits), shape4(2, 11, 32, 32)));
    assert_true(shape_equal(ag_shape(g, out.stage[0]), shape4(2, 256, 32, 32)));
    assert_true(shape_equal(ag_shape(g, out.stage[3]), shape4(2, 2048, 32, 32)));
    ag_graph_free(g);
    params_free(a);
    params_free(b);
}

/* Trains on one batch for some steps; returns the last loss. */
static double overfit(Graph *g, ParamSet *set, Var loss, const Var *input, const void *const *data,
                      int n_input, int steps)
{
    Error err;
    Plan *plan;
    Optim *optim;
    must(ag_plan(&plan, g, loss, (PlanOptions){.backend = cpu}, &err), &err);
    must(optim_new(&optim, set, optim_adam(), &err), &err);
    for (int i = 0; i < n_input; i++)
        ag_write(plan, input[i], data[i]);
    StepState step = {.seed = 1, .learning_rate = (real)3e-3};
    double last = 0;
    for (step.step = 0; step.step < (uint64_t)steps; step.step++) {
        if (step.step == 0)
            must(ag_run_checked(plan, &step, &err), &err);
        else
            ag_run(plan, &step);
        last = (double)ag_scalar(plan, loss);
        optim_step(optim, &step);
    }
    optim_free(optim);
    ag_plan_free(plan);
    return last;
}

static void imitator_learns(void **state)
{
    (void)state;
    enum { N = 4, DIM = 20, SIZE = 32 };
    Error err;
    ImitatorConfig config = imitator_small(DIM, SIZE, 8);
    ParamSet *set = params_new();
    Imitator net = imitator_declare(set, &config, false);
    must(params_alloc(set, cpu, true, 1, &err), &err);
    real *x = random_values(N * DIM, 1), *target = random_values(N * 3 * SIZE * SIZE, 2);
    for (int i = 0; i < N * 3 * SIZE * SIZE; i++) /* squares of 4x4 equal pixels */
        target[i] = target[i - i % 4 - i / SIZE % 4 * SIZE];
    Graph *g = ag_graph_new();
    Var in = ag_input(g, "x", DTYPE_REAL, shape2(N, DIM));
    Var t = ag_input(g, "target", DTYPE_REAL, shape4(N, 3, SIZE, SIZE));
    Var loss = ag_l1_loss(g, imitator_forward(g, &net, in, MODE_TRAIN), t);
    double last = overfit(g, set, loss, (Var[]){in, t}, (const void *[]){x, target}, 2, 300);
    /* White noise in [0, 1] is .25 from its mean; only a net that knows the pictures by heart gets
     * below. */
    assert_true(last < .08);
    ag_graph_free(g);
    params_free(set);
    free(x);
    free(target);
}

static SegmenterConfig tiny(bool bottleneck)
{
    return (SegmenterConfig){.stem = 8,
                             .bottleneck = bottleneck,
                             .blocks = {1, 2, 1, 1},
                             .width = {4, 8, 8, 8},
                             .stride = {1, 2, 1, 1},
                             .classes = 5,
                             .size = 64};
}

static void segmenter_learns(void **state)
{
    (void)state;
    enum { N = 2, SIZE = 64, OUT = SIZE / 8 };
    for (int bottleneck = 0; bottleneck < 2; bottleneck++) {
        Error err;
        SegmenterConfig config = tiny(bottleneck);
        ParamSet *set = params_new();
        Segmenter net = segmenter_declare(set, &config, false);
        must(params_alloc(set, cpu, true, 1, &err), &err);
        real *x = random_values(N * 3 * SIZE * SIZE, 1);
        int32_t label[N * OUT * OUT];
        Rng rng = rng_make(3, 0, 0);
        for (int i = 0; i < N * OUT * OUT; i++)
            label[i] = (int32_t)rng_below(&rng, 5);
        Graph *g = ag_graph_new();
        Var in = ag_input(g, "x", DTYPE_REAL, shape4(N, 3, SIZE, SIZE));
        Var l = ag_input(g, "label", DTYPE_I32, shape3(N, OUT, OUT));
        Var logits = segmenter_forward(g, &net, in, MODE_TRAIN).logits;
        Var loss = ag_cross_entropy(g, logits, l, (CrossEntropyParam){255});
        double last = overfit(g, set, loss, (Var[]){in, l}, (const void *[]){x, label}, 2, 200);
        assert_true(last < .1); /* log 5 = 1.61 is chance */
        ag_graph_free(g);
        params_free(set);
        free(x);
    }
}

static void lightcnn_learns(void **state)
{
    (void)state;
    enum { N = 6, CLASSES = 4, SIZE = 32 };
    Error err;
    LightCnnConfig config = {.width = {4, 6, 8, 8, 8},
                             .blocks = {1, 1, 1, 1},
                             .dim = 16,
                             .size = SIZE,
                             .classes = CLASSES};
    ParamSet *set = params_new();
    LightCnn net = lightcnn_declare(set, &config);
    must(params_alloc(set, cpu, true, 1, &err), &err);
    real *x = random_values(N * SIZE * SIZE, 1);
    int32_t label[N] = {0, 1, 2, 3, 0, 2};
    Graph *g = ag_graph_new();
    Var in = ag_input(g, "x", DTYPE_REAL, shape4(N, 1, SIZE, SIZE));
    Var l = ag_input(g, "label", DTYPE_I32, shape3(N, 1, 1));
    Var descriptor = lightcnn_forward(g, &net, in);
    assert_true(shape_equal(ag_shape(g, descriptor), shape2(N, 16)));
    Var mask = ag_input(g, "mask", DTYPE_REAL, shape2(N, 16));
    real masked[N * 16];
    lightcnn_dropout(masked, N * 16, .5, 1, 0);
    Var logits = lightcnn_classify(g, &net, descriptor, mask);
    Var loss = ag_cross_entropy(g, logits, l, (CrossEntropyParam){255});
    double last =
        overfit(g, set, loss, (Var[]){in, l, mask}, (const void *[]){x, label, masked}, 3, 100);
    assert_true(last < .05); /* log 4 = 1.39 is chance */
    ag_graph_free(g);
    params_free(set);
    free(x);
}

static void dropout(void **state)
{
    (void)state;
    enum { N = 4000 };
    real a[N], b[N];
    int kept = 0, differ = 0;
    lightcnn_dropout(a, N, .75, 3, 9);
    lightcnn_dropout(b, N, .75, 3, 9);
    assert_memory_equal(a, b, sizeof a);
    for (int i = 0; i < N; i++) {
        assert_true(a[i] == 0 || a[i] == 4);
        kept += a[i] == 4;
    }
    assert_in_range(kept, 900, 1100); /* of 4000, 1000 with a deviation of 27 */
    lightcnn_dropout(b, N, .75, 3, 10);
    for (int i = 0; i < N; i++)
        differ += a[i] != b[i];
    assert_in_range(differ, 1350, 1650); /* 3/8 of them */
}

/* Every target is possible: values in [0, 1], and groups of one 1. The one without attention has to
 * learn as well, with fewer parameters. */
static void translator_learns(void **state)
{
    (void)state;
    enum { N = 6, DIM = 10, CONTINUOUS = 5, X = CONTINUOUS + 3 + 2 };
    int64_t elements[2];
    for (int attention = 0; attention < 2; attention++) {
        Error err;
        TranslatorConfig config = {.size = 64,
                                   .embedding = DIM,
                                   .width = 24,
                                   .hidden = 32,
                                   .gate = 4,
                                   .blocks = 2,
                                   .attention = attention,
                                   .standardise = attention,
                                   .continuous = CONTINUOUS,
                                   .n_groups = 2,
                                   .count = {3, 2}};
        ParamSet *set = params_new();
        Translator net = translator_declare(set, &config);
        must(params_alloc(set, cpu, true, 1, &err), &err);
        elements[attention] = params_elements(set);
        real *x = random_values(N * DIM, 1), *target = random_values(N * X, 2);
        for (int i = 0; i < N; i++) {
            for (int k = CONTINUOUS; k < X; k++)
                target[i * X + k] = 0;
            target[i * X + CONTINUOUS + i % 3] = 1;
            target[i * X + CONTINUOUS + 3 + i % 2] = 1;
        }
        Graph *g = ag_graph_new();
        Var in = ag_input(g, "x", DTYPE_REAL, shape2(N, DIM));
        Var t = ag_input(g, "target", DTYPE_REAL, shape2(N, X));
        Var y = translator_forward(g, &net, in, 1);
        assert_true(shape_equal(ag_shape(g, y), shape2(N, X)));
        double last = overfit(g, set, ag_l1_loss(g, y, t), (Var[]){in, t},
                              (const void *[]){x, target}, 2, 400);
        assert_true(last < .05);
        ag_graph_free(g);
        params_free(set);
        free(x);
        free(target);
    }
    assert_int_equal(elements[1] - elements[0], 2 * (24 * 4 + 4 + 4 * 24 + 24));
}

/* Makes running statistics and gains that differ from their initial 0 and 1. */
static void shake(ParamSet *set)
{
    for (int i = 0; i < params_count(set); i++) {
        Param param = {i};
        Shape shape = params_shape(set, param);
        if (shape.ndim != 1)
            continue;
        real *v = random_values(shape.dim[0], 100 + (uint64_t)i);
        for (int64_t k = 0; k < shape.dim[0]; k++)
            v[k] += (real).5;
        params_write(set, param, v);
        free(v);
    }
}

static double largest_difference(Var a, Var b, Graph *g, Var in, const real *x)
{
    Error err;
    Plan *plan;
    ag_keep(g, a);
    ag_keep(g, b);
    Var both = ag_add(g, a, b); /* both are wanted */
    ag_keep(g, both);
    must(ag_plan(&plan, g, AG_NONE, (PlanOptions){.backend = cpu}, &err), &err);
    ag_write(plan, in, x);
    ag_run(plan, &(StepState){0});
    int64_t n = shape_count(ag_shape(g, a));
    real *va = malloc((size_t)n * sizeof *va), *vb = malloc((size_t)n * sizeof *vb);
    ag_read(plan, a, va);
    ag_read(plan, b, vb);
    double most = 0, scale = 0;
    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)(va[i] - vb[i])));
        scale = fmax(scale, fabs((double)va[i]));
    }
    assert_true(scale > 1e-3);
    free(va);
    free(vb);
    ag_plan_free(plan);
    return most / scale;
}

static void folded_is_unfolded(void **state)
{
    (void)state;
    Error err;
    ParamSet *set[4];
    for (int i = 0; i < 4; i++)
        set[i] = params_new();
    ImitatorConfig ic = imitator_small(20, 32, 8);
    Imitator plain = imitator_declare(set[0], &ic, false),
             folded = imitator_declare(set[1], &ic, true);
    SegmenterConfig sc = tiny(true);
    Segmenter splain = segmenter_declare(set[2], &sc, false),
              sfolded = segmenter_declare(set[3], &sc, true);
    for (int i = 0; i < 4; i++)
        must(params_alloc(set[i], cpu, false, 1, &err), &err);
    shake(set[0]);
    shake(set[2]);
    must(imitator_fold(&folded, &plain, &err), &err);
    must(segmenter_fold(&sfolded, &splain, &err), &err);

    real *x = random_values(2 * 20, 5), *photo = random_values(2 * 3 * 64 * 64, 6);
    Graph *g = ag_graph_new();
    Var in = ag_input(g, "x", DTYPE_REAL, shape2(2, 20));
    double d = largest_difference(imitator_forward(g, &plain, in, MODE_EVAL),
                                  imitator_forward(g, &folded, in, MODE_EVAL), g, in, x);
    assert_true(d < 1e-4);
    ag_graph_free(g);
    g = ag_graph_new();
    in = ag_input(g, "photo", DTYPE_REAL, shape4(2, 3, 64, 64));
    d = largest_difference(segmenter_forward(g, &splain, in, MODE_EVAL).logits,
                           segmenter_forward(g, &sfolded, in, MODE_EVAL).logits, g, in, photo);
    assert_true(d < 1e-4);
    ag_graph_free(g);
    for (int i = 0; i < 4; i++)
        params_free(set[i]);
    free(x);
    free(photo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_sizes),
        cmocka_unit_test(configurations),
        cmocka_unit_test(shapes),
        cmocka_unit_test(imitator_learns),
        cmocka_unit_test(segmenter_learns),
        cmocka_unit_test(folded_is_unfolded),
        cmocka_unit_test(more_configurations),
        cmocka_unit_test(lightcnn_learns),
        cmocka_unit_test(dropout),
        cmocka_unit_test(translator_learns),
    };
    return cmocka_run_group_tests(tests, open_cpu, close_cpu);
}
