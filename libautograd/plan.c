/* From graph to steps and bytes:
 *   mark      what the loss and the kept values need (plan_steps.c)
 *   fuse      activations into the steps of their operands (plan_fuse.c)
 *   schedule  the forward steps in order of the graph, the backward steps in reverse (plan_steps.c)
 *   types     which values are bfloat16 (plan_types.c)
 *   live      when each value, gradient and scratch is needed (plan_live.c)
 *   join      what an op may do in place (plan_live.c)
 *   place     blocks into one slab, which is allocated
 *   bind      every operand of every call to its address (plan_bind.c) */
#include "libautograd/plan.h"

#include <stdlib.h>

static bool place(Plan *plan, bool reuse, Error *err)
{
    int *order = calloc((size_t)plan->n_blocks, sizeof *order);
    if (!order)
        return error_set(err, "plan: out of memory");
    plan->bytes = pack(plan->block, plan->n_blocks, reuse, order);
    free(order);
    plan->slab = plan->backend->alloc(plan->backend, plan->bytes);
    if (!plan->slab)
        return error_set(err, "plan: out of memory: %zu MiB are needed; try a smaller batch",
                         (plan->bytes >> 20) + 1);
    return true;
}

static bool make(Plan *plan, Var loss, PlanOptions options, Error *err)
{
    plan->node = calloc((size_t)plan->graph->count + 1, sizeof *plan->node);
    if (!plan->node)
        return error_set(err, "plan: out of memory");
    if (!plan_mark(plan, loss, err))
        return false;
    if (!options.plain)
        plan_fuse(plan);
    if (!plan_schedule(plan, loss, err))
        return false;
    plan_types(plan);
    if (!plan_live(plan, err))
        return false;
    if (!options.plain)
        plan_join(plan);
    if (!place(plan, !options.plain, err))
        return false;
    plan_bind(plan);
    if (options.dump)
        plan_dump(plan, options.dump);
    return true;
}

bool ag_plan(Plan **out, Graph *graph, Var loss, PlanOptions options, Error *err)
{
    if (graph->failed)
        return error_set(err, "%s", graph->error.text);
    Plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return error_set(err, "plan: out of memory");
    plan->graph = graph;
    plan->backend = options.backend;
    if (!make(plan, loss, options, err)) {
        ag_plan_free(plan);
        return false;
    }
    *out = plan;
    return true;
}

void ag_plan_free(Plan *plan)
{
    if (!plan)
        return;
    if (plan->recording)
        plan->backend->forget(plan->backend, plan->recording);
    plan->backend->release(plan->backend, plan->slab);
    free(plan->node);
    free(plan->step);
    free(plan->block);
    free(plan->joined);
    free(plan->unreached);
    free(plan);
}

size_t ag_plan_bytes(const Plan *plan, size_t *unshared)
{
    if (unshared)
        *unshared = plan->unshared;
    return plan->bytes;
}
