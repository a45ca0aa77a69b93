/* Conversion between element types. IEEE 754 half precision is done with integer arithmetic: exact
 * from half, rounded once, to nearest even, to half, also from double. bfloat16 is a float without
 * its lower half. */
#include "libtensor/tensor_file.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static double from_half(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double sign = h >> 15 ? -1 : 1;
    if (exponent == 31) {
        uint64_t bits = (uint64_t)(h >> 15) << 63 | 0x7ffull << 52 | (uint64_t)mantissa << 42;
        double x; /* infinity, or NaN with its payload */
        memcpy(&x, &bits, sizeof x);
        return x;
    }
    if (exponent == 0)
        return sign * ldexp(mantissa, -24);
    return sign * ldexp(1024 + mantissa, exponent - 25);
}

static uint16_t to_half(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 48 & 0x8000);
    if (isnan(x))
        return sign | 0x7e00 | (uint16_t)(bits >> 42 & 0x1ff); /* quiet */
    double a = fabs(x);
    if (a >= 65520) /* halfway between the largest half and the next power of two */
        return sign | 0x7c00;
    if (a < 0x1p-14) /* subnormal: a multiple of 2^-24; 1024 of them carry into the exponent */
        return sign | (uint16_t)nearbyint(a * 0x1p24);
    int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    int mantissa = (int)nearbyint(ldexp(a, 10 - exponent)); /* 1024 .. 2048 */
    return sign | (uint16_t)(((exponent + 14) << 10) + mantissa);
}

static float from_bfloat(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* To nearest even, from double by way of float. */
static uint16_t to_bfloat(double x)
{
    float rounded = (float)x;
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    if (isnan(rounded))
        return (uint16_t)(bits >> 16) | 0x40; /* quiet */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static double load(const void *from, DType type, int64_t i)
{
    switch (type) {
    case DTYPE_F32:
        return ((const float *)from)[i];
    case DTYPE_F64:
        return ((const double *)from)[i];
    case DTYPE_F16:
        return from_half(((const uint16_t *)from)[i]);
    case DTYPE_I32:
        return ((const int32_t *)from)[i];
    case DTYPE_I64:
        return (double)((const int64_t *)from)[i];
    case DTYPE_U8:
        return ((const uint8_t *)from)[i];
    case DTYPE_BF16:
        return (double)from_bfloat(((const uint16_t *)from)[i]);
    }
    assert(!"a type of tensor.h");
    return 0;
}

void tensor_convert(void *to, DType to_type, const void *from, DType from_type, int64_t n)
{
    if (to_type == from_type) {
        memcpy(to, from, (size_t)n * dtype_size(to_type));
        return;
    }
    switch (to_type) {
    case DTYPE_F32:
        for (int64_t i = 0; i < n; i++)
            ((float *)to)[i] = (float)load(from, from_type, i);
        return;
    case DTYPE_F64:
        for (int64_t i = 0; i < n; i++)
            ((double *)to)[i] = load(from, from_type, i);
        return;
    case DTYPE_F16:
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)to)[i] = to_half(load(from, from_type, i));
        return;
    case DTYPE_BF16:
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)to)[i] = to_bfloat(load(from, from_type, i));
        return;
    default:
        assert(!"conversion goes to a floating-point type");
    }
}
