/* Binary glTF 2.0 being written: a tree of JSON with one buffer of bytes behind it.
 *
 * https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html; 4.4 is the file's layout. */
#ifndef ENGINE_GLB_H
#define ENGINE_GLB_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "libtensor/error.h"

typedef struct Glb {
    json_t *root;
    uint8_t *bytes;
    size_t n, room;
    bool failed; /* out of memory: what follows does nothing, and glb_save says it */
} Glb;

void glb_begin(Glb *glb);
void glb_end(Glb *glb);

/* Appends to one of the root's arrays ("meshes"); takes the reference (NULL: out of memory) and
 * returns the index. */
int glb_add(Glb *glb, const char *array, json_t *object);

/* An accessor of count vectors of 2 or 3 floats, with their least and greatest values. */
int glb_floats(Glb *glb, const float *value, int count, int components);
/* An accessor of indices into n_vertex vertices. */
int glb_indices(Glb *glb, const int32_t *index, int count, int n_vertex);
/* An image from the bytes of its file; mime is image/png or image/jpeg. */
int glb_image(Glb *glb, const char *name, const char *mime, const uint8_t *file, size_t n);

/* Writes it, atomically. */
bool glb_save(Glb *glb, const char *path, Error *err);

#endif
