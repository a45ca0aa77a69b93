#include "config.h"

#include "apps/training.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/progress.h"

enum {
    KEY_DATA = 256,
    KEY_VAL,
    KEY_OUT,
    KEY_PRESET,
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
    {"data", KEY_DATA, "DIR", 0, "the data: what render_dataset wrote", 1},
    {"val", KEY_VAL, "DIR", 0, "held-out data (default: a part of --data, not trained on)", 1},
    {"out", KEY_OUT, "DIR", 0, "where checkpoints, log and contact sheet go", 1},
    {"preset", KEY_PRESET, "small|paper", 0,
     "small: for a processor of a few cores (default); paper: the paper's "
     "own size and schedule",
     2},
    {"size", KEY_SIZE, "N", 0, "side of the pictures", 2},
    {"batch", KEY_BATCH, "N", 0, "samples per step", 2},
    {"steps", KEY_STEPS, "N", 0, "length of the run in steps", 2},
    {"epochs", KEY_EPOCHS, "N", 0, "length of the run in epochs", 2},
    {"lr", KEY_LR, "X", 0, "learning rate at the start", 2},
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
        *o = (TrainOptions){.preset = "small", .seed = -1};
        return 0;
    case KEY_DATA:
        o->data = arg;
        return 0;
    case KEY_VAL:
        o->val = arg;
        return 0;
    case KEY_OUT:
        o->out = arg;
        return 0;
    case KEY_PRESET:
        if (strcmp(arg, "small") != 0 && strcmp(arg, "paper") != 0)
            die_usage("--preset is small or paper, not '%s'", arg);
        o->preset = arg;
        return 0;
    case KEY_SIZE:
        o->size = (int)option_int(arg, "--size", 8, 2048);
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

void training_check(const TrainOptions *o)
{
    if (o->export) {
        if (!o->out)
            die_usage("--export wants --out DIR, the folder of the run");
        return;
    }
    if (!o->data)
        die_usage("--data DIR is missing; render_dataset --out DIR makes such a folder");
    if (o->evaluate)
        return;
    if (!o->out)
        die_usage("--out DIR is missing");
    if (o->steps && o->epochs)
        die_usage("--steps and --epochs exclude each other");
    if (o->resume && (o->size || o->batch || o->steps || o->epochs || o->learning_rate != 0 ||
                      o->seed >= 0 || o->init))
        die_usage(
            "--resume goes on with the settings of the run in %s; leave --size, --batch, --steps, "
            "--epochs, --lr, "
            "--seed and --init out",
            o->out);
}

TrainSettings training_settings(const TrainOptions *o, double paper_rate, double small_rate,
                                int small_batch, int64_t small_epochs, int64_t samples,
                                int64_t held_out)
{
    bool paper = strcmp(o->preset, "paper") == 0;
    TrainSettings s = {.adam = !paper,
                       .learning_rate = paper ? paper_rate : small_rate,
                       .momentum = .9,
                       .cosine = !paper,
                       .end_factor = .01,
                       .decay_factor = .9,
                       .decay_epochs = 50,
                       .batch = paper ? 16 : small_batch,
                       .seed = o->seed >= 0 ? (uint64_t)o->seed : 1,
                       .samples = samples - held_out,
                       .validation = held_out,
                       .best = -1};
    snprintf(s.preset, sizeof s.preset, "%s", o->preset);
    if (o->batch)
        s.batch = o->batch;
    if (o->learning_rate != 0)
        s.learning_rate = o->learning_rate;
    if (s.samples < s.batch)
        die("%" PRId64
            " samples to train on are fewer than one batch of %d; render more, or lower --batch",
            s.samples, s.batch);
    s.epoch = s.samples / s.batch;
    s.steps = o->steps ? o->steps : (o->epochs ? o->epochs : paper ? 500 : small_epochs) * s.epoch;
    return s;
}

static char *settings_to_json(const TrainSettings *s)
{
    json_t *root =
        json_pack("{ss ss sb sf sf sf sb sf sf si si sI sI sI sI sI sf}", "preset", s->preset,
                  "loss", s->loss, "adam", s->adam, "learning_rate", s->learning_rate, "momentum",
                  s->momentum, "weight_decay", s->weight_decay, "cosine", s->cosine, "end_factor",
                  s->end_factor, "decay_factor", s->decay_factor, "decay_epochs", s->decay_epochs,
                  "batch", s->batch, "steps", (json_int_t)s->steps, "epoch", (json_int_t)s->epoch,
                  "seed", (json_int_t)s->seed, "samples", (json_int_t)s->samples, "validation",
                  (json_int_t)s->validation, "best", s->best);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    if (!text)
        die("out of memory");
    return text;
}

bool training_settings_read(TrainSettings *settings, const CheckpointInfo *info, const char *path,
                            Error *err)
{
    TrainSettings s = {0};
    const char *preset, *loss;
    int adam, cosine;
    json_int_t steps, epoch, seed, samples, validation;
    json_t *root = json_loads(info->training, 0, NULL);
    bool ok =
        json_unpack(root, "{ss ss sb sF sF sF sb sF sF si si sI sI sI sI sI sF}", "preset", &preset,
                    "loss", &loss, "adam", &adam, "learning_rate", &s.learning_rate, "momentum",
                    &s.momentum, "weight_decay", &s.weight_decay, "cosine", &cosine, "end_factor",
                    &s.end_factor, "decay_factor", &s.decay_factor, "decay_epochs", &s.decay_epochs,
                    "batch", &s.batch, "steps", &steps, "epoch", &epoch, "seed", &seed, "samples",
                    &samples, "validation", &validation, "best", &s.best) == 0 &&
        s.batch >= 1 && steps >= 1 && epoch >= 1 && s.decay_epochs >= 1;
    if (ok) {
        snprintf(s.preset, sizeof s.preset, "%s", preset);
        snprintf(s.loss, sizeof s.loss, "%s", loss);
        s.adam = adam;
        s.cosine = cosine;
        s.steps = steps;
        s.epoch = epoch;
        s.seed = (uint64_t)seed;
        s.samples = samples;
        s.validation = validation;
        *settings = s;
    }
    json_decref(root);
    return ok ||
           error_set(err, "%.300s carries no settings of a run, so it cannot be resumed", path);
}

char *training_last(const char *out)
{
    return path_join(out, "last.safetensors");
}

char *training_best(const char *out)
{
    return path_join(out, "best.safetensors");
}

Var training_input(Training *t, Graph *graph, const char *name, DType type, Shape shape)
{
    int k = t->loader.n_buffers++;
    assert(k < TRAINING_MAX_INPUTS);
    t->input[k] = ag_input(graph, name, type, shape);
    t->loader.bytes[k] = (size_t)(shape_count(shape) / shape.dim[0]) * dtype_size(type);
    return t->input[k];
}

static real rate_at(const TrainSettings *s, uint64_t step)
{
    if (s->cosine)
        return cosine_decay((real)s->learning_rate, (real)s->end_factor, (uint64_t)s->steps, step);
    return step_decay((real)s->learning_rate, (real)s->decay_factor, (uint64_t)s->decay_epochs,
                      step / (uint64_t)s->epoch);
}

/* What the loop holds besides the caller's. */
typedef struct Loop {
    Training *training;
    Optim *optim;
    Loader *loader;
    FILE *log;
    Progress progress;
    double start;
    double sum; /* of the losses since the last line of the log */
    int n_sum;
    char extra[96];
} Loop;

static bool save(const Loop *loop, char *path, Error *err)
{
    Training *t = loop->training;
    char *settings = settings_to_json(&t->settings);
    t->info.training = settings;
    t->info.seed = t->settings.seed;
    bool ok = checkpoint_save(path, &t->info, t->set, loop->optim, false, err);
    t->info.training = "";
    free(settings);
    free(path);
    return ok;
}

static void log_loss(Loop *loop, real rate)
{
    if (loop->n_sum == 0)
        return;
    double mean = loop->sum / loop->n_sum;
    json_log_write(loop->log,
                   json_pack("{sI sf sf sf}", "step", (json_int_t)loop->training->info.step, "loss",
                             mean, "learning_rate", (double)rate, "seconds",
                             seconds() - loop->start));
    snprintf(loop->extra, sizeof loop->extra, "loss %.4f", mean);
    loop->sum = 0;
    loop->n_sum = 0;
}

/* Validation, contact sheet, checkpoints. */
static bool milestone(Loop *loop, Error *err)
{
    Training *t = loop->training;
    double figure;
    json_t *report;
    if (!t->validate(t->context, &figure, &report, err))
        return false;
    json_log_write(loop->log,
                   json_pack("{sI so}", "step", (json_int_t)t->info.step, "validation", report));
    char *sheet = path_join(t->out, "sheet.png");
    bool ok = t->sheet(t->context, sheet, err);
    free(sheet);
    bool best = t->settings.best < 0 || figure < t->settings.best;
    if (best)
        t->settings.best = figure;
    return ok && (!best || save(loop, training_best(t->out), err)) &&
           save(loop, training_last(t->out), err);
}

static bool one_step(Loop *loop, Error *err)
{
    Training *t = loop->training;
    TrainSettings *s = &t->settings;
    void *buffer[TRAINING_MAX_INPUTS];
    if (!loader_next(loop->loader, buffer, err))
        return false;
    for (int k = 0; k < t->loader.n_buffers; k++)
        ag_write(t->plan, t->input[k], buffer[k]);
    StepState state = {
        .step = t->info.step, .seed = s->seed, .learning_rate = rate_at(s, t->info.step)};
    ag_run(t->plan, &state);
    double loss = (double)ag_scalar(t->plan, t->loss);
    if (!isfinite(loss))
        return error_set(
            err, "the loss is no longer a number at step %" PRIu64 "; --lr below %g may help",
            t->info.step, (double)state.learning_rate);
    optim_step(loop->optim, &state);
    t->info.step++;
    loop->sum += loss;
    loop->n_sum++;
    return true;
}

static bool loop_run(Loop *loop, Error *err)
{
    Training *t = loop->training;
    TrainSettings *s = &t->settings;
    uint64_t last = (uint64_t)s->steps, first = t->info.step;
    uint64_t often = s->steps >= 1000 ? 50 : 5;
    /* About forty milestones a run, but not more than one an epoch's half. */
    uint64_t every = (uint64_t)(s->steps / 40 > s->epoch / 2 ? s->steps / 40 : s->epoch / 2);
    if (every < 1)
        every = 1;
    while (t->info.step < last) {
        bool stop =
            interrupted() || (t->stop_after && t->info.step - first >= (uint64_t)t->stop_after);
        if (stop) {
            log_loss(loop, rate_at(s, t->info.step));
            if (!save(loop, training_last(t->out), err))
                return false;
            progress_end(&loop->progress, (int64_t)t->info.step * s->batch,
                         "stopped and saved; --resume goes on");
            return true;
        }
        if (!one_step(loop, err))
            return false;
        if (t->info.step % often == 0)
            log_loss(loop, rate_at(s, t->info.step - 1));
        if ((t->info.step % every == 0 || t->info.step == last) && !milestone(loop, err))
            return false;
        progress_update(&loop->progress, (int64_t)t->info.step * s->batch, loop->extra);
    }
    progress_end(&loop->progress, (int64_t)t->info.step * s->batch, loop->extra);
    return true;
}

static bool start(Loop *loop, Error *err)
{
    Training *t = loop->training;
    TrainSettings *s = &t->settings;
    OptimConfig config = s->adam ? optim_adam() : optim_sgd((real)s->momentum);
    config.decay = (real)s->weight_decay;
    if (!optim_new(&loop->optim, t->set, config, err))
        return false;
    if (t->resumed) {
        TensorFile *file;
        CheckpointInfo info;
        if (!checkpoint_open(&file, &info, t->resumed, t->info.net, err))
            return false;
        bool ok = checkpoint_load(file, t->resumed, t->set, loop->optim, err);
        t->info.step = info.step;
        tensor_file_free(file);
        if (!ok)
            return false;
    }
    t->loader.count = s->samples;
    t->loader.batch = s->batch;
    t->loader.seed = s->seed;
    t->loader.shuffle = true;
    if (!loader_new(&loop->loader, &t->loader, t->info.step, err))
        return false;
    char *path = path_join(t->out, "log.jsonl");
    bool ok = json_log_open(&loop->log, path, t->resumed ? (int64_t)t->info.step : -1, err);
    free(path);
    progress_start(&loop->progress, "training", "samples", (int64_t)t->info.step * s->batch,
                   s->steps * s->batch);
    loop->start = seconds();
    return ok;
}

bool training_run(Training *training, Error *err)
{
    Loop loop = {.training = training};
    catch_interrupt();
    bool ok = start(&loop, err) && loop_run(&loop, err);
    loader_free(loop.loader);
    optim_free(loop.optim);
    if (loop.log)
        fclose(loop.log);
    return ok;
}

bool training_export(const char *to, const char *from, const char *net, ParamSet *set, Error *err)
{
    TensorFile *file;
    CheckpointInfo info;
    if (!checkpoint_open(&file, &info, from, net, err))
        return false;
    bool ok = checkpoint_load(file, from, set, NULL, err) &&
              checkpoint_save(to, &info, set, NULL, true, err);
    tensor_file_free(file);
    return ok;
}
