/* What the trainers share: their options, the settings a run keeps in its checkpoints, and the
 * loop. */
#ifndef APPS_TRAINING_H
#define APPS_TRAINING_H

#include "apps/app.h"
#include "apps/checkpoint.h"
#include "apps/config_file.h"
#include "apps/device_option.h"
#include "datasets/loader.h"
#include "libautograd/autograd.h"

/* The command line of the trainers; 0 and NULL: not given. */
typedef struct TrainOptions {
    const char *data, *val, *out, *preset, *config, *report, *init, *evaluate, *export;
    int size, batch;
    int64_t steps, epochs, stop_after;
    double learning_rate;
    int64_t seed; /* -1: not given */
    bool resume;
    DeviceOption device; /* of the trainers that have no studio: device_argp is a child of theirs */
} TrainOptions;

/* Argp children that fill a TrainOptions (their input): first what all trainers have, which clears
 * it; --val DIR and --size N, for those that take them. */
extern const struct argp training_argp, training_val_argp, training_size_argp;

/* Checks the combination of options once all are read; dies with a sentence. */
void training_check(const TrainOptions *options);

enum { TRAIN_SGD, TRAIN_ADAM };                    /* "optimiser" of the config files */
enum { TRAIN_CONSTANT, TRAIN_STEP, TRAIN_COSINE }; /* "schedule" */

/* All that decides a run besides its data and its net; a resumed run takes it from the checkpoint.
 * The first part are the keys, of these names, that every trainer's "training" has. */
typedef struct TrainSettings {
    int optimiser, schedule;
    double learning_rate;
    double momentum, weight_decay; /* optional, 0 */
    double end_factor;             /* cosine: the last rate over the first; optional, 0 */
    double decay_factor;           /* step: the rate is multiplied by it ... */
    int decay_epochs;              /* ... every so many epochs; both optional, 1 */
    int batch;
    int epochs;

    char preset[16];
    int64_t steps, epoch; /* of the whole run; steps of one epoch */
    uint64_t seed;
    int64_t samples, validation; /* trained on; held out of the same folder */
    double best;                 /* validation figure so far, lower is better; < 0: none yet */
} TrainSettings;

/* The settings of a new run, and the variables of the trainer's own keys: `net`, those of the
 * config's "net"; `own`, those of "training" besides the common ones. They come from the preset
 * (presets/NAME-PRESET.json), over it --config, over it --batch, --epochs, --lr and --seed; options
 * of the trainer's own keys, and --size, are the trainer's to put over that. */
bool training_configure(TrainSettings *settings, const TrainOptions *options, const char *name,
                        ConfigKeys net, ConfigKeys own, Error *err);

/* The same of a run that goes on: from its checkpoint. */
bool training_settings_read(TrainSettings *settings, ConfigKeys own, const CheckpointInfo *info,
                            const char *path, Error *err);

/* Then, once the data is open: `samples` in the training folder, of which `held_out` are not
 * trained on. Sets the length of a new run; one that goes on must find what it had. */
bool training_set_data(TrainSettings *settings, const TrainOptions *options, int64_t samples,
                       int64_t held_out, Error *err);

/* --init: fills the set from a checkpoint of this net. Only the shapes must agree: the schema's
 * ranges, say, may have changed. */
bool training_init(const char *path, const char *net, ParamSet *set, Error *err);

enum { TRAINING_MAX_TERMS = 8 };

typedef struct Training {
    TrainSettings settings;
    ConfigKeys own;            /* kept in the checkpoints with the settings */
    const char *title;         /* of the report: "Imitator, male" */
    const char *sheet_caption; /* what the contact sheet's rows are; may be NULL */
    const char *report;        /* the HTML page written at every milestone, or NULL */
    CheckpointInfo info;       /* step: where the run stands */
    const char *out;
    const char *resumed; /* path of the checkpoint the run goes on from, or NULL */
    int64_t stop_after;  /* steps of this run, 0: to the end */
    ParamSet *set;
    Plan *plan;
    Var loss;
    LoaderConfig loader; /* count, batch, seed, shuffle are the loop's; arrays: training_input */
    Var input[LOADER_MAX_BUFFERS]; /* of the graph, one per array of the loader */
    int n_terms;                   /* training_term's */
    Var term[TRAINING_MAX_TERMS];
    const char *term_name[TRAINING_MAX_TERMS];
    void *context;
    /* Sets what else changes from step to step before each of them, which is state->weight, the
     * weights of ag_weighted_sum's terms; a function of the step alone, so that a resumed run is an
     * uninterrupted one. NULL: none. */
    void (*schedule)(void *context, uint64_t step, StepState *state);
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

/* A scalar of the graph, such as a term of the loss, that is logged beside the loss (as its mean
 * since the line before) under this name, a borrowed string; and plotted. */
void training_term(Training *training, Graph *graph, const char *name, Var value);

/* Runs to settings.steps, or to stop_after, or to Ctrl-C, and saves; writes OUT/last.safetensors,
 * OUT/best.safetensors, OUT/log.jsonl, OUT/sheet.png and, if asked for, the report. */
bool training_run(Training *training, Error *err);

/* --export: the best checkpoint of the run in --out, by checkpoint_export. */
bool training_export(const TrainOptions *options, const char *net, Error *err);

#endif
