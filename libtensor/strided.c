#include "libtensor/strided.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    size_t size;
    DType type;
} types[] = {
    [FOREIGN_F16] = {2, DTYPE_F16}, [FOREIGN_BF16] = {2, DTYPE_F32}, [FOREIGN_F32] = {4, DTYPE_F32},
    [FOREIGN_F64] = {8, DTYPE_F64}, [FOREIGN_BOOL] = {1, DTYPE_U8},  [FOREIGN_U8] = {1, DTYPE_U8},
    [FOREIGN_I8] = {1, DTYPE_I32},  [FOREIGN_I16] = {2, DTYPE_I32},  [FOREIGN_I32] = {4, DTYPE_I32},
    [FOREIGN_I64] = {8, DTYPE_I64},
};

size_t foreign_size(ForeignType type)
{
    return types[type].size;
}

void strides_row_major(Shape shape, int64_t stride[TENSOR_MAX_DIM])
{
    int64_t step = 1;
    for (int d = shape.ndim - 1; d >= 0; d--) {
        stride[d] = step;
        step *= shape.dim[d];
    }
}

void strides_column_major(Shape shape, int64_t stride[TENSOR_MAX_DIM])
{
    int64_t step = 1;
    for (int d = 0; d < shape.ndim; d++) {
        stride[d] = step;
        step *= shape.dim[d];
    }
}

static void copy_element(unsigned char *to, const unsigned char *from, ForeignType type)
{
    int32_t wide;
    uint32_t bits;
    switch (type) {
    case FOREIGN_BF16: /* the upper half of a float */
        bits = (uint32_t)(from[0] | from[1] << 8) << 16;
        memcpy(to, &bits, sizeof bits);
        return;
    case FOREIGN_I8:
        wide = (int8_t)from[0];
        memcpy(to, &wide, sizeof wide);
        return;
    case FOREIGN_I16:
        wide = (int16_t)(from[0] | from[1] << 8);
        memcpy(to, &wide, sizeof wide);
        return;
    default:
        memcpy(to, from, types[type].size);
    }
}

static bool same_type(ForeignType type)
{
    return types[type].size == dtype_size(types[type].type);
}

bool strided_gather(Tensor *tensor, const unsigned char *from, ForeignType type, Shape shape,
                    const int64_t stride[TENSOR_MAX_DIM], Error *err)
{
    Tensor t = {.shape = shape, .type = types[type].type};
    size_t bytes = tensor_bytes(t), wide = dtype_size(t.type), narrow = types[type].size;
    unsigned char *to = malloc(bytes ? bytes : 1);
    if (!to)
        return error_set(err, "out of memory");
    int64_t packed[TENSOR_MAX_DIM], n = shape_count(shape);
    strides_row_major(shape, packed);
    bool contiguous = true;
    for (int d = 0; d < shape.ndim; d++)
        contiguous = contiguous && (shape.dim[d] == 1 || stride[d] == packed[d]);
    if (contiguous && same_type(type)) {
        memcpy(to, from, bytes);
    } else {
        int64_t at[TENSOR_MAX_DIM] = {0}, offset = 0;
        for (int64_t i = 0; i < n; i++) {
            copy_element(to + (size_t)i * wide, from + (size_t)offset * narrow, type);
            for (int d = shape.ndim - 1; d >= 0; d--) { /* the next element's place */
                offset += stride[d];
                if (++at[d] < shape.dim[d])
                    break;
                offset -= stride[d] * shape.dim[d];
                at[d] = 0;
            }
        }
    }
    t.data = to;
    *tensor = t;
    return true;
}
