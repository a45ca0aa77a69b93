/* A proxy mesh in the making: where its vertices are, what they are bound to, what hangs together.
 * Baker only. */
#ifndef ENGINE_BAKE_SHAPE_H
#define ENGINE_BAKE_SHAPE_H

#include "engine/bake_source.h"

enum { NEAREST = 3 };

/* The vertices on the undeformed body, n_vertex x 3 by malloc; NULL: out of memory. */
float *bake_positions(const SourceMesh *m, const SourceMesh *base);

/* Binds the mesh so that its vertices are at `after`, having been at `before`. A vertex that went
 * far is bound to the skin it came to; one that stayed near keeps its binding. */
void bake_bind(SourceMesh *m, const SourceMesh *base, const float *before, const float *after);

float bake_distance2(const float *a, const float *b);

/* The body's vertices nearest to p, nearest first, and their squared distances. */
void bake_nearest_skin(const SourceMesh *base, const float *p, int index[NEAREST],
                       float d2[NEAREST]);

/* z of the foremost skin at (x, y), 0 where there is none. */
float bake_skin_depth(const SourceMesh *base, float x, float y);

void bake_face_middle(const SourceMesh *m, const float *p, int face, float middle[3]);

/* piece[v]: a vertex that stands for all that hang together with v. n_vertex numbers. */
void bake_find_pieces(const SourceMesh *m, int32_t *piece);

/* Forgets the vertices that no face has, in the positions p too. False: out of memory. */
bool bake_drop_unused(SourceMesh *m, float *p);

#endif
