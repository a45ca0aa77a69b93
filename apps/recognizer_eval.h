/* What a LightCNN makes of faces it was not trained on. */
#ifndef APPS_RECOGNIZER_EVAL_H
#define APPS_RECOGNIZER_EVAL_H

#include "apps/faces.h"
#include "apps/sheet.h"
#include "libautograd/autograd.h"

/* A part of the faces; class: of each, where the network was trained on the persons, else NULL. */
typedef struct FacesPart {
    const Faces *faces;
    int64_t *index;
    int32_t *class;
    int64_t count;
} FacesPart;

/* Face i of a part as the network takes it: size x size in [0, 1], cut out at (x, y) of what is
 * stored, mirrored if `mirror`. */
void faces_part_get(const FacesPart *part, int64_t i, int size, int x, int y, bool mirror,
                    real *grey);

/* The network without dropout, over the parameters of a set. */
typedef struct RecognizerEval {
    Graph *graph;
    Plan *plan;
    Var x, descriptor, logits; /* logits only where the network has a classifier */
    int size, dim, classes;
    real *in, *out;
} RecognizerEval;

bool recognizer_eval_new(RecognizerEval *eval, const LightCnn *net, Backend *backend, Error *err);
void recognizer_eval_free(RecognizerEval *eval);

typedef struct RecognizerFigures {
    int64_t seen;    /* held-out faces of persons trained on, */
    double accuracy; /* and the share told right, of all persons */
    int64_t pairs;   /* of faces of persons never seen, half of them of one person (0: too few to
                        measure, and nothing is below) */
    double area;     /* and what nets/verification.h finds with them: the area under the ROC, */
    double verified; /* the accuracy, */
    double tar;      /* the true accept rate where one in a hundred is falsely accepted */
} RecognizerFigures;

/* seen.count 0: there is no classifier. Pairs of one person: all, up to 5000; as many of different
 * persons are drawn at random (always the same). */
bool recognizer_figures(RecognizerEval *eval, const FacesPart *seen, const FacesPart *unseen,
                        RecognizerFigures *figures, Error *err);

/* Columns: unseen faces, evenly spread, and below each the other face that the network takes for
 * the nearest, captioned "same" or "other" person. */
bool recognizer_sheet(RecognizerEval *eval, const FacesPart *unseen, const char *path, Error *err);

#endif
