#include "config.h" /* _GNU_SOURCE before any system header */

#include "engine/folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "engine/frame.h"
#include "engine/table_internal.h"

typedef struct Folder {
    Engine base;
    char *images, *labels; /* folders; labels may be NULL */
    Table table;           /* with the name of every image */
} Folder;

/* ---- Samples ---- */

static bool read_picture(const char *dir, const char *name, int size,
                         uint8_t *(*decode)(const uint8_t *, size_t, int, Error *), uint8_t **pixel,
                         Error *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return error_set(err, "the name %.100s is too long", name);
    size_t n;
    char *file = table_file(path, &n, err);
    if (!file)
        return false;
    *pixel = decode((const uint8_t *)file, n, size, err);
    free(file);
    return *pixel || error_prefix(err, "%s", path);
}

/* LABELS/NAME.png for IMAGES/NAME.jpg. */
static void label_name(const char *image, char *name, size_t size)
{
    const char *dot = strrchr(image, '.');
    int stem = dot ? (int)(dot - image) : (int)strlen(image);
    snprintf(name, size, "%.*s.png", stem, image);
}

static bool sample(const Engine *engine, int64_t i, int size, float *x, uint8_t *rgb,
                   uint8_t *labels, Error *err)
{
    const Folder *f = (const Folder *)engine;
    size_t dim = (size_t)f->base.schema->dim;
    const char *image = f->table.image[i];
    uint8_t *rgba, *map;
    if (!read_picture(f->images, image, size, frame_decode, &rgba, err))
        return false;
    RenderOptions options = render_options_default();
    options.size = size;
    frame_compose(rgba, &options, rgb);
    free(rgba);
    if (labels) {
        char name[NAME_MAX + 8];
        label_name(image, name, sizeof name);
        if (!read_picture(f->labels, name, size, frame_decode_labels, &map, err))
            return false;
        memcpy(labels, map, (size_t)size * (size_t)size);
        free(map);
    }
    memcpy(x, f->table.x + (size_t)i * dim, dim * sizeof *x);
    return true;
}

static void folder_close(Engine *engine)
{
    Folder *f = (Folder *)engine;
    table_free(&f->table);
    free(f->images);
    free(f->labels);
    schema_free(f->base.schema);
    free(f);
}

/* ---- Opening ---- */

static int is_picture(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && entry->d_name[0] != '.' &&
           (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".jpg") == 0 ||
            strcasecmp(dot, ".jpeg") == 0);
}

/* A table that names no images: they are the folder's, in the order of their names and numbers. */
static bool list_images(Folder *f, Error *err)
{
    struct dirent **entry;
    int n = scandir(f->images, &entry, is_picture, versionsort);
    if (n < 0)
        return error_set(err, "%s: %s", f->images, strerror(errno));
    bool ok =
        n == f->table.count || error_set(err, "%s holds %d pictures, and the table has %lld rows",
                                         f->images, n, (long long)f->table.count);
    f->table.image = ok ? calloc((size_t)n + 1, sizeof *f->table.image) : NULL;
    if (ok && !f->table.image)
        ok = error_set(err, "out of memory");
    for (int i = 0; i < n; i++) {
        if (ok && !(f->table.image[i] = strdup(entry[i]->d_name)))
            ok = error_set(err, "out of memory");
        free(entry[i]);
    }
    free(entry);
    return ok;
}

static bool is_there(const char *dir, const char *name, Error *err)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return error_set(err, "the name %.100s is too long", name);
    return access(path, R_OK) == 0 || error_set(err, "%s: %s", path, strerror(errno));
}

static bool check_images(const Folder *f, Error *err)
{
    for (int64_t i = 0; i < f->table.count; i++) {
        const char *image = f->table.image[i];
        char name[NAME_MAX + 8];
        if (strlen(image) > NAME_MAX)
            return error_set(err, "the name %.100s is too long", image);
        label_name(image, name, sizeof name);
        if (!is_there(f->images, image, err) || (f->labels && !is_there(f->labels, name, err)))
            return false;
    }
    return true;
}

/* A field that names a file or folder; NULL, and no error, for an optional one that is not there.
 */
static bool path_field(const EngineFile *file, const char *key, bool needed, char **path,
                       Error *err)
{
    const json_t *value = json_object_get(file->json, key);
    const char *name = json_string_value(value);
    if (!value && !needed)
        return true;
    if (!name || !*name)
        return error_set(err, "%s: needs a \"%s\", the name of a file or folder", file->path, key);
    *path = engine_file_path(file, name);
    return *path || error_set(err, "out of memory");
}

static bool configure(Folder *f, const EngineFile *file, Error *err)
{
    static const char *const keys[] = {"images", "table", "labels", NULL};
    char *table = NULL;
    bool ok = engine_file_keys(file, keys, err) &&
              path_field(file, "images", true, &f->images, err) &&
              path_field(file, "labels", false, &f->labels, err) &&
              path_field(file, "table", true, &table, err) &&
              table_read(&f->table, table, f->base.schema, err) &&
              (f->table.image || list_images(f, err)) && check_images(f, err);
    free(table);
    return ok;
}

bool folder_open(Engine **engine, const EngineFile *file, Schema *schema, Error *err)
{
    static const EngineClass class = {.sample = sample, .close = folder_close};
    Folder *f = calloc(1, sizeof *f);
    if (!f)
        return error_set(err, "out of memory");
    f->base = (Engine){.class = &class, .schema = schema};
    if (!configure(f, file, err)) {
        f->base.schema = NULL; /* still the caller's */
        folder_close(&f->base);
        return false;
    }
    f->base.can = f->labels ? ENGINE_LABELS : 0;
    f->base.n_samples = f->table.count;
    *engine = &f->base;
    return true;
}
