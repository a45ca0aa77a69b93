/* A plan as text. */
#include "libautograd/plan.h"

static void dump_step(const Plan *plan, int time, FILE *out)
{
    const Step *step = &plan->step[time];
    const Node *op = plan_node(plan, step->node);
    char text[88], name[48];
    bool merged = step->call.activation.kind != ACTIVATION_NONE;
    snprintf(name, sizeof name, "%s%s%s", op_info(op->op)->name, merged ? "+" : "",
             merged ? op_info(plan_node(plan, step->out)->op)->name : "");
    fprintf(out, "%4d %-8s %-16s", time, step->backward ? "backward" : "forward", name);
    for (int i = 0; i < op->n_in; i++)
        fprintf(out, " %s%s", shape_text(step->call.in[i].shape, text),
                !(step->want & 1u << i) ? ""
                : step->add & 1u << i   ? "[+=]"
                                        : "[=]");
    Tensor made = step->backward ? step->call.dout : step->call.out;
    int block =
        step->backward ? plan->node[plan_dout(plan, step)].grad : plan->node[step->out].value;
    fprintf(out, " -> %s%s  %zu bytes at %zu%s%s", shape_text(op->shape, text),
            made.type == DTYPE_BF16 ? " bf16" : "", tensor_bytes(made),
            plan->block[plan_representative(plan, block)].offset,
            step->in_place ? "  in place" : "", step->over_in ? "  over its operand" : "");
    if (step->scratch >= 0)
        fprintf(out, "  scratch %zu at %zu", plan->block[step->scratch].bytes,
                plan->block[step->scratch].offset);
    fprintf(out, "\n");
}

void plan_dump(const Plan *plan, FILE *out)
{
    fprintf(out, "plan: %d forward and %d backward steps, %zu bytes (%zu without sharing)\n",
            plan->n_forward, plan->n_steps - plan->n_forward, plan->bytes, plan->unshared);
    for (int t = 0; t < plan->n_steps; t++)
        dump_step(plan, t, out);
}
