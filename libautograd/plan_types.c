/* Which values and gradients are bfloat16 in the slab: those of images (four dimensions) that lie
 * between ops able to write and to read them (Backend.half), unless they are readable after a run.
 * Everything else, parameters and losses among it, is real. */
#include "libautograd/plan.h"

/* Whether the op of node i can have this operand (READS_IN or READS_OUT) in bfloat16. */
static bool can(const Plan *plan, int i, unsigned operand)
{
    return plan->backend->half[plan_node(plan, i)->op] & operand;
}

static bool can_write(const Plan *plan, int i)
{
    const Node *node = plan_node(plan, i);
    bool merged = plan->node[i].merged; /* then its operand's step writes it */
    return node->kind == NODE_OP && node->shape.ndim == 4 && !plan->node[i].persists &&
           can(plan, i, READS_OUT) && (!merged || can(plan, node->in[0], READS_OUT));
}

void plan_types(Plan *plan)
{
    for (int i = 0; i < plan->graph->count; i++) {
        const Node *node = plan_node(plan, i);
        plan->node[i].type = can_write(plan, i) ? DTYPE_BF16 : node->type;
        for (int k = 0; node->kind == NODE_OP && plan->node[i].live && k < node->n_in; k++)
            if (node->in[k] >= 0 && !can(plan, i, READS_IN(k))) {
                int root = plan->node[node->in[k]].root;
                plan->node[root].type = plan_node(plan, root)->type;
            }
    }
}
