/* The three products behind conv2d and conv_transpose2d. Both ops relate a "big" image to a "small"
 * one through weights w [small_c, big_c * kh * kw]: the small pixel (y, x) sees the big pixels (y *
 * stride - pad + i, x * stride - pad + j). conv2d goes from big to small, conv_transpose2d from
 * small to big, and each is the other's gradient.
 *
 *     op                forward             gradient to x       gradient to w
 *     conv2d            conv_to_small       conv_to_big         conv_weight(x, dout)
 *     conv_transpose2d  conv_to_big         conv_to_small       conv_weight(dout, x)
 */
#ifndef LIBTENSOR_CONV_H
#define LIBTENSOR_CONV_H

#include <stddef.h>
#include <stdint.h>

#include "libtensor/epilogue.h"
#include "libtensor/kept.h"

typedef struct ConvShape {
    int64_t n;
    int64_t big_c, big_h, big_w;
    int64_t small_c, small_h, small_w;
    int64_t kh, kw, stride, pad;
} ConvShape;

/* small [n,small_c,small_h,small_w] = beta small + w * patches of big, then the epilogue. beta 0 or
 * 1; with beta 0 small is not read, with beta 1 there is no activation. kept: of these weights, or
 * NULL. */
void conv_to_small(const ConvShape *s, const real *big, const real *w, Epilogue epilogue, real beta,
                   real *small, Kept *kept, void *scratch);
size_t conv_to_small_scratch(const ConvShape *s);
size_t conv_to_small_kept(const ConvShape *s); /* bytes that are worth keeping */

/* big [n,big_c,big_h,big_w] = beta big + the transposed map of small, then the epilogue. */
void conv_to_big(const ConvShape *s, const real *small, const real *w, Epilogue epilogue, real beta,
                 real *big, Kept *kept, void *scratch);
size_t conv_to_big_scratch(const ConvShape *s);
size_t conv_to_big_kept(const ConvShape *s);

/* dw [small_c,big_c*kh*kw] = beta dw + sum over samples and small pixels of small times patch of
 * big. */
void conv_weight(const ConvShape *s, const real *big, const real *small, real beta, real *dw,
                 void *scratch);
size_t conv_weight_scratch(const ConvShape *s);

/* db [c] = beta db + sums of dout [n,c,inner]. */
void conv_bias(int64_t n, int64_t c, int64_t inner, const real *dout, real beta, real *db);

#endif
