/* The manifest is an array of groups {"paths": [shard, ...], "weights": [{"name", "shape", "dtype",
 * "quantization": {"dtype", "scale", "min"}}, ...]}. The shards of a group, joined, hold its
 * weights one after the other. A quantised weight is stored as uint8 or uint16: x = stored * scale
 * + min. */
#include "config.h"

#include "libtensor/tensor_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/bytes.h"

/* Joins the shards of a group. They lie beside the manifest. */
static bool read_shards(const char *manifest_path, const json_t *paths, Bytes *bytes, Error *err)
{
    const char *slash = strrchr(manifest_path, '/');
    int folder = slash ? (int)(slash - manifest_path) + 1 : 0;
    size_t i;
    json_t *value;
    json_array_foreach(paths, i, value)
    {
        const char *name = json_string_value(value);
        char path[4096];
        if (!name)
            return error_set(err, "%s: a shard's path is not a string", manifest_path);
        int n = snprintf(path, sizeof path, "%.*s%s", folder, manifest_path, name);
        if (n < 0 || (size_t)n >= sizeof path)
            return error_set(err, "%s: the path of shard %.100s is too long", manifest_path, name);
        if (!bytes_append_file(bytes, path, err))
            return error_prefix(err, "%s names a shard", manifest_path);
    }
    return true;
}

/* How a weight lies in the shard. */
typedef struct Stored {
    DType type;  /* of the tensor that is made */
    size_t size; /* bytes per stored element */
    bool quantised;
    double scale, min;
} Stored;

static bool parse_stored(const json_t *weight, Stored *stored)
{
    const json_t *quantisation = json_object_get(weight, "quantization");
    const char *dtype = json_string_value(json_object_get(weight, "dtype"));
    const char *packed = json_string_value(json_object_get(quantisation, "dtype"));
    if (!dtype)
        return false;
    *stored = (Stored){.type = DTYPE_F32, .size = 4};
    if (quantisation) {
        const json_t *scale = json_object_get(quantisation, "scale");
        const json_t *min = json_object_get(quantisation, "min");
        if (!packed || !json_is_number(scale) || !json_is_number(min) ||
            strcmp(dtype, "float32") != 0)
            return false;
        stored->quantised = true;
        stored->scale = json_number_value(scale);
        stored->min = json_number_value(min);
        stored->size = strcmp(packed, "uint8") == 0 ? 1 : strcmp(packed, "uint16") == 0 ? 2 : 0;
        return stored->size != 0;
    }
    if (strcmp(dtype, "int32") == 0)
        stored->type = DTYPE_I32;
    else
        return strcmp(dtype, "float32") == 0;
    return true;
}

/* 0 if the shape is malformed or its stored bytes exceed the limit. */
static size_t parse_shape(const json_t *array, size_t element, size_t limit, Shape *shape)
{
    size_t ndim = json_array_size(array), bytes = element;
    if (!json_is_array(array) || ndim > TENSOR_MAX_DIM)
        return 0;
    *shape = shape1(1);
    shape->ndim = ndim ? (int)ndim : 1;
    for (size_t i = 0; i < ndim; i++) {
        const json_t *dim = json_array_get(array, i);
        json_int_t d = json_integer_value(dim);
        if (!json_is_integer(dim) || d < 1 || bytes > limit / (uint64_t)d)
            return 0;
        bytes *= (size_t)d;
        shape->dim[i] = d;
    }
    return bytes <= limit ? bytes : 0;
}

static void unpack(const Stored *stored, const unsigned char *from, size_t bytes, void *to)
{
    if (!stored->quantised) {
        memcpy(to, from, bytes);
        return;
    }
    float *x = to;
    for (size_t i = 0; i < bytes / stored->size; i++) {
        unsigned q = stored->size == 1 ? from[i] : from[2 * i] | (unsigned)from[2 * i + 1] << 8;
        x[i] = (float)(q * stored->scale + stored->min);
    }
}

/* Reads the weight at `at` in the joined shards, and moves `at` behind it. */
static bool read_weight(const char *path, const json_t *weight, const Bytes *bytes, size_t *at,
                        TensorFile *file, Error *err)
{
    const char *name = json_string_value(json_object_get(weight, "name"));
    if (!name)
        return error_set(err, "%s: a weight has no name", path);
    Stored stored;
    if (!parse_stored(weight, &stored))
        return error_set(
            err, "%s: %.100s must be float32, int32, or float32 quantised to uint8 or uint16", path,
            name);
    Tensor t = {.type = stored.type};
    size_t n =
        parse_shape(json_object_get(weight, "shape"), stored.size, bytes->size - *at, &t.shape);
    if (n == 0)
        return error_set(err, "%s: the shape of %.100s is malformed, or its shard is too short",
                         path, name);
    t.data = malloc(tensor_bytes(t));
    if (!t.data)
        return error_set(err, "%s: out of memory", path);
    unpack(&stored, bytes->data + *at, n, t.data);
    *at += n;
    bool ok = tensor_file_adopt(file, name, &t, err);
    free(t.data);
    return ok ? true : error_prefix(err, "%s", path);
}

static bool read_group(const char *path, const json_t *group, TensorFile *file, Error *err)
{
    const json_t *paths = json_object_get(group, "paths"),
                 *weights = json_object_get(group, "weights");
    if (!json_is_array(paths) || !json_is_array(weights))
        return error_set(
            err, "%s: is not a weights manifest: a group lacks \"paths\" or \"weights\"", path);
    Bytes bytes = {0};
    bool ok = read_shards(path, paths, &bytes, err);
    size_t at = 0, i;
    json_t *weight;
    json_array_foreach(weights, i, weight)
    {
        if (!ok)
            break;
        ok = read_weight(path, weight, &bytes, &at, file, err);
    }
    if (ok && at != bytes.size)
        ok = error_set(err, "%s: its shards have %zu bytes where its weights want %zu", path,
                       bytes.size, at);
    free(bytes.data);
    return ok;
}

bool tfjs_read(const char *manifest_path, TensorFile **out, Error *err)
{
    FILE *stream = fopen(manifest_path, "rb");
    if (!stream)
        return error_set(err, "%s: cannot be opened: %s", manifest_path, strerror(errno));
    json_error_t where;
    json_t *groups = json_loadf(stream, 0, &where);
    fclose(stream);
    if (!groups)
        return error_set(err, "%s: is not JSON: %s (line %d)", manifest_path,
                         where.text[0] ? where.text : "out of memory", where.line);
    TensorFile *file = tensor_file_new();
    bool ok = file && json_is_array(groups);
    if (!file)
        error_set(err, "%s: out of memory", manifest_path);
    else if (!ok)
        error_set(err, "%s: is not a weights manifest: a JSON array is wanted", manifest_path);
    size_t i;
    json_t *group;
    json_array_foreach(groups, i, group)
    {
        if (!ok)
            break;
        ok = read_group(manifest_path, group, file, err);
    }
    json_decref(groups);
    if (!ok) {
        tensor_file_free(file);
        return false;
    }
    *out = file;
    return true;
}
