/* Which steps a plan has:
 *   resolve   which node's bytes hold each value, and whose gradient is wanted
 *   mark      what the loss and the kept values need
 *   schedule  the forward steps in order of the graph, the backward steps in reverse */
#include "libautograd/plan.h"

#include <stdlib.h>

/* ---- resolve ---- */

int plan_grad_target(const Plan *plan, const Node *op, int i)
{
    if (op->in[i] < 0 || op_info(op->op)->flags & OP_NO_GRAD(i))
        return -1;
    return plan->node[op->in[i]].grad_root;
}

static bool wants_grad(const Plan *plan, const Node *node)
{
    switch (node->kind) {
    case NODE_INPUT:
        return node->want_grad;
    case NODE_PARAM:
        return params_grad(node->set, node->param) != NULL;
    case NODE_OP:
        for (int i = 0; i < node->n_in; i++)
            if (plan_grad_target(plan, node, i) >= 0)
                return true;
        return false;
    default:
        return false;
    }
}

static void resolve(Plan *plan)
{
    for (int i = 0; i < plan->graph->count; i++) {
        const Node *node = plan_node(plan, i);
        NodePlan *p = &plan->node[i];
        bool alias = node->kind == NODE_RESHAPE || node->kind == NODE_DETACH;
        *p = (NodePlan){.value = -1, .saved = {-1, -1}, .grad = -1, .activation = -1};
        p->root = alias ? plan->node[node->in[0]].root : i;
        if (node->kind == NODE_RESHAPE)
            p->grad_root = plan->node[node->in[0]].grad_root;
        else
            p->grad_root = wants_grad(plan, node) ? i : -1;
    }
}

static bool check_sets(const Plan *plan, Error *err)
{
    for (int i = 0; i < plan->graph->count; i++) {
        const Node *node = plan_node(plan, i);
        if (node->kind == NODE_PARAM && params_backend(node->set) != plan->backend)
            return error_set(err, "plan: the set of parameter %s is %s",
                             params_name(node->set, node->param),
                             params_backend(node->set) ? "on another backend" : "not allocated");
    }
    return true;
}

/* ---- mark ---- */

bool plan_mark(Plan *plan, Var loss, Error *err)
{
    if (!check_sets(plan, err))
        return false;
    resolve(plan);
    bool any = false;
    plan->loss = loss.id < 0 ? -1 : plan->node[loss.id].root;
    if (plan->loss >= 0) {
        char text[88];
        if (plan_node(plan, plan->loss)->kind != NODE_OP)
            return error_set(err,
                             "plan: the loss is an input or a parameter, not the result of an op");
        if (shape_count(plan_node(plan, plan->loss)->shape) != 1)
            return error_set(err, "plan: the loss is %s, not a scalar",
                             shape_text(plan_node(plan, plan->loss)->shape, text));
        plan->node[plan->loss].persists = any = true;
    }
    for (int i = 0; i < plan->graph->count; i++) {
        if (plan_node(plan, i)->keep)
            plan->node[plan->node[i].root].persists = any = true;
        if (plan_node(plan, i)->kind == NODE_INPUT)
            plan->node[i].persists = true;
    }
    if (!any)
        return error_set(err,
                         "plan: there is neither a loss nor a kept value (ag_keep) to compute");
    for (int i = plan->graph->count - 1; i >= 0; i--) {
        const Node *node = plan_node(plan, i);
        plan->node[i].live |= plan->node[i].persists;
        for (int k = 0; plan->node[i].live && k < node->n_in; k++)
            if (node->in[k] >= 0)
                plan->node[node->in[k]].live = true;
    }
    return true;
}

/* ---- schedule ---- */

/* The round in which operand i gets its gradient. Two gradients of one call must not alias, so an
 * operand that appears twice (x * x) takes a second call. */
static int round_of(const Plan *plan, const Node *op, int i)
{
    int round = 0;
    for (int k = 0; k < i; k++)
        round += plan_grad_target(plan, op, k) == plan_grad_target(plan, op, i);
    return round;
}

static int count_rounds(const Plan *plan, const Node *op)
{
    int rounds = 0;
    for (int i = 0; i < op->n_in; i++)
        if (plan_grad_target(plan, op, i) >= 0 && round_of(plan, op, i) >= rounds)
            rounds = round_of(plan, op, i) + 1;
    return rounds;
}

int plan_dout(const Plan *plan, const Step *step)
{
    bool masks = op_info(plan_node(plan, step->node)->op)->flags & OP_MASKS;
    return masks ? step->out : step->node;
}

