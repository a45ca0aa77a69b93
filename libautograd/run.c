/* Running a plan: a loop over calls that were made ready when it was planned. */
#include "libautograd/plan.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

#include "libtensor/tensor_file.h"

static void *address(const Plan *plan, int block)
{
    return plan->slab + plan->block[block].offset;
}

/* The gradients that no step writes. */
static void clear_unreached(Plan *plan)
{
    Backend *backend = plan->backend;
    size_t piece = plan->block[plan->zero_block].bytes;
    for (int i = 0; i < plan->n_unreached; i++) {
        unsigned char *to = (unsigned char *)plan->unreached[i].grad;
        size_t bytes = plan->unreached[i].bytes;
        for (size_t at = 0; at < bytes; at += piece)
            backend->copy(backend, to + at, address(plan, plan->zero_block),
                          bytes - at < piece ? bytes - at : piece);
    }
}

static void upload_state(Plan *plan, const StepState *state)
{
    plan->backend->upload(plan->backend, address(plan, plan->state_block), state, sizeof *state);
}

/* What was kept of weights that have been written since is of no more use. */
static void check_kept(Plan *plan)
{
    for (int i = 0; i < plan->n_steps; i++) {
        Step *step = &plan->step[i];
        if (step->keeps < 0)
            continue;
        const Node *op = plan_node(plan, step->node);
        uint64_t writes = params_writes(plan_node(plan, plan->node[op->in[1]].root)->set);
        step->kept.made = step->kept.made && step->kept_writes == writes;
        step->kept_writes = writes;
    }
}

static void run_steps(Plan *plan)
{
    clear_unreached(plan);
    check_kept(plan);
    for (int i = 0; i < plan->n_steps; i++)
        plan->step[i].kernel(&plan->step[i].call);
}

/* The second run is the one to record: a plan that runs once need not pay for it, and whatever a
 * device loads or chooses when it first meets a kernel has happened. */
static void record(Plan *plan)
{
    Backend *backend = plan->backend;
    if (!backend->record_begin || !backend->record_begin(backend))
        return;
    run_steps(plan);
    plan->recording = backend->record_end(backend);
}

void ag_run(Plan *plan, const StepState *state)
{
    upload_state(plan, state);
    if (plan->runs++ == 1)
        record(plan);
    if (plan->recording)
        plan->backend->replay(plan->backend, plan->recording);
    else
        run_steps(plan);
}

/* ---- checked ---- */

/* Whether a tensor of the device is free of NaN and infinity. Goes through it a piece at a time. */
static bool all_finite(const Plan *plan, Tensor t)
{
    enum { PIECE = 1024 };
    real stored[PIECE], piece[PIECE];
    int64_t n = shape_count(t.shape);
    size_t size = dtype_size(t.type);
    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t m = n - i < PIECE ? n - i : PIECE;
        plan->backend->download(plan->backend, stored,
                                (const unsigned char *)t.data + (size_t)i * size, (size_t)m * size);
        tensor_convert(piece, DTYPE_REAL, stored, t.type, m);
        for (int64_t k = 0; k < m; k++)
            if (!isfinite(piece[k]))
                return false;
    }
    return true;
}

static bool check_inputs(const Plan *plan, uint64_t number, Error *err)
{
    for (int i = 0; i < plan->graph->count; i++) {
        const Node *node = &plan->graph->node[i];
        if (node->kind == NODE_INPUT && node->type == DTYPE_REAL && plan->node[i].live &&
            !all_finite(plan, (Tensor){plan_value(plan, i), node->shape, node->type}))
            return error_set(err, "input %s holds NaN or infinity at step %" PRIu64, node->name,
                             number);
    }
    return true;
}

static bool check_step(const Plan *plan, const Step *step, uint64_t number, Error *err)
{
    const Call *call = &step->call;
    const char *name = op_info(plan->graph->node[step->node].op)->name;
    char text[88];
    shape_text(call->out.shape, text);
    if (!step->backward && !all_finite(plan, call->out))
        return error_set(err, "%s with output %s made NaN or infinity at step %" PRIu64, name, text,
                         number);
    for (int i = 0; i < call->n_in; i++)
        if (call->din[i].data && !all_finite(plan, call->din[i]))
            return error_set(
                err,
                "%s with output %s made NaN or infinity in the gradient of operand %d at "
                "step %" PRIu64,
                name, text, i, number);
    return true;
}

bool ag_run_checked(Plan *plan, const StepState *state, Error *err)
{
    upload_state(plan, state);
    clear_unreached(plan);
    check_kept(plan);
    if (!check_inputs(plan, state->step, err))
        return false;
    for (int i = 0; i < plan->n_steps; i++) {
        plan->step[i].kernel(&plan->step[i].call);
        if (!plan->backend->sync(plan->backend, err) ||
            !check_step(plan, &plan->step[i], state->step, err))
            return false;
    }
    return true;
}

/* ---- read and write ---- */

static size_t bytes_of(const Node *node)
{
    return tensor_bytes((Tensor){.shape = node->shape, .type = node->type});
}

void ag_write(Plan *plan, Var input, const void *data)
{
    assert(input.id >= 0 && plan->graph->node[input.id].kind == NODE_INPUT);
    plan->backend->upload(plan->backend, plan_value(plan, input.id), data,
                          bytes_of(&plan->graph->node[input.id]));
}

void ag_read(const Plan *plan, Var x, void *data)
{
    assert(x.id >= 0 && x.id < plan->graph->count);
    int root = plan->node[x.id].root;
    assert(plan->node[root].persists || plan->graph->node[root].kind == NODE_PARAM);
    plan->backend->download(plan->backend, data, plan_value(plan, root),
                            bytes_of(&plan->graph->node[root]));
}

void ag_read_grad(const Plan *plan, Var input, real *data)
{
    assert(input.id >= 0 && plan->graph->node[input.id].want_grad);
    plan->backend->download(plan->backend, data, plan_grad(plan, input.id),
                            bytes_of(&plan->graph->node[input.id]));
}

real ag_scalar(const Plan *plan, Var x)
{
    assert(shape_count(plan->graph->node[x.id].shape) == 1);
    real value;
    ag_read(plan, x, &value);
    return value;
}
