/* What every engine is to engine.h; nothing outside engines includes it. */
#ifndef ENGINE_ENGINE_INTERNAL_H
#define ENGINE_ENGINE_INTERNAL_H

#include "engine/engine.h"

typedef struct EngineClass {
    bool (*render)(const Engine *engine, const float *x, const RenderOptions *options, uint8_t *rgb,
                   uint8_t *labels, Error *err);
    void (*close)(Engine *engine); /* frees the whole engine, with its schema */
} EngineClass;

struct Engine { /* the first member of every engine's own struct */
    const EngineClass *class;
    Schema *schema;
};

#endif
