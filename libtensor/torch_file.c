/* The formats of torch.save (PyTorch's torch/serialization.py), the oldest of which is in
 * torch_tar.c. Each holds a pickle of the saved
 * object, in which a tensor is a call
 *     torch._utils._rebuild_tensor_v2(storage, offset, size, stride, ...)
 * and a storage is the persistent id ('storage', torch.FloatStorage, key, location, elements).
 *   since 1.6: a zip archive: NAME/data.pkl, the storages as NAME/data/KEY
 *   since 0.1.10: one stream of pickles: magic number, protocol, system, the object, list of keys;
 * then per key of the list the number of elements (u64) and the elements. The persistent id has a
 * sixth part, None or, for a storage that is a part of another, (key, offset, elements). */
#include "config.h"

#include "libtensor/tensor_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/torch_reader.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "data is copied without swapping bytes");

enum {
    MAX_TENSORS = 1 << 14,
    MAX_VISITS = 1 << 20, /* values looked at: a pickle can contain a value many times over */
    MAX_DEPTH = 16,
    MAX_NAME = 400
};

/* Everything a pickle of tensors may name; the storages in the order of storage_types. */
enum { KNOWN_DICT, KNOWN_SIZE, KNOWN_TENSOR, KNOWN_TENSOR_V2, KNOWN_PARAMETER, KNOWN_STORAGE };
static const char *const known[] = {"collections.OrderedDict",
                                    "torch.Size",
                                    "torch._utils._rebuild_tensor",
                                    "torch._utils._rebuild_tensor_v2",
                                    "torch._utils._rebuild_parameter",
                                    "torch.HalfStorage",
                                    "torch.BFloat16Storage",
                                    "torch.FloatStorage",
                                    "torch.DoubleStorage",
                                    "torch.BoolStorage",
                                    "torch.ByteStorage",
                                    "torch.CharStorage",
                                    "torch.ShortStorage",
                                    "torch.IntStorage",
                                    "torch.LongStorage"};
static const ForeignType storage_types[] = {FOREIGN_F16,  FOREIGN_BF16, FOREIGN_F32, FOREIGN_F64,
                                            FOREIGN_BOOL, FOREIGN_U8,   FOREIGN_I8,  FOREIGN_I16,
                                            FOREIGN_I32,  FOREIGN_I64};
enum {
    N_KNOWN = sizeof known / sizeof *known,
    N_STORAGE_TYPES = sizeof storage_types / sizeof *storage_types
};
_Static_assert(N_KNOWN == KNOWN_STORAGE + (int)N_STORAGE_TYPES, "a type for each storage");

bool torch_damaged(TorchReader *r, const char *what)
{
    return error_set(r->err, "the file is damaged: %s", what);
}

bool torch_big_endian(TorchReader *r)
{
    return error_set(r->err,
                     "was saved on a big-endian machine, which cannot be read; save it again "
                     "on another");
}

static int shown(size_t n)
{
    return n < 100 ? (int)n : 100;
}

bool torch_storage_class(const PickleValue *value, ForeignType *type)
{
    if (value->kind != PICKLE_GLOBAL || value->integer < KNOWN_STORAGE)
        return false;
    *type = storage_types[value->integer - KNOWN_STORAGE];
    return true;
}

static const PickleValue *value_of(const TorchReader *r, int id)
{
    return pickle_value(r->pickle, id);
}

/* ---- storages ---- */

static bool parse_id(TorchReader *r, const PickleValue *persistent, StorageId *id)
{
    const PickleValue *part[5], *view[3];
    ForeignType type;
    int tuple = pickle_item(r->pickle, persistent->first);
    if (!pickle_items(r->pickle, tuple, part, 5) || !pickle_is(part[0], "storage") ||
        !torch_storage_class(part[1], &type) || part[2]->kind != PICKLE_TEXT ||
        part[4]->kind != PICKLE_INT || part[4]->integer < 0)
        return torch_damaged(r, "a persistent id is not one of a storage");
    *id = (StorageId){part[2]->text, part[2]->length, type, 0, part[4]->integer};
    int sixth = -1, cell = value_of(r, tuple)->first;
    for (int i = 0; cell >= 0; i++, cell = pickle_next(r->pickle, cell))
        if (i == 5)
            sixth = pickle_item(r->pickle, cell);
    if (sixth < 0 || value_of(r, sixth)->kind == PICKLE_NONE)
        return true;
    if (!pickle_items(r->pickle, sixth, view, 3) || view[1]->kind != PICKLE_INT ||
        view[2]->kind != PICKLE_INT || view[1]->integer < 0 || view[2]->integer < 0 ||
        view[1]->integer > id->count - view[2]->integer)
        return torch_damaged(r, "a part of a storage lies outside of it");
    id->offset = view[1]->integer;
    return true;
}

