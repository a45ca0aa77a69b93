/* What the trainers share: their options, the settings a run keeps in its checkpoints, and the
 * loop. */
#ifndef APPS_TRAINING_H
#define APPS_TRAINING_H

#include "apps/app.h"
#include "apps/checkpoint.h"
#include "datasets/loader.h"
#include "libautograd/autograd.h"

/* The command line both trainers have; 0 and NULL: not given. */
typedef struct TrainOptions {
    const char *data, *val, *out, *preset, *init, *evaluate, *export;
    int size, batch;
    int64_t steps, epochs, stop_after;
    double learning_rate;
    int64_t seed; /* -1: not given */
    bool resume;
} TrainOptions;

/* An argp child that fills a TrainOptions (its input). */
extern const struct argp training_argp;

/* Checks the combination of options once all are read; dies with a sentence. */
void training_check(const TrainOptions *options);

/* All that decides a run besides its data and its net; a resumed run takes it from the checkpoint.
 */
typedef struct TrainSettings {
    char preset[16], loss[16]; /* loss: the trainer's own name for it */
    bool adam;                 /* false: SGD with momentum */
    double learning_rate, momentum, weight_decay;
    bool cosine;       /* false: times decay_factor every decay_epochs */
    double end_factor; /* cosine: the last rate over the first */
    double decay_factor;
    int decay_epochs;
    int batch;
    int64_t steps, epoch; /* of the whole run; steps of one epoch */
    uint64_t seed;
    int64_t samples, validation; /* trained on; held out of the same folder */
    double best;                 /* validation figure so far, lower is better; < 0: none yet */
} TrainSettings;

/* The two presets; `paper_rate` is .01 for the imitator and .001 for the segmenter. Options given
 * on the command line win. samples: in the training folder, of which `held_out` are not trained on.
 */
TrainSettings training_settings(const TrainOptions *options, double paper_rate, double small_rate,
                                int small_batch, int64_t small_epochs, int64_t samples,
                                int64_t held_out);

enum { TRAINING_MAX_INPUTS = 4 };

typedef struct Training {
    TrainSettings settings;
    CheckpointInfo info; /* step: where the run stands */
    const char *out;
    const char *resumed; /* path of the checkpoint the run goes on from, or NULL */
    int64_t stop_after;  /* steps of this run, 0: to the end */
    ParamSet *set;
    Plan *plan;
    Var loss;
    LoaderConfig loader; /* count, batch, seed, shuffle are the loop's; arrays: training_input */
    Var input[TRAINING_MAX_INPUTS]; /* of the graph, one per array of the loader */
    void *context;
    /* The figure that decides which checkpoint is best (lower is better) and a JSON object for the
     * log. */
    bool (*validate)(void *context, double *figure, json_t **report, Error *err);
    bool (*sheet)(void *context, const char *path, Error *err);
} Training;

/* "OUT/last.safetensors", "OUT/best.safetensors"; allocated. */
char *training_last(const char *out);
char *training_best(const char *out);

/* An input of the graph that each step's batch is written to: the loader's next array. */
Var training_input(Training *training, Graph *graph, const char *name, DType type, Shape shape);

/* Settings of a run from a checkpoint's metadata. */
bool training_settings_read(TrainSettings *settings, const CheckpointInfo *info, const char *path,
                            Error *err);

/* Runs to settings.steps, or to stop_after, or to Ctrl-C, and saves; writes OUT/last.safetensors,
 * OUT/best.safetensors, OUT/log.jsonl, OUT/sheet.png. */
bool training_run(Training *training, Error *err);

/* Rewrites a checkpoint without moments and with float16 weights. The set is declared and allocated
 * by the caller for the checkpoint's configuration. */
bool training_export(const char *to, const char *from, const char *net, ParamSet *set, Error *err);

#endif
