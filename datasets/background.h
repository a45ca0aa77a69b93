/* Something random to stand behind a head. */
#ifndef DATASETS_BACKGROUND_H
#define DATASETS_BACKGROUND_H

#include "datasets/image.h"
#include "libtensor/rng.h"

/* Fills the picture with a colour, a gradient, blotches or stripes and shapes of the same over it,
 * sharp or out of focus. False only when out of memory. */
bool background_random(Image *image, Rng *rng, Error *err);

#endif
