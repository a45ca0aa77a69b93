/* torch.save before PyTorch 0.1.10 (_legacy_load in torch/serialization.py): a tar archive of
 *
 *   sys_info: a pickle, {"protocol_version": 1000, "little_endian": True, ...}
 *
 *   pickle: the saved object, in which a tensor is the persistent id "KEY"
 *
 *   tensors: a pickled number of tensors; of each a pickle (KEY, key of its storage or None, class)
 *   and its dimensions (i32 and four idle bytes), sizes, strides, offset (i64 each)
 *
 *   storages: a pickled number of storages; of each a pickle (KEY, location, class), the number of
 *   elements (i64) and the elements; then a pickled list of those that are parts of others,
 *   (KEY, key of the whole, offset, elements)
 *
 * Keys are whole numbers. */
#include "config.h"

#include "libtensor/torch_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512, MAX_LISTED = 1 << 14 /* storages, and tensors */ };

/* A tar header's fields. */
enum { NAME_LENGTH = 100, SIZE_AT = 124, SIZE_LENGTH = 12, SUM_AT = 148, SUM_LENGTH = 8 };
enum { TYPE_AT = 156, MAGIC_AT = 257 };

typedef struct Member {
    const unsigned char *data; /* NULL: not there */
    size_t size;
} Member;

typedef struct TarStorage {
    int64_t key;
    ForeignType type;
    const unsigned char *data;
    int64_t count;
} TarStorage;

typedef struct TarTensor {
    int64_t key;
    const TarStorage *storage; /* NULL: a tensor of nothing */
    int n;
    int64_t dim[TORCH_MAX_DIMS], stride[TORCH_MAX_DIMS], offset;
} TarTensor;

struct TorchTar {
    TarStorage *storage; /* sorted by key, as are the tensors */
    TarTensor *tensor;
    size_t n_storage, n_tensor;
};

bool torch_is_tar(const unsigned char *bytes, size_t size)
{
    return size >= BLOCK && memcmp(bytes + MAGIC_AT, "ustar", 5) == 0;
}

void torch_tar_free(TorchTar *tar)
{
    if (tar) {
        free(tar->storage);
        free(tar->tensor);
        free(tar);
    }
}

/* An octal number, ended by a blank or NUL; false for anything else. */
static bool parse_octal(const unsigned char *text, size_t length, uint64_t *number)
{
    size_t i = 0;
    *number = 0;
    while (i < length && text[i] == ' ')
        i++;
    if (i == length || text[i] < '0' || text[i] > '7')
        return false;
    for (; i < length && text[i] >= '0' && text[i] <= '7'; i++)
        *number = *number << 3 | (uint64_t)(text[i] - '0');
    return i == length || text[i] == ' ' || text[i] == '\0';
}

static bool sum_is_right(const unsigned char *header)
{
    uint64_t want, sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_LENGTH ? ' ' : header[i];
    return parse_octal(header + SUM_AT, SUM_LENGTH, &want) && want == sum;
}

/* Finds the members of these names; others, and the archive's own notes, are passed over. */
static bool find_members(TorchReader *r, const char *const *name, Member *member, int n)
{
    const unsigned char *bytes = r->bytes.data;
    size_t size = r->bytes.size;
    for (size_t at = 0; size - at >= BLOCK && bytes[at] != '\0';) {
        const unsigned char *header = bytes + at;
        uint64_t length;
        if (!sum_is_right(header) || !parse_octal(header + SIZE_AT, SIZE_LENGTH, &length))
            return torch_damaged(r, "a header of the tar archive is wrong");
        at += BLOCK;
        if (length > size - at)
            return torch_damaged(r, "it is cut short; copy it again");
        bool regular = header[TYPE_AT] == '0' || header[TYPE_AT] == '\0';
        for (int i = 0; regular && i < n; i++)
            if (strncmp((const char *)header, name[i], NAME_LENGTH) == 0)
                member[i] = (Member){bytes + at, (size_t)length};
        size_t padded = ((size_t)length + BLOCK - 1) / BLOCK * BLOCK;
        at = padded > size - at ? size : at + padded;
    }
    for (int i = 0; i < n; i++)
        if (!member[i].data)
            return error_set(r->err, "is a tar archive without a %s, so not one of PyTorch",
                             name[i]);
    return true;
}

