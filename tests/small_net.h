/* A small net with most of what a graph can hold: batch-norm in training, a skip, in-place chains,
 * a transposed convolution, a value used twice by one op, a parameter used by two layers, a frozen
 * set, a reshape, a detach, and three weighted losses. */
#ifndef TESTS_SMALL_NET_H
#define TESTS_SMALL_NET_H

#include "libautograd/autograd.h"

enum { SMALL_BATCH = 3, SMALL_SIZE = 6, SMALL_OUT = 7 };

typedef struct SmallNet {
    ParamSet *set, *frozen;
    Graph *graph;
    Var x, target, hidden, y, loss;
} SmallNet;

/* NULL members on failure to allocate; the graph's and the sets' own errors stick to them. */
void small_net_build(SmallNet *net);
/* Both sets on the backend, with initial values. */
bool small_net_alloc(SmallNet *net, Backend *backend, Error *err);
void small_net_free(SmallNet *net);

/* Writes the batch of this step (random, the same for the same step). */
void small_net_feed(const SmallNet *net, Plan *plan, uint64_t step);
StepState small_net_step(uint64_t step);

#endif
