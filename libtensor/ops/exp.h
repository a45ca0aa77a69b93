/* exp for loops that should become vectors. */
#ifndef LIBTENSOR_OPS_EXP_H
#define LIBTENSOR_OPS_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "libtensor/real.h"

#ifdef REAL_IS_DOUBLE
static inline double exp_real(double x)
{
    return exp(x);
}
#else
/* e^x = 2^n e^r with n the integer nearest to x / ln 2, e^r by a polynomial (Cephes' expf). Within
 * 2 units of the last place; x below -87 and above 88 counts as these. NaN stays NaN. */
static inline float exp_real(float x)
{
    const float round_magic = 12582912.f; /* 1.5 * 2^23: adding it rounds to an integer */
    float n, r, y, scale;
    uint32_t bits;

    x = x < -87 ? -87 : x;
    x = x > 88 ? 88 : x;
    n = (x * 1.44269504f + round_magic) - round_magic;
    r = x - n * .693359375f + n * 2.12194440e-4f;
    y = 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1;
    bits = (uint32_t)((int32_t)n + 127) << 23;
    memcpy(&scale, &bits, sizeof scale);
    return y * scale;
}
#endif

#endif
