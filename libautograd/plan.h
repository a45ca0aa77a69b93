/* Inside of a plan: for plan*.c, run.c and the tests of the planner. */
#ifndef LIBAUTOGRAD_PLAN_H
#define LIBAUTOGRAD_PLAN_H

#include "libautograd/graph.h"
#include "libautograd/pack.h"

/* One call of a kernel. Times are indices of steps: all forward steps, then the backward ones. */
typedef struct Step {
    int node;
    int out; /* the node whose value the op makes: `node`, or the activation merged into it */
    bool backward;
    bool in_place; /* out shares in[0]'s bytes; backward: din[0] shares dout's */
    bool over_in;  /* backward: din[0] shares in[0]'s bytes */
    unsigned want; /* backward: bit i: din[i] is computed */
    unsigned add;  /* backward: bit i: added to what is there (beta 1) */
    int scratch;   /* block */
    int keeps;     /* block of kept; -1: none */
    Kept kept;
    uint64_t kept_writes; /* params_writes of the weights that kept is made of */
    Kernel *kernel;
    Call call;
} Step;

/* What the planner knows of a node. */
typedef struct NodePlan {
    int root;       /* the node whose bytes hold the value; itself but for reshape and detach */
    int grad_root;  /* the node whose gradient this one's is added to; -1: none is wanted */
    bool live;      /* the loss or a kept value needs it */
    bool reached;   /* the loss sends it a gradient */
    bool persists;  /* input, kept value or loss: readable after a run */
    int activation; /* of an op: the activation that its forward step applies too; -1: none */
    bool merged;    /* of an activation: into its operand's forward step */
    DType type;     /* of its value and its gradient in the slab; of a root */
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
void *plan_grad(const Plan *plan, int node);

static inline const Node *plan_node(const Plan *plan, int id)
{
    return &plan->graph->node[id];
}

/* ---- the planner's stages, in their order ---- */

/* What the loss (AG_NONE: none) and the kept values need. */
bool plan_mark(Plan *plan, Var loss, Error *err);

/* Merges activations into the steps of their operands. */
void plan_fuse(Plan *plan);

/* The steps; and the gradients that none of them writes. */
bool plan_schedule(Plan *plan, Var loss, Error *err);

/* NodePlan.type. */
void plan_types(Plan *plan);

/* A block for everything a step needs. */
bool plan_live(Plan *plan, Error *err);

/* Lets ops work in place. */
void plan_join(Plan *plan);

/* Addresses, once the blocks have been placed in the slab; and what is there before the first run.
 */
void plan_bind(Plan *plan);

/* One line per step. Backward lines show the shapes of forward, [=] and [+=] on the operands whose
 * gradient is written or added to, and where the gradient of the result lies. */
void plan_dump(const Plan *plan, FILE *out);

/* ---- what they share ---- */

/* The node that the gradient of operand i of an op goes to; -1: unwanted. */
int plan_grad_target(const Plan *plan, const Node *op, int i);

/* How the value of operand i of an op is stored. */
DType plan_in_type(const Plan *plan, const Node *op, int i);

/* The node whose gradient a backward step reads as dout: its own, or that of the activation whose
 * derivative it applies as well. */
int plan_dout(const Plan *plan, const Step *step);

/* The block whose bytes a block shares; itself where it shares none. */
int plan_representative(const Plan *plan, int block);

#endif
