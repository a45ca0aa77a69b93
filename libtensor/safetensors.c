/* The layout: u64 header length | JSON header, space-padded | data.
 * The header maps each name to {"dtype", "shape", "data_offsets": [begin, end]}, offsets within the
 * data;
 * "__metadata__" maps strings to strings. The data has no holes and no overlaps. */
#include "config.h"

#include "libtensor/tensor_file.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libtensor/atomic_file.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "data is copied without swapping bytes");

enum { MAX_HEADER = 100 << 20 }; /* the limit of the format's reference implementation */

static const struct {
    const char *name;
    DType type;
} type_names[] = {{"F16", DTYPE_F16}, {"F32", DTYPE_F32}, {"F64", DTYPE_F64},
                  {"I32", DTYPE_I32}, {"I64", DTYPE_I64}, {"U8", DTYPE_U8}};
enum { N_TYPES = sizeof type_names / sizeof *type_names };

/* A tensor of the header, before its data is read. */
typedef struct Item {
    const char *name; /* owned by the JSON */
    Tensor tensor;
    uint64_t begin, end;
    int index; /* in the header */
} Item;

static bool parse_type(const char *text, DType *type)
{
    for (int i = 0; i < N_TYPES; i++) {
        if (strcmp(text, type_names[i].name) == 0) {
            *type = type_names[i].type;
            return true;
        }
    }
    return false;
}

/* A shape whose bytes fit in `limit`. A JSON [] is a scalar, which is [1] here. */
static bool parse_shape(const json_t *array, size_t element, uint64_t limit, Shape *shape)
{
    size_t ndim = json_array_size(array);
    if (!json_is_array(array) || ndim > TENSOR_MAX_DIM)
        return false;
    Shape s = shape1(1);
    s.ndim = ndim ? (int)ndim : 1;
    uint64_t bytes = element;
    for (size_t i = 0; i < ndim; i++) {
        const json_t *dim = json_array_get(array, i);
        json_int_t d = json_integer_value(dim);
        if (!json_is_integer(dim) || d < 0 || (d > 0 && bytes > limit / (uint64_t)d))
            return false;
        bytes *= (uint64_t)d;
        s.dim[i] = d;
    }
    *shape = s;
    return true;
}

static bool parse_item(const char *path, const char *name, const json_t *value, uint64_t data_bytes,
                       Item *item, Error *err)
{
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    const json_t *offsets = json_object_get(value, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (!dtype || json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return error_set(err, "%s: the header entry of %.100s is malformed; the file is damaged",
                         path, name);
    item->name = name;
    if (!parse_type(dtype, &item->tensor.type))
        return error_set(err,
                         "%s: %.100s has type %.20s; F16, F32, F64, I32, I64 and U8 can be read",
                         path, name, dtype);
    size_t element = dtype_size(item->tensor.type);
    if (!parse_shape(json_object_get(value, "shape"), element, data_bytes, &item->tensor.shape))
        return error_set(err,
                         "%s is cut short or damaged: the shape of %.100s is not one of at most %d "
                         "dimensions that "
                         "fits into the file; copy it again",
                         path, name, TENSOR_MAX_DIM);
    json_int_t b = json_integer_value(begin), e = json_integer_value(end);
    if (b < 0 || e < b || (uint64_t)e > data_bytes)
        return error_set(
            err, "%s: the data of %.100s lies outside the file; the file is truncated or damaged",
            path, name);
    item->begin = (uint64_t)b;
    item->end = (uint64_t)e;
    if (item->end - item->begin != tensor_bytes(item->tensor)) {
        char text[88];
        return error_set(
            err, "%s: %.100s is %s of %s but has %" PRIu64 " bytes; the file is damaged", path,
            name, shape_text(item->tensor.shape, text), dtype, item->end - item->begin);
    }
    return true;
}

static int by_offset(const void *a, const void *b)
{
    const Item *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end; /* an empty tensor comes before its neighbour */
}

static int by_index(const void *a, const void *b)
{
    const Item *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static bool parse_meta(const char *path, json_t *object, TensorFile *file, Error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return error_set(err, "%s: __metadata__ is not an object; the file is damaged", path);
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value))
            return error_set(err, "%s: metadata %.100s is not a string; the file is damaged", path,
                             key);
        if (!tensor_file_set_meta(file, key, json_string_value(value), err))
            return error_prefix(err, "%s", path);
    }
    return true;
}

