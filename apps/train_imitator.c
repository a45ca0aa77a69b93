/* Trains the imitator G on the engine's renders (the paper's Eq. 1), and measures it. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/engine_option.h"
#include "apps/face_weights.h"
#include "apps/imitator_eval.h"
#include "apps/paths.h"
#include "apps/sheet.h"
#include "apps/training.h"
#include "libautograd/ops.h"
#include "nets/losses.h"

enum {
    SHEET_FACES = 8,
    MAX_HELD_OUT = 512,
    KEY_ENGINE = 512,
    KEY_WIDTH,
    KEY_SIGMOID,
    KEY_LOSS,
    KEY_ASSETS
};

static const char *const losses[] = {"face", "paper", NULL};
enum { LOSS_FACE, LOSS_PAPER };

/* The quadratic term of the face's loss: at an error of 1/8 it pulls as hard as L1. */
static const real SQUARE = 4;

typedef struct Options {
    TrainOptions train; /* first: the child parser's input */
    const char *engine; /* NULL: not given */
    int width;          /* 0: not given; the others -1 */
    int sigmoid, loss;
} Options;

static const struct argp_option options[] = {
    {"engine", KEY_ENGINE, "ENGINE", 0,
     "the engine that the data must be of: " ENGINE_OPTION_HELP " (default: any)", 1},
    {"width", KEY_WIDTH, "N", 0, "channels of the last hidden layer; they double backwards, to 7 N",
     2},
    {"sigmoid", KEY_SIGMOID, "yes|no", 0,
     "end the network with a sigmoid (presets: no, as the paper)", 2},
    {"loss", KEY_LOSS, "face|paper", 0,
     "paper: Eq. 1, every pixel alike; face: with a quadratic term, and more weight on eyes, brows "
     "and mouth where the data has labels (small preset)",
     2},
    {"assets", KEY_ASSETS, "DIR", 0, "folder of the engine's files, if not the usual one", 5},
    {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->child_inputs[1] = state->child_inputs[2] = &o->train;
        state->child_inputs[3] = &o->train.device;
        return 0;
    case KEY_ENGINE:
        o->engine = arg;
        return 0;
    case KEY_WIDTH:
        o->width = (int)option_int(arg, "--width", 1, 512);
        return 0;
    case KEY_SIGMOID:
        if (strcmp(arg, "yes") != 0 && strcmp(arg, "no") != 0)
            die_usage("--sigmoid is yes or no, not '%s'", arg);
        o->sigmoid = strcmp(arg, "yes") == 0;
        return 0;
    case KEY_LOSS:
        for (o->loss = 0; losses[o->loss] && strcmp(arg, losses[o->loss]) != 0;)
            o->loss++;
        if (!losses[o->loss])
            die_usage("--loss is face or paper, not '%s'", arg);
        return 0;
    case KEY_ASSETS:
        path_set_assets(arg);
        return 0;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = {{&training_argp, 0, NULL, 0},
                                             {&training_val_argp, 0, NULL, 0},
                                             {&training_size_argp, 0, NULL, 0},
                                             {&device_argp, 0, NULL, 0},
                                             {0}};
static const struct argp parser = {
    options,
    parse_option,
    NULL,
    "Trains the imitator, the network that draws what the engine draws, on pairs of facial "
    "parameters and renders.\v"
    "--data and --val are folders of render_dataset. The run's folder gets log.jsonl, "
    "last.safetensors, best.safetensors and sheet.png (rows: target, output, four times their "
    "difference). Ctrl-C saves; --resume goes on.\n\n"
    "  render_dataset --engine builtin:male --size 128 --count 20000 --seed 1 --out DIR\n"
    "  train_imitator --data DIR --out RUN\n"
    "  train_imitator --evaluate RUN/best.safetensors --data HELDOUT\n"
    "  train_imitator --out RUN --export imitator-male.safetensors",
    children,
    NULL,
    NULL};

static bool fill(void *context, int64_t sample, uint64_t step, int slot, void *const *buffer,
                 Error *err)
{
    (void)step;
    (void)slot;
    return imitator_data_get(context, sample, buffer[0], buffer[1], NULL, err);
}

static bool fill_weighted(void *context, int64_t sample, uint64_t step, int slot,
                          void *const *buffer, Error *err)
{
    const ImitatorData *data = context;
    uint8_t label[IMITATOR_MAX_SIZE * IMITATOR_MAX_SIZE];

    (void)step;
    (void)slot;
    if (!imitator_data_get(data, sample, buffer[0], buffer[1], label, err))
        return false;
    face_weights(label, data->size, buffer[2]);
    return true;
}

/* A training run: the network, its training and evaluation graphs, its data. */
typedef struct Run {
    ImitatorData data, val;
    Imitator net;
    Graph *graph;
    bool weighted; /* the loss is the face's, not the paper's */
    Plan *plan;
    ImitatorEval eval;
} Run;

static bool validate(void *context, double *figure, json_t **report, Error *err)
{
    Run *run = context;
    ImitatorFigures f;
    if (!imitator_figures(&run->eval, &run->val, &f, err))
        return false;
    *figure = run->weighted ? f.mae_weighted : f.mae;
    *report = imitator_figures_json(&f);
    return true;
}

static bool sheet(void *context, const char *path, Error *err)
{
    Run *run = context;
    ImitatorEval *e = &run->eval;
    int n = run->val.count < SHEET_FACES ? (int)run->val.count : SHEET_FACES;
    size_t values = 3 * (size_t)e->size * (size_t)e->size;
    Sheet s;
    if (!imitator_eval_run(e, &run->val, 0, n, err) || !sheet_new(&s, n, 3, e->size, 4, err))
        return false;
    bool ok = true;
    for (int k = 0; ok && k < n; k++) {
        real *out = e->out + values * (size_t)k, *target = e->target + values * (size_t)k;
        ok = sheet_put_planar(&s, k, 0, target, e->size, err) &&
             sheet_put_planar(&s, k, 1, out, e->size, err);
        for (size_t i = 0; i < values; i++)
            out[i] = 4 * (real)fabs((double)(out[i] - target[i]));
        ok = ok && sheet_put_planar(&s, k, 2, out, e->size, err);
    }
    ok = ok && sheet_save(&s, path, err);
    sheet_free(&s);
    return ok;
}

/* The data must be of the engine that was named, and of its present schema. */
static void check_engine(const Options *o, const PairsInfo *info)
{
    Error err;
    Engine *engine;
    char digest[17];
    if (!o->engine)
        return;
    if (!engine_option_open(&engine, o->engine, &err))
        die_error(&err);
    const Schema *schema = engine_schema(engine);
    schema_digest(schema, digest);
    if (strcmp(schema->name, info->schema) != 0)
        die("%s holds renders of '%s', not of '%s'", o->train.data, info->schema, schema->name);
    if (strcmp(digest, info->digest) != 0)
        die("%s was rendered with another version of the schema '%s'; render it anew with "
            "render_dataset",
            o->train.data, info->schema);
    engine_close(engine);
}

/* "net" of the config files. */
typedef struct NetKeys {
    int size;
    ConfigInts width; /* of the hidden layers, the first of them where the picture needs fewer; or
                         --width's one number */
    bool sigmoid;
} NetKeys;

/* The network for these facial parameters. */
static bool new_config(ImitatorConfig *config, const NetKeys *keys, const PairsInfo *info,
                       Error *err)
{
    ImitatorConfig c = {.dim = info->dim, .size = keys->size};
    if (keys->size > IMITATOR_MAX_SIZE)
        return imitator_check(&c, err);
    if (keys->width.n == 1)
        c = imitator_small(info->dim, keys->size, keys->width.value[0]);
    else if (keys->width.n < imitator_hidden(keys->size))
        return error_set(err, "\"width\" has %d values, but pictures of %d pixels take %d layers",
                         keys->width.n, keys->size, imitator_hidden(keys->size));
    else
        memcpy(c.width, keys->width.value, (size_t)imitator_hidden(keys->size) * sizeof(int));
    c.sigmoid = keys->sigmoid;
    c.n_groups = info->n_groups;
    for (int i = 0; i < info->n_groups; i++) {
        c.begin[i] = info->begin[i];
        c.count[i] = info->group_size[i];
    }
    *config = c;
    return imitator_check(config, err);
}

/* The configuration in a checkpoint, and its settings if wanted. */
static ImitatorConfig read_config(const char *path, CheckpointInfo *info, TensorFile **file)
{
    Error err;
    ImitatorConfig config;
    if (!checkpoint_open(file, info, path, NET_IMITATOR, &err) ||
        !imitator_from_json(&config, info->config, &err))
        die_error(&err);
    return config;
}

static void net_new(Imitator *net, const ImitatorConfig *config, Backend *backend, bool trainable,
                    uint64_t seed)
{
    Error err;
    ParamSet *set = params_new();
    if (!set)
        die("out of memory");
    *net = imitator_declare(set, config, false);
    if (!params_alloc(set, backend, trainable, seed, &err))
        die_error(&err);
}

static void evaluate(const Options *o, Backend *backend)
{
    Error err;
    CheckpointInfo info;
    TensorFile *file;
    ImitatorConfig config = read_config(o->train.evaluate, &info, &file);
    ImitatorData data;
    Imitator net;
    ImitatorEval eval;
    ImitatorFigures figures;
    if (!imitator_data_open(&data, o->train.data, config.size, &err) ||
        !checkpoint_check_schema(&info, o->train.evaluate, data.info->schema, data.info->digest,
                                 &err))
        die_error(&err);
    check_engine(o, data.info);
    net_new(&net, &config, backend, false, 0);
    if (!checkpoint_load(file, o->train.evaluate, net.set, NULL, &err) ||
        !imitator_eval_new(&eval, &net, backend, &err) ||
        !imitator_figures(&eval, &data, &figures, &err))
        die_error(&err);
    json_t *report = json_pack("{ss ss so sI so}", "checkpoint", o->train.evaluate, "schema",
                               info.schema, "config", json_loads(info.config, 0, NULL), "step",
                               (json_int_t)info.step, "figures", imitator_figures_json(&figures));
    json_print(report);
    imitator_eval_free(&eval);
    params_free(net.set);
    tensor_file_free(file);
    pairs_close(data.pairs);
}

/* Data to train on and data to measure with. */
static void open_data(Run *run, const Options *o, int size, int64_t *held_out)
{
    Error err;
    if (!imitator_data_open(&run->data, o->train.data, size, &err))
        die_error(&err);
    *held_out = 0;
    if (o->train.val) {
        if (!imitator_data_open(&run->val, o->train.val, run->data.size, &err))
            die_error(&err);
        if (strcmp(run->val.info->digest, run->data.info->digest) != 0)
            die("%s and %s are of different schemas", o->train.data, o->train.val);
        return;
    }
    int64_t n = run->data.count;
    *held_out = n / 20 < 1 ? 1 : n / 20 > MAX_HELD_OUT ? MAX_HELD_OUT : n / 20;
    run->val = run->data;
    run->val.begin = n - *held_out;
    run->val.count = *held_out;
    run->data.count = n - *held_out;
}

static void build(Run *run, Training *training, Backend *backend)
{
    Error err;
    int batch = training->settings.batch, size = run->net.config.size, dim = run->net.config.dim;
    run->graph = ag_graph_new();
    if (!run->graph)
        die("out of memory");
    Shape picture = shape4(batch, 3, size, size), map = shape4(batch, 1, size, size);
    Var x = training_input(training, run->graph, "x", DTYPE_REAL, shape2(batch, dim));
    Var target = training_input(training, run->graph, "target", DTYPE_REAL, picture);
    Var y = imitator_forward(run->graph, &run->net, x, MODE_TRAIN);
    if (run->weighted)
        training->loss =
            loss_weighted(run->graph, y, target,
                          training_input(training, run->graph, "weight", DTYPE_REAL, map), SQUARE);
    else
        training->loss = ag_l1_loss(run->graph, y, target);
    if (!ag_plan(&run->plan, run->graph, training->loss, (PlanOptions){.backend = backend}, &err) ||
        !imitator_eval_new(&run->eval, &run->net, backend, &err))
        die_error(&err);
    training->plan = run->plan;
    training->set = run->net.set;
    training->loader.fill = run->weighted ? fill_weighted : fill;
    training->loader.context = &run->data;
}

/* The settings of a new run: the config files', and over them the options. */
static TrainSettings configure(NetKeys *net, ConfigKeys own, int *loss, const Options *o)
{
    const ConfigKey key[] = {
        {"size", CONFIG_INT, &net->size, .lo = IMITATOR_MIN_SIZE, .hi = IMITATOR_MAX_SIZE},
        {"width", CONFIG_INTS, &net->width, .lo = 1, .hi = 4096},
        {"sigmoid", CONFIG_BOOL, .value = &net->sigmoid},
    };
    Error err;
    TrainSettings settings;
    if (!training_configure(&settings, &o->train, NET_IMITATOR,
                            (ConfigKeys){key, sizeof key / sizeof *key}, own, &err))
        die_error(&err);
    if (o->train.size)
        net->size = o->train.size;
    if (o->width)
        net->width = (ConfigInts){1, {o->width}};
    if (o->sigmoid >= 0)
        net->sigmoid = o->sigmoid;
    if (o->loss >= 0)
        *loss = o->loss;
    return settings;
}

static void train(const Options *o, Backend *backend)
{
    Error err;
    Run run = {0};
    int loss;
    const ConfigKey own[] = {{"loss", CONFIG_CHOICE, &loss, .choice = losses}};
    Training training = {.own = {own, 1},
                         .sheet_caption =
                             "Held-out faces. Rows: target, output, four times their difference.",
                         .report = o->train.report,
                         .out = o->train.out,
                         .stop_after = o->train.stop_after,
                         .context = &run,
                         .validate = validate,
                         .sheet = sheet};
    CheckpointInfo from;
    TensorFile *file = NULL;
    ImitatorConfig config;
    NetKeys net;
    TrainSettings settings;
    int64_t held_out;
    char *last = training_last(o->train.out);
    if (o->train.resume) {
        config = read_config(last, &from, &file);
        if (!training_settings_read(&settings, training.own, &from, last, &err))
            die_error(&err);
    } else
        settings = configure(&net, training.own, &loss, o);
    open_data(&run, o, file ? config.size : net.size, &held_out);
    check_engine(o, run.data.info);
    if (!training_set_data(&settings, &o->train, run.data.count + held_out, held_out, &err) ||
        (file ? !checkpoint_check_schema(&from, last, run.data.info->schema, run.data.info->digest,
                                         &err)
              : !new_config(&config, &net, run.data.info, &err)))
        die_error(&err);
    if (!make_folder(o->train.out, &err))
        die_error(&err);
    net_new(&run.net, &config, backend, true, settings.seed);
    if (o->train.init && !training_init(o->train.init, NET_IMITATOR, run.net.set, &err))
        die_error(&err);
    char *text = imitator_to_json(&config), title[64];
    snprintf(title, sizeof title, "Imitator, %.40s", run.data.info->schema);
    training.title = title;
    training.settings = settings;
    training.resumed = file ? last : NULL;
    training.info = (CheckpointInfo){.net = NET_IMITATOR,
                                     .config = text,
                                     .schema = run.data.info->schema,
                                     .digest = run.data.info->digest,
                                     .training = ""};
    run.weighted = loss == LOSS_FACE;
    build(&run, &training, backend);
    fprintf(stderr,
            "imitator %s %dx%d, %" PRId64 " weights, %" PRId64 " renders to train on, %" PRId64
            " held out, %" PRId64 " steps of %d\n",
            run.data.info->schema, config.size, config.size, params_elements(run.net.set),
            settings.samples, run.val.count, settings.steps, settings.batch);
    if (!training_run(&training, &err))
        die_error(&err);
    tensor_file_free(file);
    free(text);
    free(last);
    imitator_eval_free(&run.eval);
    ag_plan_free(run.plan);
    ag_graph_free(run.graph);
    params_free(run.net.set);
    if (run.val.pairs != run.data.pairs)
        pairs_close(run.val.pairs);
    pairs_close(run.data.pairs);
}

int main(int argc, char **argv)
{
    Options o = {.sigmoid = -1, .loss = -1};
    Error err;
    app_parse(&parser, argc, argv, &o);
    training_check(&o.train);
    if (o.train.resume && o.loss >= 0)
        die_usage("--resume goes on with the loss of the run; leave --loss out");
    if (o.train.export) {
        if (!training_export(&o.train, NET_IMITATOR, &err))
            die_error(&err);
        return 0;
    }
    Backend *backend = device_open(&o.train.device, &err);
    if (!backend)
        die_error(&err);
    if (o.train.evaluate)
        evaluate(&o, backend);
    else
        train(&o, backend);
    backend_close(backend);
    return 0;
}
