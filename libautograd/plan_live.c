/* When each value, gradient and scratch is needed, as a block with a lifetime; and which blocks an
 * op may share. */
#include "libautograd/plan.h"

#include <stdlib.h>

enum { ZERO_BYTES = 65536, ALWAYS = -1 /* time before the first step */ };

/* ---- live ---- */

static int add_block(Plan *plan, size_t bytes, int first, int last)
{
    size_t aligned = (bytes + PACK_ALIGN - 1) / PACK_ALIGN * PACK_ALIGN;
    plan->block[plan->n_blocks] = (Block){.bytes = aligned, .first = first, .last = last};
    plan->joined[plan->n_blocks] = -1;
    plan->unshared += aligned;
    return plan->n_blocks++;
}

static void use(Plan *plan, int block, int time)
{
    if (block >= 0 && plan->block[block].last < time)
        plan->block[block].last = time;
}

static size_t bytes_of(Shape shape, DType type)
{
    return tensor_bytes((Tensor){.shape = shape, .type = type});
}

/* The value of operand i is read at this time. */
static void use_operand(Plan *plan, const Node *op, int i, int time)
{
    if (op->in[i] >= 0)
        use(plan, plan->node[plan->node[op->in[i]].root].value, time);
}

DType plan_in_type(const Plan *plan, const Node *op, int i)
{
    return plan->node[plan->node[op->in[i]].root].type;
}

/* What the plan's backend needs of scratch for an op whose result, or the gradient of it, is stored
 * as this type. */
static InferOut scratch_of(const Plan *plan, const Node *op, DType type)
{
    InferOut out = op->infer;
    Scratch *scratch = plan->backend->scratch[op->op];
    InferIn in = {.n_in = op->n_in, .param = op->op_param};
    if (!scratch)
        return out;
    out.forward_kept = out.backward_kept = 0;
    out.out_type = type;
    for (int i = 0; i < op->n_in; i++) {
        in.type[i] = DTYPE_REAL;
        if (op->in[i] < 0)
            continue;
        in.in[i] = plan_node(plan, op->in[i])->shape;
        in.type[i] = plan_in_type(plan, op, i);
    }
    scratch(&in, &out);
    return out;
}

/* Weights that do not learn are prepared once. */
static void keep(Plan *plan, Step *step, size_t bytes)
{
    if (bytes == 0)
        return;
    const Node *op = plan_node(plan, step->node);
    const Node *weights = plan_node(plan, plan->node[op->in[1]].root);
    if (weights->kind == NODE_PARAM && !params_trainable(weights->set))
        step->keeps = add_block(plan, bytes, ALWAYS, plan->n_steps);
}

static void live_forward(Plan *plan, int time)
{
    Step *step = &plan->step[time];
    const Node *op = plan_node(plan, step->node);
    NodePlan *p = &plan->node[step->node], *out = &plan->node[step->out];
    out->value =
        add_block(plan, bytes_of(op->shape, out->type), time, out->persists ? plan->n_steps : time);
    for (int i = 0; i < OP_MAX_SAVED; i++)
        if (op->infer.saved[i].ndim)
            p->saved[i] =
                add_block(plan, bytes_of(op->infer.saved[i], op->infer.saved_type[i]), time, time);
    InferOut needs = scratch_of(plan, op, out->type);
    if (needs.forward_scratch)
        step->scratch = add_block(plan, needs.forward_scratch, time, time);
    keep(plan, step, needs.forward_kept);
    for (int i = 0; i < op->n_in; i++)
        use_operand(plan, op, i, time);
}

static void live_backward(Plan *plan, int time)
{
    Step *step = &plan->step[time];
    const Node *op = plan_node(plan, step->node);
    NodePlan *p = &plan->node[step->node];
    unsigned reads = op_info(op->op)->reads;
    for (int i = 0; i < op->n_in; i++) {
        if (reads & READS_IN(i))
            use_operand(plan, op, i, time);
        if (!(step->want & 1u << i))
            continue;
        int target = plan_grad_target(plan, op, i);
        NodePlan *t = &plan->node[target];
        if (plan_node(plan, target)->kind == NODE_OP && t->grad < 0)
            t->grad =
                add_block(plan, bytes_of(plan_node(plan, target)->shape, t->type), time, time);
        use(plan, t->grad, time);
    }
    if (reads & READS_OUT)
        use(plan, plan->node[step->out].value, time);
    for (int i = 0; i < OP_MAX_SAVED; i++)
        use(plan, p->saved[i], time);
    const NodePlan *dout = &plan->node[plan_dout(plan, step)];
    use(plan, dout->grad, time);
    InferOut needs = scratch_of(plan, op, dout->type);
    if (needs.backward_scratch)
        step->scratch = add_block(plan, needs.backward_scratch, time, time);
    if (step->want & 1)
        keep(plan, step, needs.backward_kept);
}

