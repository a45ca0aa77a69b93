#include "config.h"

#include "tests/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "libautograd/ops.h"
#include "libtensor/rng.h"
#include "nets/losses.h"
#include "nets/measure.h"
#include "nets/translator.h"
#include "nets/imitator.h"

enum { DIM = 264, CONTINUOUS = 208, SIZE = 512, SEGMENTER_SIZE = 256, CLASSES = 11, FACE = 128 };

/* The paper's male schema. */
static const int groups[] = {23, 26, 7};

/* ---- Weights and inputs ---- */

static ParamSet *new_set(Work *w)
{
    ParamSet *set = params_new();
    if (!set)
        die("out of memory");
    w->set[w->n_sets++] = set;
    return set;
}

/* Frozen weights under which signals neither grow nor die, also where residuals are added up:
 * softmax stays off its ends, and no gradient is denormal, which a processor is slow with. */
static void randomise(ParamSet *set)
{
    for (int i = 0; i < params_count(set); i++) {
        Rng rng = rng_make(1, (uint32_t)i, 0);
        Shape s = params_shape(set, (Param){i});
        int64_t n = shape_count(s), fan = s.ndim > 1 ? n / s.dim[0] : 0;
        real *value = malloc((size_t)n * sizeof *value);
        if (!value)
            die("out of memory");
        for (int64_t k = 0; k < n; k++)
            value[k] = fan ? rng_normal(&rng) * (real)sqrt(1 / (double)fan) : 0;
        params_write(set, (Param){i}, value);
        free(value);
    }
}

static void freeze(Work *w, ParamSet *set)
{
    Error err;
    if (!params_alloc(set, w->backend, false, 0, &err))
        die_error(&err);
    randomise(set);
}

static void train(Work *w, ParamSet *set, OptimConfig config, double rate)
{
    Error err;
    if (!params_alloc(set, w->backend, true, 1, &err) || !optim_new(&w->optim, set, config, &err))
        die_error(&err);
    w->state.learning_rate = (real)rate;
}

static void plan(Work *w, Var loss)
{
    Error err;
    if (!ag_plan(&w->plan, w->graph, loss, (PlanOptions){.backend = w->backend}, &err))
        die_error(&err);
}

/* An input, in 0 .. 1, or of classes. */
static void write_random(Work *w, Var input)
{
    Rng rng = rng_make(2, (uint32_t)input.id, 0);
    const Node *node = &w->graph->node[input.id];
    int64_t n = shape_count(node->shape);
    real *value = malloc((size_t)n * sizeof *value);
    if (!value)
        die("out of memory");
    for (int64_t i = 0; i < n; i++)
        if (node->type == DTYPE_I32)
            ((int32_t *)value)[i] = (int32_t)rng_below(&rng, CLASSES);
        else
            value[i] = rng_uniform(&rng);
    ag_write(w->plan, input, value);
    free(value);
}

static void write_inputs(Work *w)
{
    for (int i = 0; i < w->graph->count; i++)
        if (w->graph->node[i].kind == NODE_INPUT)
            write_random(w, (Var){i});
}

static Var input(Work *w, const char *name, Shape shape)
{
    return ag_input(w->graph, name, DTYPE_REAL, shape);
}

/* ---- Rows ---- */

static Var pictures(Work *w, const char *name, int size)
{
    return input(w, name, shape4(w->batch, 3, size, size));
}

static void imitator_forward_row(Work *w)
{
    ParamSet *set = new_set(w);
    ImitatorConfig config = imitator_paper(DIM, w->size);
    Imitator net = imitator_declare(set, &config, true);
    freeze(w, set);
    Var x = input(w, "x", shape2(w->batch, DIM));
    ag_keep(w->graph, imitator_forward(w->graph, &net, x, MODE_EVAL));
    plan(w, AG_NONE);
}

static void imitator_train_row(Work *w)
{
    ParamSet *set = new_set(w);
    ImitatorConfig config = imitator_paper(DIM, w->size);
    Imitator net = imitator_declare(set, &config, false);
    train(w, set, optim_sgd((real).9), .01);
    Var x = input(w, "x", shape2(w->batch, DIM));
    Var y = imitator_forward(w->graph, &net, x, MODE_TRAIN);
    plan(w, ag_l1_loss(w->graph, y, pictures(w, "target", w->size)));
}

