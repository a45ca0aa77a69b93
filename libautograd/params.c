/* One slab: trained parameters in order of declaration, then the buffers. */
#include "config.h"

#include "libautograd/params.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/rng.h"

typedef struct Entry {
    char *name;
    Shape shape;
    Init init;
    bool buffer;
    int64_t offset; /* elements into the slab */
} Entry;

struct ParamSet {
    Entry *entry;
    int count, capacity;
    int64_t trained, total; /* elements, once allocated */
    Backend *backend;       /* NULL: not allocated */
    bool trainable;
    uint64_t writes;
    real *value, *grad;
    bool failed; /* error holds the first error of a declaration */
    Error error;
};

ParamSet *params_new(void)
{
    return calloc(1, sizeof(ParamSet));
}

void params_free(ParamSet *set)
{
    if (!set)
        return;
    for (int i = 0; i < set->count; i++)
        free(set->entry[i].name);
    free(set->entry);
    if (set->backend) {
        set->backend->release(set->backend, set->value);
        set->backend->release(set->backend, set->grad);
    }
    free(set);
}

static Param fail(ParamSet *set)
{
    set->failed = true;
    return (Param){-1};
}

static Param declare(ParamSet *set, const char *name, Shape shape, Init init, bool buffer)
{
    assert(!set->backend);
    if (set->failed)
        return (Param){-1};
    Param same;
    char text[88];
    if (params_find(set, name, &same)) {
        error_set(&set->error, "%s: there are two parameters of this name", name);
        return fail(set);
    }
    if (shape_count(shape) <= 0) {
        error_set(&set->error, "%s: the shape %s has no elements", name, shape_text(shape, text));
        return fail(set);
    }
    if (set->count == set->capacity) {
        int capacity = set->capacity ? 2 * set->capacity : 32;
        Entry *grown = realloc(set->entry, (size_t)capacity * sizeof *grown);
        if (!grown) {
            error_set(&set->error, "%s: out of memory", name);
            return fail(set);
        }
        set->entry = grown;
        set->capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy) {
        error_set(&set->error, "%s: out of memory", name);
        return fail(set);
    }
    set->entry[set->count] = (Entry){copy, shape, init, buffer, 0};
    return (Param){set->count++};
}

Param params_declare(ParamSet *set, const char *name, Shape shape, Init init)
{
    return declare(set, name, shape, init, false);
}

Param params_declare_buffer(ParamSet *set, const char *name, Shape shape, Init init)
{
    return declare(set, name, shape, init, true);
}

static void fill(real *to, int64_t n, Init init, uint64_t seed, uint32_t stream)
{
    Rng rng = rng_make(seed, stream, 0);
    for (int64_t i = 0; i < n; i++) {
        switch (init.kind) {
        case INIT_ZEROS:
            to[i] = 0;
            break;
        case INIT_CONSTANT:
            to[i] = init.value;
            break;
        case INIT_NORMAL:
            to[i] = init.value * (real)rng_normal(&rng);
            break;
        case INIT_UNIFORM:
            to[i] = init.value * (2 * (real)rng_uniform(&rng) - 1);
            break;
        }
    }
}

/* Elements of the largest parameter. */
static int64_t largest(const ParamSet *set)
{
    int64_t most = 1;
    for (int i = 0; i < set->count; i++)
        if (shape_count(set->entry[i].shape) > most)
            most = shape_count(set->entry[i].shape);
    return most;
}

static void lay_out(ParamSet *set)
{
    int64_t offset = 0;
    for (int buffers = 0; buffers < 2; buffers++) {
        for (int i = 0; i < set->count; i++) {
            Entry *e = &set->entry[i];
            if (e->buffer != (bool)buffers)
                continue;
            e->offset = offset;
            offset += shape_count(e->shape);
        }
        if (!buffers)
            set->trained = offset;
    }
    set->total = offset;
}

bool params_alloc(ParamSet *set, Backend *backend, bool trainable, uint64_t seed, Error *err)
{
    assert(!set->backend);
    if (set->failed)
        return error_set(err, "%s", set->error.text);
    lay_out(set);
    size_t value_bytes = (size_t)set->total * sizeof(real);
    size_t grad_bytes = (size_t)set->trained * sizeof(real);
    real *host = calloc((size_t)largest(set), sizeof *host);
    real *value = backend->alloc(backend, value_bytes);
    real *grad = trainable ? backend->alloc(backend, grad_bytes) : NULL;
    if (!host || !value || (trainable && !grad)) {
        free(host);
        backend->release(backend, value);
        backend->release(backend, grad);
        return error_set(err, "parameters: out of memory: %zu MiB of values%s are needed",
                         (value_bytes >> 20) + 1, trainable ? " and as much of gradients" : "");
    }
    if (grad)
        backend_zero(backend, grad, grad_bytes);
    for (int i = 0; i < set->count; i++) {
        const Entry *e = &set->entry[i];
        int64_t n = shape_count(e->shape);
        fill(host, n, e->init, seed, (uint32_t)i);
        backend->upload(backend, value + e->offset, host, (size_t)n * sizeof *host);
    }
    free(host);
    set->backend = backend;
    set->trainable = trainable;
    set->value = value;
    set->grad = grad;
    return true;
}

