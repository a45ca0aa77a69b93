#include "libtensor/tensor.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

Shape shape1(int64_t a)
{
    return (Shape){1, {a}};
}

Shape shape2(int64_t a, int64_t b)
{
    return (Shape){2, {a, b}};
}

Shape shape3(int64_t a, int64_t b, int64_t c)
{
    return (Shape){3, {a, b, c}};
}

Shape shape4(int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (Shape){4, {a, b, c, d}};
}

int64_t shape_count(Shape s)
{
    if (s.ndim == 0)
        return 0;
    int64_t n = 1;
    for (int i = 0; i < s.ndim; i++)
        n *= s.dim[i];
    return n;
}

bool shape_equal(Shape a, Shape b)
{
    if (a.ndim != b.ndim)
        return false;
    for (int i = 0; i < a.ndim; i++)
        if (a.dim[i] != b.dim[i])
            return false;
    return true;
}

const char *shape_text(Shape s, char text[88])
{
    if (s.ndim == 0)
        snprintf(text, 88, "none");
    int n = 0;
    for (int i = 0; i < s.ndim; i++)
        n += snprintf(text + n, 88 - (size_t)n, i ? "x%" PRId64 : "%" PRId64, s.dim[i]);
    return text;
}

static const struct {
    const char *name;
    size_t size;
} dtype_table[] = {
    [DTYPE_F32] = {"f32", 4},   [DTYPE_F64] = {"f64", 8}, [DTYPE_F16] = {"f16", 2},
    [DTYPE_I32] = {"i32", 4},   [DTYPE_I64] = {"i64", 8}, [DTYPE_U8] = {"u8", 1},
    [DTYPE_BF16] = {"bf16", 2},
};

size_t dtype_size(DType type)
{
    assert((size_t)type < sizeof dtype_table / sizeof *dtype_table);
    return dtype_table[type].size;
}

const char *dtype_name(DType type)
{
    assert((size_t)type < sizeof dtype_table / sizeof *dtype_table);
    return dtype_table[type].name;
}

size_t tensor_bytes(Tensor t)
{
    return (size_t)shape_count(t.shape) * dtype_size(t.type);
}
