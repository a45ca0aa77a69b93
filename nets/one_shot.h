/* The paper's one-shot mode (3.4.1, stage III): x = T(F_recg(I)), no iterations. */
#ifndef NETS_ONE_SHOT_H
#define NETS_ONE_SHOT_H

#include "nets/descriptor.h"
#include "nets/translator.h"

/* A forward plan for up to `batch` pictures at a time. */
typedef struct OneShot OneShot;

/* Pictures of size x size, F_recg looking at the chip. The networks must outlive it, their sets be
 * frozen and on the backend. Fails when the descriptor is not of the translator's embedding. */
bool one_shot_new(OneShot **one_shot, const Translator *translator, const Descriptor *descriptor,
                  RecognizerChip chip, int size, int batch, Backend *backend, Error *err);
void one_shot_free(OneShot *one_shot);

/* picture: n x 3 x size x size, RGB in [0, 1], aligned; n <= batch. x: n x translator_dim, one-hots
 * as the softmax leaves them (the engine takes the arg max). A picture's x does not depend on what
 * else is in the batch. */
void one_shot_run(OneShot *one_shot, const real *picture, int n, float *x);

#endif