bool params_trainable(const ParamSet *set)
{
    return set->trainable;
}

int params_count(const ParamSet *set)
{
    return set->count;
}

int64_t params_elements(const ParamSet *set)
{
    int64_t n = 0;
    for (int i = 0; i < set->count; i++)
        if (!set->entry[i].buffer)
            n += shape_count(set->entry[i].shape);
    return n;
}

static const Entry *entry_of(const ParamSet *set, Param param)
{
    assert(param.id >= 0 && param.id < set->count);
    return &set->entry[param.id];
}

const char *params_name(const ParamSet *set, Param param)
{
    return entry_of(set, param)->name;
}

Shape params_shape(const ParamSet *set, Param param)
{
    return entry_of(set, param)->shape;
}

bool params_find(const ParamSet *set, const char *name, Param *param)
{
    for (int i = 0; i < set->count; i++) {
        if (strcmp(set->entry[i].name, name) == 0) {
            *param = (Param){i};
            return true;
        }
    }
    return false;
}

real *params_value(const ParamSet *set, Param param)
{
    assert(set->backend);
    return set->value + entry_of(set, param)->offset;
}

real *params_grad(const ParamSet *set, Param param)
{
    const Entry *e = entry_of(set, param);
    return set->grad && !e->buffer ? set->grad + e->offset : NULL;
}

real *params_values(const ParamSet *set)
{
    return set->value;
}

real *params_grads(const ParamSet *set)
{
    return set->grad;
}

Backend *params_backend(const ParamSet *set)
{
    return set->backend;
}

uint64_t params_writes(const ParamSet *set)
{
    return set->writes;
}

static size_t bytes_of(const ParamSet *set, Param param)
{
    return (size_t)shape_count(params_shape(set, param)) * sizeof(real);
}

void params_read(const ParamSet *set, Param param, real *data)
{
    set->backend->download(set->backend, data, params_value(set, param), bytes_of(set, param));
}

void params_write(ParamSet *set, Param param, const real *data)
{
    set->backend->upload(set->backend, params_value(set, param), data, bytes_of(set, param));
    set->writes++;
}

void params_read_grad(const ParamSet *set, Param param, real *data)
{
    assert(params_grad(set, param));
    set->backend->download(set->backend, data, params_grad(set, param), bytes_of(set, param));
}

/* ---- files ---- */

enum { MAX_NAME = 512 };

static bool full_name(char text[static MAX_NAME], const char *prefix, const char *name, Error *err)
{
    int n = snprintf(text, MAX_NAME, "%s%s", prefix, name);
    if (n < 0 || n >= MAX_NAME)
        return error_set(err, "%.100s: the name is longer than %d bytes", name, MAX_NAME - 1);
    return true;
}

static bool save_one(const ParamSet *set, Param param, TensorFile *file, const char *name,
                     DType type, real *host, Error *err)
{
    Tensor t = {.shape = params_shape(set, param), .type = type};
    t.data = malloc(tensor_bytes(t));
    if (!t.data)
        return error_set(err, "%s: out of memory", name);
    params_read(set, param, host);
    tensor_convert(t.data, type, host, DTYPE_REAL, shape_count(t.shape));
    bool ok = tensor_file_adopt(file, name, &t, err);
    free(t.data);
    return ok;
}

bool params_save(const ParamSet *set, TensorFile *file, const char *prefix, DType type, Error *err)
{
    assert(set->backend);
    real *host = malloc((size_t)largest(set) * sizeof *host);
    if (!host)
        return error_set(err, "parameters: out of memory");
    bool ok = true;
    for (int i = 0; ok && i < set->count; i++) {
        char name[MAX_NAME];
        ok = full_name(name, prefix, set->entry[i].name, err) &&
             save_one(set, (Param){i}, file, name, type, host, err);
    }
    free(host);
    return ok;
}

/* The file's tensor for a parameter, checked. */
static bool find_in(const ParamSet *set, int i, const TensorFile *file, const char *prefix,
                    Tensor *t, Error *err)
{
    char name[MAX_NAME], here[88], there[88];
    const Entry *e = &set->entry[i];
    if (!full_name(name, prefix, e->name, err))
        return false;
    *t = tensor_file_find(file, name);
    if (!t->data)
        return error_set(err, "%s: is missing from the file", name);
    if (!shape_equal(t->shape, e->shape))
        return error_set(err, "%s is %s here, %s in the file", name, shape_text(e->shape, here),
                         shape_text(t->shape, there));
    return true;
}

bool params_load(ParamSet *set, const TensorFile *file, const char *prefix, Error *err)
{
    assert(set->backend);
    Tensor t;
    for (int i = 0; i < set->count; i++)
        if (!find_in(set, i, file, prefix, &t, err))
            return false;
    real *host = malloc((size_t)largest(set) * sizeof *host);
    if (!host)
        return error_set(err, "parameters: out of memory");
    for (int i = 0; i < set->count; i++) {
        find_in(set, i, file, prefix, &t, err);
        tensor_convert(host, DTYPE_REAL, t.data, t.type, shape_count(t.shape));
        params_write(set, (Param){i}, host);
    }
    free(host);
    return true;
}
