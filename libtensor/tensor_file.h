/* Named tensors in files. */
#ifndef LIBTENSOR_TENSOR_FILE_H
#define LIBTENSOR_TENSOR_FILE_H

#include "libtensor/tensor.h"

/* A set of named tensors in host memory, with string metadata. Owns everything it holds. Also the
 * type of what is read from a file. */
typedef struct TensorFile TensorFile;

TensorFile *tensor_file_new(void); /* NULL: out of memory */
void tensor_file_free(TensorFile *file);

/* Copies the tensor in (data is copied, name too; data NULL: zeros). Names are unique. */
bool tensor_file_add(TensorFile *file, const char *name, Tensor t, Error *err);
/* The same without a copy: on success the file owns t->data (from malloc, not NULL), which becomes
 * NULL. */
bool tensor_file_adopt(TensorFile *file, const char *name, Tensor *t, Error *err);
/* Sets metadata key to value (both copied). */
bool tensor_file_set_meta(TensorFile *file, const char *key, const char *value, Error *err);

int tensor_file_count(const TensorFile *file);
const char *tensor_file_name(const TensorFile *file, int i);
Tensor tensor_file_get(const TensorFile *file, int i); /* data owned by the file */
/* data NULL if there is none of this name. */
Tensor tensor_file_find(const TensorFile *file, const char *name);
/* NULL if absent. */
const char *tensor_file_meta(const TensorFile *file, const char *key);
int tensor_file_meta_count(const TensorFile *file);
const char *tensor_file_meta_key(const TensorFile *file, int i);

/* Converts element by element between F16, BF16, F32, F64 (and U8, I32, I64 to those); to holds n
 * elements. To F16 and BF16 rounds to nearest even; too large is infinity. Equal types are copied.
 */
void tensor_convert(void *to, DType to_type, const void *from, DType from_type, int64_t n);

/* safetensors (https://github.com/huggingface/safetensors): 8-byte little-endian header length,
 * JSON header, data. Types F16, F32, F64, I32, I64, U8. Reading refuses truncated, overlapping or
 * oversized files with a text that names the path. Writing goes to PATH.tmp, fsync, rename. */
bool safetensors_read(const char *path, TensorFile **file, Error *err);
bool safetensors_write(const char *path, const TensorFile *file, Error *err);

/* tensorflow.js "weights manifest" JSON beside its shards (face-api's format); uint8 and uint16
 * quantised tensors (scale, min) are dequantised to F32. */
bool tfjs_read(const char *manifest_path, TensorFile **file, Error *err);

/* A file of PyTorch's torch.save, in any of its formats (the zip archive, the stream before 1.6,
 * the tar archive before 0.1.10): a tensor, or dictionaries and lists of them, to any depth. Names
 * are joined by dots: {"state_dict": {"fc.weight": ...}} gives state_dict.fc.weight. Numbers and
 * text of the outermost dictionary become metadata ("epoch", "arch"). Tensors may have any strides;
 * the types F16, F32, F64, U8, I32, I64 are kept, BF16 becomes F32, bool U8, int8 and int16 I32.
 * Nothing of the file is executed: functions and classes other than those that tensors need are
 * refused by name (libtensor/unpickle.h). Tensors take at most four times the bytes of their
 * storages; at most 16384 of them. */
bool torch_read(const char *path, TensorFile **file, Error *err);

/* NumPy's .npz, stored or deflated, of arrays named as numpy.savez got them; or one .npy, named
 * arr_0. Versions 1 to 3, C and Fortran order, little-endian; types as for torch_read. */
bool npz_read(const char *path, TensorFile **file, Error *err);

/* Any of the formats above, told apart by the file's first bytes. */
bool weights_read(const char *path, TensorFile **file, Error *err);

#endif
