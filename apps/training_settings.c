#include "config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apps/paths.h"
#include "apps/training_internal.h"

enum {
    KEY_DATA = 256,
    KEY_VAL,
    KEY_OUT,
    KEY_PRESET,
    KEY_CONFIG,
    KEY_REPORT,
    KEY_INIT,
    KEY_EVALUATE,
    KEY_EXPORT,
    KEY_SIZE,
    KEY_BATCH,
    KEY_STEPS,
    KEY_EPOCHS,
    KEY_STOP_AFTER,
    KEY_LR,
    KEY_SEED,
    KEY_RESUME
};

static const struct argp_option train_options[] = {
    {"data", KEY_DATA, "DIR", 0,
     "the data to train on or, with --evaluate, to measure on; see below", 1},
    {"out", KEY_OUT, "DIR", 0, "the run's folder: checkpoints, log and contact sheet", 1},
    {"report", KEY_REPORT, "FILE.html", 0,
     "keep a page of the run: settings, curves, figures and pictures", 1},
    {"preset", KEY_PRESET, "small|paper", 0,
     "small: for a processor of a few cores (default); paper: the paper's own size and schedule",
     2},
    {"config", KEY_CONFIG, "FILE", 0,
     "a JSON file of what differs from the preset, of the same form as the files in presets/", 2},
    {"batch", KEY_BATCH, "N", 0, "samples per step (default: the preset's)", 2},
    {"steps", KEY_STEPS, "N", 0, "length of the run in steps (default: its epochs)", 2},
    {"epochs", KEY_EPOCHS, "N", 0, "length of the run in epochs (default: the preset's)", 2},
    {"lr", KEY_LR, "X", 0, "learning rate at the start (default: the preset's)", 2},
    {"seed", KEY_SEED, "N", 0, "of the first weights and the order of samples (default 1)", 2},
    {"init", KEY_INIT, "CHECKPOINT", 0, "start from these weights", 3},
    {"resume", KEY_RESUME, NULL, 0,
     "go on with the run in --out where it stopped, with its settings", 3},
    {"stop-after", KEY_STOP_AFTER, "N", 0, "save and stop after N steps, as Ctrl-C would", 3},
    {"evaluate", KEY_EVALUATE, "CHECKPOINT", 0, "measure it on --data and print JSON; no training",
     4},
    {"export", KEY_EXPORT, "FILE", 0,
     "write the best checkpoint of --out as float16 weights; no training", 4},
    {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    TrainOptions *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        *o = (TrainOptions){.seed = -1};
        return 0;
    case KEY_DATA:
        o->data = arg;
        return 0;
    case KEY_OUT:
        o->out = arg;
        return 0;
    case KEY_PRESET:
        if (strcmp(arg, "small") != 0 && strcmp(arg, "paper") != 0)
            die_usage("--preset is small or paper, not '%s'", arg);
        o->preset = arg;
        return 0;
    case KEY_BATCH:
        o->batch = (int)option_int(arg, "--batch", 2, 4096);
        return 0;
    case KEY_STEPS:
        o->steps = option_int(arg, "--steps", 1, 1000000000);
        return 0;
    case KEY_EPOCHS:
        o->epochs = option_int(arg, "--epochs", 1, 1000000);
        return 0;
    case KEY_LR:
        o->learning_rate = option_real(arg, "--lr", 1e-12, 1e6);
        return 0;
    case KEY_SEED:
        o->seed = option_int(arg, "--seed", 0, INT64_MAX);
        return 0;
    case KEY_CONFIG:
        o->config = arg;
        return 0;
    case KEY_REPORT:
        o->report = arg;
        return 0;
    case KEY_INIT:
        o->init = arg;
        return 0;
    case KEY_RESUME:
        o->resume = true;
        return 0;
    case KEY_STOP_AFTER:
        o->stop_after = option_int(arg, "--stop-after", 1, 1000000000);
        return 0;
    case KEY_EVALUATE:
        o->evaluate = arg;
        return 0;
    case KEY_EXPORT:
        o->export = arg;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

const struct argp training_argp = {.options = train_options, .parser = parse_option};

static const struct argp_option val_option[] = {
    {"val", KEY_VAL, "DIR", 0, "held-out data (default: a part of --data, not trained on)", 1},
    {0}};
static const struct argp_option size_option[] = {
    {"size", KEY_SIZE, "N", 0, "side of the pictures (default: the preset's)", 2}, {0}};

static error_t parse_val(int key, char *arg, struct argp_state *state)
{
    if (key != KEY_VAL)
        return ARGP_ERR_UNKNOWN;
    ((TrainOptions *)state->input)->val = arg;
    return 0;
}

static error_t parse_size(int key, char *arg, struct argp_state *state)
{
    if (key != KEY_SIZE)
        return ARGP_ERR_UNKNOWN;
    ((TrainOptions *)state->input)->size = (int)option_int(arg, "--size", 8, 2048);
    return 0;
}

const struct argp training_val_argp = {.options = val_option, .parser = parse_val};
const struct argp training_size_argp = {.options = size_option, .parser = parse_size};

void training_check(const TrainOptions *o)
{
    if (o->report && (o->evaluate || o->export))
        die_usage("--report is of a training run; leave it out with --evaluate and --export");
    if (o->export) {
        if (!o->out)
            die_usage("--export wants --out DIR, the folder of the run");
        return;
    }
    if (!o->data)
        die_usage("--data DIR is missing; it is what the program trains on or measures on");
    if (o->evaluate)
        return;
    if (!o->out)
        die_usage("--out DIR is missing");
    if (o->steps && o->epochs)
        die_usage("--steps and --epochs exclude each other");
    if (o->resume && (o->preset || o->config || o->size || o->batch || o->steps || o->epochs ||
                      o->learning_rate != 0 || o->seed >= 0 || o->init))
        die_usage("--resume goes on with the settings of the run in %s; leave --preset, --config, "
                  "--size, --batch, --steps, --epochs, --lr, --seed and --init out",
                  o->out);
}

static const char *const optimisers[] = {"sgd", "adam", NULL};
static const char *const schedules[] = {"constant", "step", "cosine", NULL};

enum { COMMON_KEYS = 10 };

/* The keys that every trainer has and the trainer's own in one table, which the caller frees. */
static ConfigKeys all_keys(TrainSettings *s, ConfigKeys own)
{
    const ConfigKey common[COMMON_KEYS] = {
        {"optimiser", CONFIG_CHOICE, &s->optimiser, .choice = optimisers},
        {"learning_rate", CONFIG_REAL, &s->learning_rate, .lo = 1e-12, .hi = 1e6},
        {"momentum", CONFIG_REAL, &s->momentum, .lo = 0, .hi = .9999, .optional = true},
        {"weight_decay", CONFIG_REAL, &s->weight_decay, .lo = 0, .hi = 1, .optional = true},
        {"schedule", CONFIG_CHOICE, &s->schedule, .choice = schedules},
        {"end_factor", CONFIG_REAL, &s->end_factor, .lo = 0, .hi = 1, .optional = true},
        {"decay_factor", CONFIG_REAL, &s->decay_factor, .lo = 0, .hi = 1, .optional = true},
        {"decay_epochs", CONFIG_INT, &s->decay_epochs, .lo = 1, .hi = 1e6, .optional = true},
        {"batch", CONFIG_INT, &s->batch, .lo = 2, .hi = 4096},
        {"epochs", CONFIG_INT, &s->epochs, .lo = 1, .hi = 1e6},
    };
    ConfigKey *key = malloc((size_t)(COMMON_KEYS + own.n) * sizeof *key);
    if (!key)
        die("out of memory");
    memcpy(key, common, sizeof common);
    for (int i = 0; i < own.n; i++)
        key[COMMON_KEYS + i] = own.key[i];
    return (ConfigKeys){key, COMMON_KEYS + own.n};
}

static TrainSettings no_settings(void)
{
    return (TrainSettings){.decay_factor = 1, .decay_epochs = 1, .best = -1};
}

static bool read_file(ConfigKeys net, ConfigKeys training, const char *path, bool whole, Error *err)
{
    json_t *root;
    if (!config_open(&root, path, err))
        return false;
    bool ok =
        config_read(net, json_object_get(root, "net"), whole, path, "net", err) &&
        config_read(training, json_object_get(root, "training"), whole, path, "training", err);
    json_decref(root);
    return ok;
}

bool training_configure(TrainSettings *settings, const TrainOptions *o, const char *name,
                        ConfigKeys net, ConfigKeys own, Error *err)
{
    TrainSettings s = no_settings();
    ConfigKeys keys = all_keys(&s, own);
    char file[64];
    snprintf(s.preset, sizeof s.preset, "%s", o->preset ? o->preset : "small");
    snprintf(file, sizeof file, "%s-%s.json", name, s.preset);
    char *path = path_preset(file);
    bool ok = read_file(net, keys, path, true, err) &&
              (!o->config || read_file(net, keys, o->config, false, err));
    free(path);
    free((void *)keys.key);
    if (!ok)
        return false;
    if (o->batch)
        s.batch = o->batch;
    if (o->epochs)
        s.epochs = (int)o->epochs;
    if (o->learning_rate != 0)
        s.learning_rate = o->learning_rate;
    s.seed = o->seed >= 0 ? (uint64_t)o->seed : 1;
    *settings = s;
    return true;
}

bool training_set_data(TrainSettings *s, const TrainOptions *o, int64_t samples, int64_t held_out,
                       Error *err)
{
    if (o->resume)
        return s->samples == samples - held_out ||
               error_set(err,
                         "the run in %.300s trains on %" PRId64
                         " samples, but %.300s gives %" PRId64 ": resume it with its own data",
                         o->out, s->samples, o->data, samples - held_out);
    s->samples = samples - held_out;
    s->validation = held_out;
    if (s->samples < s->batch)
        return error_set(err,
                         "%" PRId64 " samples to train on are fewer than one batch of %d; render "
                         "more, or lower --batch",
                         s->samples, s->batch);
    s->epoch = s->samples / s->batch;
    s->steps = o->steps ? o->steps : s->epochs * s->epoch;
    return true;
}

json_t *training_config_json(const TrainSettings *settings, ConfigKeys own)
{
    TrainSettings s = *settings;
    ConfigKeys keys = all_keys(&s, own);
    json_t *object = json_object();
    config_write(keys, object);
    free((void *)keys.key);
    return object;
}

char *training_settings_text(const TrainSettings *s, ConfigKeys own)
{
    json_t *root =
        json_pack("{ss so sI sI sI sI sI sf}", "preset", s->preset, "config",
                  training_config_json(s, own), "steps", (json_int_t)s->steps, "epoch",
                  (json_int_t)s->epoch, "seed", (json_int_t)s->seed, "samples",
                  (json_int_t)s->samples, "validation", (json_int_t)s->validation, "best", s->best);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (!text)
        die("out of memory");
    return text;
}

bool training_settings_read(TrainSettings *settings, ConfigKeys own, const CheckpointInfo *info,
                            const char *path, Error *err)
{
    TrainSettings s = no_settings();
    const char *preset;
    json_int_t steps, epoch, seed, samples, validation;
    json_t *root = json_loads(info->training, 0, NULL), *config;
    if (json_unpack(root, "{ss so sI sI sI sI sI sF}", "preset", &preset, "config", &config,
                    "steps", &steps, "epoch", &epoch, "seed", &seed, "samples", &samples,
                    "validation", &validation, "best", &s.best) != 0 ||
        steps < 1 || epoch < 1) {
        json_decref(root);
        return error_set(err, "%.300s carries no settings of a run, so it cannot be resumed", path);
    }
    ConfigKeys keys = all_keys(&s, own);
    bool ok = config_read(keys, config, true, path, "training", err);
    free((void *)keys.key);
    if (ok) {
        snprintf(s.preset, sizeof s.preset, "%s", preset);
        s.steps = steps;
        s.epoch = epoch;
        s.seed = (uint64_t)seed;
        s.samples = samples;
        s.validation = validation;
        *settings = s;
    }
    json_decref(root);
    return ok;
}
