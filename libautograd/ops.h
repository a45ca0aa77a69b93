/* Builders of the ops: what each computes, of which shapes. N batch, C channels, H height, W width.
 * A wrong shape or parameter makes the graph's sticky error. Formulas and gradients:
 * libtensor/ops/NAME.c. One builder per row of libtensor/ops.def (a missing one fails to link). */
#ifndef LIBAUTOGRAD_OPS_H
#define LIBAUTOGRAD_OPS_H

#include "libautograd/autograd.h"

/* ---- linear maps ---- */

/* x [N,I], w [O,I], b [O] or AG_NONE -> x w^T + b [N,O]. */
Var ag_linear(Graph *g, Var x, Var w, Var b);

/* Cross-correlation (PyTorch's Conv2d): x [N,C,H,W], w [O,C,kh,kw], b [O] or AG_NONE ->
 * [N, O, (H + 2 pad - kh) / stride + 1, (W + 2 pad - kw) / stride + 1]. */
Var ag_conv2d(Graph *g, Var x, Var w, Var b, Conv2dParam p);

/* The gradient of conv2d to its input, as a layer (PyTorch's ConvTranspose2d): x [N,I,H,W], w
 * [I,O,kh,kw], b [O] or AG_NONE -> [N, O, (H - 1) stride - 2 pad + kh, (W - 1) stride - 2 pad +
 * kw]. */
Var ag_conv_transpose2d(Graph *g, Var x, Var w, Var b, ConvTranspose2dParam p);

/* ---- normalisation and scaling ---- */

/* x [N,C,H,W] or [N,C]; gamma, beta, running mean, running var [C] -> gamma (x - m) / sqrt(v + eps)
 * + beta. train: m, v of the batch (biased v; the running var is updated with the unbiased one, as
 * PyTorch does). */
Var ag_batch_norm(Graph *g, Var x, Var gamma, Var beta, Var mean, Var var, BatchNormParam p);

/* x [N,C,H,W] or [N,C]; scale, shift [C] -> scale_c x + shift_c. */
Var ag_channel_affine(Graph *g, Var x, Var scale, Var shift);

/* x [N,C,H,W], s [N,C] -> x_nc s_nc (the gate of SENet). */
Var ag_channel_mul(Graph *g, Var x, Var s);

/* x [N,C,H,W], s [N,1,H,W] -> x times s in every channel (pixel-wise weights, Eq. 6). */
Var ag_spatial_mul(Graph *g, Var x, Var s);

/* mul x + add, any shape. */
Var ag_affine(Graph *g, Var x, AffineParam p);

/* ---- activations ---- */

Var ag_relu(Graph *g, Var x);
/* x > 0 ? x : slope x, 0 < slope < 1. */
Var ag_leaky_relu(Graph *g, Var x, LeakyReluParam p);
Var ag_sigmoid(Graph *g, Var x);

/* exp(beta x_k) / sum_i exp(beta x_i) along dimension 1, per group; x [N,C] or [N,C,H,W]. Elements
 * of no group pass through unchanged. The paper's h(x_k, beta), 3.6. */
Var ag_softmax(Graph *g, Var x, SoftmaxParam p);

/* MFM (Wu et al., LightCNN): x [N,2C,...] -> max of channels c and c + C, [N,C,...]. */
Var ag_max_halves(Graph *g, Var x);

/* ---- pooling and geometry ---- */

/* x [N,C,H,W] -> [N, C, (H + 2 pad - kernel) / stride + 1, ...] (floor). */
Var ag_max_pool2d(Graph *g, Var x, Pool2dParam p);
Var ag_avg_pool2d(Graph *g, Var x, Pool2dParam p);
/* Zeros around: [N, C, H + top + bottom, W + left + right]. */
Var ag_pad2d(Graph *g, Var x, Pad2dParam p);
/* A box of x (or all of it) to [N, C, p.height, p.width]. */
Var ag_resize_bilinear(Graph *g, Var x, ResizeParam p);
/* x [N,3,H,W] -> .299 R + .587 G + .114 B [N,1,H,W]. */
Var ag_grey(Graph *g, Var x);
/* 1 to 8 tensors alike but in dimension p.axis, joined there. */
Var ag_concat(Graph *g, const Var *x, int n, AxisParam p);
/* Elements p.begin .. p.begin + p.count - 1 of dimension p.axis. */
Var ag_slice(Graph *g, Var x, AxisParam p);

/* ---- arithmetic ---- */

/* Equal shapes. */
Var ag_add(Graph *g, Var a, Var b);
Var ag_mul(Graph *g, Var a, Var b);

/* Mean of x under weights: x [N,C,H,W], w [N,K,H,W] >= 0 -> [N,K,C],
 * y_nkc = sum_p w_nkp x_ncp / (sum_p w_nkp + 1). (The mean colour of region k.) */
Var ag_region_mean(Graph *g, Var x, Var w);

/* ---- losses: scalars [1] ---- */

/* mean |a - b|, equal shapes (Eq. 1); the gradient at a = b is 0. */
Var ag_l1_loss(Graph *g, Var a, Var b);
/* mean (a - b)^2, equal shapes. */
Var ag_l2_loss(Graph *g, Var a, Var b);
/* mean over n of 1 - a_n . b_n / (|a_n| |b_n|), a, b [N,D] (Eq. 5); norms below 1e-8 count as 1e-8.
 */
Var ag_cosine_loss(Graph *g, Var a, Var b);
/* -mean log softmax(x)_label over the pixels whose label is not p.ignore (0 if there are none);
 * x [N,C,H,W], label I32 [N,H,W] with 0 <= label < C or ignore; other labels count as ignore. */
Var ag_cross_entropy(Graph *g, Var x, Var label, CrossEntropyParam p);
/* sum_i StepState.weight[p.weight[i]] x_i of 1 to 8 scalars (Eq. 4). */
Var ag_weighted_sum(Graph *g, const Var *x, int n, WeightedSumParam p);

#endif
