/* From graph to steps and bytes:
 *   resolve   which node's bytes hold each value, and whose gradient is wanted
 *   mark      what the loss and the kept values need
 *   schedule  the forward steps in order of the graph, the backward steps in reverse
 *   live      when each value, gradient and scratch is needed, as a block with a lifetime
 *   join      blocks that an in-place op may share
 *   pack      blocks into one slab, which is allocated
 *   bind      every operand of every call to its address */
#include "libautograd/plan.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ZERO_BYTES = 65536, ALWAYS = -1 /* time before the first step */ };

static const Node *node_of(const Plan *plan, int id)
{
    return &plan->graph->node[id];
}

/* ---- resolve ---- */

/* The node that the gradient of operand i of an op goes to; -1: unwanted. */
static int grad_target(const Plan *plan, const Node *op, int i)
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
            if (grad_target(plan, node, i) >= 0)
                return true;
        return false;
    default:
        return false;
    }
}

static void resolve(Plan *plan)
{
    for (int i = 0; i < plan->graph->count; i++) {
        const Node *node = node_of(plan, i);
        NodePlan *p = &plan->node[i];
        bool alias = node->kind == NODE_RESHAPE || node->kind == NODE_DETACH;
        *p = (NodePlan){.value = -1, .saved = {-1, -1}, .grad = -1};
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
        const Node *node = node_of(plan, i);
        if (node->kind == NODE_PARAM && params_backend(node->set) != plan->backend)
            return error_set(err, "plan: the set of parameter %s is %s",
                             params_name(node->set, node->param),
                             params_backend(node->set) ? "on another backend" : "not allocated");
    }
    return true;
}

/* ---- mark ---- */

