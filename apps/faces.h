/* Faces of known persons, grey and cut as a LightCNN is to see them: what the recogniser trains on.
 * They are made once, from photos or by an engine, and kept in one file. */
#ifndef APPS_FACES_H
#define APPS_FACES_H

#include "libtensor/tensor_file.h"
#include "nets/descriptor.h"

/* Who: the persons of a folder, DIR/PERSON/.../photo.jpg; or without one an engine's, each a random
 * person of its schema in several random views (pairs_random_view). */
typedef struct FacesSource {
    const char *dir;    /* NULL: the engine's */
    const char *engine; /* as in engine_option.h */
    int identities, per_identity;
    uint64_t seed;
} FacesSource;

/* The side of the stored pictures for a network of this side. As its authors do, the network gets
 * a square cut out of a larger one by a ninth, at random in training and from the middle else. */
int faces_side(int size);

typedef struct Faces {
    TensorFile *file;
    int64_t count;
    int persons, side;
    char digest[17];       /* of the two below: tells whether these are the faces of a run */
    const uint8_t *face;   /* count x side x side */
    const int32_t *person; /* count: 0 .. persons - 1, ascending */
} Faces;

/* Makes the file PATH, whole or not at all, on all cores; the same bytes at any number of threads.
 * Where PATH already holds the faces of this source it is left as it is; a folder counts as the
 * same by its name. Any other file there is an error. Every face is found, its 68 landmarks give
 * the cut: eyes level, the rest by descriptor_chip. Photos without a face, or that cannot be read,
 * are left out and reported on stderr; a view without one is replaced by another (four are tried).
 * Persons without a face are left out. */
bool faces_make(const char *path, const FacesSource *source, int size, Error *err);

/* Opens such a file for a network of this side. The caller closes it. */
bool faces_open(Faces *faces, const char *path, int size, Error *err);
void faces_close(Faces *faces);

#endif
