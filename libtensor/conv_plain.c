#include "libtensor/conv_plain.h"

#include <string.h>

/* Adds to `sum` the product of the other two of every triple of elements (small, w, big) that the
 * convolution relates. Of the three the one that is summed is NULL. */
static inline void add_products(const ConvShape *s, const real *small, const real *w,
                                const real *big, double *sum)
{
    for (int64_t k = 0; k < s->n * s->small_c * s->small_h * s->small_w; k++) {
        int64_t x = k % s->small_w, y = k / s->small_w % s->small_h;
        int64_t o = k / s->small_w / s->small_h % s->small_c;
        int64_t n = k / s->small_w / s->small_h / s->small_c;
        for (int64_t c = 0; c < s->big_c; c++)
            for (int64_t i = 0; i < s->kh; i++)
                for (int64_t j = 0; j < s->kw; j++) {
                    int64_t v = y * s->stride - s->pad + i, u = x * s->stride - s->pad + j;
                    int64_t at = ((n * s->big_c + c) * s->big_h + v) * s->big_w + u;
                    int64_t tap = ((o * s->big_c + c) * s->kh + i) * s->kw + j;
                    if (v < 0 || v >= s->big_h || u < 0 || u >= s->big_w)
                        continue;
                    if (small == NULL)
                        sum[k] += (double)w[tap] * (double)big[at];
                    else if (big == NULL)
                        sum[at] += (double)w[tap] * (double)small[k];
                    else
                        sum[tap] += (double)small[k] * (double)big[at];
                }
    }
}

static void fill_bias(double *y, int64_t n, int64_t c, int64_t area, const real *bias)
{
    for (int64_t k = 0; k < n * c * area; k++)
        y[k] = bias != NULL ? (double)bias[k / area % c] : 0;
}

void conv_to_small_plain(const ConvShape *s, const real *big, const real *w, const real *bias,
                         double *small)
{
    fill_bias(small, s->n, s->small_c, s->small_h * s->small_w, bias);
    add_products(s, NULL, w, big, small);
}

void conv_to_big_plain(const ConvShape *s, const real *small, const real *w, const real *bias,
                       double *big)
{
    fill_bias(big, s->n, s->big_c, s->big_h * s->big_w, bias);
    add_products(s, small, w, NULL, big);
}

void conv_weight_plain(const ConvShape *s, const real *big, const real *small, double *dw)
{
    memset(dw, 0, (size_t)(s->small_c * s->big_c * s->kh * s->kw) * sizeof *dw);
    add_products(s, small, NULL, big, dw);
}
