/* The total loss that trains the translator (the paper's 3.3 and Eq. 4),
 *
 *   lambda1 L_idt + lambda2 L_ctt + lambda3 L_loop   of I' = G(T(F_recg(I))),
 *
 * and two terms of ours: the parameters of pictures whose x is known (renders), and how unlikely a
 * person x is. The weights are the step's (StepState.weight, by term), for lambda2 changes from
 * step to step. Only T learns; the other networks are frozen. */
#ifndef NETS_TRANSLATOR_LOSS_H
#define NETS_TRANSLATOR_LOSS_H

#include "nets/imitator.h"
#include "nets/measure.h"
#include "nets/translator.h"

typedef enum TranslatorTerm {
    TERM_IDENTITY,   /* Eq. 5, or the squared distance: descriptor_loss of I and I' */
    TERM_CONTENT,    /* Eq. 6, on features or on class maps */
    TERM_LOOPBACK,   /* Eq. 7: mean |x - T(F_recg(I'))| */
    TERM_PARAMETERS, /* ours: mean |x - x of the picture| */
    TERM_PRIOR,      /* ours: loss_prior of the continuous x */
    TRANSLATOR_TERMS
} TranslatorTerm;

typedef struct TranslatorLossConfig {
    const Translator *translator;
    const Imitator *imitator;    /* its output has the side eyes->size; NULL: no I' is needed */
    const Eyes *eyes;            /* NULL likewise */
    bool term[TRANSLATOR_TERMS]; /* those that are in the sum */
    bool features;               /* content on features (the paper); false: on the class maps */
} TranslatorLossConfig;

/* Whether a term looks at I'. */
bool translator_term_draws(TranslatorTerm term);

/* Inputs of the graph; AG_NONE where the terms do not ask for them. N pictures. */
typedef struct TranslatorTargets {
    Var descriptor;     /* [N,embedding] of I */
    Var maps;           /* content on maps: [N,K,h,w] of I */
    Var content_weight; /* content on maps: [K] */
    Var picture;        /* content on features: I itself [N,3,size,size], for F_seg to look at */
    Var x;              /* parameters: [N,dim] */
    Var prior_scale, prior_shift, prior_zeros; /* prior: as loss_prior wants them */
} TranslatorTargets;

typedef struct TranslatorLoss {
    Var x;                      /* T(F_recg(I)) [N,dim] */
    Var term[TRANSLATOR_TERMS]; /* unweighted; AG_NONE: not there */
    Var total;
} TranslatorLoss;

TranslatorLoss translator_loss(Graph *graph, const TranslatorLossConfig *config,
                               const TranslatorTargets *targets);

#endif
