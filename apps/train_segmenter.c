/* Trains the face segmentation net F_seg with per-pixel cross-entropy, and measures it. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apps/label_palette.h"
#include "apps/sheet.h"
#include "apps/training.h"
#include "datasets/labelled.h"
#include "engine/engine.h"
#include "libautograd/ops.h"

enum { EVAL_BATCH = 8, SHEET_FACES = 8, MAX_HELD_OUT = 512, IGNORE = 255, JITTER_STREAM = 0x4a49 };

static const char *const class_name[LABEL_COUNT] = {
    "background", "skin",      "left_brow",   "right_brow", "left_eye", "right_eye",
    "nose",       "upper_lip", "inner_mouth", "lower_lip",  "hair"};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_INIT)
        state->child_inputs[0] = state->input;
    else if (key == ARGP_KEY_ARG)
        die_usage("'%s' is no option", arg);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static const struct argp_child children[] = {{&training_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    NULL,
    parse_option,
    NULL,
    "Trains the face segmentation network on pictures with label maps.\v"
    "--data and --val take one folder, or several with commas between: folders of render_dataset, "
    "or folders of "
    "photos NAME.jpg with label maps NAME.png (classes 0 .. 10 of Helen's table, 255 where nothing "
    "counts). The run's "
    "folder gets log.jsonl, last.safetensors, best.safetensors and sheet.png (rows: picture, "
    "truth, prediction). "
    "Ctrl-C saves; --resume goes on.\n\n"
    "  render_dataset --kind segmenter --engine builtin:male --size 128 --count 4000 --seed 1 "
    "--out MALE\n"
    "  train_segmenter --data MALE,FEMALE --out RUN\n"
    "  train_segmenter --evaluate RUN/best.safetensors --data PHOTOS\n"
    "  train_segmenter --out RUN --export segmenter.safetensors",
    children,
    NULL,
    NULL};

/* A part of a labelled set, seen at the network's size: all of it; or every `period`-th sample,
 * held out; or the rest, trained on. */
typedef struct Data {
    Labelled *set;
    int size;
    int64_t count;
    int64_t period; /* 0: all */
    bool held_out;
    uint64_t seed; /* of the jitter */
} Data;

static int64_t data_index(const Data *data, int64_t i)
{
    if (data->period == 0)
        return i;
    return data->held_out ? i * data->period + data->period - 1 : i + i / (data->period - 1);
}

/* One sample: planar picture and labels; jittered by step and slot if `jitter`. */
static bool data_get(const Data *data, int64_t i, bool jitter, uint64_t step, int slot,
                     real *planar, int32_t *label, Error *err)
{
    int size = data->size;
    Image image;
    uint8_t *map = malloc((size_t)size * (size_t)size);
    if (!map || !image_new(&image, size, size, err)) {
        free(map);
        return error_set(err, "out of memory");
    }
    Rng rng = rng_make(data->seed, JITTER_STREAM + (uint32_t)slot, step);
    bool ok = labelled_get(data->set, data_index(data, i), &image, map, err) &&
              (!jitter || labelled_jitter(&image, map, &rng, err));
    if (ok) {
        image_to_planar(planar, &image);
        for (int k = 0; k < size * size; k++)
            label[k] = map[k];
    }
    image_free(&image);
    free(map);
    return ok;
}

static bool fill(void *context, int64_t sample, uint64_t step, int slot, void *const *buffer,
                 Error *err)
{
    return data_get(context, sample, true, step, slot, buffer[0], buffer[1], err);
}

/* The logits at the picture's own size. */
static Var full_size(Graph *graph, const Segmenter *net, Var x, Mode mode)
{
    Shape shape = ag_shape(graph, x);
    Var logits = segmenter_forward(graph, net, x, mode).logits;
    return ag_resize_bilinear(
        graph, logits, (ResizeParam){.height = (int)shape.dim[2], .width = (int)shape.dim[3]});
}

/* The network in evaluation, over the parameters of a set. */
typedef struct Eval {
    Graph *graph;
    Plan *plan;
    Var x, y;
    int size, classes;
    real *in, *out; /* EVAL_BATCH pictures, their logits */
    int32_t *label, *found;
} Eval;

static void eval_free(Eval *e)
{
    ag_plan_free(e->plan);
    ag_graph_free(e->graph);
    free(e->in);
    free(e->out);
    free(e->label);
    free(e->found);
}

