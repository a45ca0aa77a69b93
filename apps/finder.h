/* Finds the character of an aligned photo: the search itself, for every program that needs one.
 *
 * The default schedule, per model of the studio:
 *   1. colours: skin, hair and lip controls onto the photo's mean colours, in the engine's light;
 *   2. hair: every style drawn by the engine, the best kept;
 *   3. descent (Eq. 9) through the imitator over macro shape and appearance, bones at rest;
 *   4. choices: every option of every discrete group drawn by the engine, the best kept; colours
 * once more; the better model goes on;
 *   5. descent over everything;
 *   6. choices but for the hair, and refinement: macro and appearance by least squares on the
 * engine's own renders. Every ten steps of a descent the engine draws x: the best x so far is kept,
 * and what the imitator gets wrong there is taken off the target. The engine's renders are judged
 * by the descent's losses and by the landmarks. The paper's schedule is step 5 alone from the
 * average face, at the paper's rates.
 *
 * From a translator's x (FinderConfig.translate) the steps 2 and 3, which only find a start, are
 * left out, and the paper's schedule begins with T's soft one-hots instead of undecided ones. Where
 * the studio has priors, descents and refinements stay in their subspaces.
 */
#ifndef APPS_FINDER_H
#define APPS_FINDER_H

#include "apps/studio.h"
#include "nets/likeness.h"

typedef struct FinderConfig {
    bool paper;      /* plain Eq. 9: raw losses, SGD, one-hots through the softmax */
    int first_steps; /* of descent over macro and appearance */
    int steps;       /* of descent over everything */
    int refinements; /* least-squares iterations on the engine */
    int starts;      /* the average face, and random people around it */
    double rate;     /* learning rate */
    Weights weight;  /* lambda1, lambda2 and ours: of losses relative to the average face's, but the
                        prior's, which counts squared deviations */
    bool cosine;     /* identity by Eq. 5's cosine; false: by the descriptor's own loss */
    bool features;   /* content on features, as the paper; false: on class maps */
    double light_trust; /* 0 .. 1: how far the photo's skin colour is skin and not light */
    bool translate;     /* start at what the studio's translator makes of the photo; else at the
                           average face */
    uint64_t seed;      /* of the random people */
    int only;           /* try this model alone, or -1: try all, keep the one whose character and
                           average face are nearest */
} FinderConfig;

FinderConfig finder_default(void);
FinderConfig finder_paper(void);

typedef struct TracePoint {
    int model, stage, step; /* stage as numbered above */
    double total;
    Losses loss; /* of the best start */
} TracePoint;

typedef struct Finding {
    int model;
    float *x;                          /* of the schema's dim; one-hots are exact */
    real *imitation;                   /* the imitator's picture of x, 3 x size x size */
    real *render;                      /* the engine's */
    double start_distance[MAX_MODELS]; /* descriptors: photo to a model's average face; < 0: not
                                          tried */
    double result_distance;            /* photo to the engine's render of x */
    double imitator_distance;          /* photo to the imitator's picture of x */
    double saturated;                  /* share of the continuous controls at 0 or 1 */
    double gap;                        /* mean |imitator - engine| */
    Losses loss;                       /* of the engine's render */
    TracePoint *trace;
    int n_trace;
} Finding;

/* picture: the aligned photo, planar 3 x size x size. progress: called now and then with the share
 * done; may be NULL. On success the caller frees finding's contents (finding_free). */
bool finder_run(Studio *studio, const real *picture, const FinderConfig *config,
                void (*progress)(void *context, double done), void *context, Finding *finding,
                Error *err);
void finding_free(Finding *finding);

#endif
