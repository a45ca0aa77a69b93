/* The scene of a character before it is drawn: for what the embedded engine makes of it, pictures
 * and meshes, and for tests and benchmarks that look inside a render. */
#ifndef ENGINE_ENGINE_SCENE_H
#define ENGINE_ENGINE_SCENE_H

#include "engine/engine.h"
#include "engine/renderer.h"

typedef struct EngineScene {
    Scene scene;
    const RenderTables *tables; /* the engine's */
    float *block;               /* the deformed vertices that scene points to */
} EngineScene;

/* Poses x; fails when out of memory, on a value that is not finite, and for every engine but the
 * embedded one. */
bool engine_scene(const Engine *engine, const float *x, EngineScene *out, Error *err);
void engine_scene_free(EngineScene *scene);

#endif