static int compare_keys(const char *a, size_t n_a, const char *b, size_t n_b)
{
    if (n_a != n_b)
        return n_a < n_b ? -1 : 1;
    return memcmp(a, b, n_a);
}

static int by_key(const void *a, const void *b)
{
    const StorageId *x = &((const Storage *)a)->id, *y = &((const Storage *)b)->id;
    return compare_keys(x->key, x->key_length, y->key, y->key_length);
}

static Storage *find_storage(const TorchReader *r, const char *key, size_t length)
{
    Storage wanted = {.id = {.key = key, .key_length = length}};
    return r->n_storage ? bsearch(&wanted, r->storage, (size_t)r->n_storage, sizeof wanted, by_key)
                        : NULL;
}

/* Lists the storages that the pickle names, each once. */
static bool list_storages(TorchReader *r)
{
    int n = 0, values = pickle_count(r->pickle);
    for (int i = 0; i < values; i++)
        n += value_of(r, i)->kind == PICKLE_PERSISTENT;
    r->storage = calloc((size_t)n + 1, sizeof *r->storage);
    if (!r->storage)
        return error_set(r->err, "out of memory");
    n = 0;
    for (int i = 0; i < values; i++)
        if (value_of(r, i)->kind == PICKLE_PERSISTENT &&
            !parse_id(r, value_of(r, i), &r->storage[n++].id))
            return false;
    if (n == 0)
        return true;
    qsort(r->storage, (size_t)n, sizeof *r->storage, by_key);
    for (int i = 0; i < n; i++) {
        const StorageId *id = &r->storage[i].id;
        Storage *last = r->n_storage ? &r->storage[r->n_storage - 1] : NULL;
        if (!last || by_key(last, &r->storage[i]) != 0)
            r->storage[r->n_storage++] = r->storage[i];
        else if (last->id.type != id->type || last->id.count != id->count)
            return torch_damaged(r, "a storage has two types or sizes");
    }
    return true;
}

/* Bytes of a storage, if they are no more than limit. */
static bool storage_bytes(TorchReader *r, const StorageId *id, uint64_t limit, uint64_t *bytes)
{
    uint64_t element = foreign_size(id->type);
    if ((uint64_t)id->count > limit / element)
        return torch_damaged(r, "a storage is larger than the file has room for");
    *bytes = (uint64_t)id->count * element;
    return true;
}

/* The storage's bytes are there after this: out of the zip at its first use. */
static bool load_storage(TorchReader *r, Storage *s)
{
    char name[MAX_NAME];
    if (s->contents.data)
        return true;
    if (!r->zip.entry)
        return torch_damaged(r, "the data of a storage are missing");
    int n = snprintf(name, sizeof name, "%.*sdata/%.*s", (int)r->folder_length, r->folder,
                     shown(s->id.key_length), s->id.key);
    const ZipEntry *entry =
        n > 0 && (size_t)n < sizeof name ? zip_find(&r->zip, name, (size_t)n) : NULL;
    if (!entry)
        return error_set(r->err, "the archive lacks %.300s; the file is damaged", name);
    uint64_t bytes = 0;
    if (!storage_bytes(r, &s->id, entry->size, &bytes) || !zip_extract(entry, &s->contents, r->err))
        return false;
    if (bytes == s->contents.size) {
        r->stored += bytes;
        return true;
    }
    return error_set(r->err,
                     "%.300s has %zu bytes where %" PRIu64 " are wanted; the file is damaged", name,
                     s->contents.size, bytes);
}

/* ---- tensors ---- */

