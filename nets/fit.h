/* The paper's iterative mode (3.4.2, Eq. 9 and 10): facial parameters by gradient descent through
 * the frozen imitator, recogniser and segmenter,
 *
 *   x* = arg min over x in [0, 1] of  sum_t weight_t L_t(G(x), target),   x <- project(x - mu
 * grad).
 *
 * Several starts run side by side in one batch; each has its own losses and weights, so that none
 * feels the others. */
#ifndef NETS_FIT_H
#define NETS_FIT_H

#include "libautograd/optim.h"
#include "nets/imitator.h"
#include "nets/measure.h"
#include "nets/prior.h"

typedef enum FitTerm {
    FIT_IDENTITY, /* Eq. 5, or the loss that the descriptor was trained for */
    FIT_CONTENT,  /* Eq. 6 */
    FIT_COLOUR,   /* mean colour of each class */
    FIT_PRIOR,    /* how unlikely a person x is */
    FIT_TERMS
} FitTerm;

enum { FIT_MAX_STARTS = STEP_MAX_WEIGHTS / FIT_TERMS };

typedef struct FitConfig {
    Backend *backend;
    const Imitator *imitator; /* its output has the side eyes.size */
    Eyes eyes;
    int starts;       /* 1 .. FIT_MAX_STARTS */
    int n_continuous; /* the first of x's values; the rest are the one-hots of the discrete groups
                       */
    real beta;   /* > 0: the one-hots are searched as well, through h(x, beta) of the paper's 3.6;
                    0: they stay what fit_set_x gives */
    bool cosine; /* identity by Eq. 5's cosine; false: by the descriptor's own loss, descriptor_loss
                  */
    bool features; /* content on features (the paper); false: on the class maps */
    OptimConfig optim;
    const float *mean, *deviation; /* n_continuous: of FIT_PRIOR */
    const Prior *prior; /* NULL, or of such vectors: what moves stays in its subspace, where the
                           optimiser works (Eq. 11, 12) */
} FitConfig;

typedef struct Fit Fit;

/* The networks must outlive the fit and their sets be frozen (allocated untrainable), the prior
 * must outlive it too; the rest of config is copied. */
bool fit_new(Fit **fit, const FitConfig *config, Error *err);
void fit_free(Fit *fit);

/* What to resemble. content_weight, colour_weight: K, of the classes (the former for class maps
 * only). */
void fit_set_target(Fit *fit, const View *target, const real *content_weight,
                    const real *colour_weight);

/* x: the whole vector, dim values, of one start. With a prior its values that move come back as
 * prior_project makes them. */
void fit_set_x(Fit *fit, int start, const float *x);
/* With beta > 0 the one-hots come as they are searched: before the softmax. */
void fit_get_x(const Fit *fit, int start, float *x);

/* Which continuous values move: mask n_continuous of 1, or 0 for those that rest (at first all
 * move). Set it before x. */
void fit_set_mask(Fit *fit, const float *mask);

void fit_set_weight(Fit *fit, int start, FitTerm term, real weight);

/* Forgets the optimiser's moments and counts steps from 0 again. */
bool fit_restart(Fit *fit, Error *err);

/* One step of Eq. 10; the values below are those of x before the step. */
void fit_step(Fit *fit, real learning_rate);
/* The forward and backward pass alone. */
void fit_evaluate(Fit *fit);

/* Unweighted. */
real fit_loss(const Fit *fit, int start, FitTerm term);
/* The weighted sum of a start. */
real fit_total(const Fit *fit, int start);
/* What the networks see in the imitator's picture: descriptor, maps and colour of view; its
 * features stay. */
void fit_view(const Fit *fit, int start, View *view);
/* The imitator's picture, 3 x size x size. */
void fit_picture(const Fit *fit, int start, real *picture);

#endif
