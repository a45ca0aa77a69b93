/* Which of MakeHuman's proxies and textures go into the pack, and what becomes of them. Baker only.
 */
#ifndef ENGINE_BAKE_CONTENT_H
#define ENGINE_BAKE_CONTENT_H

#include "engine/bake_brow.h"
#include "engine/bake_style.h"

typedef struct BakeFile {
    const char *name; /* in the pack */
    const char *path; /* below public/data/ */
    float soften; /* contrast taken away: 0 as shipped .. 1 none. Painted gloss on black hair is too
                     strong when dyed. */
} BakeFile;

typedef struct BakeMesh {
    const char *name, *path;
    const char *texture; /* one of bake_textures */
    Edit edit[STYLE_EDITS];
} BakeMesh;

/* One shape of brows, baked as brow-NAME-WEIGHT once for each weight. */
typedef struct BakeBrow {
    const char *name, *path, *texture;
    BrowShape shape;
} BakeBrow;

typedef struct BakeBrowWeight {
    const char *name;
    float thickness; /* times that of the shape */
} BakeBrowWeight;

extern const BakeMesh bake_meshes[];
extern const int bake_n_meshes;
extern const BakeBrow bake_brows[];
extern const int bake_n_brows;
extern const BakeBrowWeight bake_brow_weights[];
extern const int bake_n_brow_weights;
extern const BakeFile bake_textures[];
extern const int bake_n_textures;

#endif
