/* Trains LightCNN, the paper's F_recg, to tell persons apart, and measures it. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/engine_option.h"
#include "apps/paths.h"
#include "apps/recognizer_eval.h"
#include "apps/training.h"
#include "libautograd/ops.h"
#include "libtensor/rng.h"

enum {
    KEY_ENGINE = 512,
    KEY_IDENTITIES,
    KEY_PER_IDENTITY,
    KEY_ASSETS,
    PERSON_PERIOD = 10, /* of so many persons one is not trained on at all */
    FACE_PERIOD = 5,    /* of so many faces of the others one is held out */
    JITTER_STREAM = 0x4a495454
};

typedef struct Options {
    TrainOptions train; /* first: the child parser's input */
    const char *engine;
    int identities, per_identity;
} Options;

static const struct argp_option options[] = {
    {"engine", KEY_ENGINE, "ENGINE", 0,
     "without --data: the engine whose characters are the persons, " ENGINE_OPTION_HELP
     " (default: builtin:male)",
     1},
    {"identities", KEY_IDENTITIES, "N", 0, "how many of the engine's characters (default 500)", 1},
    {"per-identity", KEY_PER_IDENTITY, "N", 0, "how many views of each (default 20)", 1},
    {"assets", KEY_ASSETS, "DIR", 0, "folder of the engine's files, if not the usual one", 5},
    {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->child_inputs[1] = &o->train;
        state->child_inputs[2] = &o->train.device;
        return 0;
    case KEY_ENGINE:
        o->engine = arg;
        return 0;
    case KEY_IDENTITIES:
        o->identities = (int)option_int(arg, "--identities", 2, 1000000);
        return 0;
    case KEY_PER_IDENTITY:
        o->per_identity = (int)option_int(arg, "--per-identity", 2, 10000);
        return 0;
    case KEY_ASSETS:
        path_set_assets(arg);
        return 0;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    case ARGP_KEY_END:
        if (o->train.data && (o->engine || o->identities || o->per_identity))
            die_usage("--data and the persons of an engine exclude each other");
        if (o->train.resume && (o->engine || o->identities || o->per_identity))
            die_usage("--resume goes on with the faces of the run; leave --engine, --identities "
                      "and --per-identity out");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = {{&training_argp, 0, NULL, 0},
                                             {&training_size_argp, 0, NULL, 0},
                                             {&device_argp, 0, NULL, 0},
                                             {0}};
static const struct argp parser = {
    options,
    parse_option,
    NULL,
    "Trains LightCNN, the network that tells persons apart, by a softmax over the persons of a "
    "training set.\v"
    "--data: a folder that holds a folder of photos for each person, or the faces.safetensors of "
    "another run. Without it the persons are random characters of an engine in random views. Faces "
    "are found and cut once, into OUT/faces.safetensors. One in ten persons is never trained on: "
    "with the pairs of their faces the network is measured. The run's folder gets log.jsonl, "
    "last.safetensors, best.safetensors and sheet.png (faces of such persons, and below the face "
    "found nearest). Ctrl-C saves; --resume goes on.\n\n"
    "  train_recognizer --engine builtin:female --identities 500 --per-identity 20 --out RUN\n"
    "  train_recognizer --preset paper --data PHOTOS --out RUN\n"
    "  train_recognizer --evaluate RUN/best.safetensors --data OTHERS --out FOLDER\n"
    "  train_recognizer --out RUN --export lightcnn.safetensors\n"
    "  search PHOTO --descriptor lightcnn.safetensors --out RESULT",
    children,
    NULL,
    NULL};

/* ---- data ---- */

typedef struct Data {
    Faces faces;
    FacesPart train, seen, unseen;
    int classes;
    int size;      /* of the network */
    uint64_t seed; /* of the jitter */
} Data;

static bool part_new(FacesPart *part, const Faces *faces)
{
    size_t n = (size_t)faces->count;
    part->faces = faces;
    part->index = malloc(n * sizeof *part->index);
    part->class = malloc(n * sizeof *part->class);
    return part->index && part->class;
}

static void part_add(FacesPart *part, int64_t face, int32_t class)
{
    part->index[part->count] = face;
    part->class[part->count++] = class;
}

/* Persons to train on with their held-out faces, and persons never seen; all of them unseen if
 * `foreign`. */
static void split(Data *d, bool foreign)
{
    int32_t class = -1, before = -1;
    int64_t nth = 0;

    if (!part_new(&d->train, &d->faces) || !part_new(&d->seen, &d->faces) ||
        !part_new(&d->unseen, &d->faces))
        die("out of memory");
    for (int64_t i = 0; i < d->faces.count; i++) {
        int32_t person = d->faces.person[i];
        bool never = foreign || person % PERSON_PERIOD == PERSON_PERIOD - 1;
        nth = person == before ? nth + 1 : 0;
        class += person != before && !never;
        before = person;
        if (never)
            part_add(&d->unseen, i, -1);
        else
            part_add(nth % FACE_PERIOD == FACE_PERIOD - 1 ? &d->seen : &d->train, i, class);
    }
    d->classes = class + 1;
}

static void data_free(Data *d)
{
    FacesPart *part[] = {&d->train, &d->seen, &d->unseen};
    for (int i = 0; i < 3; i++) {
        free(part[i]->index);
        free(part[i]->class);
    }
    faces_close(&d->faces);
}

/* The file of the faces, made if need be; allocated. */
static char *faces_path(const Options *o, int size)
{
    Error err;
    struct stat what;
    FacesSource source = {.dir = o->train.data,
                          .engine = o->engine ? o->engine : "builtin:male",
                          .identities = o->identities ? o->identities : 500,
                          .per_identity = o->per_identity ? o->per_identity : 20,
                          .seed = o->train.seed >= 0 ? (uint64_t)o->train.seed : 1};
    bool file = o->train.data && stat(o->train.data, &what) == 0 && S_ISREG(what.st_mode);
    if (!file && !o->train.out)
        die_usage("--out DIR is missing, the folder that keeps the faces");
    char *path = file ? strdup(o->train.data) : path_join(o->train.out, "faces.safetensors");

    if (!path)
        die("out of memory");
    bool kept = file || o->train.resume;
    if (!kept && (!make_folder(o->train.out, &err) || !faces_make(path, &source, size, &err)))
        die_error(&err);
    return path;
}

static void data_open(Data *d, const Options *o, int size)
{
    Error err;
    char *path = faces_path(o, size);

    *d = (Data){.size = size};
    if (!faces_open(&d->faces, path, size, &err))
        die_error(&err);
    free(path);
}

/* Another cut and side each time, as LightCNN's authors do. */
static bool fill(void *context, int64_t sample, uint64_t step, int slot, void *const *buffer,
                 Error *err)
{
    const Data *d = context;
    uint32_t places = (uint32_t)(d->faces.side - d->size + 1);
    Rng rng = rng_make(d->seed, JITTER_STREAM + (uint32_t)slot, step);
    int x = (int)rng_below(&rng, places), y = (int)rng_below(&rng, places);

    (void)err;
    faces_part_get(&d->train, sample, d->size, x, y, rng_u32(&rng) & 1, buffer[0]);
    *(int32_t *)buffer[1] = d->train.class[sample];
    return true;
}

/* ---- the network ---- */

static LightCnnConfig read_config(const char *path, CheckpointInfo *info, TensorFile **file)
{
    Error err;
    LightCnnConfig config;
    if (!checkpoint_open(file, info, path, NET_LIGHTCNN, &err) ||
        !lightcnn_from_json(&config, info->config, &err))
        die_error(&err);
    return config;
}

static void net_new(LightCnn *net, const LightCnnConfig *config, Backend *backend, bool trainable,
                    uint64_t seed)
{
    Error err;
    ParamSet *set = params_new();
    if (!set)
        die("out of memory");
    *net = lightcnn_declare(set, config);
    if (!params_alloc(set, backend, trainable, seed, &err))
        die_error(&err);
}

/* All but the classifier, which tells other persons apart. */
static void load_descriptor(const char *path, const LightCnn *net, Backend *backend)
{
    Error err;
    Descriptor from;
    if (!descriptor_open(&from, path, backend, &err))
        die_error(&err);
    if (from.kind != DESCRIPTOR_LIGHTCNN)
        die("%s is no checkpoint of LightCNN", path);
    LightCnnConfig config = net->config;
    config.classes = 0;
    char *want = lightcnn_to_json(&config), *have = lightcnn_to_json(&from.net.lightcnn.config);
    if (!want || !have)
        die("out of memory");
    if (strcmp(want, have) != 0)
        die("%s is a LightCNN of %s, but this run's is of %s; --preset or --config can make it so",
            path, have, want);
    free(want);
    free(have);
    ParamSet *set = descriptor_set(&from);
    for (int i = 0; i < params_count(set); i++) {
        Param read = {i}, to;
        Shape shape = params_shape(set, read);
        if (!params_find(net->set, params_name(set, read), &to))
            die("%s has no place for %s", path, params_name(set, read));
        real *value = malloc((size_t)shape_count(shape) * sizeof *value);
        if (!value)
            die("out of memory");
        params_read(set, read, value);
        params_write(net->set, to, value);
        free(value);
    }
    fprintf(stderr, "%d tensors are those of %s; the classifier is new\n", params_count(set), path);
    params_free(set);
}

static json_t *figures_json(const RecognizerFigures *f, bool classifier)
{
    json_t *json = json_pack("{sI}", "pairs", (json_int_t)f->pairs);
    if (f->pairs > 0) {
        json_object_set_new(json, "roc_area", json_real(f->area));
        json_object_set_new(json, "verification_accuracy", json_real(f->verified));
        json_object_set_new(json, "tar_at_far_0.01", json_real(f->tar));
    }
    if (classifier) {
        json_object_set_new(json, "held_out_faces", json_integer((json_int_t)f->seen));
        json_object_set_new(json, "accuracy", json_real(f->accuracy));
    }
    return json;
}

static void evaluate(const Options *o, Backend *backend)
{
    Error err;
    CheckpointInfo info;
    TensorFile *file;
    LightCnnConfig config = read_config(o->train.evaluate, &info, &file);
    Data data;
    LightCnn net;
    RecognizerEval eval;
    RecognizerFigures figures;

    data_open(&data, o, config.size);
    split(&data, false);
    if (strcmp(info.digest, data.faces.digest) != 0) { /* not the faces it was trained on */
        Faces faces = data.faces;
        data.faces = (Faces){.file = NULL};
        data_free(&data);
        data = (Data){.faces = faces, .size = config.size};
        split(&data, true);
        config.classes = 0;
    }
    net_new(&net, &config, backend, false, 0);
    if (!checkpoint_load(file, o->train.evaluate, net.set, NULL, &err) ||
        !recognizer_eval_new(&eval, &net, backend, &err) ||
        !recognizer_figures(&eval, &data.seen, &data.unseen, &figures, &err))
        die_error(&err);
    json_t *report =
        json_pack("{ss so sI sI sI so}", "checkpoint", o->train.evaluate, "config",
                  json_loads(info.config, 0, NULL), "step", (json_int_t)info.step, "persons",
                  (json_int_t)data.faces.persons, "persons_trained_on", (json_int_t)config.classes,
                  "figures", figures_json(&figures, config.classes > 0));
    json_print(report);
    recognizer_eval_free(&eval);
    params_free(net.set);
    tensor_file_free(file);
    data_free(&data);
}

/* The descriptor alone. */
static void export_weights(const TrainOptions *o)
{
    Error err;
    CheckpointInfo info;
    TensorFile *file;
    char *best = training_best(o->out);
    LightCnnConfig config = read_config(best, &info, &file);

    config.classes = 0;
    char *text = lightcnn_to_json(&config);
    if (!text)
        die("out of memory");
    info.config = text;
    if (!checkpoint_export(o->export, &info, file, "fc2.weight", &err))
        die_error(&err);
    free(text);
    tensor_file_free(file);
    free(best);
}

/* ---- training ---- */

typedef struct Run {
    Data data;
    LightCnn net;
    Graph *graph;
    Plan *plan;
    Var mask;
    real *mask_value; /* batch x dim */
    int64_t mask_count;
    double dropout;
    RecognizerEval eval;
} Run;

static bool validate(void *context, double *figure, json_t **report, Error *err)
{
    Run *run = context;
    RecognizerFigures f;
    if (!recognizer_figures(&run->eval, &run->data.seen, &run->data.unseen, &f, err))
        return false;
    *figure = 1 - (f.pairs > 0 ? f.area : f.accuracy);
    *report = figures_json(&f, true);
    return true;
}

static bool sheet(void *context, const char *path, Error *err)
{
    Run *run = context;
    return recognizer_sheet(&run->eval, &run->data.unseen, path, err);
}

/* Dropout's mask is an input of the graph. */
static void draw_mask(void *context, uint64_t step, StepState *state)
{
    Run *run = context;
    lightcnn_dropout(run->mask_value, run->mask_count, run->dropout, state->seed, step);
    ag_write(run->plan, run->mask, run->mask_value);
}

static void build(Run *run, Training *training, Backend *backend)
{
    Error err;
    int batch = training->settings.batch, size = run->net.config.size, dim = run->net.config.dim;
    Graph *g = run->graph = ag_graph_new();
    run->mask_count = (int64_t)batch * dim;
    run->mask_value = malloc((size_t)run->mask_count * sizeof *run->mask_value);
    if (!g || !run->mask_value)
        die("out of memory");
    Var x = training_input(training, g, "x", DTYPE_REAL, shape4(batch, 1, size, size));
    Var label = training_input(training, g, "person", DTYPE_I32, shape3(batch, 1, 1));
    run->mask = ag_input(g, "dropout", DTYPE_REAL, shape2(batch, dim));
    Var descriptor = lightcnn_forward(g, &run->net, x);
    training->loss = ag_cross_entropy(g, lightcnn_classify(g, &run->net, descriptor, run->mask),
                                      label, (CrossEntropyParam){-1});
    if (!ag_plan(&run->plan, g, training->loss, (PlanOptions){.backend = backend}, &err) ||
        !recognizer_eval_new(&run->eval, &run->net, backend, &err))
        die_error(&err);
    training->plan = run->plan;
    training->set = run->net.set;
    training->loader.fill = fill;
    training->loader.context = &run->data;
}

/* The settings of a new run: the config files', and over them the options. */
static TrainSettings configure(LightCnnConfig *config, ConfigKeys own, const TrainOptions *o)
{
    ConfigInts width, blocks;
    const ConfigKey key[] = {
        {"size", CONFIG_INT, &config->size, .lo = 16, .hi = 1024},
        {"width", CONFIG_INTS, &width, .lo = 1, .hi = 1024, .count = LIGHTCNN_STAGES + 1},
        {"blocks", CONFIG_INTS, &blocks, .lo = 1, .hi = LIGHTCNN_MAX_BLOCKS,
         .count = LIGHTCNN_STAGES},
        {"dim", CONFIG_INT, &config->dim, .lo = 1, .hi = 4096},
    };
    Error err;
    TrainSettings settings;
    if (!training_configure(&settings, o, "recognizer", (ConfigKeys){key, sizeof key / sizeof *key},
                            own, &err))
        die_error(&err);
    for (int i = 0; i <= LIGHTCNN_STAGES; i++)
        config->width[i] = width.value[i];
    for (int i = 0; i < LIGHTCNN_STAGES; i++)
        config->blocks[i] = blocks.value[i];
    if (o->size)
        config->size = o->size;
    return settings;
}

static void check_data(const Data *d, const LightCnnConfig *config)
{
    if (d->classes < 2 || d->unseen.count < 2 || d->seen.count < 1)
        die("%d persons with %" PRId64 " faces are too few: it wants at least %d persons, some "
            "with %d faces or more",
            d->faces.persons, d->faces.count, PERSON_PERIOD, FACE_PERIOD);
    if (config->classes != d->classes)
        die("the checkpoint tells %d persons apart, but here are %d", config->classes, d->classes);
}

/* The data of a run; digest: of the faces that the run to be resumed has, or NULL. */
static void open_data(Data *d, const Options *o, const LightCnnConfig *config, const char *digest)
{
    data_open(d, o, config->size);
    if (digest && strcmp(digest, d->faces.digest) != 0)
        die("the run in %s was trained on other faces than these: resume it with its own",
            o->train.out);
    split(d, false);
}

static void run_free(Run *run)
{
    recognizer_eval_free(&run->eval);
    ag_plan_free(run->plan);
    ag_graph_free(run->graph);
    free(run->mask_value);
    params_free(run->net.set);
    data_free(&run->data);
}

/* The run's settings, network and data: new ones, or those of the checkpoint `last`, which stays
 * open as *file. Returns the network's configuration as text; allocated. */
static char *open_run(Run *run, Training *training, const Options *options, const char *last,
                      TensorFile **file, Backend *backend)
{
    const TrainOptions *o = &options->train;
    Error err;
    CheckpointInfo from = {.digest = NULL};
    LightCnnConfig config = {0};
    TrainSettings *settings = &training->settings;
    if (!o->resume) {
        *settings = configure(&config, training->own, o);
    } else {
        config = read_config(last, &from, file);
        if (!training_settings_read(settings, training->own, &from, last, &err))
            die_error(&err);
    }
    if (!lightcnn_check(&config, &err))
        die_error(&err);
    open_data(&run->data, options, &config, from.digest);
    if (!o->resume)
        config.classes = run->data.classes;
    check_data(&run->data, &config);
    if (!training_set_data(settings, o, run->data.train.count + run->data.seen.count,
                           run->data.seen.count, &err) ||
        !make_folder(o->out, &err))
        die_error(&err);
    run->data.seed = settings->seed;
    net_new(&run->net, &config, backend, true, settings->seed);
    if (o->init)
        load_descriptor(o->init, &run->net, backend);
    char *text = lightcnn_to_json(&config);
    if (!text)
        die("out of memory");
    return text;
}

static void train(const Options *options, Backend *backend)
{
    const TrainOptions *o = &options->train;
    Error err;
    Run run = {0};
    const ConfigKey own[] = {{"dropout", CONFIG_REAL, &run.dropout, .lo = 0, .hi = .99}};
    Training training = {.own = {own, sizeof own / sizeof *own},
                         .title = "Recogniser",
                         .sheet_caption = "faces of persons never seen; the face taken for nearest",
                         .report = o->report,
                         .out = o->out,
                         .stop_after = o->stop_after,
                         .context = &run,
                         .schedule = draw_mask,
                         .validate = validate,
                         .sheet = sheet};
    TensorFile *file = NULL;
    char *last = training_last(o->out);
    char *text = open_run(&run, &training, options, last, &file, backend);
    training.resumed = file ? last : NULL;
    training.info = (CheckpointInfo){.net = NET_LIGHTCNN,
                                     .config = text,
                                     .schema = "",
                                     .digest = run.data.faces.digest,
                                     .training = ""};
    build(&run, &training, backend);
    const Data *d = &run.data;
    fprintf(stderr,
            "LightCNN %dx%d, %" PRId64 " weights, %" PRId64 " faces of %d persons to train on, "
            "%" PRId64 " of them and %" PRId64 " of %d others held out, %" PRId64 " steps of %d\n",
            d->size, d->size, params_elements(run.net.set), d->train.count, d->classes,
            d->seen.count, d->unseen.count, d->faces.persons - d->classes, training.settings.steps,
            training.settings.batch);
    if (!training_run(&training, &err))
        die_error(&err);
    tensor_file_free(file);
    free(text);
    free(last);
    run_free(&run);
}

int main(int argc, char **argv)
{
    Options o = {0};
    Error err;
    app_parse(&parser, argc, argv, &o);
    TrainOptions checked = o.train;
    if (!checked.data) /* the other trainers need data; here an engine's persons take its place */
        checked.data = "an engine's persons";
    training_check(&checked);
    if (o.train.export) {
        export_weights(&o.train);
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
