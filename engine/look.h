/* What a character's skin, hair, lips and eyes look like: natural colours from its traits, and the
 * paints and colours of its chosen options. All colours are linear light. */
#ifndef ENGINE_LOOK_H
#define ENGINE_LOOK_H

#include "engine/rig.h"
#include "engine/scene.h"

typedef struct Look {
    float skin[3]; /* mean colour of the face */
    float hair[3], brow[3], beard[3], lash[3];
    float lip[4], freckles, blush; /* as in Scene */
    LipPaint lipstick;
    HairPaint scalp, painted_beard, stubble;
    float iris[3]; /* factor */
    /* Blends of the pack's textures; weights sum to 1. */
    float skin_race[3]; /* african, asian, caucasian */
    float skin_age[3];  /* young, middle-aged, old */
    float detail;       /* 0 .. 1 */
    int iris_texture[2];
    float iris_weight[2];
} Look;

/* Names of the iris textures that iris_texture counts, brown to blue. */
enum { LOOK_IRISES = 5 };
extern const char *const look_iris_name[LOOK_IRISES];

/* True when an option of the group may name this paint; "" is no paint. */
bool look_has_paint(const char *group, const char *paint);

/* trait: as rig_traits gives them for x. The options chosen in x must name known paints. */
Look look_at(const Schema *schema, const float *x, const float trait[static TRAIT_COUNT]);

#endif
