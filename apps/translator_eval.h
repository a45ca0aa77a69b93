/* How good a translator is: its losses, its parameters where the true ones are known, and how near
 * the engine's pictures of its characters are to the faces. */
#ifndef APPS_TRANSLATOR_EVAL_H
#define APPS_TRANSLATOR_EVAL_H

#include <jansson.h>

#include "apps/translator_graph.h"

/* Over n people, x and what was found for it (n x dim each): for the controls of each component
 * ("nose tip", "macro") and of "all" of them the mean of Pearson's correlations, for each group the
 * share of right choices. {"error": mean |x - found| of the continuous ones, "correlation":
 * {component: r}, "choice": {group: share}}; the caller's. A control that does not vary counts
 * as 0. */
json_t *translator_agreement(const Schema *schema, const float *x, const float *found, int64_t n);

/* Distances (descriptor_distance) of n faces to the engine's pictures of their characters, and to
 * that of the average face: {"faces", "character", "average", "closer": share of the faces whose
 * character is nearer}. descriptor: n x D as descriptor_forward gives them; x: n x dim. */
bool translator_distances(const Studio *studio, const float *descriptor, const float *x, int64_t n,
                          json_t **report, Error *err);

typedef struct TranslatorEval {
    const Studio *studio;
    real lambda[TRANSLATOR_TERMS]; /* of the terms in the figure */
    const Translator *net;
    TranslatorGraph loss;
} TranslatorEval;

/* The networks of loss and the studio must outlive it. The rest as for translator_graph_new. */
bool translator_eval_new(TranslatorEval *eval, const TranslatorLossConfig *loss, FaceArrays arrays,
                         const real *content_weight, const real *lambda, const Studio *studio,
                         Error *err);
void translator_eval_free(TranslatorEval *eval);

/* The losses of the first `look` faces at the most, the agreement of all where x is known, the
 * distances of the first `draw`. figure: the weighted sum of the losses. report: {"faces", "total",
 * "identity", ..., "distance": translator_distances, and translator_agreement's keys}. */
bool translator_measure(TranslatorEval *eval, const Faces *faces, int64_t look, int64_t draw,
                        double *figure, json_t **report, Error *err);

/* A picture: a column per face, above as the pool has it, below the engine's of its character. */
bool translator_sheet(TranslatorEval *eval, const Faces *faces, int columns, const char *path,
                      Error *err);

#endif
