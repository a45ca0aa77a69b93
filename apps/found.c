#include "config.h"

#include "apps/found.h"

#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "libtensor/tensor_file.h"

static const double SAVE_EVERY = 5; /* seconds */
static const char META[] = "visagist.found";

void found_close(Found *f)
{
    free(f->x);
    free(f->done);
    free(f->path);
    free(f->identity);
    *f = (Found){.count = 0};
}

/* Copies the tensor of this name and size; false if there is none. */
static bool fetch(const TensorFile *file, const char *name, void *to, DType type, size_t bytes)
{
    Tensor t = tensor_file_find(file, name);

    if (!t.data || t.type != type || tensor_bytes(t) != bytes)
        return false;
    memcpy(to, t.data, bytes);
    return true;
}

/* False: it is of another run. */
static bool read_file(Found *f)
{
    size_t n = (size_t)f->count;
    TensorFile *file;

    if (!safetensors_read(f->path, &file, NULL))
        return true;
    const char *identity = tensor_file_meta(file, META);
    bool same = identity && strcmp(identity, f->identity) == 0;
    if (!same || !fetch(file, "x", f->x, DTYPE_F32, n * (size_t)f->dim * sizeof *f->x) ||
        !fetch(file, "done", f->done, DTYPE_I32, n * sizeof *f->done))
        memset(f->done, 0, n * sizeof *f->done);
    tensor_file_free(file);
    return same;
}

bool found_open(Found *found, const char *path, const char *identity, int64_t count, int dim,
                Error *err)
{
    Found f = {.count = count,
               .dim = dim,
               .x = calloc((size_t)count * (size_t)dim, sizeof *f.x),
               .done = calloc((size_t)count, sizeof *f.done),
               .path = strdup(path),
               .identity = strdup(identity),
               .saved = seconds()};

    if (!f.x || !f.done || !f.path || !f.identity) {
        found_close(&f);
        return error_set(err, "out of memory for the characters of %lld faces", (long long)count);
    }
    if (!read_file(&f)) {
        found_close(&f);
        return error_set(err,
                         "%.400s is there already and holds what was found with other settings, "
                         "weights or pictures; delete it or name another folder",
                         path);
    }
    *found = f;
    return true;
}

int64_t found_missing(const Found *f)
{
    int64_t missing = 0;

    for (int64_t i = 0; i < f->count; i++)
        missing += !f->done[i];
    return missing;
}

bool found_save(Found *f, Error *err)
{
    TensorFile *file = tensor_file_new();

    if (!file)
        return error_set(err, "out of memory while saving %.300s", f->path);
    bool ok =
        tensor_file_set_meta(file, META, f->identity, err) &&
        tensor_file_add(file, "x", (Tensor){f->x, shape2(f->count, f->dim), DTYPE_F32}, err) &&
        tensor_file_add(file, "done", (Tensor){f->done, shape1(f->count), DTYPE_I32}, err) &&
        safetensors_write(f->path, file, err);
    tensor_file_free(file);
    f->saved = seconds();
    return ok;
}

bool found_note(Found *f, int64_t i, Error *err)
{
    f->done[i] = 1;
    return seconds() - f->saved < SAVE_EVERY || found_save(f, err);
}
