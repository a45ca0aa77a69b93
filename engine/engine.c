#include "engine/engine_internal.h"

void engine_close(Engine *engine)
{
    if (engine)
        engine->class->close(engine);
}

const Schema *engine_schema(const Engine *engine)
{
    return engine->schema;
}

bool engine_render(const Engine *engine, const float *x, const RenderOptions *options, uint8_t *rgb,
                   uint8_t *labels, Error *err)
{
    return engine->class->render(engine, x, options, rgb, labels, err);
}
