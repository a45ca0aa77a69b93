/* Textures for an exported character: what the renderer paints over a surface, without light. */
#ifndef ENGINE_GLTF_PAINT_H
#define ENGINE_GLTF_PAINT_H

#include "engine/renderer_internal.h"

typedef struct Painting {
    int width, height, channels; /* 3, or 4 with straight alpha */
    uint8_t *pixel;              /* rows top to bottom; free() it */
} Painting;

/* The colour of a surface, sRGB. posed: a frame after frame_transform. False when out of memory. */
bool paint_colour(const Frame *posed, int surface, Painting *out);

/* glTF's occlusion (red), roughness (green) and metalness (blue) of the skin. */
bool paint_skin_finish(const Frame *posed, int surface, Painting *out);

#endif