static void lightcnn_forward_row(Work *w)
{
    ParamSet *set = new_set(w);
    LightCnnConfig config = lightcnn_paper(0);
    LightCnn net = lightcnn_declare(set, &config);
    freeze(w, set);
    Var x = input(w, "face", shape4(w->batch, 1, FACE, FACE));
    ag_keep(w->graph, lightcnn_forward(w->graph, &net, x));
    plan(w, AG_NONE);
}

static void lightcnn_train_row(Work *w)
{
    ParamSet *set = new_set(w);
    LightCnnConfig config = lightcnn_paper(0);
    LightCnn net = lightcnn_declare(set, &config);
    train(w, set, optim_sgd((real).9), .001);
    Var x = input(w, "face", shape4(w->batch, 1, FACE, FACE));
    Var y = lightcnn_forward(w->graph, &net, x);
    plan(w, ag_l2_loss(w->graph, y, input(w, "target", ag_shape(w->graph, y))));
}

static void segmenter_forward_row(Work *w)
{
    ParamSet *set = new_set(w);
    SegmenterConfig config = segmenter_paper(CLASSES, SEGMENTER_SIZE);
    Segmenter net = segmenter_declare(set, &config, true);
    freeze(w, set);
    Var x = pictures(w, "x", SEGMENTER_SIZE);
    ag_keep(w->graph, segmenter_forward(w->graph, &net, x, MODE_EVAL).logits);
    plan(w, AG_NONE);
}

static void segmenter_train_row(Work *w)
{
    ParamSet *set = new_set(w);
    SegmenterConfig config = segmenter_paper(CLASSES, SEGMENTER_SIZE);
    Segmenter net = segmenter_declare(set, &config, false);
    int side = SEGMENTER_SIZE / segmenter_stride(&config);
    train(w, set, optim_sgd((real).9), .001);
    Var x = pictures(w, "x", SEGMENTER_SIZE);
    Var logits = segmenter_forward(w->graph, &net, x, MODE_TRAIN).logits;
    Var label = ag_input(w->graph, "label", DTYPE_I32, shape3(w->batch, side, side));
    plan(w, ag_cross_entropy(w->graph, logits, label, (CrossEntropyParam){255}));
}

/* The frozen networks that a face is compared with. */
typedef struct Frozen {
    Imitator imitator;
    Descriptor descriptor;
    Segmenter segmenter;
    Eyes eyes;
} Frozen;

/* In place, for its eyes point into it. */
static void open_frozen(Frozen *f, Work *w)
{
    ParamSet *draw = new_set(w), *know = new_set(w), *part = new_set(w);
    ImitatorConfig g = imitator_paper(DIM, w->size);
    LightCnnConfig r = lightcnn_paper(0);
    SegmenterConfig s = segmenter_paper(CLASSES, SEGMENTER_SIZE);
    f->imitator = imitator_declare(draw, &g, true);
    f->descriptor =
        (Descriptor){.kind = DESCRIPTOR_LIGHTCNN, .net.lightcnn = lightcnn_declare(know, &r)};
    f->segmenter = segmenter_declare(part, &s, true);
    f->eyes = (Eyes){.descriptor = &f->descriptor,
                     .segmenter = &f->segmenter,
                     .chip = {0, 0, 1},
                     .size = w->size};
    freeze(w, draw);
    freeze(w, know);
    freeze(w, part);
}

/* Features under the weight that they belong to a face at all. */
static Var of_face(Work *w, Var features, Var maps)
{
    Var background = ag_slice(w->graph, maps, (AxisParam){.axis = 1, .begin = 0, .count = 1});
    return ag_spatial_mul(w->graph, features,
                          ag_affine(w->graph, background, (AffineParam){-1, 1}));
}

/* Identity and content of G(x) (Eq. 5 and 6) against a photo that was looked at before, the content
 * under one weight for all classes; sight: what the networks see in G(x). */
static void compare(Work *w, const Frozen *f, Var x, Var loss[2], Sight *sight)
{
    Graph *g = w->graph;
    int n = w->batch, side = eyes_map_size(&f->eyes), channels = eyes_channels(&f->eyes);
    *sight = eyes_look(g, &f->eyes, imitator_forward(g, &f->imitator, x, MODE_EVAL));
    Var face = input(w, "photo's descriptor", ag_shape(g, sight->descriptor));
    Var features = input(w, "photo's features", shape4(n, channels, side, side));
    Var maps = input(w, "photo's maps", shape4(n, CLASSES, side, side));
    loss[0] = loss_identity(g, sight->descriptor, face);
    loss[1] = ag_l1_loss(g, of_face(w, sight->features, sight->maps), of_face(w, features, maps));
}

