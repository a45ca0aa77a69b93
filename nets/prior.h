/* Facial priors (the paper's 3.5, Fig. 6): people's facial parameters lie near a subspace of few
 * dimensions, one per group of facial components. Its principal components are learned from
 * characters that were found in photos, and predictions are made in the subspace:
 *
 *   z = P^T (x - m)                        (Eq. 11)
 *   x = (P P^T)^-1 P z + m                 (Eq. 12)
 *
 * P's columns are the kept principal directions, orthonormal. P P^T has no inverse where components
 * were dropped; with its pseudo-inverse Eq. 12 is x = P z + m. The characters' z are uncorrelated,
 * and have the standard deviations sigma; the paper's P, which whitens, is ours times 1 / sigma.
 *
 * Only continuous values have components. Of the discrete groups the prior keeps how often each
 * option was chosen. */
#ifndef NETS_PRIOR_H
#define NETS_PRIOR_H

#include <stdint.h>

#include "libtensor/error.h"

enum { PRIOR_MAX_GROUPS = 16, PRIOR_MAX_CHOICES = 8, PRIOR_MAX_SIZE = 256, PRIOR_NAME = 16 };

typedef struct PriorGroup {
    char name[PRIOR_NAME];
    int n;           /* values of x in it: 1 .. PRIOR_MAX_SIZE */
    int *index;      /* n: which */
    int kept;        /* components, 1 .. n */
    float *basis;    /* n x n: P^T, a component a row by falling variance; the first `kept` count */
    float *variance; /* n: of the characters along each component: sigma^2 */
} PriorGroup;

typedef struct PriorChoice { /* a discrete group: its one-hot in x */
    int begin, count;
    float *frequency; /* count: sum 1 */
} PriorChoice;

typedef struct Prior {
    int n_continuous, dim;
    float *mean; /* n_continuous: m */
    int n_groups;
    PriorGroup group[PRIOR_MAX_GROUPS];
    int n_choices;
    PriorChoice choice[PRIOR_MAX_CHOICES];
} Prior;

/* A prior of vectors x = [n_continuous values | one-hots], yet to be filled in. group[i]: the name
 * of value i's group (shorter than PRIOR_NAME); groups are numbered as they first appear. count: of
 * the options of the n_choices discrete groups, in x's order. prior_free. */
bool prior_new(Prior **prior, int n_continuous, const char *const *group, int n_choices,
               const int *count, Error *err);
void prior_free(Prior *prior);

/* Learns it from `count` vectors x [count, dim]. In every group the fewest components are kept that
 * have `energy` (0 < energy <= 1) of the sum of variances. There must be more characters than the
 * greatest group has values; values that are not finite are an error that names the row. */
bool prior_fit(Prior *prior, const float *x, int64_t count, double energy, Error *err);

/* The fewest components of a group that have this energy, at least 1. */
int prior_needed(const PriorGroup *group, double energy);
/* Keeps so many in every group. */
void prior_keep(Prior *prior, double energy);

/* Share of a group's sum of variances that its first k components have: the curve of Fig. 6 (a). 1
 * if there is no variance. */
double prior_energy(const PriorGroup *group, int k);

/* Kept components of all groups, K: the values of z, group after group. */
int prior_components(const Prior *prior);

/* P of all groups: [n_continuous, K]. */
void prior_matrix(const Prior *prior, float *p);

/* Eq. 11: x's continuous values to z, K values. */
void prior_encode(const Prior *prior, const float *x, float *z);
/* Eq. 12: z to continuous values, which may lie outside [0, 1]. */
void prior_decode(const Prior *prior, const float *z, float *x);

/* Takes z to a near one whose x lies in [0, 1] (but for rounding errors). moves: NULL, or
 * n_continuous flags: values with 0 may lie anywhere. */
void prior_confine(const Prior *prior, const float *moves, float *z);

/* Gives x the continuous values of z that move, clamped to [0, 1]; the others rest. */
void prior_put(const Prior *prior, const float *moves, const float *z, float *x);

/* Takes x's continuous values to a near point of the subspace in [0, 1]. moves: NULL, or
 * n_continuous flags: values with 0 rest, and the others become those of such a point. */
void prior_project(const Prior *prior, const float *moves, float *x);

/* A random person of the prior: z normal, options by their frequency; continuous values as
 * prior_project leaves them, one-hots exact. x: dim values. */
void prior_draw(const Prior *prior, uint64_t seed, uint64_t index, float *x);

#endif
