/* Parameters: declared by name, held in flat slabs (values, gradients), saved as safetensors. */
#ifndef LIBAUTOGRAD_PARAMS_H
#define LIBAUTOGRAD_PARAMS_H

#include "libtensor/backend.h"
#include "libtensor/tensor_file.h"

typedef struct ParamSet ParamSet;

/* Index of a parameter in its set. */
typedef struct Param {
    int id;
} Param;

typedef enum InitKind {
    INIT_ZEROS,
    INIT_CONSTANT, /* value */
    INIT_NORMAL,   /* mean 0, standard deviation `value` */
    INIT_UNIFORM   /* [-value, value) */
} InitKind;

typedef struct Init {
    InitKind kind;
    real value;
} Init;

ParamSet *params_new(void); /* NULL: out of memory */
void params_free(ParamSet *set);

/* Declares a trained parameter, or a buffer (running statistics: saved, never optimised). name is
 * copied and must be unique ("net.0.weight", as PyTorch would call it). Errors are sticky:
 * params_alloc reports the first. Only before params_alloc. */
Param params_declare(ParamSet *set, const char *name, Shape shape, Init init);
Param params_declare_buffer(ParamSet *set, const char *name, Shape shape, Init init);

/* One slab of values, and one of gradients if trainable; initial values by Philox with this seed,
 * stream = index of the parameter. The backend must outlive the set. */
bool params_alloc(ParamSet *set, Backend *backend, bool trainable, uint64_t seed, Error *err);

bool params_trainable(const ParamSet *set);
int params_count(const ParamSet *set);        /* declared, buffers included */
int64_t params_elements(const ParamSet *set); /* trained elements, buffers not included */
const char *params_name(const ParamSet *set, Param param);
Shape params_shape(const ParamSet *set, Param param);
bool params_find(const ParamSet *set, const char *name, Param *param);

/* Device addresses, for planners and optimisers. Trained parameters come first in the slab, buffers
 * after; params_elements() counts the first part. grad is NULL for buffers and for frozen sets. */
real *params_value(const ParamSet *set, Param param);
real *params_grad(const ParamSet *set, Param param);
real *params_values(const ParamSet *set);
real *params_grads(const ParamSet *set);
Backend *params_backend(const ParamSet *set);
/* How often values have been written from the host. */
uint64_t params_writes(const ParamSet *set);

/* Host copies: shape_count elements. */
void params_read(const ParamSet *set, Param param, real *data);
void params_write(ParamSet *set, Param param, const real *data);
void params_read_grad(const ParamSet *set, Param param, real *data);

/* Adds every parameter as PREFIX + name, stored as type (F16, F32, F64). On failure the file may
 * hold some of them; it is of no more use. */
bool params_save(const ParamSet *set, TensorFile *file, const char *prefix, DType type, Error *err);
/* Reads every parameter from PREFIX + name; missing names and other shapes are errors
 * ("net.0.weight is 512x512x4x4 here, 256x256x4x4 in the file") and leave the set untouched. */
bool params_load(ParamSet *set, const TensorFile *file, const char *prefix, Error *err);

#endif
