/* The losses of the paper's 3.3 and what finding a character of a real photo needs beside them.
 * Each builds a scalar [1]; none owns anything. Targets are inputs of the graph, or detached. */
#ifndef NETS_LOSSES_H
#define NETS_LOSSES_H

#include "libautograd/autograd.h"

/* Eq. 1 with a weight per pixel and a quadratic term: mean |d| + square * mean d^2 of
 * d = weight (a - b). L1 alone leaves a mouth shut that is open in a few pictures, for their median
 * is shut. a, b [N,C,H,W]; weight [N,1,H,W] >= 0. */
Var loss_weighted(Graph *graph, Var a, Var b, Var weight, real square);

/* Eq. 5: 1 - cos(F_recg(I), F_recg(I')), mean over n. descriptor, target [N,D]. */
Var loss_identity(Graph *graph, Var descriptor, Var target);

/* The squared distance |F_recg(I) - F_recg(I')|^2, mean over n: what the 128-d recogniser was
 * trained for. Unlike the cosine it does not see the mean that all its descriptors share. */
Var loss_identity_distance(Graph *graph, Var descriptor, Var target);

/* Eq. 6: || w1 f1 - w2 f2 ||_1 as a mean, summed over the facial classes 1 .. K-1. features
 * [N,C,h,w]; maps [N,K,h,w]: F_seg's class probabilities, the pixel-wise weights w. */
Var loss_content_features(Graph *graph, Var features, Var maps, Var target_features,
                          Var target_maps);

/* Eq. 6 on the class maps alone, each class with its own weight (1 / its area makes a brow count as
 * much as the hair): mean over pixels of sum_k weight_k |p_k - q_k|. maps, target [N,K,h,w];
 * weight [K]. */
Var loss_content_maps(Graph *graph, Var maps, Var target, Var weight);

/* Mean colour of each class, of its pixels that are sure (weights p^3): picture [N,3,H,W], maps
 * [N,K,h,w] with H a multiple of h -> [N,K,3]. The maps get no gradient: a region takes another
 * colour, not another shape. */
Var region_colour(Graph *graph, Var picture, Var maps);

/* Mean over classes and channels of (weight_k (colour - target))^2. colour, target [N,K,3]; weight
 * [K]. */
Var loss_colour(Graph *graph, Var colour, Var target, Var weight);

/* Mean over d of (scale_d x_d + shift_d)^2: with scale = 1 / deviation and shift = - mean /
 * deviation the squared number of deviations from the mean, how unlikely a person x is. x [N,D];
 * scale, shift [D]; zeros [N,D]. */
Var loss_prior(Graph *graph, Var x, Var scale, Var shift, Var zeros);

#endif
