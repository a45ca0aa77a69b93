/* What the frozen networks see in the faces of a pool, looked at once: their descriptors and class
 * maps, which the translator is trained with. */
#ifndef APPS_SIGHTS_H
#define APPS_SIGHTS_H

#include "datasets/photo_pool.h"
#include "nets/measure.h"
#include "nets/translator.h"

typedef struct Sights {
    const PhotoPool *pool; /* borrowed */
    Eyes eyes;
    int64_t count, *index; /* the faces: which photos of the pool they are */
    int dim;               /* of a descriptor */
    float *descriptor;     /* count x dim, as descriptor_forward gives them */
    size_t area;           /* values of a face's maps: classes x side x side */
    uint8_t *maps;         /* count x area, probabilities times 255; NULL: not asked for */
} Sights;

/* Looks at all faces of the pool, or reads what was seen from `cache`, if it is of the same pool
 * and the same networks; else the file is written (by atomic rename). A run that is stopped leaves
 * what it has seen there, for the next one to go on with. backend: to look with. Shows its
 * progress.
 */
bool sights_open(Sights *sights, const PhotoPool *pool, const Eyes *eyes, bool maps,
                 const char *cache, Backend *backend, Error *err);
void sights_close(Sights *sights);

/* The faces whose split's bit is set and, unless quality is NULL, that are good and frontal: their
 * numbers among the sights, in order (the caller frees; *n may be 0). */
bool sights_select(const Sights *sights, unsigned splits, const PhotoQuality *quality,
                   int64_t **face, int64_t *n, Error *err);

/* Face i's own picture, planar, 3 x size x size (the pool's), and its x (NULL: unknown). Either
 * pointer may be NULL. */
bool sights_get(const Sights *sights, int64_t i, real *picture, const float **x, Error *err);

/* T in its one-shot mode over the descriptors of n faces (NULL: of all, n = count): x, n x
 * translator_dim, one-hots before the choice. */
bool sights_translate(const Sights *sights, const Translator *net, const int64_t *face, int64_t n,
                      float *x, Backend *backend, Error *err);

#endif
