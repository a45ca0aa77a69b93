/* The segmenter measured: labelled pictures at its size, what it finds in them, figures and contact
 * sheets. */
#ifndef APPS_SEGMENTER_EVAL_H
#define APPS_SEGMENTER_EVAL_H

#include <jansson.h>

#include "datasets/labelled.h"
#include "engine/engine.h"
#include "libautograd/autograd.h"
#include "nets/segmenter.h"

/* A part of a labelled set, seen at the network's size: all of it; or every `period`-th sample,
 * held out; or the rest, trained on. */
typedef struct SegmenterData {
    Labelled *set;
    int size;
    int64_t count;
    int64_t period; /* 0: all */
    bool held_out;
    uint64_t seed; /* of the jitter */
} SegmenterData;

/* One sample: planar picture and labels; jittered by step and slot if `jitter`. */
bool segmenter_data_get(const SegmenterData *data, int64_t i, bool jitter, uint64_t step, int slot,
                        real *planar, int32_t *label, Error *err);

/* The logits of x at its own size. */
Var segmenter_full_size(Graph *graph, const Segmenter *net, Var x, Mode mode);

enum { SEGMENTER_EVAL_BATCH = 8 };

/* The network in evaluation, over the parameters of a set. */
typedef struct SegmenterEval {
    Graph *graph;
    Plan *plan;
    Var x, y;
    int size, classes;
    real *in, *out; /* SEGMENTER_EVAL_BATCH pictures, their logits */
    int32_t *label, *found;
} SegmenterEval;

bool segmenter_eval_new(SegmenterEval *e, const Segmenter *net, Backend *backend, Error *err);
void segmenter_eval_free(SegmenterEval *e);

/* Pixels counted over a set, by class. */
typedef struct SegmenterFigures {
    int64_t count, both[LABEL_COUNT], either[LABEL_COUNT], right, pixels;
} SegmenterFigures;

bool segmenter_figures(SegmenterEval *e, const SegmenterData *data, SegmenterFigures *figures,
                       Error *err);

/* Mean intersection over union of the classes that occur, in truth or in what was found. */
double segmenter_mean_iou(const SegmenterFigures *f);

/* {"count", "mean_iou", "pixel_accuracy", "iou": {class: its own, null where it does not occur}} */
json_t *segmenter_figures_json(const SegmenterFigures *f);

/* A contact sheet of up to `rows` rows of eight samples spread over the set: the pictures, and
 * below them the true and the found classes laid over them; white: what does not count. */
bool segmenter_sheet(SegmenterEval *e, const SegmenterData *data, int rows, const char *path,
                     Error *err);

#endif
