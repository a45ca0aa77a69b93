/* Gathering tensors that lie in memory as other libraries store them: in another order, or in types
 * that tensor.h does not have. */
#ifndef LIBTENSOR_STRIDED_H
#define LIBTENSOR_STRIDED_H

#include "libtensor/tensor.h"

/* Element types in files of PyTorch and NumPy. */
typedef enum ForeignType {
    FOREIGN_F16,
    FOREIGN_BF16, /* becomes F32 */
    FOREIGN_F32,
    FOREIGN_F64,
    FOREIGN_BOOL, /* becomes U8 */
    FOREIGN_U8,
    FOREIGN_I8,  /* becomes I32 */
    FOREIGN_I16, /* becomes I32 */
    FOREIGN_I32,
    FOREIGN_I64
} ForeignType;

size_t foreign_size(ForeignType type);

/* Strides, counted in elements, of a contiguous tensor: row-major, or column-major as Fortran has
 * it. */
void strides_row_major(Shape shape, int64_t stride[TENSOR_MAX_DIM]);
void strides_column_major(Shape shape, int64_t stride[TENSOR_MAX_DIM]);

/* A contiguous tensor, its data from malloc: element (i, j, ...) is
 * from[i stride[0] + j stride[1] + ...]. `from` need not be aligned. */
bool strided_gather(Tensor *tensor, const unsigned char *from, ForeignType type, Shape shape,
                    const int64_t stride[TENSOR_MAX_DIM], Error *err);

#endif