/* A tuple of whole numbers >= 0, or torch.Size of one; -1 if it is not, or has more than most. */
static int parse_numbers(const TorchReader *r, const PickleValue *v, int64_t *number, int most)
{
    if (v->kind == PICKLE_CALL) {
        const PickleValue *function = value_of(r, pickle_item(r->pickle, v->first)), *argument[1];
        int arguments = pickle_item(r->pickle, pickle_next(r->pickle, v->first));
        if (function->integer != KNOWN_SIZE || !pickle_items(r->pickle, arguments, argument, 1))
            return -1;
        v = argument[0];
    }
    if ((v->kind != PICKLE_TUPLE && v->kind != PICKLE_LIST) || v->count > most)
        return -1;
    int n = 0;
    for (int cell = v->first; cell >= 0; cell = pickle_next(r->pickle, cell)) {
        const PickleValue *item = value_of(r, pickle_item(r->pickle, cell));
        if (item->kind != PICKLE_INT || item->integer < 0)
            return -1;
        number[n++] = item->integer;
    }
    return n;
}

/* Whether all elements lie within the n that a storage has from the offset on, and there are no
 * more elements than that (an expanded tensor would be a cheap way to ask for any amount of
 * memory). */
static bool lies_within(Shape shape, const int64_t stride[TENSOR_MAX_DIM], int64_t n)
{
    int64_t count = 1, last = 0;
    bool empty = false;
    for (int d = 0; d < shape.ndim; d++) {
        int64_t span, dim = shape.dim[d] ? shape.dim[d] : 1;
        empty = empty || shape.dim[d] == 0;
        if (__builtin_mul_overflow(count, dim, &count) ||
            __builtin_mul_overflow(dim - 1, stride[d], &span) ||
            __builtin_add_overflow(last, span, &last))
            return false;
    }
    return empty || (last < n && count <= n);
}

bool torch_add_view(TorchReader *r, const char *name, const unsigned char *from, ForeignType type,
                    int64_t left, int n, const int64_t *dim, const int64_t *step)
{
    Shape shape = shape1(1);
    int64_t stride[TENSOR_MAX_DIM] = {0};
    if (n > TENSOR_MAX_DIM)
        return error_set(r->err, "%.200s has %d dimensions; tensors of at most %d can be read",
                         name, n, TENSOR_MAX_DIM);
    for (int d = 0; d < n; d++) {
        shape.dim[d] = dim[d];
        /* of one element it is not used, and may be anything */
        stride[d] = dim[d] > 1 ? step[d] : 0;
    }
    shape.ndim = n ? n : 1; /* a scalar has shape [1] here */
    if (!lies_within(shape, stride, left))
        return error_set(
            r->err,
            "%.200s has more elements than its storage; it is an expanded view, or the "
            "file is damaged; save a contiguous copy of it",
            name);
    /* One storage may serve several tensors (tied weights), but not any number. */
    r->made += (uint64_t)shape_count(shape) * foreign_size(type);
    if (r->made > 4 * r->stored)
        return error_set(r->err, "the tensors are more than four times their storages; the file is "
                                 "refused");
    if (tensor_file_count(r->file) == MAX_TENSORS)
        return error_set(r->err, "the file has more than %d tensors", MAX_TENSORS);
    Tensor t = {0};
    bool ok = strided_gather(&t, from, type, shape, stride, r->err) &&
              tensor_file_adopt(r->file, name, &t, r->err);
    free(t.data);
    return ok;
}

/* _rebuild_tensor(storage, offset, size, stride) and its _v2, which has more arguments. */
static bool add_tensor(TorchReader *r, int arguments, const char *name)
{
    const PickleValue *part[4];
    if (!pickle_items(r->pickle, arguments, part, 4) || part[0]->kind != PICKLE_PERSISTENT ||
        part[1]->kind != PICKLE_INT || part[1]->integer < 0)
        return error_set(r->err, "the tensor %.200s is malformed; the file is damaged", name);
    StorageId id;
    if (!parse_id(r, part[0], &id))
        return false;
    int64_t dim[TORCH_MAX_DIMS], step[TORCH_MAX_DIMS];
    int n = parse_numbers(r, part[2], dim, TORCH_MAX_DIMS);
    if (n < 0 || parse_numbers(r, part[3], step, TORCH_MAX_DIMS) != n)
        return error_set(r->err, "the size of %.200s is malformed; the file is damaged", name);
    Storage *s = find_storage(r, id.key, id.key_length);
    if (!s)
        return torch_damaged(r, "a storage is not where it belongs");
    if (!load_storage(r, s))
        return error_prefix(r->err, "%.200s", name);
    int64_t first = 0, left = -1; /* an offset beyond the storage leaves nothing */
    if (part[1]->integer <= id.count - id.offset) {
        first = id.offset + part[1]->integer;
        left = id.count - first;
    }
    return torch_add_view(r, name, s->contents.data + (size_t)first * foreign_size(id.type),
                          id.type, left, n, dim, step);
}

