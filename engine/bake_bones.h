/* The face rig's 29 components (the paper's Table 5) on MakeHuman's base mesh: where each bone
 * sits. */
#ifndef ENGINE_BAKE_BONES_H
#define ENGINE_BAKE_BONES_H

enum { BONE_COMPONENTS = 29, BONE_MAX_SEEDS = 4 };

typedef struct BoneComponent {
    const char *name;
    int n_seed;
    int left[BONE_MAX_SEEDS];  /* seeds on the character's left (+x), or in the middle */
    int right[BONE_MAX_SEEDS]; /* all zero: a single bone in the middle; the same as left: a pair
                                * that shares the middle, each with its own side of it */
    float radius; /* dm; weight = exp(-1.6 (d / radius)^2), d geodesic from the seeds */
} BoneComponent;

extern const BoneComponent bone_components[BONE_COMPONENTS];

#endif