static bool check_system(TorchReader *r, Member m)
{
    size_t at = 0;
    Pickle *p;
    if (!torch_next_pickle(r, m.data, m.size, &at, &p))
        return false;
    const PickleValue *v = pickle_value(p, pickle_root(p));
    bool dict = v->kind == PICKLE_DICT, little = dict && torch_says(p, v, "little_endian");
    pickle_free(p);
    if (!dict)
        return torch_damaged(r, "its sys_info is no dictionary");
    return little || torch_big_endian(r);
}

/* A pickled number of storages or tensors. */
static bool read_count(TorchReader *r, Member m, size_t *at, size_t *count)
{
    Pickle *p;
    if (!torch_next_pickle(r, m.data, m.size, at, &p))
        return false;
    const PickleValue *v = pickle_value(p, pickle_root(p));
    bool right = v->kind == PICKLE_INT && v->integer >= 0;
    int64_t n = right ? v->integer : 0;
    pickle_free(p);
    if (!right)
        return torch_damaged(r, "the number of its storages or tensors is wrong");
    if (n > MAX_LISTED)
        return error_set(r->err, "has more than %d storages or tensors, or is damaged", MAX_LISTED);
    *count = (size_t)n;
    return true;
}

/* A little-endian i64, or false at the end of the member. */
static bool read_i64(Member m, size_t *at, int64_t *value)
{
    if (m.size - *at < sizeof *value)
        return false;
    memcpy(value, m.data + *at, sizeof *value);
    *at += sizeof *value;
    return true;
}

static int by_storage(const void *a, const void *b)
{
    int64_t x = ((const TarStorage *)a)->key, y = ((const TarStorage *)b)->key;
    return (x > y) - (x < y);
}

static int by_tensor(const void *a, const void *b)
{
    int64_t x = ((const TarTensor *)a)->key, y = ((const TarTensor *)b)->key;
    return (x > y) - (x < y);
}

static TarStorage *find_storage(const TorchTar *tar, size_t n, int64_t key)
{
    TarStorage wanted = {.key = key};
    return n ? bsearch(&wanted, tar->storage, n, sizeof wanted, by_storage) : NULL;
}

static bool read_storage(TorchReader *r, Member m, size_t *at, TarStorage *s)
{
    Pickle *p;
    const PickleValue *part[3];
    if (!torch_next_pickle(r, m.data, m.size, at, &p))
        return false;
    bool right = pickle_items(p, pickle_root(p), part, 3) && part[0]->kind == PICKLE_INT &&
                 torch_storage_class(part[2], &s->type);
    s->key = right ? part[0]->integer : 0;
    pickle_free(p);
    if (!right)
        return torch_damaged(r, "a storage is malformed");
    uint64_t left;
    if (!read_i64(m, at, &s->count) || s->count < 0)
        return torch_damaged(r, "a storage has no size");
    left = (m.size - *at) / foreign_size(s->type);
    if ((uint64_t)s->count > left)
        return torch_damaged(r, "a storage is larger than the file has room for");
    s->data = m.data + *at;
    *at += (size_t)s->count * foreign_size(s->type);
    r->stored += (uint64_t)s->count * foreign_size(s->type);
    return true;
}