/* ---- the saved object ---- */

static bool add_value(TorchReader *r, int id, char name[MAX_NAME], size_t length, int depth);

/* "a" and the key "b" make "a.b"; only the name at its end is changed. */
static bool add_keyed(TorchReader *r, const PickleValue *key, int item, char name[MAX_NAME],
                      size_t length, int depth)
{
    int n = 0;
    size_t room = MAX_NAME - length;
    const char *dot = length ? "." : "";
    if (key->kind == PICKLE_TEXT && !memchr(key->text, '\0', key->length) && key->length < MAX_NAME)
        n = snprintf(name + length, room, "%s%.*s", dot, (int)key->length, key->text);
    else if (key->kind == PICKLE_INT)
        n = snprintf(name + length, room, "%s%" PRId64, dot, key->integer);
    else
        return torch_damaged(r, "a key is neither text nor a whole number");
    if (n < 0 || (size_t)n >= room)
        return torch_damaged(r, "a name is too long");
    return add_value(r, item, name, length + (size_t)n, depth + 1);
}

/* Keys and values from this cell on. */
static bool add_pairs(TorchReader *r, int cell, char name[MAX_NAME], size_t length, int depth)
{
    while (cell >= 0) {
        const PickleValue *key = value_of(r, pickle_item(r->pickle, cell));
        cell = pickle_next(r->pickle, cell);
        if (!add_keyed(r, key, pickle_item(r->pickle, cell), name, length, depth))
            return false;
        cell = pickle_next(r->pickle, cell);
    }
    return true;
}

/* The argument of OrderedDict([[key, value], ...]), as Python 2 pickles it. */
static bool add_pair_list(TorchReader *r, const PickleValue *list, char name[MAX_NAME],
                          size_t length, int depth)
{
    for (int cell = list->first; cell >= 0; cell = pickle_next(r->pickle, cell)) {
        const PickleValue *pair = value_of(r, pickle_item(r->pickle, cell));
        if ((pair->kind != PICKLE_LIST && pair->kind != PICKLE_TUPLE) || pair->count != 2)
            return torch_damaged(r, "an OrderedDict is not made of pairs");
        if (!add_pairs(r, pair->first, name, length, depth))
            return false;
    }
    return true;
}

static bool add_call(TorchReader *r, const PickleValue *v, char name[MAX_NAME], size_t length,
                     int depth)
{
    int second = pickle_next(r->pickle, v->first), arguments = pickle_item(r->pickle, second);
    const PickleValue *tuple = value_of(r, arguments), *argument[1];
    switch (value_of(r, pickle_item(r->pickle, v->first))->integer) {
    case KNOWN_TENSOR:
    case KNOWN_TENSOR_V2:
        return add_tensor(r, arguments, length ? name : "tensor");
    case KNOWN_PARAMETER: /* (tensor, requires_grad, hooks) */
        if (tuple->count < 1)
            return torch_damaged(r, "a parameter has no tensor");
        return add_value(r, pickle_item(r->pickle, tuple->first), name, length, depth + 1);
    case KNOWN_DICT:
        if (pickle_items(r->pickle, arguments, argument, 1) &&
            !add_pair_list(r, argument[0], name, length, depth))
            return false;
        return add_pairs(r, pickle_next(r->pickle, second), name, length, depth);
    default:
        return true; /* torch.Size is no tensor */
    }
}

static bool add_list(TorchReader *r, const PickleValue *v, char name[MAX_NAME], size_t length,
                     int depth)
{
    PickleValue key = {.kind = PICKLE_INT};
    for (int cell = v->first; cell >= 0; cell = pickle_next(r->pickle, cell), key.integer++)
        if (!add_keyed(r, &key, pickle_item(r->pickle, cell), name, length, depth))
            return false;
    return true;
}

