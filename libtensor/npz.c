/* NumPy's files (numpy/lib/format.py). An .npy: magic "\x93NUMPY", version (2 bytes), length of the
 * header (u16, from version 2 on u32), the header, the elements. The header is the text of a Python
 * dictionary, {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }. An .npz is a zip archive
 * of NAME.npy, stored or deflated. */
#include "config.h"

#include "libtensor/tensor_file.h"

#include <stdlib.h>
#include <string.h>

#include "libtensor/bytes.h"
#include "libtensor/strided.h"
#include "libtensor/zip.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "data is copied without swapping bytes");

enum { MAX_ARRAYS = 1 << 14, MAX_HEADER = 1 << 16, MAX_NAME = 400 };

static const struct {
    const char *descr;
    ForeignType type;
} types[] = {{"<f2", FOREIGN_F16},  {"<f4", FOREIGN_F32}, {"<f8", FOREIGN_F64},
             {"|b1", FOREIGN_BOOL}, {"|u1", FOREIGN_U8},  {"|i1", FOREIGN_I8},
             {"<i2", FOREIGN_I16},  {"<i4", FOREIGN_I32}, {"<i8", FOREIGN_I64}};

typedef struct Header {
    ForeignType type;
    bool fortran;
    Shape shape;
} Header;

static bool malformed(Error *err)
{
    return error_set(err, "the header of the array is malformed; the file is damaged");
}

/* ---- the dictionary: its keys may come in any order ---- */

typedef struct Text {
    const char *at; /* terminated */
} Text;

static bool accept(Text *t, char c)
{
    while (*t->at == ' ' || *t->at == '\n')
        t->at++;
    if (*t->at != c)
        return false;
    t->at++;
    return true;
}

/* 'word' or "word", cut to the buffer. */
static bool quoted(Text *t, char *word, size_t size)
{
    char mark = accept(t, '\'') ? '\'' : '"';
    if (mark == '"' && !accept(t, '"'))
        return false;
    size_t n = 0;
    for (; *t->at && *t->at != mark; t->at++)
        if (n + 1 < size)
            word[n++] = *t->at;
    word[n] = '\0';
    return *t->at && *t->at++ == mark;
}

static bool parse_type(Text *t, ForeignType *type, Error *err)
{
    char descr[32];
    if (!quoted(t, descr, sizeof descr))
        return error_set(err, "the array is one of structures, which cannot be read");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(descr, types[i].descr) == 0) {
            *type = types[i].type;
            return true;
        }
    }
    return error_set(
        err,
        "the array's type is %s; little-endian floats of 2, 4 or 8 bytes, integers and "
        "booleans can be read",
        descr);
}

static bool parse_truth(Text *t, bool *truth, Error *err)
{
    accept(t, ' ');
    *truth = strncmp(t->at, "True", 4) == 0;
    if (!*truth && strncmp(t->at, "False", 5) != 0)
        return malformed(err);
    t->at += *truth ? 4 : 5;
    return true;
}

/* (), (3,), (3, 4): with no more elements than limit. */
static bool parse_shape(Text *t, int64_t limit, Shape *shape, Error *err)
{
    int64_t count = 1; /* zeros count as 1, so that nothing overflows beside them */
    bool empty = false, overflow = false;
    if (!accept(t, '('))
        return malformed(err);
    *shape = shape1(1);
    shape->ndim = 0;
    while (!accept(t, ')')) {
        char *end;
        accept(t, ' ');
        if (*t->at < '0' || *t->at > '9')
            return malformed(err);
        long long d = strtoll(t->at, &end, 10);
        t->at = end;
        if (shape->ndim == TENSOR_MAX_DIM)
            return error_set(err, "the array has more than %d dimensions", TENSOR_MAX_DIM);
        shape->dim[shape->ndim++] = d;
        empty = empty || d == 0;
        overflow = overflow || __builtin_mul_overflow(count, d ? d : 1, &count);
        if (!accept(t, ',') && *t->at != ')')
            return malformed(err);
    }
    if (shape->ndim == 0)
        shape->ndim = 1; /* a scalar has shape [1] here */
    return (!overflow && (empty || count <= limit)) ||
           error_set(err, "the array is larger than the file; it is cut short or damaged");
}