/* Those that are parts of others go behind the others, of which there are n. */
static bool add_parts(TorchReader *r, TorchTar *tar, const Pickle *p)
{
    const PickleValue *list = pickle_value(p, pickle_root(p)), *part[4];
    size_t n = tar->n_storage;
    if (list->kind != PICKLE_LIST)
        return torch_damaged(r, "the list of its storages' parts is missing");
    TarStorage *more = realloc(tar->storage, (n + (size_t)list->count + 1) * sizeof *more);
    if (!more)
        return error_set(r->err, "out of memory");
    tar->storage = more;
    for (int cell = list->first; cell >= 0; cell = pickle_next(p, cell)) {
        if (!pickle_items(p, pickle_item(p, cell), part, 4))
            return torch_damaged(r, "a part of a storage is malformed");
        for (int i = 0; i < 4; i++)
            if (part[i]->kind != PICKLE_INT)
                return torch_damaged(r, "a part of a storage is malformed");
        const TarStorage *whole = find_storage(tar, n, part[1]->integer);
        int64_t offset = part[2]->integer, count = part[3]->integer;
        if (!whole || offset < 0 || count < 0 || count > whole->count ||
            offset > whole->count - count)
            return torch_damaged(r, "a part of a storage lies outside of it");
        tar->storage[tar->n_storage++] =
            (TarStorage){part[0]->integer, whole->type,
                         whole->data + (size_t)offset * foreign_size(whole->type), count};
    }
    return true;
}

static bool read_storages(TorchReader *r, TorchTar *tar, Member m)
{
    size_t at = 0, n;
    Pickle *parts;
    if (!read_count(r, m, &at, &n))
        return false;
    tar->storage = calloc(n + 1, sizeof *tar->storage);
    if (!tar->storage)
        return error_set(r->err, "out of memory");
    while (tar->n_storage < n)
        if (!read_storage(r, m, &at, &tar->storage[tar->n_storage++]))
            return false;
    qsort(tar->storage, n, sizeof *tar->storage, by_storage);
    if (!torch_next_pickle(r, m.data, m.size, &at, &parts))
        return false;
    bool ok = add_parts(r, tar, parts);
    pickle_free(parts);
    if (!ok)
        return false;
    qsort(tar->storage, tar->n_storage, sizeof *tar->storage, by_storage);
    for (size_t i = 1; i < tar->n_storage; i++)
        if (tar->storage[i].key == tar->storage[i - 1].key)
            return torch_damaged(r, "a storage is there twice");
    return true;
}

/* The classes of tensors, "torch.FloatTensor" or "torch.cuda.FloatTensor", are those of storages
 * but for their names; a tensor takes its type from its storage. */
static const char *const tensor_class[] = {
    "torch.HalfTensor",       "torch.FloatTensor",       "torch.DoubleTensor",
    "torch.ByteTensor",       "torch.CharTensor",        "torch.ShortTensor",
    "torch.IntTensor",        "torch.LongTensor",        "torch.cuda.HalfTensor",
    "torch.cuda.FloatTensor", "torch.cuda.DoubleTensor", "torch.cuda.ByteTensor",
    "torch.cuda.CharTensor",  "torch.cuda.ShortTensor",  "torch.cuda.IntTensor",
    "torch.cuda.LongTensor"};

static bool read_identity(TorchReader *r, const TorchTar *tar, Member m, size_t *at, TarTensor *t)
{
    Pickle *p;
    const PickleValue *part[3];
    size_t used;
    if (!unpickle(&p, m.data + *at, m.size - *at, tensor_class,
                  (int)(sizeof tensor_class / sizeof *tensor_class), &used, r->err))
        return false;
    *at += used;
    bool right = pickle_items(p, pickle_root(p), part, 3) && part[0]->kind == PICKLE_INT &&
                 part[2]->kind == PICKLE_GLOBAL &&
                 (part[1]->kind == PICKLE_INT || part[1]->kind == PICKLE_NONE);
    if (right) {
        t->key = part[0]->integer;
        if (part[1]->kind == PICKLE_INT) {
            t->storage = find_storage(tar, tar->n_storage, part[1]->integer);
            right = t->storage != NULL;
        }
    }
    pickle_free(p);
    return right || torch_damaged(r, "a tensor is malformed, or its storage is missing");
}

