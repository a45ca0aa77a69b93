/* What every engine is to engine.h; nothing outside engines includes it. */
#ifndef ENGINE_ENGINE_INTERNAL_H
#define ENGINE_ENGINE_INTERNAL_H

#include <jansson.h>

#include "engine/engine.h"

typedef struct EngineClass {
    /* NULL, or sample is: engine.c calls the one there is. x is finite, the options are such as
     * base.can allows. */
    bool (*render)(const Engine *engine, const float *x, const RenderOptions *options, uint8_t *rgb,
                   uint8_t *labels, Error *err);
    bool (*sample)(const Engine *engine, int64_t i, int size, float *x, uint8_t *rgb,
                   uint8_t *labels, Error *err);
    void (*close)(Engine *engine); /* frees the whole engine, with its schema */
} EngineClass;

struct Engine { /* the first member of every engine's own struct */
    const EngineClass *class;
    Schema *schema;
    unsigned can;      /* ENGINE_LABELS | ... */
    int64_t n_samples; /* of a class that samples */
};

/* A FILE.json that describes an engine. */
typedef struct EngineFile {
    const char *path, *dir; /* dir: what its paths are relative to */
    const json_t *json;     /* an object */
} EngineFile;

/* Whether it has no other fields than "engine", "schema" and these, NULL at the end. */
bool engine_file_keys(const EngineFile *file, const char *const *keys, Error *err);

/* "DIR/NAME", or NAME if it is absolute; free() it. NULL: out of memory. */
char *engine_file_path(const EngineFile *file, const char *name);

#endif
