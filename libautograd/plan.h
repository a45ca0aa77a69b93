/* Inside of a plan: for plan.c, run.c and the tests of the planner. */
#ifndef LIBAUTOGRAD_PLAN_H
#define LIBAUTOGRAD_PLAN_H

#include "libautograd/graph.h"
#include "libautograd/pack.h"

/* One call of a kernel. Times are indices of steps: all forward steps, then the backward ones. */
typedef struct Step {
    int node;
    bool backward;
    bool in_place; /* out shares in[0]'s bytes; backward: din[0] shares dout's */
    unsigned want; /* backward: bit i: din[i] is computed */
    unsigned add;  /* backward: bit i: added to what is there (beta 1) */
    int scratch;   /* block */
    Kernel *kernel;
    Call call;
} Step;

/* What the planner knows of a node. */
typedef struct NodePlan {
    int root;      /* the node whose bytes hold the value; itself but for reshape and detach */
    int grad_root; /* the node whose gradient this one's is added to; -1: none is wanted */
    bool live;     /* the loss or a kept value needs it */
    bool reached;  /* the loss sends it a gradient */
    bool persists; /* input, kept value or loss: readable after a run */
    int value, saved[OP_MAX_SAVED], grad; /* blocks; -1: none */
} NodePlan;

/* A gradient that no step writes; it is set to zero instead. */
typedef struct Unreached {
    real *grad;
    size_t bytes;
} Unreached;

struct Plan {
    Graph *graph;
    Backend *backend;
    int loss; /* root; -1: none */
    NodePlan *node;
    Step *step;
    int n_steps, n_forward;
    Block *block; /* those joined to another by in-place reuse have 0 bytes and `joined` */
    int *joined;  /* -1: on its own */
    int n_blocks;
    Unreached *unreached;
    int n_unreached;
    int state_block, seed_block, zero_block; /* StepState; d loss / d loss = 1; zeros */
    unsigned char *slab;
    size_t bytes, unshared;
    uint64_t runs;        /* so far */
    Recording *recording; /* of all that ag_run does but the upload of the state; NULL: none yet */
};

/* Address of a node's value, and of the gradient of an input or op output (NULL: none). */
void *plan_value(const Plan *plan, int node);
real *plan_grad(const Plan *plan, int node);

#endif