static bool read_tensor(TorchReader *r, const TorchTar *tar, Member m, size_t *at, TarTensor *t)
{
    int64_t n; /* in its lower half */
    if (!read_identity(r, tar, m, at, t))
        return false;
    if (!read_i64(m, at, &n))
        return torch_damaged(r, "it is cut short; copy it again");
    t->n = (int)(n & 0xff);
    if ((n & 0xffffffff) > TORCH_MAX_DIMS)
        return torch_damaged(r, "a tensor has too many dimensions");
    for (int k = 0; k < 2; k++)
        for (int d = 0; d < t->n; d++) {
            int64_t *value = k == 0 ? &t->dim[d] : &t->stride[d];
            if (!read_i64(m, at, value) || *value < 0)
                return torch_damaged(r, "the size of a tensor is malformed");
        }
    if (!read_i64(m, at, &t->offset) || t->offset < 0)
        return torch_damaged(r, "the place of a tensor is malformed");
    return true;
}

static bool read_tensors(TorchReader *r, TorchTar *tar, Member m)
{
    size_t at = 0, n;
    if (!read_count(r, m, &at, &n))
        return false;
    tar->tensor = calloc(n + 1, sizeof *tar->tensor);
    if (!tar->tensor)
        return error_set(r->err, "out of memory");
    while (tar->n_tensor < n)
        if (!read_tensor(r, tar, m, &at, &tar->tensor[tar->n_tensor++]))
            return false;
    qsort(tar->tensor, n, sizeof *tar->tensor, by_tensor);
    for (size_t i = 1; i < n; i++)
        if (tar->tensor[i].key == tar->tensor[i - 1].key)
            return torch_damaged(r, "a tensor is there twice");
    return true;
}

/* A key as the text of a persistent id. */
static bool parse_key(const PickleValue *v, int64_t *key)
{
    char text[24], *end;
    if (v->kind == PICKLE_INT) {
        *key = v->integer;
        return true;
    }
    if (v->kind != PICKLE_TEXT || v->length == 0 || v->length >= sizeof text)
        return false;
    memcpy(text, v->text, v->length);
    text[v->length] = '\0';
    *key = strtoll(text, &end, 10);
    return end == text + v->length;
}

bool torch_tar_add(TorchReader *r, const PickleValue *persistent, const char *name)
{
    TarTensor wanted = {0};
    const TorchTar *tar = r->tar;
    if (!parse_key(pickle_value(r->pickle, pickle_item(r->pickle, persistent->first)), &wanted.key))
        return torch_damaged(r, "a persistent id is no number");
    const TarTensor *t =
        tar->n_tensor ? bsearch(&wanted, tar->tensor, tar->n_tensor, sizeof wanted, by_tensor)
                      : NULL;
    if (!t && find_storage(tar, tar->n_storage, wanted.key))
        return true; /* a bare storage is no tensor */
    if (!t)
        return error_set(r->err, "the tensor %.200s is missing; the file is damaged", name);
    if (!t->storage) {
        int64_t none = 0;
        return torch_add_view(r, name, (const unsigned char *)"", FOREIGN_F32, 0, 1, &none, &none);
    }
    int64_t first = 0, left = -1; /* an offset beyond the storage leaves nothing */
    if (t->offset <= t->storage->count) {
        first = t->offset;
        left = t->storage->count - first;
    }
    return torch_add_view(r, name,
                          t->storage->data + (size_t)first * foreign_size(t->storage->type),
                          t->storage->type, left, t->n, t->dim, t->stride);
}

bool torch_open_tar(TorchReader *r)
{
    enum { SYS_INFO, PICKLED, TENSORS, STORAGES, MEMBERS };
    static const char *const name[MEMBERS] = {"sys_info", "pickle", "tensors", "storages"};
    Member member[MEMBERS] = {{NULL, 0}};
    size_t at = 0;
    r->tar = calloc(1, sizeof *r->tar);
    if (!r->tar)
        return error_set(r->err, "out of memory");
    return find_members(r, name, member, MEMBERS) && check_system(r, member[SYS_INFO]) &&
           read_storages(r, r->tar, member[STORAGES]) && read_tensors(r, r->tar, member[TENSORS]) &&
           torch_next_pickle(r, member[PICKLED].data, member[PICKLED].size, &at, &r->pickle) &&
           torch_add_all(r);
}
