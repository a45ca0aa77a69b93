#include "engine/character.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/atomic_file.h"

/* Nine digits: every float reads back as itself. */
enum { DIGITS = 9 };

static json_t *continuous_json(const Schema *schema, const float *x)
{
    json_t *object = json_object();
    for (int i = 0; object && i < schema->n_continuous; i++)
        if (json_object_set_new(object, schema->control[i].name, json_real(x[i])) != 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

static json_t *discrete_json(const Schema *schema, const float *x)
{
    json_t *object = json_object();
    for (int g = 0; object && g < schema->n_groups; g++) {
        const ControlGroup *group = &schema->group[g];
        const ControlOption *chosen = &group->option[schema_choice(schema, g, x)];
        if (json_object_set_new(object, group->name, json_string(chosen->name)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *vector_json(const Schema *schema, const float *x)
{
    json_t *array = json_array();
    for (int i = 0; array && i < schema->dim; i++)
        if (json_array_append_new(array, json_real(x[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

json_t *character_json(const Schema *schema, const float *x)
{
    json_t *root = json_object();
    if (root && json_object_set_new(root, "schema", json_string(schema->name)) == 0 &&
        json_object_set_new(root, "version", json_integer(schema->version)) == 0 &&
        json_object_set_new(root, "continuous", continuous_json(schema, x)) == 0 &&
        json_object_set_new(root, "discrete", discrete_json(schema, x)) == 0 &&
        json_object_set_new(root, "vector", vector_json(schema, x)) == 0)
        return root;
    json_decref(root);
    return NULL;
}

bool character_save(const char *path, const Schema *schema, const float *x, Error *err)
{
    for (int i = 0; i < schema->dim; i++)
        if (!(x[i] >= 0 && x[i] <= 1))
            return error_set(err, "%s: value %d of the character is outside [0, 1]", path, i);
    json_t *root = character_json(schema, x);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(DIGITS)) : NULL;
    json_decref(root);
    if (!text)
        return error_set(err, "%s: out of memory", path);
    AtomicFile file;
    bool ok = atomic_file_open(&file, path, err);
    if (ok) {
        fputs(text, file.stream);
        fputc('\n', file.stream);
        ok = atomic_file_commit(&file, err);
    }
    free(text);
    return ok;
}

static json_t *read_root(const char *path, Error *err)
{
    json_error_t e;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (!root) {
        if (e.line > 0)
            error_set(err, "%s: line %d: %s", path, e.line, e.text);
        else
            error_set(err, "%s", e.text);
        return NULL;
    }
    if (!json_is_string(json_object_get(root, "schema"))) {
        error_set(err, "%s: is not a character: it has no text \"schema\"", path);
        json_decref(root);
        return NULL;
    }
    return root;
}

bool character_schema_name(const char *path, char name[static 32], Error *err)
{
    json_t *root = read_root(path, err);
    if (!root)
        return false;
    const char *text = json_string_value(json_object_get(root, "schema"));
    bool ok = strlen(text) < 32;
    if (ok)
        strcpy(name, text);
    else
        error_set(err, "%s: the name of its schema is longer than 31 bytes", path);
    json_decref(root);
    return ok;
}

static bool read_continuous(const char *path, const Schema *schema, json_t *object, float *x,
                            Error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        int i = schema_find(schema, key);
        if (i < 0)
            return error_set(err, "%s: the schema %s has no parameter \"%s\"", path, schema->name,
                             key);
        double v = json_number_value(value);
        if (!json_is_number(value) || !(v >= 0 && v <= 1))
            return error_set(err, "%s: \"%s\" must be a number in [0, 1]", path, key);
        x[i] = (float)v;
    }
    return true;
}

static bool read_discrete(const char *path, const Schema *schema, json_t *object, float *x,
                          Error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        int g = schema_find_group(schema, key);
        if (g < 0)
            return error_set(err, "%s: the schema %s has no choice \"%s\"", path, schema->name,
                             key);
        const ControlGroup *group = &schema->group[g];
        const char *option = json_string_value(value);
        int chosen = -1;
        for (int k = 0; option && k < group->count; k++)
            chosen = strcmp(group->option[k].name, option) == 0 ? k : chosen;
        if (chosen < 0)
            return error_set(err, "%s: \"%s\" has no option \"%s\"", path, key,
                             option ? option : "(not a text)");
        for (int k = 0; k < group->count; k++)
            x[group->begin + k] = k == chosen ? 1.0f : 0.0f;
    }
    return true;
}

static bool read_character(const char *path, const Schema *schema, json_t *root, float *x,
                           Error *err)
{
    const char *name = json_string_value(json_object_get(root, "schema"));
    if (strcmp(name, schema->name) != 0)
        return error_set(err, "%s: is a character of the schema \"%s\", not of \"%s\"", path, name,
                         schema->name);
    const json_t *version = json_object_get(root, "version");
    if (!json_is_integer(version) || json_integer_value(version) != schema->version)
        return error_set(err, "%s: is of another version of the schema %s than %d", path,
                         schema->name, schema->version);
    json_t *continuous = json_object_get(root, "continuous"),
           *discrete = json_object_get(root, "discrete");
    if ((continuous && !json_is_object(continuous)) || (discrete && !json_is_object(discrete)))
        return error_set(err, "%s: \"continuous\" and \"discrete\" must be objects", path);
    return read_continuous(path, schema, continuous, x, err) &&
           read_discrete(path, schema, discrete, x, err);
}

bool character_load(const char *path, const Schema *schema, float *x, Error *err)
{
    json_t *root = read_root(path, err);
    if (!root)
        return false;
    float *loaded = malloc((size_t)schema->dim * sizeof *loaded);
    bool ok = loaded != NULL;
    if (ok) {
        schema_average(schema, loaded);
        ok = read_character(path, schema, root, loaded, err);
    } else {
        error_set(err, "%s: out of memory", path);
    }
    if (ok)
        memcpy(x, loaded, (size_t)schema->dim * sizeof *x);
    free(loaded);
    json_decref(root);
    return ok;
}
