/* How far a picture is from what it should resemble: the losses of losses.h as numbers in memory,
 * for pictures that come from no graph (the engine's renders), and as residuals for
 * least_squares.h. */
#ifndef NETS_LIKENESS_H
#define NETS_LIKENESS_H

#include "nets/measure.h"

typedef struct Target {
    View view;            /* what to see */
    real *content_weight; /* K: for loss_content_maps */
    real *colour_weight;  /* K */
} Target;

/* The weights and view.colour are to be filled in. */
bool target_new(Target *target, const Eyes *eyes, Error *err);
void target_free(Target *target);

/* content_weight_k = 1 / (K area_k), areas as the share of the picture in the mean of target and
 * average face, so that content counts each class alike; a class too small to see weighs little. */
void target_weigh_content(Target *target, const Eyes *eyes, const View *average);

/* Share of the picture that class k takes. */
double view_area(const View *view, const Eyes *eyes, int k);

typedef struct Losses {
    double identity; /* descriptor_loss */
    double content;  /* loss_content_maps */
    double colour;   /* loss_colour */
    double geometry; /* of landmarks: the caller's */
    double prior;    /* loss_prior */
} Losses;

/* Prior: the mean of ((x - mean) / deviation)^2 over n values. */
double prior_loss(const float *x, const float *mean, const float *deviation, int n);
/* geometry and prior are left 0. */
Losses target_losses(const Target *target, const Eyes *eyes, const View *view);

/* The weights of the terms in a sum. */
typedef Losses Weights;
double losses_sum(Losses losses, Weights weights);

/* Residuals whose squares sum up to weights.identity identity + weights.colour colour +
 * weights.content times the squared content sum_k mean_p (weight_k (p_k - q_k))^2.
 * target_residual_count(eyes) values. */
int target_residual_count(const Eyes *eyes);
void target_residuals(const Target *target, const Eyes *eyes, const View *view, Weights weights,
                      float *residual);

#endif
