/* The graph grows node by node; shapes are checked at once, and the first error sticks. */
#include "config.h"

#include "libautograd/graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

Graph *ag_graph_new(void)
{
    return calloc(1, sizeof(Graph));
}

void ag_graph_free(Graph *graph)
{
    if (!graph)
        return;
    for (int i = 0; i < graph->count; i++) {
        free(graph->node[i].name);
        free(graph->node[i].op_param);
    }
    free(graph->node);
    free(graph);
}

static Var fail(Graph *graph)
{
    graph->failed = true;
    return AG_NONE;
}

/* Appends a node, whose name and op_param the graph then owns. */
static Var append(Graph *graph, Node node)
{
    if (graph->count == graph->capacity) {
        int capacity = graph->capacity ? 2 * graph->capacity : 64;
        Node *grown = realloc(graph->node, (size_t)capacity * sizeof *grown);
        if (!grown) {
            free(node.name);
            free(node.op_param);
            error_set(&graph->error, "graph: out of memory");
            return fail(graph);
        }
        graph->node = grown;
        graph->capacity = capacity;
    }
    graph->node[graph->count] = node;
    return (Var){graph->count++};
}

static Node *node_of(const Graph *graph, Var x)
{
    assert(x.id >= 0 && x.id < graph->count);
    return &graph->node[x.id];
}

Var ag_input(Graph *graph, const char *name, DType type, Shape shape)
{
    if (graph->failed)
        return AG_NONE;
    if (shape_count(shape) <= 0) {
        char text[88];
        error_set(&graph->error, "input %s: the shape %s has no elements", name,
                  shape_text(shape, text));
        return fail(graph);
    }
    char *copy = strdup(name);
    if (!copy) {
        error_set(&graph->error, "graph: out of memory");
        return fail(graph);
    }
    return append(graph, (Node){.kind = NODE_INPUT, .name = copy, .type = type, .shape = shape});
}

Var ag_param(Graph *graph, ParamSet *set, Param param)
{
    if (graph->failed)
        return AG_NONE;
    if (param.id < 0) {
        error_set(&graph->error, "graph: a parameter could not be declared");
        return fail(graph);
    }
    /* One node per parameter, so that all its uses add to one gradient. */
    for (int i = 0; i < graph->count; i++) {
        const Node *n = &graph->node[i];
        if (n->kind == NODE_PARAM && n->set == set && n->param.id == param.id)
            return (Var){i};
    }
    return append(graph, (Node){.kind = NODE_PARAM,
                                .set = set,
                                .param = param,
                                .type = DTYPE_REAL,
                                .shape = params_shape(set, param)});
}

Var ag_reshape(Graph *graph, Var x, Shape shape)
{
    if (graph->failed)
        return AG_NONE;
    const Node *from = node_of(graph, x);
    if (shape_count(shape) != shape_count(from->shape)) {
        char a[88], b[88];
        error_set(&graph->error, "reshape: %s does not have as many elements as %s",
                  shape_text(from->shape, a), shape_text(shape, b));
        return fail(graph);
    }
    return append(
        graph,
        (Node){.kind = NODE_RESHAPE, .in = {x.id}, .n_in = 1, .type = from->type, .shape = shape});
}

Var ag_detach(Graph *graph, Var x)
{
    if (graph->failed)
        return AG_NONE;
    const Node *from = node_of(graph, x);
    return append(graph, (Node){.kind = NODE_DETACH,
                                .in = {x.id},
                                .n_in = 1,
                                .type = from->type,
                                .shape = from->shape});
}

void ag_keep(Graph *graph, Var x)
{
    if (!graph->failed)
        node_of(graph, x)->keep = true;
}

void ag_want_grad(Graph *graph, Var input)
{
    if (graph->failed)
        return;
    Node *node = node_of(graph, input);
    assert(node->kind == NODE_INPUT && node->type == DTYPE_REAL);
    node->want_grad = true;
}

Shape ag_shape(const Graph *graph, Var x)
{
    return graph->failed ? (Shape){0} : node_of(graph, x)->shape;
}

/* Running statistics are written in place, so they must be bytes that persist. */
static bool updates_persist(Graph *graph, const Node *node)
{
    const OpInfo *info = op_info(node->op);
    for (int i = 0; i < node->n_in; i++) {
        if (!(info->flags & OP_UPDATES(i)) || node->in[i] < 0)
            continue;
        NodeKind kind = graph->node[node->in[i]].kind;
        if (kind != NODE_PARAM && kind != NODE_INPUT)
            return error_set(
                &graph->error,
                "%s: operand %d is written by the op and must be a parameter or an input",
                info->name, i);
    }
    return true;
}

Var ag_apply(Graph *graph, Op op, const void *param, const Var *in, int n_in)
{
    if (graph->failed)
        return AG_NONE;
    const OpInfo *info = op_info(op);
    bool variadic = info->flags & OP_VARIADIC;
    assert(n_in >= (variadic ? 1 : info->n_in - info->n_optional) && n_in <= info->n_in);
    Node node = {.kind = NODE_OP, .type = DTYPE_REAL, .op = op, .infer = {.out_type = DTYPE_REAL}};
    for (int i = 0; i < OP_MAX_SAVED; i++)
        node.infer.saved_type[i] = DTYPE_REAL;
    node.n_in = variadic ? n_in : info->n_in;
    InferIn operands = {.n_in = node.n_in, .param = param};
    for (int i = 0; i < node.n_in; i++) {
        node.in[i] = i < n_in ? in[i].id : -1;
        if (node.in[i] < 0) {
            assert(!variadic && i >= info->n_in - info->n_optional);
            operands.type[i] = DTYPE_REAL;
            continue;
        }
        const Node *operand = node_of(graph, in[i]);
        operands.in[i] = operand->shape;
        operands.type[i] = operand->type;
    }
    if (!info->infer(&operands, &node.infer, &graph->error) || !updates_persist(graph, &node))
        return fail(graph);
    node.shape = node.infer.out;
    node.op_param = malloc(info->param_size);
    if (!node.op_param) {
        error_set(&graph->error, "graph: out of memory");
        return fail(graph);
    }
    if (param)
        memcpy(node.op_param, param, info->param_size);
    else
        memset(node.op_param, 0, info->param_size);
    return append(graph, node);
}
