/* The translator's loss as a planned graph, for training and for measuring. */
#ifndef APPS_TRANSLATOR_GRAPH_H
#define APPS_TRANSLATOR_GRAPH_H

#include "apps/training.h"
#include "apps/translator_data.h"
#include "nets/translator_loss.h"

/* "identity", "content", ... */
const char *translator_term_name(TranslatorTerm term);

typedef struct TranslatorGraph {
    Graph *graph;
    Plan *plan;
    int batch;
    FaceArrays arrays;
    Var array[1 + FACE_ARRAYS]; /* the inputs that samples fill, in their order */
    int n_arrays;
    TranslatorTargets target;
    TranslatorLoss loss; /* x and the terms that are there can be read after a run */
} TranslatorGraph;

/* Builds and plans it, and writes what does not change from step to step. training: to train with
 * (its inputs, terms and loss are set); NULL: to measure. content_weight: K. */
bool translator_graph_new(TranslatorGraph *graph, const TranslatorLossConfig *loss,
                          FaceArrays arrays, int batch, const Schema *schema,
                          const real *content_weight, Training *training, Backend *backend,
                          Error *err);
void translator_graph_free(TranslatorGraph *graph);

#endif
