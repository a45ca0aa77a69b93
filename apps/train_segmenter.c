/* Trains the face segmentation net F_seg with per-pixel cross-entropy, and measures it. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apps/segmenter_eval.h"
#include "apps/start_weights.h"
#include "apps/training.h"
#include "libautograd/ops.h"

enum { MAX_HELD_OUT = 512, EVALUATION_ROWS = 4, IGNORE = 255 };

/* Parts of few pixels, which a net in doubt gives up first. With the key "small_parts" of a
 * config's "training" their logits are lowered by that much before the loss's softmax and nowhere
 * else, so that the net learns to put them as much higher: logit adjustment (Menon et al. 2021).
 * Its optimum is the posterior with these classes exp(small_parts) times as frequent as they are.
 */
static const int small_part[] = {LABEL_LEFT_BROW, LABEL_RIGHT_BROW, LABEL_LEFT_EYE, LABEL_RIGHT_EYE,
                                 LABEL_INNER_MOUTH};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    TrainOptions *o = state->input;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = state->child_inputs[1] = state->child_inputs[2] = o;
        state->child_inputs[3] = &o->device;
    } else if (key == ARGP_KEY_ARG) {
        die_usage("'%s' is no option", arg);
    } else {
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_child children[] = {{&training_argp, 0, NULL, 0},
                                             {&training_val_argp, 0, NULL, 0},
                                             {&training_size_argp, 0, NULL, 0},
                                             {&device_argp, 0, NULL, 0},
                                             {0}};
static const struct argp parser = {
    NULL,
    parse_option,
    NULL,
    "Trains the face segmentation network on pictures with label maps.\v"
    "--data and --val take one folder, or several with commas between: folders of render_dataset, "
    "folders of "
    "photos NAME.jpg with label maps NAME.png (classes 0 .. 10 of Helen's table, 255 where nothing "
    "counts), Helen with the labels of Smith et al. (images, labels; or one of its lists, "
    "HELEN/exemplars.txt) or CelebAMask-HQ (CelebA-HQ-img, CelebAMask-HQ-mask-anno). The run's "
    "folder gets log.jsonl, last.safetensors, best.safetensors and sheet.png (rows: picture, "
    "truth, prediction); with --evaluate, --out gets such a sheet. "
    "Ctrl-C saves; --resume goes on.\n\n"
    "  render_dataset --kind segmenter --engine builtin:male --size 128 --count 4000 --seed 1 "
    "--out MALE\n"
    "  train_segmenter --data MALE,FEMALE --out RUN\n"
    "  train_segmenter --data HELEN/exemplars.txt --val HELEN/tuning.txt --out RUN\n"
    "  train_segmenter --evaluate RUN/best.safetensors --data PHOTOS --out SHEET\n"
    "  train_segmenter --out RUN --export segmenter.safetensors",
    children,
    NULL,
    NULL};

static bool fill(void *context, int64_t sample, uint64_t step, int slot, void *const *buffer,
                 Error *err)
{
    return segmenter_data_get(context, sample, true, step, slot, buffer[0], buffer[1], err);
}

/* A training run: the network, its training and evaluation graphs, its data. */
typedef struct Run {
    double small_parts;
    SegmenterData data, val;
    Segmenter net;
    Graph *graph;
    Plan *plan;
    SegmenterEval eval;
} Run;

static bool validate(void *context, double *figure, json_t **report, Error *err)
{
    Run *run = context;
    SegmenterFigures f;
    if (!segmenter_figures(&run->eval, &run->val, &f, err))
        return false;
    *figure = 1 - segmenter_mean_iou(&f);
    *report = segmenter_figures_json(&f);
    return true;
}

static bool sheet(void *context, const char *path, Error *err)
{
    Run *run = context;
    return segmenter_sheet(&run->eval, &run->val, 1, path, err);
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

static void data_open(SegmenterData *data, const char *dirs, int size)
{
    Error err;
    *data = (SegmenterData){.size = size};
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
    SegmenterData data;
    Segmenter net;
    SegmenterEval eval;
    SegmenterFigures figures;
    data_open(&data, o->data, config.size);
    net_new(&net, &config, backend, false, 0);
    if (!checkpoint_load(file, o->evaluate, net.set, NULL, &err) ||
        !segmenter_eval_new(&eval, &net, backend, &err) ||
        !segmenter_figures(&eval, &data, &figures, &err))
        die_error(&err);
    if (o->out) {
        char *path = path_join(o->out, "sheet.png");
        if (!make_folder(o->out, &err) ||
            !segmenter_sheet(&eval, &data, EVALUATION_ROWS, path, &err))
            die_error(&err);
        free(path);
    }
    json_t *report = json_pack("{ss so sI so}", "checkpoint", o->evaluate, "config",
                               json_loads(info.config, 0, NULL), "step", (json_int_t)info.step,
                               "figures", segmenter_figures_json(&figures));
    json_print(report);
    segmenter_eval_free(&eval);
    params_free(net.set);
    tensor_file_free(file);
    labelled_close(data.set);
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
    Var logits = segmenter_full_size(run->graph, &run->net, x, MODE_TRAIN);
    Var one = ag_input(run->graph, "one", DTYPE_REAL, shape1(LABEL_COUNT));
    Var shift = ag_input(run->graph, "shift", DTYPE_REAL, shape1(LABEL_COUNT));
    training->loss = ag_cross_entropy(run->graph, ag_channel_affine(run->graph, logits, one, shift),
                                      label, (CrossEntropyParam){IGNORE});
    if (!ag_plan(&run->plan, run->graph, training->loss, (PlanOptions){.backend = backend}, &err) ||
        !segmenter_eval_new(&run->eval, &run->net, backend, &err))
        die_error(&err);
    real scale[LABEL_COUNT], by[LABEL_COUNT] = {0};
    for (int c = 0; c < LABEL_COUNT; c++)
        scale[c] = 1;
    for (size_t k = 0; k < sizeof small_part / sizeof *small_part; k++)
        by[small_part[k]] = (real)-run->small_parts;
    ag_write(run->plan, one, scale);
    ag_write(run->plan, shift, by);
    training->plan = run->plan;
    training->set = run->net.set;
    training->loader.fill = fill;
    training->loader.context = &run->data;
}

/* The settings of a new run: the config files', and over them the options. */
static TrainSettings configure(SegmenterConfig *config, ConfigKeys own, const TrainOptions *o)
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
                            (ConfigKeys){key, sizeof key / sizeof *key}, own, &err))
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
    const ConfigKey own[] = {
        {"small_parts", CONFIG_REAL, &run.small_parts, .lo = 0, .hi = 10, .optional = true}};
    Training training = {.own = {own, 1},
                         .title = "Segmenter",
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
        settings = configure(&config, training.own, o);
    if (!segmenter_check(&config, &err))
        die_error(&err);
    open_data(&run, o, config.size, &held_out);
    if (!training_set_data(&settings, o, run.data.count + held_out, held_out, &err))
        die_error(&err);
    run.data.seed = settings.seed;
    if (!make_folder(o->out, &err))
        die_error(&err);
    net_new(&run.net, &config, backend, true, settings.seed);
    if (o->init && !weights_start(o->init, NET_SEGMENTER, &import_resnet50, run.net.set, &err))
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
    segmenter_eval_free(&run.eval);
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
    Error err;
    app_parse(&parser, argc, argv, &o);
    training_check(&o);
    if (o.export) {
        if (!training_export(&o, NET_SEGMENTER, &err))
            die_error(&err);
        return 0;
    }
    Backend *backend = device_open(&o.device, &err);
    if (!backend)
        die_error(&err);
    if (o.evaluate)
        evaluate(&o, backend);
    else
        train(&o, backend);
    backend_close(backend);
    return 0;
}
