/* Every operand of every call to its address, and what is in them before the first run. */
#include "libautograd/plan.h"

#include <assert.h>

static void *address(const Plan *plan, int block)
{
    return block < 0 ? NULL : plan->slab + plan->block[plan_representative(plan, block)].offset;
}

void *plan_value(const Plan *plan, int node)
{
    const Node *n = plan_node(plan, node);
    return n->kind == NODE_PARAM ? params_value(n->set, n->param)
                                 : address(plan, plan->node[node].value);
}

void *plan_grad(const Plan *plan, int node)
{
    const Node *n = plan_node(plan, node);
    return n->kind == NODE_PARAM ? params_grad(n->set, n->param)
                                 : address(plan, plan->node[node].grad);
}

/* What the op applies to its result besides. */
static Activation activation_of(const Plan *plan, const Step *step)
{
    if (step->out == step->node)
        return (Activation){.kind = ACTIVATION_NONE};
    const Node *node = plan_node(plan, step->out);
    if (node->op == OP_relu)
        return (Activation){.kind = ACTIVATION_RELU};
    assert(node->op == OP_leaky_relu);
    const LeakyReluParam *p = node->op_param;
    return (Activation){ACTIVATION_LEAKY_RELU, p->slope};
}

static void bind_forward(const Plan *plan, Step *step)
{
    const Node *op = plan_node(plan, step->node);
    Call *call = &step->call;
    for (int i = 0; i < op->n_in; i++)
        if (op->in[i] >= 0)
            call->in[i].data = plan_value(plan, plan->node[op->in[i]].root);
    call->out.data = plan_value(plan, step->out);
    call->activation = activation_of(plan, step);
}

/* Only what the op's row says that backward reads has data. */
static void bind_backward(const Plan *plan, Step *step)
{
    const Node *op = plan_node(plan, step->node);
    unsigned reads = op_info(op->op)->reads;
    Call *call = &step->call;
    for (int i = 0; i < op->n_in; i++) {
        if (op->in[i] >= 0 && reads & READS_IN(i))
            call->in[i].data = plan_value(plan, plan->node[op->in[i]].root);
        call->din[i] = (Tensor){.shape = call->in[i].shape, .type = call->in[i].type};
        if (step->want & 1u << i)
            call->din[i].data = plan_grad(plan, plan_grad_target(plan, op, i));
        call->beta[i] = step->add & 1u << i ? 1 : 0;
    }
    if (reads & READS_OUT)
        call->out.data = plan_value(plan, step->out);
    int dout = plan_dout(plan, step);
    call->dout = (Tensor){plan_grad(plan, dout), op->shape, plan->node[dout].type};
    if (dout != step->node)
        call->activation = activation_of(plan, step);
}

static void bind_calls(Plan *plan)
{
    for (int t = 0; t < plan->n_steps; t++) {
        Step *step = &plan->step[t];
        const Node *op = plan_node(plan, step->node);
        Call *call = &step->call;
        call->n_in = op->n_in;
        for (int i = 0; i < op->n_in; i++)
            if (op->in[i] >= 0)
                call->in[i] =
                    (Tensor){NULL, plan_node(plan, op->in[i])->shape, plan_in_type(plan, op, i)};
        call->out = (Tensor){NULL, op->shape, plan->node[step->out].type};
        for (int i = 0; i < OP_MAX_SAVED; i++)
            if (op->infer.saved[i].ndim)
                call->saved[i] = (Tensor){address(plan, plan->node[step->node].saved[i]),
                                          op->infer.saved[i], op->infer.saved_type[i]};
        call->scratch = address(plan, step->scratch);
        step->kept.bytes = address(plan, step->keeps);
        call->kept = step->keeps >= 0 ? &step->kept : NULL;
        call->param = op->op_param;
        call->step = address(plan, plan->state_block);
        call->backend = plan->backend;
        if (step->backward)
            bind_backward(plan, step);
        else
            bind_forward(plan, step);
    }
}

static void set_zero(const Plan *plan, int block)
{
    backend_zero(plan->backend, address(plan, block), plan->block[block].bytes);
}

static void initialise(const Plan *plan)
{
    const real one = 1;
    set_zero(plan, plan->state_block);
    set_zero(plan, plan->zero_block);
    plan->backend->upload(plan->backend, address(plan, plan->seed_block), &one, sizeof one);
    for (int i = 0; i < plan->graph->count; i++) {
        if (plan_node(plan, i)->kind != NODE_INPUT)
            continue;
        set_zero(plan, plan->node[i].value);
        if (plan->node[i].grad >= 0)
            set_zero(plan, plan->node[i].grad);
    }
}

void plan_bind(Plan *plan)
{
    bind_calls(plan);
    initialise(plan);
}