static bool eval_new(Eval *e, const Segmenter *net, Backend *backend, Error *err)
{
    int size = net->config.size, classes = net->config.classes;
    size_t pixels = (size_t)size * (size_t)size;
    *e = (Eval){.graph = ag_graph_new(), .size = size, .classes = classes};
    e->in = calloc(EVAL_BATCH * 3 * pixels, sizeof(real));
    e->out = malloc(EVAL_BATCH * (size_t)classes * pixels * sizeof(real));
    e->label = malloc(EVAL_BATCH * pixels * sizeof *e->label);
    e->found = malloc(EVAL_BATCH * pixels * sizeof *e->found);
    if (!e->graph || !e->in || !e->out || !e->label || !e->found) {
        eval_free(e);
        return error_set(err, "out of memory");
    }
    e->x = ag_input(e->graph, "x", DTYPE_REAL, shape4(EVAL_BATCH, 3, size, size));
    e->y = full_size(e->graph, net, e->x, MODE_EVAL);
    ag_keep(e->graph, e->y);
    if (ag_plan(&e->plan, e->graph, AG_NONE, (PlanOptions){.backend = backend}, err))
        return true;
    eval_free(e);
    return false;
}

/* Pictures, labels and found classes of n <= EVAL_BATCH samples from i on. */
static bool eval_run(Eval *e, const Data *data, int64_t i, int n, Error *err)
{
    size_t pixels = (size_t)e->size * (size_t)e->size, classes = (size_t)e->classes;
    for (int k = 0; k < n; k++)
        if (!data_get(data, i + k, false, 0, 0, e->in + 3 * pixels * (size_t)k,
                      e->label + pixels * (size_t)k, err))
            return false;
    ag_write(e->plan, e->x, e->in);
    ag_run(e->plan, &(StepState){0});
    ag_read(e->plan, e->y, e->out);
    for (size_t k = 0; k < EVAL_BATCH; k++)
        for (size_t p = 0; p < pixels; p++) {
            const real *logit = e->out + k * classes * pixels + p;
            size_t best = 0;
            for (size_t c = 1; c < classes; c++)
                if (logit[c * pixels] > logit[best * pixels])
                    best = c;
            e->found[k * pixels + p] = (int32_t)best;
        }
    return true;
}

/* Pixels counted over a set, by class. */
typedef struct Figures {
    int64_t count, both[LABEL_COUNT], either[LABEL_COUNT], right, pixels;
} Figures;

static bool figures_of(Eval *e, const Data *data, Figures *figures, Error *err)
{
    Figures f = {.count = data->count};
    int64_t pixels = (int64_t)e->size * e->size;
    for (int64_t i = 0; i < data->count; i += EVAL_BATCH) {
        int n = data->count - i < EVAL_BATCH ? (int)(data->count - i) : EVAL_BATCH;
        if (!eval_run(e, data, i, n, err))
            return false;
        for (int64_t p = 0; p < n * pixels; p++) {
            int32_t truth = e->label[p], found = e->found[p];
            if (truth < 0 || truth >= LABEL_COUNT)
                continue;
            f.pixels++;
            f.right += truth == found;
            f.either[truth]++;
            if (truth == found)
                f.both[truth]++;
            else
                f.either[found]++;
        }
    }
    *figures = f;
    return true;
}

/* Mean over the classes that occur, in truth or in what was found. */
static double mean_iou(const Figures *f)
{
    double sum = 0;
    int n = 0;
    for (int c = 0; c < LABEL_COUNT; c++)
        if (f->either[c] > 0) {
            sum += (double)f->both[c] / (double)f->either[c];
            n++;
        }
    return n ? sum / n : 0;
}

static json_t *figures_json(const Figures *f)
{
    json_t *iou = json_object();
    for (int c = 0; c < LABEL_COUNT; c++)
        json_object_set_new(iou, class_name[c],
                            f->either[c] > 0 ? json_real((double)f->both[c] / (double)f->either[c])
                                             : json_null());
    return json_pack("{sI sf sf so}", "count", (json_int_t)f->count, "mean_iou", mean_iou(f),
                     "pixel_accuracy", f->pixels ? (double)f->right / (double)f->pixels : 0., "iou",
                     iou);
}

/* A training run: the network, its training and evaluation graphs, its data. */
typedef struct Run {
    Data data, val;
    Segmenter net;
    Graph *graph;
    Plan *plan;
    Eval eval;
} Run;

static bool validate(void *context, double *figure, json_t **report, Error *err)
{
    Run *run = context;
    Figures f;
    if (!figures_of(&run->eval, &run->val, &f, err))
        return false;
    *figure = 1 - mean_iou(&f);
    *report = figures_json(&f);
    return true;
}

static bool put_labels(Sheet *sheet, int column, int row, const int32_t *label, int size,
                       Error *err)
{
    Image image;
    if (!image_new(&image, size, size, err))
        return false;
    for (int p = 0; p < size * size; p++) {
        static const uint8_t white[3] = {255, 255, 255};
        bool known = label[p] >= 0 && label[p] < LABEL_COUNT;
        memcpy(image.pixel + 3 * p, known ? label_palette[label[p]] : white, 3);
    }
    bool ok = sheet_put(sheet, column, row, &image, err);
    image_free(&image);
    return ok;
}

