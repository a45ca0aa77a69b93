/* Brows of other thickness and tilt out of the shipped ones. Baker only. */
#ifndef ENGINE_BAKE_BROW_H
#define ENGINE_BAKE_BROW_H

#include "engine/bake_source.h"

/* A brow's three looks: the strokes thicker or thinner about their own middle line (found in the
 * texture's alpha), the inner ends raised by `tilt` against the outer ones, all raised by `lift`,
 * draped on the skin. */
typedef struct BrowShape {
    float thickness, tilt, lift;
} BrowShape;

/* Gives the proxy that shape. rgba: its texture, width x height, rows top to bottom. */
bool bake_brow(SourceMesh *proxy, const SourceMesh *base, BrowShape shape, const uint8_t *rgba,
               int width, int height, Error *err);

#endif
