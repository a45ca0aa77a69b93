#include "libtensor/conv_dense.h"

#include "libtensor/gemm.h"

enum {
    CHANNELS = 64, /* of a task of the product to the small image */
    BLOCK = 512    /* columns of a task of the others */
};

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t taps(const ConvShape *s)
{
    return s->kh * s->kw;
}

static int64_t depth(const ConvShape *s)
{
    return s->big_c * taps(s);
}

bool conv_dense_fits(const ConvShape *s)
{
    return s->small_h == 1 && s->small_w == 1 && s->pad == 0 && s->kh == s->big_h &&
           s->kw == s->big_w;
}

void conv_dense_to_small(const ConvShape *s, const real *big, const real *w, Epilogue epilogue,
                         real beta, real *small)
{
#pragma omp parallel for schedule(dynamic)
    for (int64_t c0 = 0; c0 < s->small_c; c0 += CHANNELS) {
        int64_t channels = min_of(CHANNELS, s->small_c - c0);
        gemm(false, true, s->n, channels, depth(s), big, depth(s), w + c0 * depth(s), depth(s),
             beta, small + c0, s->small_c);
        for (int64_t n = 0; n < s->n; n++) {
            real *row = small + n * s->small_c + c0;
            for (int64_t c = 0; epilogue.bias != NULL && c < channels; c++)
                row[c] += epilogue.bias[c0 + c];
            activate_row(epilogue.activation, row, channels);
        }
    }
}

void conv_dense_to_big(const ConvShape *s, const real *small, const real *w, Epilogue epilogue,
                       real beta, real *big)
{
#pragma omp parallel for schedule(dynamic)
    for (int64_t k0 = 0; k0 < depth(s); k0 += BLOCK) {
        int64_t width = min_of(BLOCK, depth(s) - k0);
        gemm(false, false, s->n, width, s->small_c, small, s->small_c, w + k0, depth(s), beta,
             big + k0, depth(s));
        for (int64_t n = 0; n < s->n; n++) {
            real *row = big + n * depth(s) + k0;
            for (int64_t k = 0; epilogue.bias != NULL && k < width; k++)
                row[k] += epilogue.bias[(k0 + k) / taps(s)];
            activate_row(epilogue.activation, row, width);
        }
    }
}

void conv_dense_weight(const ConvShape *s, const real *big, const real *small, real beta, real *dw)
{
#pragma omp parallel for schedule(dynamic)
    for (int64_t k0 = 0; k0 < depth(s); k0 += BLOCK)
        gemm(true, false, s->small_c, min_of(BLOCK, depth(s) - k0), s->n, small, s->small_c,
             big + k0, depth(s), beta, dw + k0, depth(s));
}