static bool sheet(void *context, const char *path, Error *err)
{
    Run *run = context;
    Eval *e = &run->eval;
    int n = run->val.count < SHEET_FACES ? (int)run->val.count : SHEET_FACES;
    size_t pixels = (size_t)e->size * (size_t)e->size;
    Sheet s;
    if (!eval_run(e, &run->val, 0, n, err) || !sheet_new(&s, n, 3, e->size, 4, err))
        return false;
    bool ok = true;
    for (int k = 0; ok && k < n; k++)
        ok = sheet_put_planar(&s, k, 0, e->in + 3 * pixels * (size_t)k, e->size, err) &&
             put_labels(&s, k, 1, e->label + pixels * (size_t)k, e->size, err) &&
             put_labels(&s, k, 2, e->found + pixels * (size_t)k, e->size, err);
    ok = ok && sheet_save(&s, path, err);
    sheet_free(&s);
    return ok;
}

static SegmenterConfig read_config(const char *path, CheckpointInfo *info, TensorFile **file)
{
    Error err;
    SegmenterConfig config;
    if (!checkpoint_open(file, info, path, NET_SEGMENTER, &err) ||
        !segmenter_from_json(&config, info->config, &err))
        die_error(&err);
    if (config.classes != LABEL_COUNT)
        die("%s tells %d classes apart, not %d", path, config.classes, LABEL_COUNT);
    return config;
}

static void net_new(Segmenter *net, const SegmenterConfig *config, Backend *backend, bool trainable,
                    uint64_t seed)
{
    Error err;
    ParamSet *set = params_new();
    if (!set)
        die("out of memory");
    *net = segmenter_declare(set, config, false);
    if (!params_alloc(set, backend, trainable, seed, &err))
        die_error(&err);
}

static void data_open(Data *data, const char *dirs, int size)
{
    Error err;
    *data = (Data){.size = size};
    if (!labelled_open(&data->set, dirs, &err))
        die_error(&err);
    data->count = labelled_count(data->set);
}

static void evaluate(const TrainOptions *o, Backend *backend)
{
    Error err;
    CheckpointInfo info;
    TensorFile *file;
    SegmenterConfig config = read_config(o->evaluate, &info, &file);
    Data data;
    Segmenter net;
    Eval eval;
    Figures figures;
    data_open(&data, o->data, config.size);
    net_new(&net, &config, backend, false, 0);
    if (!checkpoint_load(file, o->evaluate, net.set, NULL, &err) ||
        !eval_new(&eval, &net, backend, &err) || !figures_of(&eval, &data, &figures, &err))
        die_error(&err);
    json_t *report = json_pack("{ss so sI so}", "checkpoint", o->evaluate, "config",
                               json_loads(info.config, 0, NULL), "step", (json_int_t)info.step,
                               "figures", figures_json(&figures));
    json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(report);
    eval_free(&eval);
    params_free(net.set);
    tensor_file_free(file);
    labelled_close(data.set);
}

static void export_weights(const TrainOptions *o, Backend *backend)
{
    Error err;
    CheckpointInfo info;
    TensorFile *file;
    Segmenter net;
    char *best = training_best(o->out);
    SegmenterConfig config = read_config(best, &info, &file);
    net_new(&net, &config, backend, false, 0);
    if (!training_export(o->export, best, NET_SEGMENTER, net.set, &err))
        die_error(&err);
    params_free(net.set);
    tensor_file_free(file);
    free(best);
}

/* Data to train on and data to measure with. */
static void open_data(Run *run, const TrainOptions *o, int size, int64_t *held_out)
{
    data_open(&run->data, o->data, size);
    *held_out = 0;
    if (o->val) {
        data_open(&run->val, o->val, size);
        return;
    }
    int64_t n = run->data.count;
    if (n < 2)
        die("%s holds one sample, too few to train on", o->data);
    int64_t period = n < 20 ? n : 20;
    if (n / period > MAX_HELD_OUT)
        period = n / MAX_HELD_OUT;
    *held_out = n / period;
    run->val = run->data;
    run->val.period = run->data.period = period;
    run->val.held_out = true;
    run->val.count = *held_out;
    run->data.count = n - *held_out;
}

