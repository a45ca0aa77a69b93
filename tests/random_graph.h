/* Random graphs over a few ops, for the planner's tests. */
#ifndef TESTS_RANDOM_GRAPH_H
#define TESTS_RANDOM_GRAPH_H

#include "libautograd/autograd.h"

enum { RANDOM_KEPT = 2, RANDOM_N = 2, RANDOM_C = 4, RANDOM_S = 5, RANDOM_WEIGHTS = 4 };

typedef struct RandomGraph {
    ParamSet *set, *frozen;
    Graph *graph;
    Var x, z, kept[RANDOM_KEPT], loss; /* x wants its gradient */
} RandomGraph;

/* The same graph for the same seed; sets allocated on the backend. */
void random_graph_build(RandomGraph *r, Backend *backend, uint64_t seed);
void random_graph_free(RandomGraph *r);
/* Writes the inputs. */
void random_graph_feed(const RandomGraph *r, Plan *plan);

#endif
