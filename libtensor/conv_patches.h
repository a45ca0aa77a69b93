/* Convolutions of any shape as products of the weights with columns of patches (im2col, col2im), a
 * cache-sized block at a time. For libtensor/conv.c, which says what the products are. */
#ifndef LIBTENSOR_CONV_PATCHES_H
#define LIBTENSOR_CONV_PATCHES_H

#include "libtensor/conv.h"

void conv_patches_to_small(const ConvShape *s, const real *big, const real *w, Epilogue epilogue,
                           real beta, real *small, Kept *kept, void *scratch);
void conv_patches_to_big(const ConvShape *s, const real *small, const real *w, Epilogue epilogue,
                         real beta, real *big, Kept *kept, void *scratch);
void conv_patches_weight(const ConvShape *s, const real *big, const real *small, real beta,
                         real *dw, void *scratch);

/* Bytes. */
size_t conv_patches_to_small_scratch(const ConvShape *s);
size_t conv_patches_to_small_kept(const ConvShape *s);
size_t conv_patches_to_big_scratch(const ConvShape *s);
size_t conv_patches_to_big_kept(const ConvShape *s);
size_t conv_patches_weight_scratch(const ConvShape *s);

#endif
