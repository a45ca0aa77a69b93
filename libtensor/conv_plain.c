#include "libtensor/conv_plain.h"

#include <stdbool.h>
#include <string.h>

/* One triple of elements that a convolution relates. */
typedef struct Link {
    int64_t small, w, big;
} Link;

/* The k-th of all triples; false if its big pixel lies outside the image. */
static bool link_at(const ConvShape *s, int64_t k, Link *link)
{
    int64_t j = k % s->kw, i = (k /= s->kw) % s->kh;
    int64_t c = (k /= s->kh) % s->big_c;
    int64_t x = (k /= s->big_c) % s->small_w, y = (k /= s->small_w) % s->small_h;
    int64_t o = (k /= s->small_h) % s->small_c, n = k / s->small_c;
    int64_t v = y * s->stride - s->pad + i, u = x * s->stride - s->pad + j;

    link->small = ((n * s->small_c + o) * s->small_h + y) * s->small_w + x;
    link->w = ((o * s->big_c + c) * s->kh + i) * s->kw + j;
    link->big = ((n * s->big_c + c) * s->big_h + v) * s->big_w + u;
    return v >= 0 && v < s->big_h && u >= 0 && u < s->big_w;
}

static int64_t link_count(const ConvShape *s)
{
    return s->n * s->small_c * s->small_h * s->small_w * s->big_c * s->kh * s->kw;
}

static void fill_bias(double *y, int64_t n, int64_t c, int64_t area, const real *bias)
{
    for (int64_t k = 0; k < n * c * area; k++)
        y[k] = bias != NULL ? (double)bias[k / area % c] : 0;
}

void conv_to_small_plain(const ConvShape *s, const real *big, const real *w, const real *bias,
                         double *small)
{
    Link l;

    fill_bias(small, s->n, s->small_c, s->small_h * s->small_w, bias);
    for (int64_t k = 0; k < link_count(s); k++)
        if (link_at(s, k, &l))
            small[l.small] += (double)w[l.w] * (double)big[l.big];
}

void conv_to_big_plain(const ConvShape *s, const real *small, const real *w, const real *bias,
                       double *big)
{
    Link l;

    fill_bias(big, s->n, s->big_c, s->big_h * s->big_w, bias);
    for (int64_t k = 0; k < link_count(s); k++)
        if (link_at(s, k, &l))
            big[l.big] += (double)w[l.w] * (double)small[l.small];
}

void conv_weight_plain(const ConvShape *s, const real *big, const real *small, double *dw)
{
    Link l;

    memset(dw, 0, (size_t)(s->small_c * s->big_c * s->kh * s->kw) * sizeof *dw);
    for (int64_t k = 0; k < link_count(s); k++)
        if (link_at(s, k, &l))
            dw[l.w] += (double)small[l.small] * (double)big[l.big];
}
