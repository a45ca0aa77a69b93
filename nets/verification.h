/* Face verification as face.evoLVe measures it: are two descriptors of one person? For descriptors
 * of any kind, facial parameters too. */
#ifndef NETS_VERIFICATION_H
#define NETS_VERIFICATION_H

#include <stdint.h>

#include "libtensor/error.h"
#include "libtensor/real.h"

enum {
    VERIFICATION_FOLDS = 10,
    VERIFICATION_MAX_FOLDS = 64,
    VERIFICATION_THRESHOLDS = 400, /* 0, .01, ... 3.99 */
    VERIFICATION_RATES = 3
};

/* False accept rates at which the true accept rate is told. */
extern const double VERIFICATION_FAR[VERIFICATION_RATES]; /* .1, .01, .001 */

/* What is done to the embeddings, per fold, with the mean (and principal directions) of the
 * embeddings of the other folds; then they are scaled to unit length once more. */
typedef struct VerificationConfig {
    bool centre;      /* subtract the mean: descriptors whose values are all positive, as facial
                         parameters are, crowd in one direction otherwise */
    int components;   /* > 0: project onto so many principal components (which centres too), as
                         face.evoLVe's option pca; 0: off, its default */
    bool signed_root; /* then every value becomes its square root, with its sign: with components
                         the normalisation of parameters by 3DMM-CNN (Tran et al. 2017), which the
                         paper takes */
} VerificationConfig;

typedef struct Verification {
    double accuracy, deviation; /* mean over the folds, and (population) standard deviation */
    double threshold;           /* mean of the folds' */
    int folds;
    double fold_accuracy[VERIFICATION_MAX_FOLDS], fold_threshold[VERIFICATION_MAX_FOLDS];
    double area; /* under the ROC curve: how often a same pair is nearer than a different one */
    double tar[VERIFICATION_RATES]; /* share of same pairs below the largest threshold under which
                                       at most FAR of the different pairs are */
} Verification;

/* fold[i] of `pairs` pairs in file order: contiguous, the first pairs mod folds have one more. */
void verification_folds(int64_t pairs, int folds, int *fold);

/* a, b [pairs, dim]: the pairs' embeddings, of any length. They are scaled to unit length; the
 * distance is the squared L2, < t means same. Per fold the first best threshold on the other folds
 * is tried on it. fold: 0 .. VERIFICATION_MAX_FOLDS - 1, at least two of them, without gaps. area
 * and tar are over the distances of all pairs, each as its own fold's test saw it: these go to
 * distance [pairs], unless it is NULL. Fails when there are no same or no different pairs, on an
 * embedding that is not finite, without memory, and on more components than values. */
bool verification_run(const real *a, const real *b, int64_t pairs, int dim, const bool *same,
                      const int *fold, const VerificationConfig *config, Verification *result,
                      double *distance, Error *err);

/* The ROC curve: tar[i] at false accept rates of at most far[i], n of them in rising order; as
 * Verification.tar. False only when out of memory. */
bool verification_roc(const double *distance, const bool *same, int64_t pairs, const double *far,
                      double *tar, int n, Error *err);

#endif
