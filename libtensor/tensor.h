/* Shapes and tensors: descriptions of contiguous row-major (NCHW) arrays, never owners. */
#ifndef LIBTENSOR_TENSOR_H
#define LIBTENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libtensor/error.h"
#include "libtensor/real.h"

enum { TENSOR_MAX_DIM = 4 };

/* ndim 0 is "no tensor" (an optional operand left out); a scalar has shape [1]. */
typedef struct Shape {
    int ndim;
    int64_t dim[TENSOR_MAX_DIM];
} Shape;

/* bf16, the upper half of a float, is for values inside of a device; files have none. */
typedef enum DType {
    DTYPE_F32,
    DTYPE_F64,
    DTYPE_F16,
    DTYPE_I32,
    DTYPE_I64,
    DTYPE_U8,
    DTYPE_BF16
} DType;

typedef struct Tensor {
    void *data;
    Shape shape;
    DType type;
} Tensor;

Shape shape1(int64_t a);
Shape shape2(int64_t a, int64_t b);
Shape shape3(int64_t a, int64_t b, int64_t c);
Shape shape4(int64_t a, int64_t b, int64_t c, int64_t d);

/* Product of the dimensions; 0 for ndim 0. */
int64_t shape_count(Shape s);
bool shape_equal(Shape a, Shape b);

/* "2x3x8x8" into text (at least 88 bytes); returns text. "none" for ndim 0. */
const char *shape_text(Shape s, char text[88]);

/* Bytes per element. */
size_t dtype_size(DType type);
const char *dtype_name(DType type);

/* shape_count * dtype_size. */
size_t tensor_bytes(Tensor t);

#endif