/* Fills items (as many as the header has entries) in the order of their data; returns their number,
 * or -1. */
static int parse_header(const char *path, json_t *header, uint64_t data_bytes, Item *items,
                        TensorFile *file, Error *err)
{
    int n = 0;
    const char *name;
    json_t *value;
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, "__metadata__") == 0) {
            if (!parse_meta(path, value, file, err))
                return -1;
        } else {
            if (!parse_item(path, name, value, data_bytes, &items[n], err))
                return -1;
            items[n].index = n;
            n++;
        }
    }
    if (n)
        qsort(items, (size_t)n, sizeof *items, by_offset);
    uint64_t end = 0;
    for (int i = 0; i < n; i++) {
        if (items[i].begin != end) {
            error_set(err,
                      "%s: the data of %.100s overlaps its neighbour or leaves a hole; the file is "
                      "damaged",
                      path, items[i].name);
            return -1;
        }
        end = items[i].end;
    }
    if (end != data_bytes) {
        error_set(err,
                  "%s: has %" PRIu64 " bytes of data where its header wants %" PRIu64
                  "; the file is damaged",
                  path, data_bytes, end);
        return -1;
    }
    return n;
}

/* Reads the data of the items in the order of the file, then adds them in the order of the header.
 */
static bool read_data(const char *path, FILE *stream, Item *items, int n, TensorFile *file,
                      Error *err)
{
    for (int i = 0; i < n; i++) {
        size_t bytes = tensor_bytes(items[i].tensor);
        items[i].tensor.data = malloc(bytes ? bytes : 1);
        if (!items[i].tensor.data)
            return error_set(err, "%s: out of memory", path);
        if (fread(items[i].tensor.data, 1, bytes, stream) != bytes)
            return error_set(err, "%s: cannot be read: %s", path,
                             ferror(stream) ? strerror(errno) : "it became shorter");
    }
    if (n)
        qsort(items, (size_t)n, sizeof *items, by_index);
    for (int i = 0; i < n; i++)
        if (!tensor_file_adopt(file, items[i].name, &items[i].tensor, err))
            return error_prefix(err, "%s", path);
    return true;
}

