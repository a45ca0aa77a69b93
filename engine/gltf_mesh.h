/* Meshes for an exported character: surfaces as a viewer wants them. */
#ifndef ENGINE_GLTF_MESH_H
#define ENGINE_GLTF_MESH_H

#include "engine/renderer_internal.h"

/* The part of a surface that is seen at all, its vertices counted anew; in metres, v = 0 at the
 * top. */
typedef struct GltfMesh {
    int n_vertex, n_index;
    float *position, *normal, *uv;
    float *colour; /* 3 equal factors on the texture: how open hair lies to the light */
    int32_t *index;
} GltfMesh;

/* posed: a frame after hair_prepare. lift: dm along the normals. Triangles of strands have a back
 * each, and lie in the order in which they are to be blended. False when out of memory. */
bool gltf_mesh_new(GltfMesh *mesh, const Frame *posed, int surface, float lift);
void gltf_mesh_free(GltfMesh *mesh);

#endif
