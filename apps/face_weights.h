/* How much each pixel of a character's picture counts in the imitator's loss. */
#ifndef APPS_FACE_WEIGHTS_H
#define APPS_FACE_WEIGHTS_H

#include <stdint.h>

#include "nets/imitator.h"

/* size: up to IMITATOR_MAX_SIZE. label: size x size classes of engine/engine.h. weight: size x
 * size, of mean 1: eyes, brows and mouth with a rim around them count most, then nose and skin,
 * hair and background least. */
void face_weights(const uint8_t *label, int size, real *weight);

#endif
