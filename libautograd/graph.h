/* Inside of a graph: for graph.c, plan.c and run.c. */
#ifndef LIBAUTOGRAD_GRAPH_H
#define LIBAUTOGRAD_GRAPH_H

#include "libautograd/autograd.h"

typedef enum NodeKind { NODE_INPUT, NODE_PARAM, NODE_RESHAPE, NODE_DETACH, NODE_OP } NodeKind;

typedef struct Node {
    NodeKind kind;
    Shape shape;
    DType type;
    bool keep, want_grad;
    char *name;        /* input */
    ParamSet *set;     /* parameter */
    Param param;       /* parameter */
    Op op;             /* op */
    int in[OP_MAX_IN]; /* ids; -1: left out. Reshape and detach have in[0]. */
    int n_in;
    void *op_param; /* op: a copy of its parameter struct */
    InferOut infer; /* op */
} Node;

/* Nodes are in topological order: inputs of a node have smaller ids. */
struct Graph {
    Node *node;
    int count, capacity;
    bool failed; /* error holds the first error */
    Error error;
};

#endif