bool plan_live(Plan *plan, Error *err)
{
    size_t most = 3 + 4 * (size_t)plan->graph->count + 2 * (size_t)plan->n_steps;
    plan->block = calloc(most, sizeof *plan->block);
    plan->joined = calloc(most, sizeof *plan->joined);
    if (!plan->block || !plan->joined)
        return error_set(err, "plan: out of memory");
    int end = plan->n_steps;
    plan->state_block = add_block(plan, sizeof(StepState), ALWAYS, end);
    plan->seed_block = add_block(plan, sizeof(real), ALWAYS, end);
    plan->zero_block = add_block(plan, plan->n_unreached ? ZERO_BYTES : 0, ALWAYS, end);
    for (int i = 0; i < plan->graph->count; i++) {
        const Node *node = plan_node(plan, i);
        if (node->kind != NODE_INPUT)
            continue;
        size_t bytes = bytes_of(node->shape, node->type);
        plan->node[i].value = add_block(plan, bytes, ALWAYS, end);
        if (node->want_grad)
            plan->node[i].grad = add_block(plan, bytes, ALWAYS, end);
    }
    if (plan->n_steps > plan->n_forward)
        plan->node[plan->loss].grad = plan->seed_block;
    for (int t = 0; t < plan->n_forward; t++)
        live_forward(plan, t);
    for (int t = plan->n_forward; t < plan->n_steps; t++)
        live_backward(plan, t);
    return true;
}

/* ---- join ---- */

int plan_representative(const Plan *plan, int block)
{
    while (plan->joined[block] >= 0)
        block = plan->joined[block];
    return block;
}

/* Lets `later`, first written at `time`, take over the bytes of `earlier`, last read at `time`. */
static bool join(Plan *plan, int earlier, int later, int time)
{
    Block *from = &plan->block[plan_representative(plan, earlier)], *to = &plan->block[later];
    if (from->last != time || from->first == ALWAYS || to->first != time ||
        from->bytes != to->bytes || plan->joined[later] >= 0)
        return false;
    from->last = to->last;
    to->bytes = 0;
    plan->joined[later] = plan_representative(plan, earlier);
    return true;
}

/* The block of in[0]'s value, if it is an op's and no other operand of the call; else -1. */
static int first_operand(const Plan *plan, const Node *op)
{
    int root = plan->node[op->in[0]].root;
    if (plan_node(plan, root)->kind != NODE_OP)
        return -1;
    for (int i = 1; i < op->n_in; i++)
        if (op->in[i] >= 0 && plan->node[op->in[i]].root == root)
            return -1;
    return plan->node[root].value;
}

static bool join_forward(Plan *plan, const Step *step, int time)
{
    const Node *op = plan_node(plan, step->node);
    int value = first_operand(plan, op);
    return value >= 0 && plan_in_type(plan, op, 0) == plan->node[step->out].type &&
           join(plan, value, plan->node[step->out].value, time);
}

static void join_backward(Plan *plan, Step *step, int time)
{
    const Node *op = plan_node(plan, step->node);
    unsigned flags = op_info(op->op)->flags;
    int target = plan_grad_target(plan, op, 0), value = first_operand(plan, op);
    if (!(step->want & 1u) || plan_node(plan, target)->kind != NODE_OP)
        return;
    int din = plan->node[target].grad;
    const NodePlan *dout = &plan->node[plan_dout(plan, step)];
    step->in_place = flags & OP_IN_PLACE && dout->type == plan->node[target].type &&
                     join(plan, dout->grad, din, time);
    step->over_in = flags & OP_GRAD_OVER_IN && value >= 0 && join(plan, value, din, time);
}

void plan_join(Plan *plan)
{
    for (int t = 0; t < plan->n_steps; t++) {
        Step *step = &plan->step[t];
        if (step->backward)
            join_backward(plan, step, t);
        else if (op_info(plan_node(plan, step->node)->op)->flags & OP_IN_PLACE)
            step->in_place = join_forward(plan, step, t);
    }
}
