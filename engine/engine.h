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

/* What an engine can do beside drawing the portrait, the default view of a character. */
enum {
    ENGINE_LABELS = 1,    /* label maps */
    ENGINE_VIEW = 2,      /* any camera and light: yaw .. distance, light_* and ambient_gain */
    ENGINE_BACKGROUND = 4 /* any background, and none: background*, transparent */
};

/* The embedded engine: the baked asset pack (see bake.h) with a schema file. It can do everything.
 */
bool engine_open_builtin(Engine **engine, const char *pack_path, const char *schema_path,
                         Error *err);

/* Somebody's own engine, as FILE.json describes it (doc/engine-protocol.md): a program that draws,
 * or a folder of finished pictures. Paths in it are relative to it. */
bool engine_open_file(Engine **engine, const char *path, Error *err);

void engine_close(Engine *engine);
const Schema *engine_schema(const Engine *engine);

/* Whether it has all of these abilities (ENGINE_LABELS | ...). */
bool engine_can(const Engine *engine, unsigned abilities);

/* Draws x (schema dim values in [0, 1]; one-hots by arg max). rgb: size x size x 3 sRGB (x 4 if
 * transparent). labels: size x size classes, or NULL. Safe from many threads at once; the same bits
 * for the same arguments on any thread, as far as the engine keeps to that. Fails on a value that
 * is not finite, on options the engine is not able to (see engine_can: it draws options equal to
 * render_options_default(), but for the size, in any case), when it is a folder of finished
 * pictures, and with an external program's failures; what is in rgb and labels then is undefined.
 */
bool engine_render(const Engine *engine, const float *x, const RenderOptions *options, uint8_t *rgb,
                   uint8_t *labels, Error *err);

/* A folder of finished pictures has samples instead: how many there are; 0 for an engine that
 * draws. */
int64_t engine_sample_count(const Engine *engine);

/* Sample i of [0, engine_sample_count): its x (schema dim), its picture shrunk to size x size
 * (before the default background if it is transparent), and its label map, or labels NULL. Safe
 * from many threads at once. Fails on a picture that is missing, damaged, not square or smaller
 * than size. */
bool engine_sample(const Engine *engine, int64_t i, int size, float *x, uint8_t *rgb,
                   uint8_t *labels, Error *err);

#endif