/* What stands beside the tensors in the outermost dictionary (epoch, arch, ...) is metadata. */
static bool add_scalar(TorchReader *r, const PickleValue *v, const char *name)
{
    char text[MAX_NAME];
    switch (v->kind) {
    case PICKLE_TEXT:
        if (v->length >= sizeof text || memchr(v->text, '\0', v->length))
            return true;
        snprintf(text, sizeof text, "%.*s", (int)v->length, v->text);
        break;
    case PICKLE_BOOL:
        snprintf(text, sizeof text, "%s", v->integer ? "true" : "false");
        break;
    case PICKLE_INT:
        snprintf(text, sizeof text, "%" PRId64, v->integer);
        break;
    case PICKLE_FLOAT:
        snprintf(text, sizeof text, "%.9g", v->real);
        break;
    default:
        return true;
    }
    return tensor_file_meta_count(r->file) >= 100 ||
           tensor_file_set_meta(r->file, name, text, r->err);
}

/* Adds the tensors of a value, and of what it contains, under dotted names. */
static bool add_value(TorchReader *r, int id, char name[MAX_NAME], size_t length, int depth)
{
    const PickleValue *v = value_of(r, id);
    bool ok = true;
    if (depth > MAX_DEPTH)
        return torch_damaged(r, "it is nested too deeply");
    if (++r->visits > MAX_VISITS)
        return torch_damaged(r, "it contains itself or too much");
    switch (v->kind) {
    case PICKLE_DICT:
        ok = add_pairs(r, v->first, name, length, depth);
        break;
    case PICKLE_LIST:
    case PICKLE_TUPLE:
        ok = add_list(r, v, name, length, depth);
        break;
    case PICKLE_CALL:
        ok = add_call(r, v, name, length, depth);
        break;
    case PICKLE_PERSISTENT: /* elsewhere a storage, which is no tensor */
        ok = !r->tar || torch_tar_add(r, v, length ? name : "tensor");
        break;
    default:
        if (depth == 1)
            ok = add_scalar(r, v, name);
    }
    name[length] = '\0';
    return ok;
}

bool torch_add_all(TorchReader *r)
{
    char name[MAX_NAME] = "";
    if (!add_value(r, pickle_root(r->pickle), name, 0, 0))
        return false;
    return tensor_file_count(r->file) > 0 || error_set(r->err, "there are no tensors in it");
}

/* ---- the zip archive ---- */

static bool open_zip(TorchReader *r)
{
    static const char last[] = "/data.pkl";
    char name[MAX_NAME];
    size_t used;
    if (!zip_open(&r->zip, r->bytes.data, r->bytes.size, r->err))
        return false;
    const ZipEntry *pickled = NULL;
    for (int i = 0; i < r->zip.count && !pickled; i++) {
        const ZipEntry *e = &r->zip.entry[i];
        size_t n = sizeof last - 1;
        if (e->name_length > n && e->name_length < MAX_NAME / 2 &&
            memcmp(e->name + e->name_length - n, last, n) == 0)
            pickled = e;
    }
    if (!pickled)
        return error_set(r->err, "is a zip archive without a data.pkl, so not one of PyTorch");
    r->folder = pickled->name;
    r->folder_length = pickled->name_length - strlen("data.pkl");
    int n = snprintf(name, sizeof name, "%.*sbyteorder", (int)r->folder_length, r->folder);
    const ZipEntry *order = zip_find(&r->zip, name, (size_t)n);
    if (order && order->packed_size == 3 && memcmp(order->packed, "big", 3) == 0)
        return torch_big_endian(r);
    return zip_extract(pickled, &r->pickled, r->err) &&
           unpickle(&r->pickle, r->pickled.data, r->pickled.size, known, N_KNOWN, &used, r->err) &&
           list_storages(r) && torch_add_all(r);
}

/* ---- the stream ---- */

bool torch_next_pickle(TorchReader *r, const unsigned char *bytes, size_t size, size_t *at,
                       Pickle **pickle)
{
    size_t used;
    if (!unpickle(pickle, bytes + *at, size - *at, known, N_KNOWN, &used, r->err))
        return false;
    *at += used;
    return true;
}

static bool next_pickle(TorchReader *r, size_t *at, Pickle **pickle)
{
    return torch_next_pickle(r, r->bytes.data, r->bytes.size, at, pickle);
}