static bool add_step(Plan *plan, Step step, Error *err)
{
    int activation = plan->node[step.node].activation;
    step.out = activation >= 0 ? activation : step.node;
    Op op = plan_node(plan, step.node)->op;
    step.kernel = step.backward ? plan->backend->backward[op] : plan->backend->forward[op];
    step.scratch = -1;
    step.keeps = -1;
    if (!step.kernel)
        return error_set(err, "plan: the backend %s has no %s", plan->backend->name,
                         op_info(op)->name);
    plan->step[plan->n_steps++] = step;
    return true;
}

static bool add_backward(Plan *plan, int id, Error *err)
{
    const Node *op = plan_node(plan, id);
    int rounds = count_rounds(plan, op);
    for (int round = 0; round < rounds; round++) {
        Step step = {.node = id, .backward = true};
        for (int i = 0; i < op->n_in; i++) {
            int target = plan_grad_target(plan, op, i);
            if (target < 0 || round_of(plan, op, i) != round)
                continue;
            step.want |= 1u << i;
            if (plan->node[target].reached)
                step.add |= 1u << i;
            plan->node[target].reached = true;
        }
        if (!add_step(plan, step, err))
            return false;
    }
    return true;
}

/* The derivative of a merged activation is part of its operand's step too: then the operand is
 * reached. */
static bool pass_through(Plan *plan, int id)
{
    int operand = plan_node(plan, id)->in[0];
    if (!plan->node[id].merged || !(op_info(plan_node(plan, operand)->op)->flags & OP_MASKS))
        return false;
    plan->node[operand].reached = true;
    return true;
}

static bool schedule(Plan *plan, int loss, Error *err)
{
    int n = plan->graph->count, most = 0;
    for (int i = 0; i < n; i++)
        if (plan_node(plan, i)->kind == NODE_OP && plan->node[i].live)
            most += 1 + count_rounds(plan, plan_node(plan, i));
    plan->step = calloc((size_t)most + 1, sizeof *plan->step);
    if (!plan->step)
        return error_set(err, "plan: out of memory");
    for (int i = 0; i < n; i++)
        if (plan_node(plan, i)->kind == NODE_OP && plan->node[i].live && !plan->node[i].merged)
            if (!add_step(plan, (Step){.node = i}, err))
                return false;
    plan->n_forward = plan->n_steps;
    if (loss < 0 || plan->node[loss].grad_root < 0)
        return true;
    plan->node[plan->loss].reached = true;
    for (int i = plan->loss; i >= 0; i--)
        if (plan_node(plan, i)->kind == NODE_OP && plan->node[i].reached && !pass_through(plan, i))
            if (!add_backward(plan, i, err))
                return false;
    return true;
}

static bool param_reached(const Plan *plan, const ParamSet *set, Param param)
{
    for (int i = 0; i < plan->graph->count; i++) {
        const Node *node = plan_node(plan, i);
        if (node->kind == NODE_PARAM && node->set == set && node->param.id == param.id)
            return plan->node[i].reached;
    }
    return false;
}

/* Whether no earlier node is of the same set. */
static bool first_of_set(const Plan *plan, int id)
{
    for (int i = 0; i < id; i++)
        if (plan_node(plan, i)->kind == NODE_PARAM &&
            plan_node(plan, i)->set == plan_node(plan, id)->set)
            return false;
    return true;
}

/* Parameters of the graph's trainable sets whose gradient no step writes; counts them if list is
 * NULL. */
static int list_unreached(const Plan *plan, Unreached *list)
{
    int n = 0;
    for (int i = 0; i < plan->graph->count; i++) {
        const Node *node = plan_node(plan, i);
        if (node->kind != NODE_PARAM || !params_trainable(node->set) || !first_of_set(plan, i))
            continue;
        for (int k = 0; k < params_count(node->set); k++) {
            real *grad = params_grad(node->set, (Param){k});
            if (!grad || param_reached(plan, node->set, (Param){k}))
                continue;
            if (list)
                list[n] = (Unreached){
                    grad, (size_t)shape_count(params_shape(node->set, (Param){k})) * sizeof(real)};
            n++;
        }
    }
    return n;
}

static bool find_unreached(Plan *plan, Error *err)
{
    if (plan->loss < 0)
        return true;
    int n = list_unreached(plan, NULL);
    plan->unreached = calloc((size_t)n + 1, sizeof *plan->unreached);
    if (!plan->unreached)
        return error_set(err, "plan: out of memory");
    plan->n_unreached = list_unreached(plan, plan->unreached);
    return true;
}

bool plan_schedule(Plan *plan, Var loss, Error *err)
{
    return schedule(plan, loss.id, err) && find_unreached(plan, err);
}
