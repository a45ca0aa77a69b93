#include "config.h"

#include "libtensor/tensor_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct Entry {
    char *name;
    Tensor tensor;
} Entry;

typedef struct Meta {
    char *key, *value;
} Meta;

struct TensorFile {
    Entry *entry;
    Meta *meta;
    int count, n_meta;
};

TensorFile *tensor_file_new(void)
{
    return calloc(1, sizeof(TensorFile));
}

void tensor_file_free(TensorFile *file)
{
    if (!file)
        return;
    for (int i = 0; i < file->count; i++) {
        free(file->entry[i].name);
        free(file->entry[i].tensor.data);
    }
    for (int i = 0; i < file->n_meta; i++) {
        free(file->meta[i].key);
        free(file->meta[i].value);
    }
    free(file->entry);
    free(file->meta);
    free(file);
}

static bool no_memory(Error *err, const char *name)
{
    return error_set(err, "%s: out of memory", name);
}

/* Room for one more element of an array of n; its capacity is the next power of two. */
static void *grow(void *array, int n, size_t size)
{
    if (n & (n - 1))
        return array;
    return realloc(array, (n ? 2 * (size_t)n : 1) * size);
}

bool tensor_file_adopt(TensorFile *file, const char *name, Tensor *t, Error *err)
{
    if (tensor_file_find(file, name).data)
        return error_set(err, "%s: there are two tensors of this name", name);
    char *copied_name = strdup(name);
    Entry *entry = copied_name ? grow(file->entry, file->count, sizeof *entry) : NULL;
    if (!entry) {
        free(copied_name);
        return no_memory(err, name);
    }
    file->entry = entry;
    file->entry[file->count++] = (Entry){copied_name, *t};
    t->data = NULL;
    return true;
}

bool tensor_file_add(TensorFile *file, const char *name, Tensor t, Error *err)
{
    size_t bytes = tensor_bytes(t);
    Tensor copy = t;
    copy.data = calloc(bytes ? bytes : 1, 1);
    if (!copy.data)
        return no_memory(err, name);
    if (t.data)
        memcpy(copy.data, t.data, bytes);
    bool ok = tensor_file_adopt(file, name, &copy, err);
    free(copy.data);
    return ok;
}

bool tensor_file_set_meta(TensorFile *file, const char *key, const char *value, Error *err)
{
    char *copied_value = strdup(value);
    if (!copied_value)
        return no_memory(err, key);
    for (int i = 0; i < file->n_meta; i++) {
        if (strcmp(file->meta[i].key, key) == 0) {
            free(file->meta[i].value);
            file->meta[i].value = copied_value;
            return true;
        }
    }
    char *copied_key = strdup(key);
    Meta *meta = copied_key ? grow(file->meta, file->n_meta, sizeof *meta) : NULL;
    if (!meta) {
        free(copied_key);
        free(copied_value);
        return no_memory(err, key);
    }
    file->meta = meta;
    file->meta[file->n_meta++] = (Meta){copied_key, copied_value};
    return true;
}

int tensor_file_count(const TensorFile *file)
{
    return file->count;
}

const char *tensor_file_name(const TensorFile *file, int i)
{
    assert(i >= 0 && i < file->count);
    return file->entry[i].name;
}

Tensor tensor_file_get(const TensorFile *file, int i)
{
    assert(i >= 0 && i < file->count);
    return file->entry[i].tensor;
}

Tensor tensor_file_find(const TensorFile *file, const char *name)
{
    for (int i = 0; i < file->count; i++)
        if (strcmp(file->entry[i].name, name) == 0)
            return file->entry[i].tensor;
    return (Tensor){0};
}

int tensor_file_meta_count(const TensorFile *file)
{
    return file->n_meta;
}

const char *tensor_file_meta_key(const TensorFile *file, int i)
{
    assert(i >= 0 && i < file->n_meta);
    return file->meta[i].key;
}

const char *tensor_file_meta(const TensorFile *file, const char *key)
{
    for (int i = 0; i < file->n_meta; i++)
        if (strcmp(file->meta[i].key, key) == 0)
            return file->meta[i].value;
    return NULL;
}