bool torch_says(const Pickle *pickle, const PickleValue *dict, const char *key)
{
    bool said = true;
    for (int cell = dict->first; cell >= 0;) {
        const PickleValue *name = pickle_value(pickle, pickle_item(pickle, cell));
        cell = pickle_next(pickle, cell);
        const PickleValue *value = pickle_value(pickle, pickle_item(pickle, cell));
        cell = pickle_next(pickle, cell);
        if (pickle_is(name, key))
            said = value->kind == PICKLE_BOOL && value->integer;
    }
    return said;
}

/* The magic number, the protocol and the system, which say no more than that we can read on. */
static bool read_preamble(TorchReader *r, size_t *at)
{
    static const char magic[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    for (int i = 0; i < 3; i++) {
        Pickle *p;
        if (!next_pickle(r, at, &p))
            return error_prefix(r->err, "is no file of PyTorch, or is damaged");
        const PickleValue *v = pickle_value(p, pickle_root(p));
        bool right = true, little = true;
        if (i == 0)
            right = v->kind == PICKLE_BIG && v->length == 10 && memcmp(v->text, magic, 10) == 0;
        else if (i == 1)
            right = v->kind == PICKLE_INT && v->integer == 1001;
        else
            right = v->kind == PICKLE_DICT;
        if (i == 2 && right)
            little = torch_says(p, v, "little_endian");
        pickle_free(p);
        if (!right)
            return error_set(r->err, "is a pickle, but not one of PyTorch");
        if (!little)
            return torch_big_endian(r);
    }
    return true;
}

/* The storages lie one after the other in the order of the keys. */
static bool place_storages(TorchReader *r, const Pickle *keys, size_t at)
{
    const PickleValue *list = pickle_value(keys, pickle_root(keys));
    if (list->kind != PICKLE_LIST)
        return torch_damaged(r, "the list of storages is missing");
    for (int cell = list->first; cell >= 0; cell = pickle_next(keys, cell)) {
        const PickleValue *key = pickle_value(keys, pickle_item(keys, cell));
        Storage *s = key->kind == PICKLE_TEXT ? find_storage(r, key->text, key->length) : NULL;
        uint64_t count, bytes = 0;
        if (!s || s->contents.data)
            return torch_damaged(r, "a storage is unknown or there twice");
        if (r->bytes.size - at < sizeof count)
            return torch_damaged(r, "it is cut short; copy it again");
        memcpy(&count, r->bytes.data + at, sizeof count);
        at += sizeof count;
        if (!storage_bytes(r, &s->id, r->bytes.size - at, &bytes))
            return error_set(r->err, "is cut short or damaged; copy it again");
        if (count != (uint64_t)s->id.count)
            return torch_damaged(r, "a storage has another size than its tensors say");
        s->contents.data = r->bytes.data + at;
        r->stored += bytes;
        at += (size_t)bytes;
    }
    return true;
}

static bool open_stream(TorchReader *r)
{
    size_t at = 0;
    Pickle *keys = NULL;
    bool ok = read_preamble(r, &at) && next_pickle(r, &at, &r->pickle) && list_storages(r) &&
              next_pickle(r, &at, &keys) && place_storages(r, keys, at) && torch_add_all(r);
    pickle_free(keys);
    return ok;
}

bool torch_read(const char *path, TensorFile **file, Error *err)
{
    TorchReader r = {.file = tensor_file_new(), .err = err};
    if (!r.file)
        return error_set(err, "%s: out of memory", path);
    bool ok = bytes_append_file(&r.bytes, path, err);
    if (ok) {
        bool zip = r.bytes.size >= 4 && memcmp(r.bytes.data, "PK\3\4", 4) == 0;
        ok = zip                                        ? open_zip(&r)
             : torch_is_tar(r.bytes.data, r.bytes.size) ? torch_open_tar(&r)
                                                        : open_stream(&r);
        if (!ok)
            error_prefix(err, "%s", path);
    }
    for (int i = 0; i < r.n_storage; i++)
        free(r.storage[i].contents.owned);
    free(r.storage);
    pickle_free(r.pickle);
    free(r.pickled.owned);
    zip_close(&r.zip);
    torch_tar_free(r.tar);
    free(r.bytes.data);
    if (ok)
        *file = r.file;
    else
        tensor_file_free(r.file);
    return ok;
}
