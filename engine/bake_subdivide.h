/* Catmull and Clark's subdivision of proxy meshes, whose quads are coarse. Baker only. */
#ifndef ENGINE_BAKE_SUBDIVIDE_H
#define ENGINE_BAKE_SUBDIVIDE_H

#include "engine/bake_source.h"

/* One step over the pieces with `least` to `most` faces (most 0: no limit); the others stay as they
 * are. *position, n_vertex x 3 by malloc, is replaced. False: out of memory. */
bool bake_subdivide(SourceMesh *m, const SourceMesh *base, float **position, int least, int most);

#endif
