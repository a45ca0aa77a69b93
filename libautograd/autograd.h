/* The static graph: build, plan once, run many times.
 *
 *     Graph *g = ag_graph_new();
 *     Var x = ag_input(g, "x", DTYPE_REAL, shape4(16, 3, 64, 64));
 *     Var y = ag_relu(g, ag_conv2d(g, x, ag_param(g, params, w), AG_NONE, (Conv2dParam){1, 1}));
 *     Var loss = ag_l1_loss(g, y, target);
 *     Plan *plan;
 *     if (!ag_plan(&plan, g, loss, (PlanOptions){.backend = cpu}, &err)) ...
 *     for (;;) {
 *         ag_write(plan, x, pixels);
 *         ag_run(plan, &step);          // allocates nothing, cannot fail on the CPU
 *         optim_step(optim, params, &step);
 *     }
 *
 * Builders are sticky: the first error of a graph is kept and reported by ag_plan, so model code is
 * a straight line. Shapes are checked as the graph grows. A graph may be planned once; train, eval
 * and another batch size are other graphs over the same ParamSet. Ops are declared in ops.h. */
#ifndef LIBAUTOGRAD_AUTOGRAD_H
#define LIBAUTOGRAD_AUTOGRAD_H

#include <stdio.h>

#include "libautograd/params.h"
#include "libtensor/backend.h"
#include "libtensor/op.h"

typedef struct Graph Graph;
typedef struct Plan Plan;

/* A node of a graph; a value, not a pointer. */
typedef struct Var {
    int id;
} Var;
#define AG_NONE ((Var){-1}) /* an optional operand left out; "no loss" */

Graph *ag_graph_new(void); /* NULL: out of memory */
void ag_graph_free(Graph *graph);

/* A value the host writes before a run (ag_write). Constants are inputs written once: contents last
 * until the next ag_write. name: for messages and dumps, copied. */
Var ag_input(Graph *graph, const char *name, DType type, Shape shape);

/* The parameter (or buffer) of a set. Its gradient goes to the set's gradient slab if the set is
 * trainable; otherwise no gradient is computed. The set must be allocated before ag_plan and
 * outlive the plan. */
Var ag_param(Graph *graph, ParamSet *set, Param param);

/* The same elements in another shape; costs nothing. */
Var ag_reshape(Graph *graph, Var x, Shape shape);

/* Stops the gradient: same value, no gradient to x. */
Var ag_detach(Graph *graph, Var x);

/* Keeps the value of x readable by ag_read after every run. */
void ag_keep(Graph *graph, Var x);

/* Asks for the gradient of the loss to an input; readable by ag_read_grad. */
void ag_want_grad(Graph *graph, Var input);

Shape ag_shape(const Graph *graph, Var x); /* ndim 0 once the graph has an error */

/* Applies an op; the typed builders of ops.h are made of it. in[i].id == -1: left out. */
Var ag_apply(Graph *graph, Op op, const void *param, const Var *in, int n_in);

typedef struct PlanOptions {
    Backend *backend;
    bool plain; /* every op a step of its own, every value in bytes of its own: for tests */
    FILE *dump; /* not NULL: print step, op, shapes, bytes, offset, in-place */
} PlanOptions;

/* Decides order, liveness, in-place reuse, scratch and offsets in one slab, and allocates it. loss:
 * a scalar, or AG_NONE for a forward-only plan. Reports the graph's first error. The plan refers to
 * the graph, which must outlive it. On false *plan is untouched. */
bool ag_plan(Plan **plan, Graph *graph, Var loss, PlanOptions options, Error *err);
void ag_plan_free(Plan *plan);

/* Bytes of the slab, and the sum a buffer for each value would take. */
size_t ag_plan_bytes(const Plan *plan, size_t *unshared);

/* Copies host data (shape_count elements of the input's type) in; kept until written again. */
void ag_write(Plan *plan, Var input, const void *data);

/* Forward, then backward if the plan has a loss; gradients of trainable sets are overwritten.
 * Allocates nothing. */
void ag_run(Plan *plan, const StepState *step);

/* As ag_run, but step by step: false with the op's name, output shape and step at the first NaN or
 * Inf. */
bool ag_run_checked(Plan *plan, const StepState *step, Error *err);

/* Copies out a kept value, an input, or the loss. */
void ag_read(const Plan *plan, Var x, void *data);
void ag_read_grad(const Plan *plan, Var input, real *data);

/* ag_read of a scalar. */
real ag_scalar(const Plan *plan, Var x);

#endif
