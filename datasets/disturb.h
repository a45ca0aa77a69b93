/* What makes a portrait harder, at a chosen strength: for measuring how well things bear it. (What
 * makes training pictures varied is augment.h.) */
#ifndef DATASETS_DISTURB_H
#define DATASETS_DISTURB_H

#include "datasets/image.h"
#include "engine/engine.h"

typedef enum Disturbance {
    DISTURB_NONE,
    DISTURB_POSE,       /* the head turned by up to 40 degrees, to one side or the other; renders */
    DISTURB_LIGHT,      /* harder, dimmer light from another side */
    DISTURB_BACKGROUND, /* another one, of whatever strength; renders */
    DISTURB_HAIR,       /* another hairstyle of the schema, of whatever strength; renders */
    DISTURB_BLUR,       /* Gaussian, up to 1/40 of the picture's side */
    DISTURB_NOISE,      /* Gaussian, up to a quarter of the range */
    DISTURB_OCCLUSION,  /* a plain square in front of the face, up to .36 of the picture's side */
    DISTURB_GREY,       /* its colours gone */
    DISTURB_SKETCH,     /* a pencil drawing of it */
    DISTURBANCES
} Disturbance;

/* "light" */
const char *disturbance_name(Disturbance d);
/* Whether it is of the scene alone, so that a photo cannot have it. */
bool disturbance_of_scene(Disturbance d);

/* Changes a photo by the share strength, 0 (nothing) to 1; not for those of the scene. What is
 * random depends on (seed, index) alone. False only when out of memory. */
bool disturb_photo(Disturbance d, float strength, uint64_t seed, uint64_t index, Image *photo,
                   Error *err);

/* The engine's picture of x (schema dim) under a disturbance; of DISTURB_HAIR x changes with it.
 * picture: square, the caller's. The engine must be able to draw views and backgrounds. Fails as
 * engine_render does, and on a schema without hairstyles. */
bool disturb_render(const Engine *engine, Disturbance d, float strength, uint64_t seed,
                    uint64_t index, float *x, Image *picture, Error *err);

#endif
