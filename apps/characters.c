#include "config.h"

#include "apps/characters.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/app.h"
#include "engine/character.h"
#include "libtensor/tensor_file.h"

enum { MAX_DEPTH = 16 };

typedef struct Characters {
    const Schema *schema;
    float *x;
    int64_t n, room;
} Characters;

/* Room for n more; where they go, or NULL. */
static float *add(Characters *c, int64_t n, Error *err)
{
    int64_t dim = c->schema->dim, before = c->n;

    if (c->n + n > c->room) {
        int64_t room = 2 * c->room > c->n + n ? 2 * c->room : c->n + n;
        float *x = realloc(c->x, (size_t)(room * dim) * sizeof *x);
        if (!x) {
            error_set(err, "out of memory for %lld characters", (long long)room);
            return NULL;
        }
        c->x = x;
        c->room = room;
    }
    c->n += n;
    return c->x + before * dim;
}

static bool read_character(Characters *c, const char *path, Error *err)
{
    float *x = add(c, 1, err);
    return x && character_load(path, c->schema, x, err);
}

static bool read_folder(Characters *c, const char *path, int depth, Error *err)
{
    struct dirent **entry;
    int n = scandir(path, &entry, NULL, alphasort);
    bool ok = true;

    if (n < 0)
        return error_set(err, "the folder %s cannot be read: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        const char *name = entry[i]->d_name;
        if (ok && name[0] != '.') {
            char *inner = path_join(path, name);
            struct stat s;
            bool is_folder = lstat(inner, &s) == 0 && S_ISDIR(s.st_mode);
            if (is_folder && depth < MAX_DEPTH)
                ok = read_folder(c, inner, depth + 1, err);
            else if (!is_folder && strcmp(name, "character.json") == 0)
                ok = read_character(c, inner, err);
            free(inner);
        }
        free(entry[i]);
    }
    free(entry);
    return ok;
}

static bool take_array(Characters *c, const char *path, const TensorFile *file, Error *err)
{
    const char *schema = tensor_file_meta(file, "schema");
    const char *digest = tensor_file_meta(file, "digest");
    Tensor t = tensor_file_count(file) == 1 ? tensor_file_get(file, 0) : (Tensor){.data = NULL};
    char own[17];
    float *x;

    schema_digest(c->schema, own);
    if (digest && strcmp(digest, own) != 0)
        return error_set(err, "%s holds characters of the schema %s (%s), not of %s (%s)", path,
                         schema ? schema : "?", digest, c->schema->name, own);
    if (!t.data || t.shape.ndim != 2 || t.shape.dim[1] != c->schema->dim || t.shape.dim[0] < 1)
        return error_set(err, "%s is not one array [n,%d] of characters of the schema %s", path,
                         c->schema->dim, c->schema->name);
    int64_t values = t.shape.dim[0] * t.shape.dim[1];
    x = add(c, t.shape.dim[0], err);
    if (!x)
        return false;
    tensor_convert(x, DTYPE_F32, t.data, t.type, values);
    for (int64_t i = 0; i < values; i++)
        if (!(x[i] >= 0 && x[i] <= 1))
            return error_set(err, "%s: value %lld of character %lld is %g, outside [0, 1]", path,
                             (long long)(i % c->schema->dim), (long long)(i / c->schema->dim),
                             (double)x[i]);
    return true;
}

static bool read_array(Characters *c, const char *path, Error *err)
{
    TensorFile *file;

    if (!weights_read(path, &file, err))
        return false;
    bool ok = take_array(c, path, file, err);
    tensor_file_free(file);
    return ok;
}

static bool read_path(Characters *c, const char *path, Error *err)
{
    const char *dot = strrchr(path, '.');
    struct stat s;
    int64_t before = c->n;
    bool ok;

    if (stat(path, &s) != 0)
        return error_set(err, "%s: %s", path, strerror(errno));
    if (S_ISDIR(s.st_mode))
        ok = read_folder(c, path, 0, err);
    else if (dot && strcmp(dot, ".json") == 0)
        ok = read_character(c, path, err);
    else
        ok = read_array(c, path, err);
    if (ok && c->n == before)
        return error_set(err, "%s holds no character.json; search and translate write them", path);
    return ok;
}

bool characters_read(const char *paths, const Schema *schema, float **x, int64_t *n, Error *err)
{
    Characters c = {.schema = schema};
    char *copy = strdup(paths), *rest = NULL;
    bool ok = copy || error_set(err, "out of memory");

    for (char *path = copy ? strtok_r(copy, ",", &rest) : NULL; ok && path;
         path = strtok_r(NULL, ",", &rest))
        ok = read_path(&c, path, err);
    free(copy);
    if (ok && c.n == 0)
        ok = error_set(err, "no path of characters is given");
    if (!ok) {
        free(c.x);
        return false;
    }
    *x = c.x;
    *n = c.n;
    return true;
}

bool characters_write(const char *path, const Schema *schema, const float *x, int64_t n, Error *err)
{
    TensorFile *file = tensor_file_new();
    char digest[17];

    schema_digest(schema, digest);
    /* A tensor describes memory that it does not write to when it is added. */
    Tensor t = {.data = (void *)(uintptr_t)x, .shape = shape2(n, schema->dim), .type = DTYPE_F32};
    bool ok = file ? tensor_file_add(file, "x", t, err) &&
                         tensor_file_set_meta(file, "schema", schema->name, err) &&
                         tensor_file_set_meta(file, "digest", digest, err) &&
                         safetensors_write(path, file, err)
                   : error_set(err, "out of memory for %s", path);
    tensor_file_free(file);
    return ok;
}