static void build(Run *run, Training *training, Backend *backend)
{
    Error err;
    int batch = training->settings.batch, size = run->net.config.size;
    run->graph = ag_graph_new();
    if (!run->graph)
        die("out of memory");
    Var x = training_input(training, run->graph, "x", DTYPE_REAL, shape4(batch, 3, size, size));
    Var label = training_input(training, run->graph, "label", DTYPE_I32, shape3(batch, size, size));
    training->loss = ag_cross_entropy(run->graph, full_size(run->graph, &run->net, x, MODE_TRAIN),
                                      label, (CrossEntropyParam){IGNORE});
    if (!ag_plan(&run->plan, run->graph, training->loss, (PlanOptions){.backend = backend}, &err) ||
        !eval_new(&run->eval, &run->net, backend, &err))
        die_error(&err);
    training->plan = run->plan;
    training->set = run->net.set;
    training->loader.fill = fill;
    training->loader.context = &run->data;
}

/* The settings of a new run: the config files', and over them the options. */
static TrainSettings configure(SegmenterConfig *config, const TrainOptions *o)
{
    ConfigInts blocks, width, stride;
    const ConfigKey key[] = {
        {"size", CONFIG_INT, &config->size, .lo = 32, .hi = 2048},
        {"stem", CONFIG_INT, &config->stem, .lo = 1, .hi = 1024},
        {"bottleneck", CONFIG_BOOL, .value = &config->bottleneck},
        {"blocks", CONFIG_INTS, &blocks, .lo = 1, .hi = SEGMENTER_MAX_BLOCKS,
         .count = SEGMENTER_STAGES},
        {"width", CONFIG_INTS, &width, .lo = 1, .hi = 1024, .count = SEGMENTER_STAGES},
        {"stride", CONFIG_INTS, &stride, .lo = 1, .hi = 2, .count = SEGMENTER_STAGES},
    };
    Error err;
    TrainSettings settings;
    if (!training_configure(&settings, o, NET_SEGMENTER,
                            (ConfigKeys){key, sizeof key / sizeof *key}, (ConfigKeys){0}, &err))
        die_error(&err);
    for (int i = 0; i < SEGMENTER_STAGES; i++) {
        config->blocks[i] = blocks.value[i];
        config->width[i] = width.value[i];
        config->stride[i] = stride.value[i];
    }
    config->classes = LABEL_COUNT;
    if (o->size)
        config->size = o->size;
    return settings;
}

static void train(const TrainOptions *o, Backend *backend)
{
    Error err;
    Run run = {0};
    Training training = {.title = "Segmenter",
                         .sheet_caption = "Held-out pictures. Rows: picture, truth, prediction.",
                         .report = o->report,
                         .out = o->out,
                         .stop_after = o->stop_after,
                         .context = &run,
                         .validate = validate,
                         .sheet = sheet};
    CheckpointInfo from;
    TensorFile *file = NULL;
    SegmenterConfig config;
    TrainSettings settings;
    int64_t held_out;
    char *last = training_last(o->out);
    if (o->resume) {
        config = read_config(last, &from, &file);
        if (!training_settings_read(&settings, training.own, &from, last, &err))
            die_error(&err);
    } else
        settings = configure(&config, o);
    if (!segmenter_check(&config, &err))
        die_error(&err);
    open_data(&run, o, config.size, &held_out);
    if (!training_set_data(&settings, o, run.data.count + held_out, held_out, &err))
        die_error(&err);
    run.data.seed = settings.seed;
    if (!make_folder(o->out, &err))
        die_error(&err);
    net_new(&run.net, &config, backend, true, settings.seed);
    if (o->init && !training_init(o->init, NET_SEGMENTER, run.net.set, &err))
        die_error(&err);
    char *text = segmenter_to_json(&config);
    training.settings = settings;
    training.resumed = file ? last : NULL;
    training.info = (CheckpointInfo){
        .net = NET_SEGMENTER, .config = text, .schema = "", .digest = "", .training = ""};
    build(&run, &training, backend);
    fprintf(stderr,
            "segmenter %dx%d, %" PRId64 " weights, %" PRId64 " pictures to train on, %" PRId64
            " held out, %" PRId64 " steps of %d\n",
            config.size, config.size, params_elements(run.net.set), settings.samples, run.val.count,
            settings.steps, settings.batch);
    if (!training_run(&training, &err))
        die_error(&err);
    tensor_file_free(file);
    free(text);
    free(last);
    eval_free(&run.eval);
    ag_plan_free(run.plan);
    ag_graph_free(run.graph);
    params_free(run.net.set);
    if (run.val.set != run.data.set)
        labelled_close(run.val.set);
    labelled_close(run.data.set);
}

int main(int argc, char **argv)
{
    TrainOptions o;
    app_parse(&parser, argc, argv, &o);
    training_check(&o);
    Backend *backend = backend_cpu_open();
    if (!backend)
        die("out of memory");
    if (o.evaluate)
        evaluate(&o, backend);
    else if (o.export)
        export_weights(&o, backend);
    else
        train(&o, backend);
    backend_close(backend);
    return 0;
}
