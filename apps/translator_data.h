/* The faces that a translator is trained on and measured with, and which of them a step takes (the
 * paper's 3.4.1): every fourth step a batch of all photos, the others of good frontal ones. */
#ifndef APPS_TRANSLATOR_DATA_H
#define APPS_TRANSLATOR_DATA_H

#include "apps/sights.h"
#include "apps/studio.h"

/* Some faces of a pool. */
typedef struct Faces {
    const Sights *sights;
    int64_t *face; /* numbers among the sights */
    int64_t count;
} Faces;

/* What a sample of a batch holds, in this order; of maps and picture one at the most. */
typedef struct FaceArrays {
    bool maps;    /* class maps, K x h x w */
    bool picture; /* 3 x size x size */
    bool x;       /* the schema's parameters; 0 where nobody knows them */
} FaceArrays;

enum { FACE_ARRAYS = 3 }; /* with the descriptor, which is always there */

/* An endless sequence of the numbers 0 .. n - 1: one permutation after the other. */
typedef struct Order {
    uint64_t seed, round; /* round: of the permutation at hand */
    uint32_t stream;
    int64_t n, *at;
} Order;

bool order_new(Order *order, int64_t n, uint64_t seed, uint32_t stream, Error *err);
void order_free(Order *order);
/* The number at a position; a function of (seed, stream, position) alone. */
int64_t order_at(Order *order, uint64_t position);

typedef struct TranslatorData {
    int n_pools;
    PhotoPool *pool[3];
    Sights sights[3];
    Faces all, frontal, val;
    FaceArrays arrays;
    int dim;        /* of x */
    bool alternate; /* whether steps differ; false: all photos in every step */
    int batch;
    uint64_t seed;
    real *noise; /* deviations of the descriptors' values times the noise; NULL: none */
    Order order_all, order_frontal;
} TranslatorData;

typedef struct TranslatorDataConfig {
    const char *data;    /* a pool, or what one is made of (photo_option.h): all photos */
    const char *frontal; /* likewise: of the frontal ones; NULL: those of data */
    const char *val;     /* likewise: held out; NULL: data's own validation part */
    const char *out;     /* folder of pools that have to be made */
    FaceArrays arrays;
    bool alternate;
    bool measure; /* all of data is held out; there is nothing to train on */
} TranslatorDataConfig;

/* Renders whose x is known must be of the studio's first model. */
bool translator_data_open(TranslatorData *data, const TranslatorDataConfig *config,
                          const Studio *studio, Error *err);
void translator_data_close(TranslatorData *data);

/* Before the first step. noise: of the descriptors that T is trained with, in deviations of each of
 * their values: 5,000 faces are soon learnt by heart, and photos are not quite as renders. */
bool translator_data_start(TranslatorData *data, int batch, uint64_t seed, double noise,
                           Error *err);

/* Whether the step's batch comes from all photos. */
bool translator_step_of_all(const TranslatorData *data, uint64_t step);
/* Whether x is known of the step's faces. */
bool translator_step_knows_x(const TranslatorData *data, uint64_t step);

/* Sample `slot` of the step's batch into the arrays (descriptor first). From one thread. */
bool translator_data_sample(TranslatorData *data, uint64_t step, int slot, void *const *array,
                            Error *err);

/* Face i of a set into the arrays. */
bool faces_get(const Faces *faces, int64_t i, FaceArrays arrays, int dim, void *const *array,
               Error *err);

#endif
