/* The bone rig's geometry on the base mesh: geodesic weights and what follows what. Baker only. */
#ifndef ENGINE_BAKE_RIG_H
#define ENGINE_BAKE_RIG_H

#include "engine/bake_source.h"

enum { RIG_FOLLOWED = 4 };

/* One bone's weights over the 19158 source vertices, in order of the vertices. */
typedef struct BoneWeights {
    int component; /* of bone_components */
    bool mirrored; /* the -x bone of a pair: tx, ry and rz change sign */
    int n_pivot;
    int32_t pivot[8]; /* the pivot is the mean of these vertices plus offset */
    float offset[3];
    float *weight; /* SOURCE_VERTICES */
} BoneWeights;

typedef struct BakedRig {
    int n_bone;
    BoneWeights *bone;
    /* Mouth-bag vertices take translations only, or the bag would cut through the chin. */
    uint8_t *bag; /* SOURCE_VERTICES */
    /* Helper vertices that no bone moves directly follow up to 4 skin vertices; -1: none. */
    int32_t *follow;      /* SOURCE_VERTICES x 4 */
    float *follow_weight; /* SOURCE_VERTICES x 4 */
} BakedRig;

/* visible: the skin vertices that helpers may follow. */
bool bake_rig(BakedRig *rig, const SourceMesh *base, const uint8_t *visible, Error *err);
void baked_rig_free(BakedRig *rig);

#endif
