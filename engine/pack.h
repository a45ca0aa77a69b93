/* The baked asset pack, opened: meshes, targets, bones and textures, ready to use.
 *
 * A safetensors file with metadata format = "visagist-engine-pack", version, and
 *   base/position F32 [N,3], base/source I32 [N]   the kept vertices of MakeHuman's base mesh, in
 * its order base/bag U8 [N]                                1: inside the mouth, moved by
 * translations only target/begin I32 [T+1], target/vertex I32 [K], target/delta U8 [2*3*K] (int16,
 * .001 dm); names in the metadata "targets", one a line bone/component I32 [B], bone/mirrored U8
 * [B], bone/pivot I32 [B,8] (-1: none), bone/offset F32 [B,3], bone/begin I32 [B+1], bone/vertex
 * I32 [W], bone/weight F32 [W]; names in "components" follow/vertex I32 [F], follow/to I32 [F,4]
 * (-1: none), follow/weight F32 [F,4] mesh/NAME/vertex I32 [n], mesh/NAME/uv F32 [n,2],
 * mesh/NAME/triangle I32 [m,3], and for a proxy mesh/NAME/ref I32 [p,3], mesh/NAME/weight F32
 * [p,3], mesh/NAME/offset F32 [p,3], mesh/NAME/texture U8 (a texture's NAME); the skin's vertices
 * are kept vertices, a proxy's are bound ones texture/NAME/size I32 [3] (width, height, channels),
 * texture/NAME/data U8 [bytes] (zlib; each byte less its left neighbour of the same channel),
 * texture/NAME/face F32 [3] (skins: mean linear colour of the face)
 */
#ifndef ENGINE_PACK_H
#define ENGINE_PACK_H

#include "engine/scene.h"
#include "libtensor/tensor_file.h"

#define PACK_FORMAT "visagist-engine-pack"
#define PACK_VERSION "2"
enum { PACK_PIVOTS = 8, PACK_FOLLOWED = 4 };

typedef struct PackTarget {
    char *name; /* "nose-hump-morehump" */
    int n;
    const int32_t *vertex;
    const int16_t *delta; /* n x 3 */
} PackTarget;

typedef struct PackBone {
    int component;
    bool mirrored;
    const int32_t *pivot; /* PACK_PIVOTS, -1 beyond the last */
    const float *offset;  /* 3 */
    int n;
    const int32_t *vertex;
    const float *weight;
} PackBone;

typedef struct PackTexture {
    char *name;
    Texture texture;
    float face[3]; /* skins: mean linear colour of the face */
} PackTexture;

typedef struct PackMesh {
    char *name;
    int n_vertex;          /* split by uv */
    const int32_t *vertex; /* n_vertex: kept vertex (skin) or bound vertex */
    const float *uv;
    int n_triangle;
    const int32_t *triangle;
    int32_t *weld;
    int n_bound; /* 0 for the skin */
    const int32_t *ref;
    const float *weight, *offset;
    const PackTexture *texture; /* NULL for the skin */
} PackMesh;

typedef struct Pack {
    TensorFile *file;
    int n_vertex;
    const float *position;
    const int32_t *source;
    const uint8_t *bag;
    int n_target;
    PackTarget *target;
    int16_t *target_delta;
    int n_component;
    char **component;
    int n_bone;
    PackBone *bone;
    int n_follow;
    const int32_t *follow_vertex, *follow_to;
    const float *follow_weight;
    int n_mesh;
    PackMesh *mesh;
    int n_texture;
    PackTexture *texture;
} Pack;

/* Reads and checks every index, so that a damaged pack is refused here and not met later. */
bool pack_open(Pack **pack, const char *path, Error *err);
void pack_close(Pack *pack);

/* NULL, or -1, if there is none of this name. */
const PackMesh *pack_mesh(const Pack *pack, const char *name);
const PackTexture *pack_texture(const Pack *pack, const char *name);
int pack_target(const Pack *pack, const char *name);
int pack_component(const Pack *pack, const char *name);
/* Kept vertex of a vertex of MakeHuman's base mesh, -1 if it was left out. */
int pack_vertex(const Pack *pack, int source);

#endif