static bool mark(Plan *plan, Var loss, Error *err)
{
    bool any = false;
    plan->loss = loss.id < 0 ? -1 : plan->node[loss.id].root;
    if (plan->loss >= 0) {
        char text[88];
        if (node_of(plan, plan->loss)->kind != NODE_OP)
            return error_set(err,
                             "plan: the loss is an input or a parameter, not the result of an op");
        if (shape_count(node_of(plan, plan->loss)->shape) != 1)
            return error_set(err, "plan: the loss is %s, not a scalar",
                             shape_text(node_of(plan, plan->loss)->shape, text));
        plan->node[plan->loss].persists = any = true;
    }
    for (int i = 0; i < plan->graph->count; i++) {
        if (node_of(plan, i)->keep)
            plan->node[plan->node[i].root].persists = any = true;
        if (node_of(plan, i)->kind == NODE_INPUT)
            plan->node[i].persists = true;
    }
    if (!any)
        return error_set(err,
                         "plan: there is neither a loss nor a kept value (ag_keep) to compute");
    for (int i = plan->graph->count - 1; i >= 0; i--) {
        const Node *node = node_of(plan, i);
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
        round += grad_target(plan, op, k) == grad_target(plan, op, i);
    return round;
}

static int count_rounds(const Plan *plan, const Node *op)
{
    int rounds = 0;
    for (int i = 0; i < op->n_in; i++)
        if (grad_target(plan, op, i) >= 0 && round_of(plan, op, i) >= rounds)
            rounds = round_of(plan, op, i) + 1;
    return rounds;
}

static bool add_step(Plan *plan, Step step, Error *err)
{
    Op op = node_of(plan, step.node)->op;
    step.kernel = step.backward ? plan->backend->backward[op] : plan->backend->forward[op];
    step.scratch = -1;
    if (!step.kernel)
        return error_set(err, "plan: the backend %s has no %s", plan->backend->name,
                         op_info(op)->name);
    plan->step[plan->n_steps++] = step;
    return true;
}

static bool schedule_backward(Plan *plan, int id, Error *err)
{
    const Node *op = node_of(plan, id);
    int rounds = count_rounds(plan, op);
    for (int round = 0; round < rounds; round++) {
        Step step = {.node = id, .backward = true};
        for (int i = 0; i < op->n_in; i++) {
            int target = grad_target(plan, op, i);
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

static bool schedule(Plan *plan, int loss, Error *err)
{
    int n = plan->graph->count, most = 0;
    for (int i = 0; i < n; i++)
        if (node_of(plan, i)->kind == NODE_OP && plan->node[i].live)
            most += 1 + count_rounds(plan, node_of(plan, i));
    plan->step = calloc((size_t)most + 1, sizeof *plan->step);
    if (!plan->step)
        return error_set(err, "plan: out of memory");
    for (int i = 0; i < n; i++)
        if (node_of(plan, i)->kind == NODE_OP && plan->node[i].live)
            if (!add_step(plan, (Step){.node = i}, err))
                return false;
    plan->n_forward = plan->n_steps;
    if (loss < 0 || plan->node[loss].grad_root < 0)
        return true;
    plan->node[plan->loss].reached = true;
    for (int i = plan->loss; i >= 0; i--)
        if (node_of(plan, i)->kind == NODE_OP && plan->node[i].reached)
            if (!schedule_backward(plan, i, err))
                return false;
    return true;
}

static bool param_reached(const Plan *plan, const ParamSet *set, Param param)
{
    for (int i = 0; i < plan->graph->count; i++) {
        const Node *node = node_of(plan, i);
        if (node->kind == NODE_PARAM && node->set == set && node->param.id == param.id)
            return plan->node[i].reached;
    }
    return false;
}

/* Whether no earlier node is of the same set. */
static bool first_of_set(const Plan *plan, int id)
{
    for (int i = 0; i < id; i++)
        if (node_of(plan, i)->kind == NODE_PARAM && node_of(plan, i)->set == node_of(plan, id)->set)
            return false;
    return true;
}

/* Parameters of the graph's trainable sets whose gradient no step writes; counts them if list is
 * NULL. */
static int list_unreached(const Plan *plan, Unreached *list)
{
    int n = 0;
    for (int i = 0; i < plan->graph->count; i++) {
        const Node *node = node_of(plan, i);
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

/* What the plan's backend needs of scratch for an op. */
static InferOut scratch_of(const Plan *plan, const Node *op)
{
    InferOut out = op->infer;
    Scratch *scratch = plan->backend->scratch[op->op];
    InferIn in = {.n_in = op->n_in, .param = op->op_param};
    if (!scratch)
        return out;
    for (int i = 0; i < op->n_in; i++) {
        in.type[i] = DTYPE_REAL;
        if (op->in[i] < 0)
            continue;
        in.in[i] = node_of(plan, op->in[i])->shape;
        in.type[i] = node_of(plan, op->in[i])->type;
    }
    scratch(&in, &out);
    return out;
}

static void live_forward(Plan *plan, int time)
{
    Step *step = &plan->step[time];
    const Node *op = node_of(plan, step->node);
    NodePlan *p = &plan->node[step->node];
    p->value =
        add_block(plan, bytes_of(op->shape, op->type), time, p->persists ? plan->n_steps : time);
    for (int i = 0; i < OP_MAX_SAVED; i++)
        if (op->infer.saved[i].ndim)
            p->saved[i] =
                add_block(plan, bytes_of(op->infer.saved[i], op->infer.saved_type[i]), time, time);
    size_t scratch = scratch_of(plan, op).forward_scratch;
    if (scratch)
        step->scratch = add_block(plan, scratch, time, time);
    for (int i = 0; i < op->n_in; i++)
        use_operand(plan, op, i, time);
}

static void live_backward(Plan *plan, int time)
{
    Step *step = &plan->step[time];
    const Node *op = node_of(plan, step->node);
    NodePlan *p = &plan->node[step->node];
    unsigned reads = op_info(op->op)->reads;
    for (int i = 0; i < op->n_in; i++) {
        if (reads & READS_IN(i))
            use_operand(plan, op, i, time);
        if (!(step->want & 1u << i))
            continue;
        int target = grad_target(plan, op, i);
        NodePlan *t = &plan->node[target];
        if (node_of(plan, target)->kind == NODE_OP && t->grad < 0)
            t->grad =
                add_block(plan, bytes_of(node_of(plan, target)->shape, DTYPE_REAL), time, time);
        use(plan, t->grad, time);
    }
    if (reads & READS_OUT)
        use(plan, p->value, time);
    for (int i = 0; i < OP_MAX_SAVED; i++)
        use(plan, p->saved[i], time);
    use(plan, p->grad, time);
    size_t scratch = scratch_of(plan, op).backward_scratch;
    if (scratch)
        step->scratch = add_block(plan, scratch, time, time);
}

static bool live(Plan *plan, Error *err)
{
    size_t most = 3 + 4 * (size_t)plan->graph->count + (size_t)plan->n_steps;
    plan->block = calloc(most, sizeof *plan->block);
    plan->joined = calloc(most, sizeof *plan->joined);
    if (!plan->block || !plan->joined)
        return error_set(err, "plan: out of memory");
    int end = plan->n_steps;
    plan->state_block = add_block(plan, sizeof(StepState), ALWAYS, end);
    plan->seed_block = add_block(plan, sizeof(real), ALWAYS, end);
    plan->zero_block = add_block(plan, plan->n_unreached ? ZERO_BYTES : 0, ALWAYS, end);
    for (int i = 0; i < plan->graph->count; i++) {
        const Node *node = node_of(plan, i);
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

static int representative(const Plan *plan, int block)
{
    while (plan->joined[block] >= 0)
        block = plan->joined[block];
    return block;
}

/* Lets `later`, first written at `time`, take over the bytes of `earlier`, last read at `time`. */
static bool join(Plan *plan, int earlier, int later, int time)
{
    Block *from = &plan->block[representative(plan, earlier)], *to = &plan->block[later];
    if (from->last != time || from->first == ALWAYS || to->first != time ||
        from->bytes != to->bytes || plan->joined[later] >= 0)
        return false;
    from->last = to->last;
    to->bytes = 0;
    plan->joined[later] = representative(plan, earlier);
    return true;
}

static bool join_forward(Plan *plan, const Step *step, int time)
{
    const Node *op = node_of(plan, step->node);
    int root = plan->node[op->in[0]].root;
    if (node_of(plan, root)->kind != NODE_OP)
        return false;
    for (int i = 1; i < op->n_in; i++)
        if (op->in[i] >= 0 && plan->node[op->in[i]].root == root)
            return false;
    return join(plan, plan->node[root].value, plan->node[step->node].value, time);
}

static bool join_backward(Plan *plan, const Step *step, int time)
{
    const Node *op = node_of(plan, step->node);
    int target = grad_target(plan, op, 0);
    if (!(step->want & 1u) || node_of(plan, target)->kind != NODE_OP)
        return false;
    return join(plan, plan->node[step->node].grad, plan->node[target].grad, time);
}

static void join_in_place(Plan *plan)
{
    for (int t = 0; t < plan->n_steps; t++) {
        Step *step = &plan->step[t];
        if (op_info(node_of(plan, step->node)->op)->flags & OP_IN_PLACE)
            step->in_place =
                step->backward ? join_backward(plan, step, t) : join_forward(plan, step, t);
    }
}

/* ---- pack ---- */

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

static void *address(const Plan *plan, int block)
{
    return block < 0 ? NULL : plan->slab + plan->block[representative(plan, block)].offset;
}

void *plan_value(const Plan *plan, int node)
{
    const Node *n = node_of(plan, node);
    return n->kind == NODE_PARAM ? params_value(n->set, n->param)
                                 : address(plan, plan->node[node].value);
}

real *plan_grad(const Plan *plan, int node)
{
    const Node *n = node_of(plan, node);
    return n->kind == NODE_PARAM ? params_grad(n->set, n->param)
                                 : address(plan, plan->node[node].grad);
}

/* ---- bind ---- */

static void bind_forward(const Plan *plan, Step *step)
{
    const Node *op = node_of(plan, step->node);
    Call *call = &step->call;
    for (int i = 0; i < op->n_in; i++)
        if (op->in[i] >= 0)
            call->in[i].data = plan_value(plan, plan->node[op->in[i]].root);
    call->out.data = plan_value(plan, step->node);
}

/* Only what the op's row says that backward reads has data. */
static void bind_backward(const Plan *plan, Step *step)
{
    const Node *op = node_of(plan, step->node);
    unsigned reads = op_info(op->op)->reads;
    Call *call = &step->call;
    for (int i = 0; i < op->n_in; i++) {
        if (op->in[i] >= 0 && reads & READS_IN(i))
            call->in[i].data = plan_value(plan, plan->node[op->in[i]].root);
        call->din[i] = (Tensor){.shape = call->in[i].shape, .type = DTYPE_REAL};
        if (step->want & 1u << i)
            call->din[i].data = plan_grad(plan, grad_target(plan, op, i));
        call->beta[i] = step->add & 1u << i ? 1 : 0;
    }
    if (reads & READS_OUT)
        call->out.data = plan_value(plan, step->node);
    call->dout = (Tensor){plan_grad(plan, step->node), op->shape, DTYPE_REAL};
}

static void bind(Plan *plan)
{
    for (int t = 0; t < plan->n_steps; t++) {
        Step *step = &plan->step[t];
        const Node *op = node_of(plan, step->node);
        Call *call = &step->call;
        call->n_in = op->n_in;
        for (int i = 0; i < op->n_in; i++)
            if (op->in[i] >= 0)
                call->in[i] =
                    (Tensor){NULL, node_of(plan, op->in[i])->shape, node_of(plan, op->in[i])->type};
        call->out = (Tensor){NULL, op->shape, op->type};
        for (int i = 0; i < OP_MAX_SAVED; i++)
            if (op->infer.saved[i].ndim)
                call->saved[i] = (Tensor){address(plan, plan->node[step->node].saved[i]),
                                          op->infer.saved[i], op->infer.saved_type[i]};
        call->scratch = address(plan, step->scratch);
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
        if (node_of(plan, i)->kind != NODE_INPUT)
            continue;
        set_zero(plan, plan->node[i].value);
        if (plan->node[i].grad >= 0)
            set_zero(plan, plan->node[i].grad);
    }
}

/* ---- dump ---- */

static void dump_step(const Plan *plan, int time, FILE *out)
{
    const Step *step = &plan->step[time];
    const Node *op = node_of(plan, step->node);
    char text[88];
    fprintf(out, "%4d %-8s %-16s", time, step->backward ? "backward" : "forward",
            op_info(op->op)->name);
    for (int i = 0; i < op->n_in; i++)
        fprintf(out, " %s%s", shape_text(step->call.in[i].shape, text),
                !(step->want & 1u << i) ? ""
                : step->add & 1u << i   ? "[+=]"
                                        : "[=]");
    int block = step->backward ? plan->node[step->node].grad : plan->node[step->node].value;
    fprintf(out, " -> %s  %zu bytes at %zu%s", shape_text(op->shape, text),
            bytes_of(op->shape, op->type), plan->block[representative(plan, block)].offset,
            step->in_place ? "  in place" : "");
    if (step->scratch >= 0)
        fprintf(out, "  scratch %zu at %zu", plan->block[step->scratch].bytes,
                plan->block[step->scratch].offset);
    fprintf(out, "\n");
}

/* One line per step. Backward lines show the shapes of forward, [=] and [+=] on the operands whose
 * gradient is written or added to, and where the gradient of the result lies. */
static void dump(const Plan *plan, FILE *out)
{
    fprintf(out, "plan: %d forward and %d backward steps, %zu bytes (%zu without sharing)\n",
            plan->n_forward, plan->n_steps - plan->n_forward, plan->bytes, plan->unshared);
    for (int t = 0; t < plan->n_steps; t++)
        dump_step(plan, t, out);
}

/* ---- the whole ---- */

static bool make(Plan *plan, Var loss, PlanOptions options, Error *err)
{
    plan->node = calloc((size_t)plan->graph->count + 1, sizeof *plan->node);
    if (!plan->node)
        return error_set(err, "plan: out of memory");
    if (!check_sets(plan, err))
        return false;
    resolve(plan);
    if (!mark(plan, loss, err) || !schedule(plan, loss.id, err) || !find_unreached(plan, err) ||
        !live(plan, err))
        return false;
    if (!options.no_reuse)
        join_in_place(plan);
    if (!place(plan, !options.no_reuse, err))
        return false;
    bind(plan);
    initialise(plan);
    if (options.dump)
        dump(plan, options.dump);
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
