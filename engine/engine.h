/* A game engine: a parameter vector in, a picture and its label map out. The embedded one, or
 * somebody's own behind the same functions. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/schema.h"

typedef struct Engine Engine;

/* Helen's 11 classes, as in the paper; left and right are the person's. */
enum {
    LABEL_BACKGROUND,
    LABEL_SKIN,
    LABEL_LEFT_BROW,
    LABEL_RIGHT_BROW,
    LABEL_LEFT_EYE,
    LABEL_RIGHT_EYE,
    LABEL_NOSE,
    LABEL_UPPER_LIP,
    LABEL_INNER_MOUTH,
    LABEL_LOWER_LIP,
    LABEL_HAIR,
    LABEL_COUNT
};

/* The view and its light: everything about a picture that is not the character. */
typedef struct RenderOptions {
    int size;               /* 64 .. 2048, square */
    float yaw, pitch, roll; /* degrees; the head turns to its left, up, towards its left shoulder */
    float focal;            /* pixels per dm at 1 dm, for size 512 (1500) */
    float distance;         /* dm from the eyes (9) */
    float light_yaw, light_pitch; /* of the key light, degrees (defaults make the portrait look) */
    float light_warmth;           /* -1 cool .. 0 .. 1 warm */
    float light_colour[3];        /* linear factors on all lights (1, 1, 1) */
    float light_gain, ambient_gain;  /* 1 */
    uint8_t background[2][3];        /* sRGB at the top and at the bottom */
    const uint8_t *background_image; /* size x size x 3 sRGB, or NULL */
    bool transparent; /* no background: the picture has 4 channels, the last one straight alpha */
} RenderOptions;

RenderOptions render_options_default(void);

/* The embedded engine: the baked asset pack (see bake.h) with a schema file. Safe to render from
 * many threads at once. */
bool engine_open_builtin(Engine **engine, const char *pack_path, const char *schema_path,
                         Error *err);
void engine_close(Engine *engine);
const Schema *engine_schema(const Engine *engine);

/* Draws x (schema dim values in [0, 1]; one-hots by arg max). rgb: size x size x 3 sRGB (x 4 if
 * transparent). labels: size x size classes, or NULL. The same bits for the same arguments on any
 * thread. Fails only when out of memory or on a NaN or an option out of range. */
bool engine_render(const Engine *engine, const float *x, const RenderOptions *options, uint8_t *rgb,
                   uint8_t *labels, Error *err);

#endif
