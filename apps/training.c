#include "config.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/progress.h"
#include "apps/training_internal.h"

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
    assert(k < LOADER_MAX_BUFFERS);
    t->input[k] = ag_input(graph, name, type, shape);
    t->loader.bytes[k] = (size_t)(shape_count(shape) / shape.dim[0]) * dtype_size(type);
    return t->input[k];
}

void training_term(Training *t, Graph *graph, const char *name, Var value)
{
    assert(t->n_terms < TRAINING_MAX_TERMS);
    ag_keep(graph, value);
    t->term[t->n_terms] = value;
    t->term_name[t->n_terms++] = name;
}

static real rate_at(const TrainSettings *s, uint64_t step)
{
    real base = (real)s->learning_rate;
    if (s->schedule == TRAIN_COSINE)
        return cosine_decay(base, (real)s->end_factor, (uint64_t)s->steps, step);
    if (s->schedule == TRAIN_STEP)
        return step_decay(base, (real)s->decay_factor, (uint64_t)s->decay_epochs,
                          step / (uint64_t)s->epoch);
    return base;
}

static bool write_report(const Training *t, const char *state, Error *err)
{
    return !t->report || training_report_write(t, state, err);
}

/* What the loop holds besides the caller's. */
typedef struct Loop {
    Training *training;
    Optim *optim;
    Loader *loader;
    FILE *log;
    Progress progress;
    bool filled;          /* the plan's inputs hold the batch of the step at hand */
    double start, waited; /* seconds: when, and of those since then spent waiting for data */
    double sum, term_sum[TRAINING_MAX_TERMS]; /* of the losses since the last line of the log */
    int n_sum;
    char extra[96];
} Loop;

static bool save(const Loop *loop, char *path, Error *err)
{
    Training *t = loop->training;
    char *settings = training_settings_text(&t->settings, t->own);
    t->info.training = settings;
    t->info.seed = t->settings.seed;
    bool ok = checkpoint_save(path, &t->info, t->set, loop->optim, err);
    t->info.training = "";
    free(settings);
    free(path);
    return ok;
}

static void log_loss(Loop *loop, real rate)
{
    if (loop->n_sum == 0)
        return;
    const Training *t = loop->training;
    double mean = loop->sum / loop->n_sum;
    double elapsed = seconds() - loop->start;
    double waiting = elapsed > 0 ? loop->waited / elapsed : 0;
    json_t *line = json_pack("{sI sf sf sf sf}", "step", (json_int_t)t->info.step, "loss", mean,
                             "learning_rate", (double)rate, "seconds", elapsed, "waiting", waiting);
    for (int i = 0; i < t->n_terms; i++) {
        json_object_set_new(line, t->term_name[i], json_real(loop->term_sum[i] / loop->n_sum));
        loop->term_sum[i] = 0;
    }
    json_log_write(loop->log, line);
    int n = snprintf(loop->extra, sizeof loop->extra, "loss %.4f", mean);
    if (waiting >= .01)
        snprintf(loop->extra + n, sizeof loop->extra - (size_t)n, ", waits %.0f%% for data",
                 100 * waiting);
    loop->sum = 0;
    loop->n_sum = 0;
}

/* Validation, contact sheet, checkpoints, report. */
static bool milestone(Loop *loop, Error *err)
{
    Training *t = loop->training;
    double figure;
    json_t *report;
    if (!t->validate(t->context, &figure, &report, err))
        return false;
    bool best = t->settings.best < 0 || figure < t->settings.best;
    if (best)
        t->settings.best = figure;
    json_log_write(loop->log, json_pack("{sI sb so}", "step", (json_int_t)t->info.step, "best",
                                        best, "validation", report));
    char *sheet = path_join(t->out, "sheet.png");
    bool ok = t->sheet(t->context, sheet, err);
    free(sheet);
    return ok && (!best || save(loop, training_best(t->out), err)) &&
           save(loop, training_last(t->out), err) &&
           write_report(
               t, t->info.step == (uint64_t)t->settings.steps ? "Finished." : "In progress.", err);
}

/* The loader's next batch into the plan's inputs. */
static bool fill(Loop *loop, Error *err)
{
    Training *t = loop->training;
    void *buffer[LOADER_MAX_BUFFERS];
    double begin = seconds();
    if (!loader_next(loop->loader, buffer, err))
        return false;
    loop->waited += seconds() - begin;
    for (int k = 0; k < t->loader.n_buffers; k++)
        ag_write(t->plan, t->input[k], buffer[k]);
    loop->filled = true;
    return true;
}

/* The next batch is fetched and sent to the device before the loss is asked for: until then the
 * device is at work on its own. */
static bool one_step(Loop *loop, Error *err)
{
    Training *t = loop->training;
    TrainSettings *s = &t->settings;
    if (!loop->filled && !fill(loop, err))
        return false;
    StepState state = {
        .step = t->info.step, .seed = s->seed, .learning_rate = rate_at(s, t->info.step)};
    if (t->schedule)
        t->schedule(t->context, state.step, &state);
    ag_run(t->plan, &state);
    optim_step(loop->optim, &state);
    loop->filled = false;
    if (state.step + 1 < (uint64_t)s->steps && !fill(loop, err))
        return false;
    double loss = (double)ag_scalar(t->plan, t->loss);
    if (!isfinite(loss))
        return error_set(
            err, "the loss is no longer a number at step %" PRIu64 "; --lr below %g may help",
            t->info.step, (double)state.learning_rate);
    t->info.step++;
    loop->sum += loss;
    for (int i = 0; i < t->n_terms; i++)
        loop->term_sum[i] += (double)ag_scalar(t->plan, t->term[i]);
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
            if (!save(loop, training_last(t->out), err) ||
                !write_report(t, "Stopped before its end; --resume goes on.", err))
                return false;
            progress_end(&loop->progress, (int64_t)t->info.step * s->batch,
                         "stopped and saved; --resume goes on");
            return true;
        }
        if (!one_step(loop, err))
            return false;
        if (t->info.step % often == 0 || t->info.step == last)
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
    OptimConfig config = s->optimiser == TRAIN_ADAM ? optim_adam() : optim_sgd((real)s->momentum);
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
    return ok && write_report(t, "In progress.", err); /* a wrong --report fails at once */
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

bool training_init(const char *path, const char *net, ParamSet *set, Error *err)
{
    TensorFile *file;
    CheckpointInfo info;
    if (!checkpoint_open(&file, &info, path, net, err))
        return false;
    bool ok = checkpoint_load(file, path, set, NULL, err);
    tensor_file_free(file);
    return ok;
}

bool training_export(const TrainOptions *options, const char *net, Error *err)
{
    TensorFile *file;
    CheckpointInfo info;
    char *best = training_best(options->out);
    bool ok = checkpoint_open(&file, &info, best, net, err);
    if (ok) {
        ok = checkpoint_export(options->export, &info, file, NULL, err);
        tensor_file_free(file);
    }
    free(best);
    return ok;
}
