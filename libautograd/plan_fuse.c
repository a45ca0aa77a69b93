/* Activations into the steps that make what they read. conv -> relu stays two nodes of the graph;
 * the convolution applies the relu to its results before they leave the cache (Call.activation),
 * and the value between them never exists. Where the op's backward makes the mask from what it
 * reads anyway (OP_MASKS: batch_norm), there is no backward step of the activation either;
 * otherwise it stays a step of its own, in place. */
#include "libautograd/plan.h"

static bool is_activation(const Node *node)
{
    return node->kind == NODE_OP && (node->op == OP_relu || node->op == OP_leaky_relu);
}

/* Live nodes that have `id` as an operand. */
static int readers(const Plan *plan, int id)
{
    int n = 0;
    for (int i = id + 1; i < plan->graph->count; i++)
        for (int k = 0; plan->node[i].live && k < plan_node(plan, i)->n_in; k++)
            n += plan_node(plan, i)->in[k] == id;
    return n;
}

void plan_fuse(Plan *plan)
{
    for (int i = 0; i < plan->graph->count; i++) {
        if (!plan->node[i].live || !is_activation(plan_node(plan, i)))
            continue;
        int id = plan_node(plan, i)->in[0];
        const Node *op = plan_node(plan, id);
        if (op->kind != NODE_OP || !(op_info(op->op)->flags & OP_ACTIVATES) ||
            plan->node[id].persists || readers(plan, id) > 1)
            continue;
        plan->node[id].activation = i;
        plan->node[i].merged = true;
    }
}
