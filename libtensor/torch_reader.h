/* What the readers of PyTorch's formats have in common (torch_file.c, torch_tar.c). */
#ifndef LIBTENSOR_TORCH_READER_H
#define LIBTENSOR_TORCH_READER_H

#include "libtensor/bytes.h"
#include "libtensor/strided.h"
#include "libtensor/tensor_file.h"
#include "libtensor/unpickle.h"
#include "libtensor/zip.h"

enum { TORCH_MAX_DIMS = 16 }; /* that are looked at; more than TENSOR_MAX_DIM are refused by name */

/* What a persistent id says. */
typedef struct StorageId {
    const char *key;
    size_t key_length;
    ForeignType type;
    int64_t offset, count; /* elements of the storage of this key */
} StorageId;

typedef struct Storage {
    StorageId id;
    ZipContents contents; /* data NULL: not read yet */
} Storage;

typedef struct TorchTar TorchTar;

typedef struct TorchReader {
    TensorFile *file;
    Bytes bytes;
    Zip zip;            /* entry NULL in the other formats */
    const char *folder; /* of the zip's entries, with its slash */
    size_t folder_length;
    ZipContents pickled;
    Pickle *pickle;   /* the saved object */
    Storage *storage; /* sorted by key */
    int n_storage;
    TorchTar *tar;         /* what persistent ids are in the tar format; else NULL */
    uint64_t stored, made; /* bytes of all storages, and of the tensors made of them */
    int visits;
    Error *err;
} TorchReader;

bool torch_damaged(TorchReader *r, const char *what);
bool torch_big_endian(TorchReader *r);

/* Reads the pickle at *at of these bytes, with the names that a saved object may have, and goes
 * past it. */
bool torch_next_pickle(TorchReader *r, const unsigned char *bytes, size_t size, size_t *at,
                       Pickle **pickle);
/* Whether a global of such a pickle is a storage's class, and of which type. */
bool torch_storage_class(const PickleValue *value, ForeignType *type);
/* Whether the value of this key of a dictionary, if it is there, is true. */
bool torch_says(const Pickle *pickle, const PickleValue *dict, const char *key);

/* Adds a tensor: n dimensions, with strides in elements, of the `left` elements that lie at `from`.
 */
bool torch_add_view(TorchReader *r, const char *name, const unsigned char *from, ForeignType type,
                    int64_t left, int n, const int64_t *dim, const int64_t *stride);

/* Adds all tensors of r->pickle. */
bool torch_add_all(TorchReader *r);

/* ---- torch_tar.c ---- */

bool torch_is_tar(const unsigned char *bytes, size_t size);
bool torch_open_tar(TorchReader *r);
void torch_tar_free(TorchTar *tar);
/* Adds the tensor of a persistent id. */
bool torch_tar_add(TorchReader *r, const PickleValue *persistent, const char *name);

#endif
