/* Lips and lids of a posed skin, known by their rings of vertices. */
#ifndef ENGINE_FACE_RINGS_H
#define ENGINE_FACE_RINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/scene.h"

typedef struct FaceRings FaceRings;

/* source: of each skin vertex its index in MakeHuman's mesh. False when out of memory. */
bool face_rings_new(FaceRings **rings, const int32_t *source, int n_vertex);
void face_rings_free(FaceRings *rings);

/* Lets lips touch at rest: closes a slit of up to 3 mm in a posed skin (n_vertex x 3), nothing of
 * one above 4.6 mm. */
void face_rings_close_lips(const FaceRings *rings, float *position);

/* How far the lids are open around the eyes' centres ([0] the person's left). */
void face_rings_eyes(const FaceRings *rings, const float *position, float centre[2][3],
                     EyeOpening opening[2]);

#endif