static void search_row(Work *w)
{
    Frozen f;
    Sight sight;
    Var loss[2];
    ParamSet *found = new_set(w);
    Param x = params_declare(found, "x", shape2(w->batch, DIM), (Init){INIT_CONSTANT, (real).5});
    OptimConfig config = optim_sgd(0);
    config.project = true;
    config.hi = 1;
    open_frozen(&f, w);
    train(w, found, config, 10);
    compare(w, &f, ag_param(w->graph, found, x), loss, &sight);
    plan(w, ag_weighted_sum(w->graph, loss, 2, (WeightedSumParam){{0, 1}}));
}

static Translator declare_translator(ParamSet *set)
{
    LightCnnConfig r = lightcnn_paper(0);
    TranslatorConfig config = translator_paper(r.dim, CONTINUOUS, 3, groups);
    return translator_declare(set, &config);
}

static void translator_train_row(Work *w)
{
    Frozen f;
    Sight sight;
    Var loss[3];
    Graph *g = w->graph;
    open_frozen(&f, w);
    ParamSet *set = new_set(w);
    Translator t = declare_translator(set);
    train(w, set, optim_adam(), 1e-4);
    Var face = descriptor_forward(g, &f.descriptor, pictures(w, "photo", w->size), f.eyes.chip);
    Var x = translator_forward(g, &t, face, 1);
    compare(w, &f, x, loss, &sight);
    loss[2] = ag_l1_loss(g, x, translator_forward(g, &t, sight.descriptor, 1));
    plan(w, ag_weighted_sum(g, loss, 3, (WeightedSumParam){{0, 1, 2}}));
}

static void one_shot_row(Work *w)
{
    ParamSet *know = new_set(w), *find = new_set(w);
    LightCnnConfig r = lightcnn_paper(0);
    Descriptor d = {.kind = DESCRIPTOR_LIGHTCNN, .net.lightcnn = lightcnn_declare(know, &r)};
    Translator t = declare_translator(find);
    freeze(w, know);
    freeze(w, find);
    Var photo = pictures(w, "photo", w->size);
    Var face = descriptor_forward(w->graph, &d, photo, (RecognizerChip){0, 0, 1});
    ag_keep(w->graph, translator_forward(w->graph, &t, face, 1));
    plan(w, AG_NONE);
}

/* Named as the cases of scripts/bench_vs_torch.sh's peer. */
const Row bench_rows[] = {
    {"imitator_fwd", "imitator, forward", "images", 4, imitator_forward_row},
    {"imitator_train", "imitator, training step", "images", 16, imitator_train_row},
    {"lightcnn_fwd", "LightCNN-29v2, forward", "images", 16, lightcnn_forward_row},
    {"lightcnn_train", "LightCNN-29v2, training step", "images", 16, lightcnn_train_row},
    {"segnet_fwd", "segmentation net 256x256, forward", "images", 2, segmenter_forward_row},
    {"segnet_train", "segmentation net 256x256, training step", "images", 2, segmenter_train_row},
    {"search_step", "search step: G, F_recg, F_seg, gradient to x", "steps", 1, search_row},
    {"translator_train", "translator, training step", "photos", 4, translator_train_row},
    {"oneshot", "one shot: F_recg and T'", "photos", 4, one_shot_row},
};
const int bench_n_rows = sizeof bench_rows / sizeof *bench_rows;

/* ---- Work ---- */

const Row *bench_row(const char *name)
{
    for (int i = 0; i < bench_n_rows; i++)
        if (strcmp(bench_rows[i].name, name) == 0)
            return &bench_rows[i];
    return NULL;
}

void work_open(Work *w, const Row *row, Backend *backend, int batch, int size)
{
    *w = (Work){.backend = backend,
                .batch = batch ? batch : row->batch,
                .size = size ? size : SIZE,
                .graph = ag_graph_new(),
                .state = {.seed = 1, .weight = {(real).01, 1, 1}}};
    if (!w->graph)
        die("out of memory");
    row->build(w);
    write_inputs(w);
}

void work_step(Work *w)
{
    Error err;
    ag_run(w->plan, &w->state);
    if (w->optim)
        optim_step(w->optim, &w->state);
    if (!w->backend->sync(w->backend, &err))
        die_error(&err);
    w->state.step++;
}

void work_close(Work *w)
{
    ag_plan_free(w->plan);
    ag_graph_free(w->graph);
    optim_free(w->optim);
    for (int i = 0; i < w->n_sets; i++)
        params_free(w->set[i]);
}
