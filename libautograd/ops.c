/* The typed builders: each names its operands and hands them to ag_apply. */
#include "libautograd/ops.h"

/* A row of ops.def without a builder does not compile. */
#define OP(name, n_in, n_optional, Param, reads, flags) \
    _Static_assert(sizeof(&ag_##name) > 0, "ops.h lacks ag_" #name);
#include "libtensor/ops.def"
#undef OP

Var ag_linear(Graph *g, Var x, Var w, Var b)
{
    return ag_apply(g, OP_linear, NULL, (Var[]){x, w, b}, 3);
}

Var ag_conv2d(Graph *g, Var x, Var w, Var b, Conv2dParam p)
{
    return ag_apply(g, OP_conv2d, &p, (Var[]){x, w, b}, 3);
}

Var ag_conv_transpose2d(Graph *g, Var x, Var w, Var b, ConvTranspose2dParam p)
{
    return ag_apply(g, OP_conv_transpose2d, &p, (Var[]){x, w, b}, 3);
}

Var ag_batch_norm(Graph *g, Var x, Var gamma, Var beta, Var mean, Var var, BatchNormParam p)
{
    return ag_apply(g, OP_batch_norm, &p, (Var[]){x, gamma, beta, mean, var}, 5);
}

Var ag_channel_affine(Graph *g, Var x, Var scale, Var shift)
{
    return ag_apply(g, OP_channel_affine, NULL, (Var[]){x, scale, shift}, 3);
}

Var ag_channel_mul(Graph *g, Var x, Var s)
{
    return ag_apply(g, OP_channel_mul, NULL, (Var[]){x, s}, 2);
}

Var ag_spatial_mul(Graph *g, Var x, Var s)
{
    return ag_apply(g, OP_spatial_mul, NULL, (Var[]){x, s}, 2);
}

Var ag_affine(Graph *g, Var x, AffineParam p)
{
    return ag_apply(g, OP_affine, &p, &x, 1);
}

Var ag_relu(Graph *g, Var x)
{
    return ag_apply(g, OP_relu, NULL, &x, 1);
}

Var ag_leaky_relu(Graph *g, Var x, LeakyReluParam p)
{
    return ag_apply(g, OP_leaky_relu, &p, &x, 1);
}

Var ag_sigmoid(Graph *g, Var x)
{
    return ag_apply(g, OP_sigmoid, NULL, &x, 1);
}

Var ag_softmax(Graph *g, Var x, SoftmaxParam p)
{
    return ag_apply(g, OP_softmax, &p, &x, 1);
}

Var ag_max_halves(Graph *g, Var x)
{
    return ag_apply(g, OP_max_halves, NULL, &x, 1);
}

Var ag_max_pool2d(Graph *g, Var x, Pool2dParam p)
{
    return ag_apply(g, OP_max_pool2d, &p, &x, 1);
}

Var ag_avg_pool2d(Graph *g, Var x, Pool2dParam p)
{
    return ag_apply(g, OP_avg_pool2d, &p, &x, 1);
}

Var ag_pad2d(Graph *g, Var x, Pad2dParam p)
{
    return ag_apply(g, OP_pad2d, &p, &x, 1);
}

Var ag_resize_bilinear(Graph *g, Var x, ResizeParam p)
{
    return ag_apply(g, OP_resize_bilinear, &p, &x, 1);
}

Var ag_grey(Graph *g, Var x)
{
    return ag_apply(g, OP_grey, NULL, &x, 1);
}

Var ag_concat(Graph *g, const Var *x, int n, AxisParam p)
{
    return ag_apply(g, OP_concat, &p, x, n);
}

Var ag_slice(Graph *g, Var x, AxisParam p)
{
    return ag_apply(g, OP_slice, &p, &x, 1);
}

Var ag_add(Graph *g, Var a, Var b)
{
    return ag_apply(g, OP_add, NULL, (Var[]){a, b}, 2);
}

Var ag_mul(Graph *g, Var a, Var b)
{
    return ag_apply(g, OP_mul, NULL, (Var[]){a, b}, 2);
}

Var ag_region_mean(Graph *g, Var x, Var w)
{
    return ag_apply(g, OP_region_mean, NULL, (Var[]){x, w}, 2);
}

Var ag_l1_loss(Graph *g, Var a, Var b)
{
    return ag_apply(g, OP_l1_loss, NULL, (Var[]){a, b}, 2);
}

Var ag_l2_loss(Graph *g, Var a, Var b)
{
    return ag_apply(g, OP_l2_loss, NULL, (Var[]){a, b}, 2);
}

Var ag_cosine_loss(Graph *g, Var a, Var b)
{
    return ag_apply(g, OP_cosine_loss, NULL, (Var[]){a, b}, 2);
}

Var ag_cross_entropy(Graph *g, Var x, Var label, CrossEntropyParam p)
{
    return ag_apply(g, OP_cross_entropy, &p, (Var[]){x, label}, 2);
}

Var ag_weighted_sum(Graph *g, const Var *x, int n, WeightedSumParam p)
{
    return ag_apply(g, OP_weighted_sum, &p, x, n);
}
