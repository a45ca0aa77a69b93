/* The three products of libtensor/conv.h by their definition, in double: what the fast ones are
 * tested against. */
#ifndef LIBTENSOR_CONV_PLAIN_H
#define LIBTENSOR_CONV_PLAIN_H

#include "libtensor/conv.h"

void conv_to_small_plain(const ConvShape *s, const real *big, const real *w, const real *bias,
                         double *small);
void conv_to_big_plain(const ConvShape *s, const real *small, const real *w, const real *bias,
                       double *big);
void conv_weight_plain(const ConvShape *s, const real *big, const real *small, double *dw);

#endif