static bool parse_dictionary(const char *text, int64_t limit, Header *h, Error *err)
{
    Text t = {text};
    char key[32];
    int found = 0;
    if (!accept(&t, '{'))
        return malformed(err);
    while (!accept(&t, '}')) {
        bool ok;
        if (!quoted(&t, key, sizeof key) || !accept(&t, ':'))
            return malformed(err);
        if (strcmp(key, "descr") == 0 && !(found & 1)) {
            found |= 1;
            ok = parse_type(&t, &h->type, err);
        } else if (strcmp(key, "fortran_order") == 0 && !(found & 2)) {
            found |= 2;
            ok = parse_truth(&t, &h->fortran, err);
        } else if (strcmp(key, "shape") == 0 && !(found & 4)) {
            found |= 4;
            ok = parse_shape(&t, limit, &h->shape, err);
        } else {
            return malformed(err);
        }
        if (!ok)
            return false;
        accept(&t, ',');
    }
    return found == 7 || malformed(err);
}

/* ---- arrays ---- */

static bool add_array(TensorFile *file, const char *name, const unsigned char *data, size_t size,
                      Error *err)
{
    if (size < 10 || memcmp(data, "\x93NUMPY", 6) != 0 || data[6] < 1 || data[6] > 3)
        return error_set(err, "is no array of NumPy (.npy, version 1 to 3), or is damaged");
    size_t begin = data[6] == 1 ? 10 : 12, length = data[8] | (size_t)data[9] << 8;
    if (data[6] > 1 && size >= begin)
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (size < begin || length > size - begin || length > MAX_HEADER)
        return malformed(err);
    char *text = malloc(length + 1);
    if (!text)
        return error_set(err, "out of memory");
    memcpy(text, data + begin, length);
    text[length] = '\0';
    size_t bytes = size - begin - length;
    Header h = {0};
    bool ok = parse_dictionary(text, (int64_t)bytes, &h, err);
    free(text);
    if (!ok)
        return false;
    if ((size_t)shape_count(h.shape) * foreign_size(h.type) != bytes)
        return error_set(err,
                         "the array has %zu bytes where its header says %zu; the file is cut "
                         "short or damaged",
                         bytes, (size_t)shape_count(h.shape) * foreign_size(h.type));
    int64_t stride[TENSOR_MAX_DIM];
    (h.fortran ? strides_column_major : strides_row_major)(h.shape, stride);
    Tensor t = {0};
    ok = strided_gather(&t, data + begin + length, h.type, h.shape, stride, err) &&
         tensor_file_adopt(file, name, &t, err);
    free(t.data);
    return ok;
}

static bool add_entry(TensorFile *file, const ZipEntry *entry, Error *err)
{
    static const char suffix[] = ".npy";
    char name[MAX_NAME];
    size_t n = entry->name_length, cut = sizeof suffix - 1;
    if (n >= sizeof name || memchr(entry->name, '\0', n))
        return error_set(err, "the archive has an entry of a name that is no name");
    memcpy(name, entry->name, n);
    name[n] = '\0';
    if (n <= cut || strcmp(name + n - cut, suffix) != 0)
        return error_set(err, "the archive's entry %.200s is no array (.npy)", name);
    name[n - cut] = '\0';
    ZipContents contents;
    if (!zip_extract(entry, &contents, err))
        return false;
    bool ok = add_array(file, name, contents.data, contents.size, err) ||
              error_prefix(err, "%.200s", name);
    free(contents.owned);
    return ok;
}

static bool add_archive(TensorFile *file, const Bytes *bytes, Error *err)
{
    Zip zip;
    if (!zip_open(&zip, bytes->data, bytes->size, err))
        return false;
    bool ok = zip.count <= MAX_ARRAYS ||
              error_set(err, "the archive has more than %d arrays", MAX_ARRAYS);
    for (int i = 0; ok && i < zip.count; i++)
        ok = add_entry(file, &zip.entry[i], err);
    zip_close(&zip);
    return ok;
}

bool npz_read(const char *path, TensorFile **out, Error *err)
{
    Bytes bytes = {0};
    TensorFile *file = tensor_file_new();
    bool ok = file && bytes_append_file(&bytes, path, err);
    if (!file) {
        error_set(err, "%s: out of memory", path);
    } else if (ok) {
        bool archive = bytes.size >= 2 && memcmp(bytes.data, "PK", 2) == 0;
        ok = archive ? add_archive(file, &bytes, err)
                     : add_array(file, "arr_0", bytes.data, bytes.size, err);
        if (!ok)
            error_prefix(err, "%s", path);
    }
    free(bytes.data);
    if (ok)
        *out = file;
    else
        tensor_file_free(file);
    return ok;
}
