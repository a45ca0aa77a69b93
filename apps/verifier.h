/* Face verification of a table of pairs, by descriptors or by a translator's facial parameters. */
#ifndef APPS_VERIFIER_H
#define APPS_VERIFIER_H

#include <jansson.h>

#include "apps/pair_table.h"
#include "apps/sights.h"
#include "apps/studio.h"
#include "nets/verification.h"

typedef struct Verifier {
    const Studio *studio; /* borrowed */
    PairTable table;
    PhotoPool *pool;
    Sights sights;
    int64_t pairs;  /* those of which both photos show a face; the others are left out */
    int64_t *a, *b; /* faces: numbers among the sights */
    bool *same;     /* of those pairs, as the table has it */
    int *fold;      /* of them, 0 .. folds - 1 */
    int folds, number[VERIFICATION_MAX_FOLDS]; /* number: of each of the table's folds among them,
                                                  -1: no pair of it is left */
} Verifier;

/* Finds and looks at the photos of the table, once: the pool and what is seen are kept in OUT. The
 * table is taken over, whatever happens. size: of the aligned pictures; a translator wants the
 * studio's. Prints progress, and how many photos show no face. Fails where what is left are not two
 * folds, with pairs of either kind. */
bool verifier_open(Verifier *verifier, PairTable *table, const Studio *studio, int size,
                   const char *out, Error *err);
void verifier_close(Verifier *verifier);

/* By anything that is known of the faces: embedding, sights.count x dim; distance: NULL or `pairs`
 * values, as verification_run has them. */
bool verifier_measure(const Verifier *verifier, const real *embedding, int dim,
                      const VerificationConfig *config, Verification *result, double *distance,
                      Error *err);

/* By the studio's descriptor itself: how much the photos tell. */
bool verifier_descriptors(const Verifier *verifier, const VerificationConfig *config,
                          Verification *result, Error *err);

/* By the parameters that the translator PATH, of the studio's first model, finds in one shot.
 * *hash: of its weights. */
bool verifier_translator(const Verifier *verifier, const char *path,
                         const VerificationConfig *config, Verification *result, uint64_t *hash,
                         Error *err);

/* {"accuracy", "deviation", ..., "pairs", "left_out"}; the caller's. */
json_t *verification_json(const Verifier *verifier, const Verification *result);

#endif