static bool read_header(const char *path, FILE *stream, json_t **header, uint64_t *data_bytes,
                        Error *err)
{
    struct stat status;
    uint64_t length;
    if (fstat(fileno(stream), &status) != 0)
        return error_set(err, "%s: cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(err, "%s: is not a regular file", path);
    uint64_t size = (uint64_t)status.st_size;
    if (size < sizeof length || fread(&length, sizeof length, 1, stream) != 1 ||
        length > size - sizeof length || length > MAX_HEADER)
        return error_set(err, "%s: is not a safetensors file, or is truncated", path);
    char *text = malloc(length ? length : 1);
    if (!text)
        return error_set(err, "%s: out of memory", path);
    json_error_t where;
    bool whole = fread(text, 1, length, stream) == length;
    *header = whole ? json_loadb(text, length, JSON_REJECT_DUPLICATES, &where) : NULL;
    free(text);
    if (!whole)
        return error_set(err, "%s: cannot be read", path);
    if (!*header)
        return error_set(err, "%s: its header is not JSON (%s); the file is damaged", path,
                         where.text[0] ? where.text : "out of memory");
    if (!json_is_object(*header)) {
        json_decref(*header);
        return error_set(err, "%s: its header is not a JSON object; the file is damaged", path);
    }
    *data_bytes = size - sizeof length - length;
    return true;
}

bool safetensors_read(const char *path, TensorFile **out, Error *err)
{
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return error_set(err, "%s: cannot be opened: %s", path, strerror(errno));
    json_t *header;
    uint64_t data_bytes;
    if (!read_header(path, stream, &header, &data_bytes, err)) {
        fclose(stream);
        return false;
    }
    TensorFile *file = tensor_file_new();
    size_t n_items = json_object_size(header);
    Item *items = calloc(n_items + 1, sizeof *items);
    bool ok = file && items;
    if (!ok)
        error_set(err, "%s: out of memory", path);
    if (ok) {
        int n = parse_header(path, header, data_bytes, items, file, err);
        ok = n >= 0 && read_data(path, stream, items, n, file, err);
    }
    for (size_t i = 0; items && i < n_items; i++)
        free(items[i].tensor.data); /* those not adopted */
    free(items);
    json_decref(header);
    fclose(stream);
    if (!ok) {
        tensor_file_free(file);
        return false;
    }
    *out = file;
    return true;
}

/* ---- writing ---- */

static const char *type_name(DType type)
{
    for (int i = 0; i < N_TYPES; i++)
        if (type_names[i].type == type)
            return type_names[i].name;
    return NULL;
}

/* Data is laid out by falling element size, so that every tensor is aligned; within a size in order
 * of addition. The same loop makes the offsets and then writes the data. */
static const size_t element_sizes[] = {8, 4, 2, 1};

static bool add_entry(json_t *header, const char *name, Tensor t, uint64_t begin)
{
    json_t *shape = json_array();
    if (!shape)
        return false;
    for (int d = 0; d < t.shape.ndim; d++) {
        if (json_array_append_new(shape, json_integer(t.shape.dim[d])) != 0) {
            json_decref(shape);
            return false;
        }
    }
    json_t *entry =
        json_pack("{s:s, s:o, s:[I, I]}", "dtype", type_name(t.type), "shape", shape,
                  "data_offsets", (json_int_t)begin, (json_int_t)(begin + tensor_bytes(t)));
    return entry && json_object_set_new(header, name, entry) == 0;
}

static bool add_meta(json_t *header, const TensorFile *file)
{
    int n = tensor_file_meta_count(file);
    if (n == 0)
        return true;
    json_t *meta = json_object();
    if (!meta || json_object_set_new(header, "__metadata__", meta) != 0)
        return false;
    for (int i = 0; i < n; i++) {
        const char *key = tensor_file_meta_key(file, i);
        if (json_object_set_new(meta, key, json_string(tensor_file_meta(file, key))) != 0)
            return false;
    }
    return true;
}

/* NULL if out of memory, or if a name or metadata is not UTF-8. */
static char *make_header(const TensorFile *file)
{
    json_t *header = json_object();
    if (!header)
        return NULL;
    bool ok = add_meta(header, file);
    /* The header lists the tensors in order of addition, so reading gives back that order. */
    for (int i = 0; ok && i < tensor_file_count(file); i++)
        ok = json_object_set_new(header, tensor_file_name(file, i), json_null()) == 0;
    uint64_t begin = 0;
    for (int s = 0; s < 4; s++) {
        for (int i = 0; ok && i < tensor_file_count(file); i++) {
            Tensor t = tensor_file_get(file, i);
            if (dtype_size(t.type) != element_sizes[s])
                continue;
            ok = add_entry(header, tensor_file_name(file, i), t, begin);
            begin += tensor_bytes(t);
        }
    }
    char *text = ok ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    return text;
}

bool safetensors_write(const char *path, const TensorFile *file, Error *err)
{
    char *header = make_header(file);
    if (!header)
        return error_set(err, "%s: not written: out of memory, or a name is not UTF-8", path);
    AtomicFile out;
    if (!atomic_file_open(&out, path, err)) {
        free(header);
        return false;
    }
    size_t text_length = strlen(header);
    uint64_t length = (text_length + 7) / 8 * 8;
    /* Errors stick to the stream; the commit reports them. */
    fwrite(&length, sizeof length, 1, out.stream);
    fwrite(header, 1, text_length, out.stream);
    for (uint64_t i = text_length; i < length; i++)
        fputc(' ', out.stream);
    free(header);
    for (int s = 0; s < 4; s++) {
        for (int i = 0; i < tensor_file_count(file); i++) {
            Tensor t = tensor_file_get(file, i);
            if (dtype_size(t.type) == element_sizes[s])
                fwrite(t.data, 1, tensor_bytes(t), out.stream);
        }
    }
    return atomic_file_commit(&out, err);
}
