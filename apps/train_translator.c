/* Trains the translator T, which finds a face's parameters in one shot (the paper's 3.2 .. 3.4.1),
 * and measures it. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apps/photo_option.h"
#include "apps/studio_option.h"
#include "apps/training.h"
#include "apps/translator_eval.h"
#include "nets/likeness.h"

enum {
    SHEET_FACES = 8,
    LOOK = 64, /* faces that a milestone's losses are taken of */
    DRAW = 12, /* faces that the engine draws at a milestone */
    DRAW_EVALUATED = 100,
    MAX_NORMAL = 2000, /* faces that the losses' normal size is taken of */
    KEY_FRONTAL = 512,
    KEY_LOSS
};

static const char *const losses[] = {"total", "parameters", NULL};
enum { LOSS_TOTAL, LOSS_PARAMETERS };
static const char *const contents[] = {"features", "maps", NULL};
enum { CONTENT_FEATURES, CONTENT_MAPS };

typedef struct Options {
    TrainOptions train; /* first: the child parser's input */
    const char *frontal;
    int loss; /* -1: not given */
    StudioConfig studio;
} Options;

static const struct argp_option options[] = {
    {"frontal", KEY_FRONTAL, "DIR", 0,
     "take the good frontal faces, which the content is compared of, from here (default: --data)",
     1},
    {"loss", KEY_LOSS, "total|parameters", 0,
     "total: Eq. 4 and more, by the config's weights; parameters: only those of renders, in "
     "minutes "
     "(to start from, by --init)",
     2},
    {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->child_inputs[1] = &o->train;
        state->child_inputs[2] = state->child_inputs[3] = &o->studio;
        return 0;
    case KEY_FRONTAL:
        o->frontal = arg;
        return 0;
    case KEY_LOSS:
        if (strcmp(arg, losses[LOSS_TOTAL]) != 0 && strcmp(arg, losses[LOSS_PARAMETERS]) != 0)
            die_usage("--loss is total or parameters, not '%s'", arg);
        o->loss = strcmp(arg, losses[LOSS_TOTAL]) == 0 ? LOSS_TOTAL : LOSS_PARAMETERS;
        return 0;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = {{&training_argp, 0, NULL, 0},
                                             {&training_val_argp, 0, NULL, 0},
                                             {&studio_engine_argp, 0, NULL, 0},
                                             {&studio_imitator_argp, 0, NULL, 0},
                                             {0}};
static const struct argp parser = {
    options,
    parse_option,
    NULL,
    "Trains the translator, the network that turns a face's descriptor into facial parameters.\v"
    "--data, --val and --frontal are each " PHOTO_OPTION_HELP
    ". Faces are found and looked at once; pools and what was seen are kept in --out, or beside "
    "the "
    "pool. The run's folder gets log.jsonl, last.safetensors, best.safetensors and sheet.png "
    "(faces above their characters). Ctrl-C saves; --resume goes on.\n\n"
    "  render_dataset --engine builtin:male --size 128 --count 12000 --seed 1 --out DIR\n"
    "  train_translator --engine builtin:male --data DIR --loss parameters --batch 64 --lr .002 "
    "--epochs 12 --out RUN1\n"
    "  train_translator --engine builtin:male --data DIR --init RUN1/best.safetensors --batch 8 "
    "--lr .0002 --epochs 1 --out RUN2\n"
    "  train_translator --engine builtin:male --data HELDOUT --evaluate RUN2/best.safetensors "
    "--out RUN2\n"
    "  train_translator --out RUN2 --export translator-male.safetensors",
    children,
    NULL,
    NULL};

/* The keys of the config files: of "net", and of "training" besides the common ones. */
typedef struct NetKeys {
    int width, hidden, gate, blocks;
    bool attention, standardise;
} NetKeys;

typedef struct LossKeys {
    int loss, content;
    double lambda1, lambda2, lambda3; /* Eq. 4 */
    double lambda_x, lambda_prior;    /* ours */
    double noise;                     /* of the descriptors in training, in their deviations */
    bool normalise;    /* identity and content over their values at the average face */
    int frontal_faces; /* of the run: a resumed one must have as many */
} LossKeys;

enum { LOSS_KEYS = 10 };

static ConfigKeys loss_keys(LossKeys *l, ConfigKey key[static LOSS_KEYS])
{
    const ConfigKey own[LOSS_KEYS] = {
        {"loss", CONFIG_CHOICE, &l->loss, .choice = losses},
        {"content", CONFIG_CHOICE, &l->content, .choice = contents},
        {"lambda1", CONFIG_REAL, &l->lambda1, .lo = 0, .hi = 1e6},
        {"lambda2", CONFIG_REAL, &l->lambda2, .lo = 0, .hi = 1e6},
        {"lambda3", CONFIG_REAL, &l->lambda3, .lo = 0, .hi = 1e6},
        {"lambda_x", CONFIG_REAL, &l->lambda_x, .lo = 0, .hi = 1e6},
        {"lambda_prior", CONFIG_REAL, &l->lambda_prior, .lo = 0, .hi = 1e6},
        {"noise", CONFIG_REAL, &l->noise, .lo = 0, .hi = 10},
        {"normalise", CONFIG_BOOL, .value = &l->normalise},
        /* the last: see configure */
        {"frontal_faces", CONFIG_INT, &l->frontal_faces, .lo = 0, .hi = 1e9, .optional = true},
    };
    memcpy(key, own, sizeof own);
    return (ConfigKeys){key, LOSS_KEYS};
}

/* The settings of a new run: the config files', and over them the options. */
static TrainSettings configure(NetKeys *net, LossKeys *loss, ConfigKeys own, const Options *o)
{
    const ConfigKey key[] = {
        {"width", CONFIG_INT, &net->width, .lo = 1, .hi = 65536},
        {"hidden", CONFIG_INT, &net->hidden, .lo = 1, .hi = 65536},
        {"gate", CONFIG_INT, &net->gate, .lo = 1, .hi = 65536},
        {"blocks", CONFIG_INT, &net->blocks, .lo = 1, .hi = TRANSLATOR_MAX_BLOCKS},
        {"attention", CONFIG_BOOL, .value = &net->attention},
        {"standardise", CONFIG_BOOL, .value = &net->standardise},
    };
    Error err;
    TrainSettings settings;
    own.n--; /* frontal_faces is the run's own figure, and nobody's to set */
    if (!training_configure(&settings, &o->train, NET_TRANSLATOR,
                            (ConfigKeys){key, sizeof key / sizeof *key}, own, &err))
        die_error(&err);
    if (o->loss >= 0)
        loss->loss = o->loss;
    return settings;
}

/* A run: its networks, data, graphs and weights. */
typedef struct Run {
    Studio studio;
    TranslatorData data;
    Translator net;
    TranslatorConfig config;
    TrainSettings settings;
    LossKeys keys;
    TranslatorLossConfig loss;
    real lambda[TRANSLATOR_TERMS]; /* with the normal sizes of the losses in them */
    real *content_weight;
    TranslatorGraph graph;
    TranslatorEval eval;
} Run;

static FaceArrays arrays_of(const Run *run)
{
    const bool *term = run->loss.term;
    return (FaceArrays){.maps = term[TERM_CONTENT] && !run->loss.features,
                        .picture = term[TERM_CONTENT] && run->loss.features,
                        .x = term[TERM_PARAMETERS]};
}

/* Terms of weight 0 are left out. */
static void choose_terms(Run *run)
{
    const LossKeys *k = &run->keys;
    bool total = k->loss == LOSS_TOTAL, *term = run->loss.term;
    run->loss.features = k->content == CONTENT_FEATURES;
    run->lambda[TERM_IDENTITY] = total ? (real)k->lambda1 : 0;
    run->lambda[TERM_CONTENT] = total ? (real)k->lambda2 : 0;
    run->lambda[TERM_LOOPBACK] = total ? (real)k->lambda3 : 0;
    run->lambda[TERM_PARAMETERS] = total ? (real)k->lambda_x : 1;
    run->lambda[TERM_PRIOR] = total ? (real)k->lambda_prior : 0;
    for (int i = 0; i < TRANSLATOR_TERMS; i++)
        term[i] = run->lambda[i] > 0;
    if (k->normalise && term[TERM_CONTENT] && run->loss.features)
        die("\"normalise\" wants \"content\" to be \"maps\", for features are not kept");
}

static void open_data(Run *run, const Options *o, bool measure)
{
    Error err;
    TranslatorDataConfig config = {.data = o->train.data,
                                   .frontal = o->frontal,
                                   .val = o->train.val,
                                   .out = o->train.out,
                                   .arrays = arrays_of(run),
                                   .alternate = run->loss.term[TERM_CONTENT],
                                   .measure = measure};
    if (!translator_data_open(&run->data, &config, &run->studio, &err))
        die_error(&err);
    bool known = false;
    for (int i = 0; i < run->data.n_pools; i++)
        known = known || photo_pool_info(run->data.pool[i])->dim > 0;
    if (run->loss.term[TERM_PARAMETERS] && !known) {
        if (run->keys.loss == LOSS_PARAMETERS)
            die("--loss parameters wants renders, whose parameters are known; %s holds photos",
                o->train.data);
        run->loss.term[TERM_PARAMETERS] = false;
        run->data.arrays.x = false;
    }
}

/* What the networks see in the average face: the weights of content's classes, and the normal sizes
 * of identity and content, which are the losses that the average face has to the faces. */
static void weigh(Run *run)
{
    const double least = 0.002; /* of the picture: about an eye */
    Studio *s = &run->studio;
    const Faces *faces = &run->data.all;
    const Sights *sights = faces->sights;
    int classes = eyes_classes(&s->eyes), dim = sights->dim;
    size_t area = sights->area / (size_t)classes;
    View view;
    Error err;
    float *x = malloc((size_t)s->schema[0]->dim * sizeof *x);
    real *picture = malloc(3 * (size_t)s->size * (size_t)s->size * sizeof *picture);
    real *face = malloc((size_t)dim * sizeof *face);
    run->content_weight = malloc((size_t)classes * sizeof *run->content_weight);
    if (!x || !picture || !face || !run->content_weight)
        die("out of memory");
    schema_average(s->schema[0], x);
    if (!view_new(&view, &s->eyes, &err) || !studio_render(s, 0, x, picture, &err))
        die_error(&err);
    measure_view(s->measure, picture, &view);
    for (int k = 0; k < classes; k++)
        run->content_weight[k] = (real)(1 / (classes * (view_area(&view, &s->eyes, k) + least)));

    double identity = 0, content = 0;
    int64_t n = faces->count < MAX_NORMAL ? faces->count : MAX_NORMAL;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = faces->face[i * faces->count / n];
        for (int k = 0; k < dim; k++)
            face[k] = (real)sights->descriptor[at * dim + k];
        descriptor_normalise(s->eyes.descriptor, face);
        identity += descriptor_loss_value(s->eyes.descriptor, face, view.descriptor) / (double)n;
        for (size_t k = 0; sights->maps && k < sights->area; k++) {
            double p = sights->maps[(size_t)at * sights->area + k] / 255., q = (double)view.maps[k];
            content += (double)run->content_weight[k / area] * (p > q ? p - q : q - p) /
                       (double)area / (double)n;
        }
    }
    if (run->keys.normalise && run->loss.term[TERM_IDENTITY])
        run->lambda[TERM_IDENTITY] /= (real)identity;
    if (run->keys.normalise && run->loss.term[TERM_CONTENT])
        run->lambda[TERM_CONTENT] /= (real)content;
    view_free(&view);
    free(face);
    free(picture);
    free(x);
}

static TranslatorConfig new_config(const Run *run, const NetKeys *keys)
{
    const Schema *schema = run->studio.schema[0];
    TranslatorConfig config = {.size = run->studio.size,
                               .embedding = descriptor_dim(&run->studio.descriptor),
                               .width = keys->width,
                               .hidden = keys->hidden,
                               .gate = keys->gate,
                               .blocks = keys->blocks,
                               .attention = keys->attention,
                               .standardise = keys->standardise,
                               .continuous = schema->n_continuous,
                               .n_groups = schema->n_groups};
    Error err;
    for (int i = 0; i < schema->n_groups; i++)
        config.count[i] = schema->group[i].count;
    if (!translator_check(&config, &err))
        die_error(&err);
    return config;
}

static void net_new(Translator *net, const TranslatorConfig *config, Backend *backend,
                    bool trainable, uint64_t seed)
{
    Error err;
    ParamSet *set = params_new();
    if (!set)
        die("out of memory");
    *net = translator_declare(set, config);
    if (!params_alloc(set, backend, trainable, seed, &err))
        die_error(&err);
}

static void standardise(Run *run)
{
    const Faces *faces = &run->data.all;
    const Sights *s = faces->sights;
    Error err;
    real *descriptor = malloc((size_t)(faces->count * s->dim) * sizeof *descriptor);
    if (!descriptor)
        die("out of memory");
    for (int64_t i = 0; i < faces->count * s->dim; i++)
        descriptor[i] = (real)s->descriptor[faces->face[i / s->dim] * s->dim + i % s->dim];
    if (!translator_standardise(&run->net, descriptor, faces->count, &err))
        die_error(&err);
    free(descriptor);
}

/* The configuration in a checkpoint, which must be of the studio's schema and descriptor. */
static TranslatorConfig read_config(const char *path, const Studio *studio, CheckpointInfo *info,
                                    TensorFile **file)
{
    Error err;
    TranslatorConfig config;
    Translator net;
    if (!translator_open(&net, path, studio->schema[0], &studio->descriptor, studio->backend,
                         &err) ||
        !checkpoint_open(file, info, path, NET_TRANSLATOR, &err) ||
        !translator_from_json(&config, info->config, &err))
        die_error(&err);
    params_free(net.set);
    return config;
}

static bool fill(void *context, int64_t sample, uint64_t step, int slot, void *const *buffer,
                 Error *err)
{
    Run *run = context;
    (void)sample; /* the data has an order of its own: two pools, in turns */
    return translator_data_sample(&run->data, step, slot, buffer, err);
}

/* Content is for good frontal faces only, and parameters where they are known. */
static void schedule(void *context, uint64_t step, StepState *state)
{
    const Run *run = context;
    memcpy(state->weight, run->lambda, sizeof run->lambda);
    if (translator_step_of_all(&run->data, step))
        state->weight[TERM_CONTENT] = 0;
    if (!translator_step_knows_x(&run->data, step))
        state->weight[TERM_PARAMETERS] = 0;
}

static bool validate(void *context, double *figure, json_t **report, Error *err)
{
    Run *run = context;
    return translator_measure(&run->eval, &run->data.val, LOOK, DRAW, figure, report, err);
}

static bool sheet(void *context, const char *path, Error *err)
{
    Run *run = context;
    return translator_sheet(&run->eval, &run->data.val, SHEET_FACES, path, err);
}

static void new_eval(Run *run)
{
    Error err;
    TranslatorLossConfig loss = run->loss;
    loss.term[TERM_PARAMETERS] =
        loss.term[TERM_PARAMETERS] && photo_pool_info(run->data.val.sights->pool)->dim > 0;
    if (!translator_eval_new(&run->eval, &loss, run->data.arrays, run->content_weight, run->lambda,
                             &run->studio, &err))
        die_error(&err);
}

static void run_open(Run *run, const Options *o)
{
    Error err;
    if (!studio_open(&run->studio, &o->studio, &err))
        die_error(&err);
    run->loss.translator = &run->net;
    run->loss.imitator = &run->studio.imitator[0];
    run->loss.eyes = &run->studio.eyes;
}

static void run_close(Run *run)
{
    translator_eval_free(&run->eval);
    translator_graph_free(&run->graph);
    translator_data_close(&run->data);
    params_free(run->net.set);
    free(run->content_weight);
    studio_close(&run->studio);
}

static void evaluate(const Options *o)
{
    Error err;
    Run run = {.graph.graph = NULL};
    ConfigKey key[LOSS_KEYS];
    CheckpointInfo info;
    TensorFile *file;
    double figure;
    json_t *figures;
    run_open(&run, o);
    run.config = read_config(o->train.evaluate, &run.studio, &info, &file);
    if (!training_settings_read(&run.settings, loss_keys(&run.keys, key), &info, o->train.evaluate,
                                &err))
        die_error(&err);
    run.keys.loss = LOSS_TOTAL; /* whatever it was trained with */
    choose_terms(&run);
    open_data(&run, o, true);
    weigh(&run);
    net_new(&run.net, &run.config, run.studio.backend, false, 0);
    if (!checkpoint_load(file, o->train.evaluate, run.net.set, NULL, &err))
        die_error(&err);
    new_eval(&run);
    if (!translator_measure(&run.eval, &run.data.val, run.data.val.count, DRAW_EVALUATED, &figure,
                            &figures, &err))
        die_error(&err);
    json_t *report =
        json_pack("{ss ss ss so sI so}", "checkpoint", o->train.evaluate, "schema", info.schema,
                  "descriptor", info.descriptor, "config", json_loads(info.config, 0, NULL), "step",
                  (json_int_t)info.step, "figures", figures);
    json_print(report);
    tensor_file_free(file);
    run_close(&run);
}

/* A start from other weights: of the same schema and descriptor. */
static void load_weights(const char *path, Run *run)
{
    Error err;
    TensorFile *file;
    CheckpointInfo from;
    read_config(path, &run->studio, &from, &file);
    if (!checkpoint_load(file, path, run->net.set, NULL, &err))
        die_error(&err);
    tensor_file_free(file);
}

/* The settings and the configuration of a new run, or of the one that goes on: *file is its last
 * checkpoint, then, and else NULL. */
static void settle(Run *run, const Options *o, ConfigKeys own, const char *last, TensorFile **file)
{
    Error err;
    CheckpointInfo from;
    NetKeys net;
    *file = NULL;
    if (o->train.resume) {
        run->config = read_config(last, &run->studio, &from, file);
        if (!training_settings_read(&run->settings, own, &from, last, &err))
            die_error(&err);
    } else {
        run->settings = configure(&net, &run->keys, own, o);
        run->config = new_config(run, &net);
    }
    choose_terms(run);
}

/* Opens the data, which a run that goes on must have as it was. */
static void settle_data(Run *run, const Options *o)
{
    Error err;
    open_data(run, o, false);
    int64_t held_out = o->train.val ? 0 : run->data.val.count;
    if (!training_set_data(&run->settings, &o->train, run->data.all.count + held_out, held_out,
                           &err))
        die_error(&err);
    int frontal = (int)run->data.frontal.count;
    if (o->train.resume && run->keys.frontal_faces != frontal)
        die("the run in %s takes %d frontal faces, but %s gives %d: resume it with its own "
            "--frontal",
            o->train.out, run->keys.frontal_faces, o->frontal ? o->frontal : o->train.data,
            frontal);
    run->keys.frontal_faces = frontal;
}

/* The network with its first weights, and all that is built of it. */
static void settle_net(Run *run, const Options *o, Training *training)
{
    Error err;
    Backend *backend = run->studio.backend;
    net_new(&run->net, &run->config, backend, true, run->settings.seed);
    if (o->train.init)
        load_weights(o->train.init, run);
    else if (run->config.standardise && !o->train.resume)
        standardise(run);
    training->set = run->net.set;
    training->loader.fill = fill;
    training->loader.context = run;
    if (!translator_data_start(&run->data, run->settings.batch, run->settings.seed, run->keys.noise,
                               &err) ||
        !translator_graph_new(&run->graph, &run->loss, run->data.arrays, run->settings.batch,
                              run->studio.schema[0], run->content_weight, training, backend, &err))
        die_error(&err);
    new_eval(run);
}

static void train(const Options *o)
{
    Error err;
    Run run = {.graph.graph = NULL};
    ConfigKey key[LOSS_KEYS];
    Training training = {.own = loss_keys(&run.keys, key),
                         .sheet_caption = "Held-out faces above the engine's pictures of what the "
                                          "translator makes of them",
                         .report = o->train.report,
                         .out = o->train.out,
                         .stop_after = o->train.stop_after,
                         .context = &run,
                         .schedule = schedule,
                         .validate = validate,
                         .sheet = sheet};
    TensorFile *file;
    char *last = training_last(o->train.out), digest[17], descriptor[DESCRIPTOR_TEXT], title[64];
    run_open(&run, o);
    const Schema *schema = run.studio.schema[0];
    settle(&run, o, training.own, last, &file);
    if (!make_folder(o->train.out, &err))
        die_error(&err);
    settle_data(&run, o);
    weigh(&run);
    settle_net(&run, o, &training);
    char *text = translator_to_json(&run.config);
    schema_digest(schema, digest);
    descriptor_text(&run.studio.descriptor, descriptor);
    snprintf(title, sizeof title, "Translator, %.40s", schema->name);
    training.title = title;
    training.settings = run.settings;
    training.resumed = file ? last : NULL;
    training.info = (CheckpointInfo){.net = NET_TRANSLATOR,
                                     .config = text,
                                     .schema = schema->name,
                                     .digest = digest,
                                     .descriptor = descriptor,
                                     .training = ""};
    fprintf(stderr,
            "translator %s, %" PRId64 " weights, %" PRId64
            " faces to train on, %d frontal, %" PRId64 " held out, %" PRId64 " steps of %d\n",
            schema->name, params_elements(run.net.set), run.settings.samples,
            run.keys.frontal_faces, run.data.val.count, run.settings.steps, run.settings.batch);
    if (!training_run(&training, &err))
        die_error(&err);
    tensor_file_free(file);
    free(text);
    free(last);
    run_close(&run);
}

int main(int argc, char **argv)
{
    Options o = {.loss = -1};
    Error err;
    app_parse(&parser, argc, argv, &o);
    training_check(&o.train);
    if (o.train.resume && o.loss >= 0)
        die_usage("--resume goes on with the loss of the run; leave --loss out");
    if (o.train.evaluate && (o.frontal || o.loss >= 0 || o.train.val || o.train.init))
        die_usage(
            "--evaluate measures all of --data; leave --frontal, --loss, --val and --init out");
    if (o.train.export) {
        if (!training_export(&o.train, NET_TRANSLATOR, &err))
            die_error(&err);
        return 0;
    }
    if (!o.studio.models)
        die_usage("--engine ENGINE is missing: whose characters shall it make?");
    if (!o.train.out)
        die_usage("--out DIR is missing: where the pool of --data goes");
    if (o.train.evaluate)
        evaluate(&o);
    else
        train(&o);
    return 0;
}
