/* Convolutions whose one small pixel sees the whole big image: products over samples. For
 * libtensor/conv.c, which says what the products are. */
#ifndef LIBTENSOR_CONV_DENSE_H
#define LIBTENSOR_CONV_DENSE_H

#include <stdbool.h>

#include "libtensor/conv.h"

bool conv_dense_fits(const ConvShape *s);

void conv_dense_to_small(const ConvShape *s, const real *big, const real *w, Epilogue epilogue,
                         real beta, real *small);
void conv_dense_to_big(const ConvShape *s, const real *small, const real *w, Epilogue epilogue,
                       real beta, real *big);
void conv_dense_weight(const ConvShape *s, const real *big, const real *small, real beta, real *dw);

#endif
