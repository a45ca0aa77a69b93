/* Natural colours of skin, hair, lips and eyes from a character's traits. All colours are linear
 * light. */
#ifndef ENGINE_LOOK_H
#define ENGINE_LOOK_H

#include "engine/rig.h"

typedef struct Look {
    float skin[3]; /* mean colour of the face */
    float hair[3], brow[3], beard[3], lash[3];
    float lip[4], stubble[4]; /* as in Scene */
    float iris[3];            /* factor */
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

Look look_from_traits(const float trait[static TRAIT_COUNT]);

#endif
