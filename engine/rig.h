/* The face rig: from a parameter vector to deformed vertices.
 *
 *   V = base + macro heads (race x gender x age x weight) + face targets, moved so that the eye
 * joints' middle stays where it is on the base mesh; then the bones, additively (all of them see
 * the same V): v' = v + sum_b w_b(v) ((R_b S_b)(v - c_b) + t_b - (v - c_b)). A mirrored bone
 * changes the sign of tx, ry and rz. Helper vertices follow the skin. */
#ifndef ENGINE_RIG_H
#define ENGINE_RIG_H

#include "engine/pack.h"
#include "engine/schema.h"

/* What a control drives by a name of its own instead of a bone or targets. */
typedef enum Trait {
    TRAIT_RACE_AFRICAN, /* 0 .. 1; the rest of both is caucasian */
    TRAIT_RACE_ASIAN,
    TRAIT_MALE,           /* 0 female .. 1 male; to -0.3 and 1.3 by extrapolation */
    TRAIT_AGE,            /* -1 child .. 0 young .. 1 old */
    TRAIT_WEIGHT,         /* -1 thin .. 1 heavy */
    TRAIT_SKIN_TONE,      /* 0 light .. 1 dark */
    TRAIT_SKIN_WARMTH,    /* -1 .. 1 */
    TRAIT_HAIR_LIGHTNESS, /* 0 black .. 1 blond */
    TRAIT_HAIR_WARMTH,    /* -1 ash .. 1 red */
    TRAIT_HAIR_GREY,      /* 0 .. 1 */
    TRAIT_EYE_HUE,        /* 0 brown, hazel, green, grey, 1 blue */
    TRAIT_EYE_LIGHTNESS,  /* -1 .. 1 */
    TRAIT_LIP_REDNESS,    /* -1 pale .. 1 red */
    TRAIT_STUBBLE,        /* 0 .. 1 */
    TRAIT_BROW_LIGHTNESS, /* -1 darker .. 1 lighter than follows from the hair */
    TRAIT_BEARD_LIGHTNESS,
    TRAIT_FRECKLES, /* 0 .. 1 */
    TRAIT_BLUSH,    /* -1 pale .. 1 red cheeks */
    TRAIT_COUNT
} Trait;

typedef struct Rig Rig;

/* Binds a schema's controls and fixed values to a pack's bones and targets. Both stay the caller's
 * and must outlive the rig. A "bone" drive is tx .. sz; a "macro" or "appearance" drive is a trait
 * ("age"), or "LESS|MORE": names of targets for negative and for positive values, several joined by
 * '+', "l-" and "r-" targets by their common name. */
bool rig_new(Rig **rig, const Pack *pack, const Schema *schema, Error *err);
void rig_free(Rig *rig);

/* The traits at x; those that the schema does not drive have their defaults. */
void rig_traits(const Rig *rig, const float *x, float trait[static TRAIT_COUNT]);

/* Floats of scratch that rig_pose needs. */
size_t rig_scratch(const Rig *rig);

/* position: pack->n_vertex x 3. */
void rig_pose(const Rig *rig, const float *x, float *position, float *scratch);

/* The place between the eyes that every head has before its bones move. */
void rig_middle(const Rig *rig, float middle[3]);

/* The eye joints' centres ([0] the person's left) in a posed head. */
void rig_eyes(const Rig *rig, const float *position, float centre[2][3]);

/* A mesh of the pack on posed vertices: out n_vertex x 3 (split). scratch: 3 * n_bound floats. */
void rig_mesh(const PackMesh *mesh, const float *position, float *out, float *scratch);

#endif
