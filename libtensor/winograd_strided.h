/* Convolutions of 4x4 kernels, stride 2 and pad 1 (the imitator's layers) by Winograd's minimal
 * filtering. Such a convolution is the sum of four of stride 1 with 2x2 kernels, one for each
 * parity of rows and columns of the big image; F(4x4, 2x2) takes 25 multiplications for 16 results
 * of one, where the definition takes 64. For libtensor/conv.c, which says what the products are. */
#ifndef LIBTENSOR_WINOGRAD_STRIDED_H
#define LIBTENSOR_WINOGRAD_STRIDED_H

#include <stdbool.h>

#include "libtensor/conv.h"

/* Whether the shape is one that is computed faster so: the product to the big image, the others. */
bool winograd_strided_fits(const ConvShape *s, bool to_big);

/* Scratch in bytes of any of the products. */
size_t winograd_strided_scratch(const ConvShape *s);
/* What a product with images keeps of its weights. */
size_t winograd_strided_kept(const ConvShape *s, bool to_big);

/* conv_to_small, conv_to_big and conv_weight of shapes that fit. */
void winograd_strided_to_small(const ConvShape *s, const real *big, const real *w,
                               Epilogue epilogue, real beta, real *small, Kept *kept,
                               void *scratch);
void winograd_strided_to_big(const ConvShape *s, const real *small, const real *w,
                             Epilogue epilogue, real beta, real *big, Kept *kept, void *scratch);
void winograd_strided_weight(const ConvShape *s, const real *big, const real *small, real beta,
                             real *dw, void *scratch);

#endif
