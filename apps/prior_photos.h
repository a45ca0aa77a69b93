/* Characters for a prior, from photos: what the translator makes of them (the paper's 3.5 runs the
 * method on front-view photos of CelebA). */
#ifndef APPS_PRIOR_PHOTOS_H
#define APPS_PRIOR_PHOTOS_H

#include "apps/studio.h"

/* x = T(photo) of every good and frontal photo of `photos`, or of every plausible person of a set
 * of renders of the engine (photo_option.h; a pool made of a folder goes into the folder `out`): n
 * x dim, one-hots as the translator's softmax leaves them; the caller frees. The studio is
 * of one engine, with its translator. Shows its progress. */
bool prior_photos_read(const Studio *studio, const char *photos, const char *out, float **x,
                       int64_t *n, Error *err);

#endif
