/* Pictures that come from elsewhere, brought to what engine_render promises. */
#ifndef ENGINE_FRAME_H
#define ENGINE_FRAME_H

#include <stddef.h>

#include "engine/engine.h"

/* size x size RGBA (straight alpha) into rgb as the options want it: as it is if transparent, else
 * over their background, blended in sRGB. */
void frame_compose(const uint8_t *rgba, const RenderOptions *options, uint8_t *rgb);

/* Decodes a square PNG or JPEG to RGBA, shrunk to size x size by area averaging; free() it. A
 * picture that is smaller, not square or damaged: NULL. The error does not name the file. */
uint8_t *frame_decode(const uint8_t *file, size_t n, int size, Error *err);

/* The same for a label map, a grey PNG, by nearest neighbour; every class below LABEL_COUNT. */
uint8_t *frame_decode_labels(const uint8_t *file, size_t n, int size, Error *err);

/* Whether every label is a class; else the error says which is none. */
bool frame_check_labels(const uint8_t *labels, int size, Error *err);

#endif
