/* Convolutions of 1x1 kernels and stride 1: products of the weights with the image itself. For
 * libtensor/conv.c, which says what the products are. */
#ifndef LIBTENSOR_POINTWISE_H
#define LIBTENSOR_POINTWISE_H

#include <stdbool.h>

#include "libtensor/conv.h"

/* Whether the shape is one, without a pad. */
bool pointwise_fits(const ConvShape *s);

/* Scratch in bytes of either product; and what it keeps of its weights. */
size_t pointwise_scratch(const ConvShape *s);
size_t pointwise_kept(const ConvShape *s, bool to_big);

/* conv_to_small and conv_to_big of shapes that fit. */
void pointwise_to_small(const ConvShape *s, const real *big, const real *w, Epilogue epilogue,
                        real beta, real *small, Kept *kept, void *scratch);
void pointwise_to_big(const ConvShape *s, const real *small, const real *w, Epilogue epilogue,
                      real beta, real *big, Kept *kept, void *scratch);
#endif
