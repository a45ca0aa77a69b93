/* How near an imitator comes to the engine: the network in evaluation, over a set. */
#ifndef APPS_IMITATOR_EVAL_H
#define APPS_IMITATOR_EVAL_H

#include <jansson.h>

#include "apps/imitator_data.h"
#include "libautograd/autograd.h"
#include "nets/imitator.h"

enum { IMITATOR_EVAL_BATCH = 8 };

/* The network in evaluation, over the parameters of a set. */
typedef struct ImitatorEval {
    Graph *graph;
    Plan *plan;
    Var x, y;
    int dim, size;
    real *in, *out, *target; /* IMITATOR_EVAL_BATCH samples each */
    uint8_t *label;
    real *weight; /* of one sample */
} ImitatorEval;

bool imitator_eval_new(ImitatorEval *eval, const Imitator *net, Backend *backend, Error *err);
void imitator_eval_free(ImitatorEval *eval);

/* Targets and outputs (clamped, as a picture is) of n <= IMITATOR_EVAL_BATCH samples from i on. */
bool imitator_eval_run(ImitatorEval *eval, const ImitatorData *data, int64_t i, int n, Error *err);

/* Parts of the face that are measured by themselves; of all pictures, or the face alone of those of
 * plausible people and of those of uniform parameters (pairs_drawn). */
enum {
    PART_FACE,
    PART_BROWS,
    PART_EYES,
    PART_MOUTH,
    PART_FACE_PEOPLE,
    PART_FACE_UNIFORM,
    IMITATOR_PARTS
};

/* Means over pictures of absolute errors: of all of it, under face_weights, of a part where it
 * shows; and the signal to noise ratio in dB. */
typedef struct ImitatorFigures {
    int64_t count, with[IMITATOR_PARTS]; /* pictures; those that show the part */
    double mae, mae_weighted, psnr, part[IMITATOR_PARTS];
} ImitatorFigures;

bool imitator_figures(ImitatorEval *eval, const ImitatorData *data, ImitatorFigures *figures,
                      Error *err);

/* {"count", "mae", "mae_weighted", "psnr", "mae_face", ...} */
json_t *imitator_figures_json(const ImitatorFigures *figures);

#endif
