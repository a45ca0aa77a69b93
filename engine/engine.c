#include "config.h" /* _GNU_SOURCE before any system header */

#include "engine/engine_internal.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/folder.h"
#include "engine/process.h"

void engine_close(Engine *engine)
{
    if (engine)
        engine->class->close(engine);
}

const Schema *engine_schema(const Engine *engine)
{
    return engine->schema;
}

bool engine_can(const Engine *engine, unsigned abilities)
{
    return (engine->can & abilities) == abilities;
}

int64_t engine_sample_count(const Engine *engine)
{
    return engine->n_samples;
}

static bool usual_view(const RenderOptions *o)
{
    RenderOptions d = render_options_default();
    return o->yaw == d.yaw && o->pitch == d.pitch && o->roll == d.roll && o->focal == d.focal &&
           o->distance == d.distance && o->light_yaw == d.light_yaw &&
           o->light_pitch == d.light_pitch && o->light_warmth == d.light_warmth &&
           o->light_colour[0] == d.light_colour[0] && o->light_colour[1] == d.light_colour[1] &&
           o->light_colour[2] == d.light_colour[2] && o->light_gain == d.light_gain &&
           o->ambient_gain == d.ambient_gain;
}

static bool usual_background(const RenderOptions *o)
{
    RenderOptions d = render_options_default();
    return !o->background_image && !o->transparent &&
           memcmp(o->background, d.background, sizeof d.background) == 0;
}

static bool able(const Engine *engine, const RenderOptions *options, bool labels, Error *err)
{
    const char *name = engine->schema->name;
    if (labels && !engine_can(engine, ENGINE_LABELS))
        return error_set(err, "the engine of %s draws no label maps", name);
    if (!engine_can(engine, ENGINE_VIEW) && !usual_view(options))
        return error_set(err, "the engine of %s draws only its own view and light", name);
    if (!engine_can(engine, ENGINE_BACKGROUND) && !usual_background(options))
        return error_set(err, "the engine of %s draws only its own background", name);
    return true;
}

bool engine_render(const Engine *engine, const float *x, const RenderOptions *options, uint8_t *rgb,
                   uint8_t *labels, Error *err)
{
    if (!engine->class->render)
        return error_set(err,
                         "the engine of %s is a folder of finished pictures: it makes training "
                         "sets (render_dataset), but draws no other characters",
                         engine->schema->name);
    for (int i = 0; i < engine->schema->dim; i++)
        if (!isfinite(x[i]))
            return error_set(err, "value %d of the character is not a finite number", i);
    return able(engine, options, labels != NULL, err) &&
           engine->class->render(engine, x, options, rgb, labels, err);
}

bool engine_sample(const Engine *engine, int64_t i, int size, float *x, uint8_t *rgb,
                   uint8_t *labels, Error *err)
{
    assert(i >= 0 && i < engine->n_samples && size > 0);
    if (labels && !engine_can(engine, ENGINE_LABELS))
        return error_set(err, "the engine of %s has no label maps", engine->schema->name);
    return engine->class->sample(engine, i, size, x, rgb, labels, err);
}

/* ---- FILE.json ---- */

bool engine_file_keys(const EngineFile *file, const char *const *keys, Error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)file->json, key, value)
    {
        bool known = strcmp(key, "engine") == 0 || strcmp(key, "schema") == 0;
        for (int i = 0; keys[i] && !known; i++)
            known = strcmp(key, keys[i]) == 0;
        if (!known)
            return error_set(err, "%s: \"%.100s\" is no field of this kind of engine", file->path,
                             key);
    }
    return true;
}

char *engine_file_path(const EngineFile *file, const char *name)
{
    char *path;
    if (*name == '/')
        return strdup(name);
    return asprintf(&path, "%s/%s", file->dir, name) < 0 ? NULL : path;
}

static bool open_described(Engine **engine, const EngineFile *file, Error *err)
{
    const char *kind = json_string_value(json_object_get(file->json, "engine")),
               *schema_name = json_string_value(json_object_get(file->json, "schema"));
    if (!kind || (strcmp(kind, "process") != 0 && strcmp(kind, "folder") != 0))
        return error_set(err, "%s: needs an \"engine\": \"process\" or \"folder\"", file->path);
    if (!schema_name || !*schema_name)
        return error_set(err, "%s: needs a \"schema\", the name of a schema file", file->path);
    char *schema_path = engine_file_path(file, schema_name);
    Schema *schema;
    bool ok =
        schema_path ? schema_load(&schema, schema_path, err) : error_set(err, "out of memory");
    free(schema_path);
    if (!ok)
        return false;
    ok = *kind == 'p' ? process_open(engine, file, schema, err)
                      : folder_open(engine, file, schema, err);
    if (!ok)
        schema_free(schema);
    return ok;
}

bool engine_open_file(Engine **engine, const char *path, Error *err)
{
    json_error_t e;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (!root)
        return e.line > 0 ? error_set(err, "%s: line %d: %s", path, e.line, e.text)
                          : error_set(err, "%s", e.text);
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, (size_t)(slash - path) + (slash == path)) : strdup(".");
    EngineFile file = {.path = path, .dir = dir, .json = root};
    bool ok = dir ? open_described(engine, &file, err) : error_set(err, "out of memory");
    free(dir);
    json_decref(root);
    return ok;
}
