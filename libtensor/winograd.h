/* Convolutions of 3x3 kernels and stride 1 by Winograd's minimal filtering F(4x4, 3x3) (Lavin and
 * Gray, 2015): 36 multiplications for 16 results where the definition takes 144. For
 * libtensor/conv.c, which says what the products are. */
#ifndef LIBTENSOR_WINOGRAD_H
#define LIBTENSOR_WINOGRAD_H

#include <stdbool.h>

#include "libtensor/conv.h"

/* Whether the shape is one that Winograd computes faster. */
bool winograd_fits(const ConvShape *s);

/* Scratch in bytes of any of the products. */
size_t winograd_scratch(const ConvShape *s);

/* Bytes of the transformed kernels that winograd_to_small may keep; 0: it would not gain. */
size_t winograd_kept(const ConvShape *s);

/* conv_to_small, conv_to_big and conv_weight of shapes that fit. Errors relative to the largest
 * result are up to 5e-6 in single precision, of the weights 2e-6 (tests/test_ops_float). */
void winograd_to_small(const ConvShape *s, const real *big, const real *w, Epilogue epilogue,
                       real beta, real *small, Kept *kept, void *scratch);
void winograd_to_big(const ConvShape *s, const real *small, const real *w, Epilogue epilogue,
                     real beta, real *big, void *scratch);
void winograd_weight(const ConvShape *s, const real *big, const real *small, real beta, real *dw,
                     void *scratch);

#endif
