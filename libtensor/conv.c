/* Which way computes a product. The shape alone decides, so that no result depends on the machine
 * or on the number of threads. */
#include "libtensor/conv.h"

#include "libtensor/conv_dense.h"
#include "libtensor/conv_patches.h"
#include "libtensor/ops/loops.h"
#include "libtensor/pointwise.h"
#include "libtensor/winograd.h"
#include "libtensor/winograd_strided.h"

typedef enum Product { TO_SMALL, TO_BIG, TO_WEIGHT } Product;

typedef enum Way { DENSE, POINTWISE, WINOGRAD, WINOGRAD_STRIDED, PATCHES } Way;

static Way way_of(const ConvShape *s, Product product)
{
    if (conv_dense_fits(s))
        return DENSE;
    if (product != TO_WEIGHT && pointwise_fits(s))
        return POINTWISE;
    if (winograd_fits(s))
        return WINOGRAD;
    if (winograd_strided_fits(s, product == TO_BIG))
        return WINOGRAD_STRIDED;
    return PATCHES;
}

static size_t scratch_of(const ConvShape *s, Product product)
{
    switch (way_of(s, product)) {
    case DENSE:
        return 0;
    case POINTWISE:
        return pointwise_scratch(s);
    case WINOGRAD:
        return winograd_scratch(s);
    case WINOGRAD_STRIDED:
        return winograd_strided_scratch(s);
    case PATCHES:
        break;
    }
    return product == TO_SMALL ? conv_patches_to_small_scratch(s)
           : product == TO_BIG ? conv_patches_to_big_scratch(s)
                               : conv_patches_weight_scratch(s);
}

static size_t kept_of(const ConvShape *s, Product product)
{
    switch (way_of(s, product)) {
    case POINTWISE:
        return pointwise_kept(s, product == TO_BIG);
    case WINOGRAD_STRIDED:
        return winograd_strided_kept(s, product == TO_BIG);
    case PATCHES:
        return product == TO_BIG ? conv_patches_to_big_kept(s) : conv_patches_to_small_kept(s);
    case WINOGRAD:
        return product == TO_SMALL ? winograd_kept(s) : 0;
    case DENSE:
        break;
    }
    return 0;
}

size_t conv_to_small_scratch(const ConvShape *s)
{
    return scratch_of(s, TO_SMALL);
}

size_t conv_to_big_scratch(const ConvShape *s)
{
    return scratch_of(s, TO_BIG);
}

size_t conv_weight_scratch(const ConvShape *s)
{
    return scratch_of(s, TO_WEIGHT);
}

size_t conv_to_small_kept(const ConvShape *s)
{
    return kept_of(s, TO_SMALL);
}

size_t conv_to_big_kept(const ConvShape *s)
{
    return kept_of(s, TO_BIG);
}

void conv_to_small(const ConvShape *s, const real *big, const real *w, Epilogue e, real beta,
                   real *small, Kept *kept, void *scratch)
{
    switch (way_of(s, TO_SMALL)) {
    case DENSE:
        conv_dense_to_small(s, big, w, e, beta, small);
        break;
    case POINTWISE:
        pointwise_to_small(s, big, w, e, beta, small, kept, scratch);
        break;
    case WINOGRAD:
        winograd_to_small(s, big, w, e, beta, small, kept, scratch);
        break;
    case WINOGRAD_STRIDED:
        winograd_strided_to_small(s, big, w, e, beta, small, kept, scratch);
        break;
    case PATCHES:
        conv_patches_to_small(s, big, w, e, beta, small, kept, scratch);
        break;
    }
}

void conv_to_big(const ConvShape *s, const real *small, const real *w, Epilogue e, real beta,
                 real *big, Kept *kept, void *scratch)
{
    switch (way_of(s, TO_BIG)) {
    case DENSE:
        conv_dense_to_big(s, small, w, e, beta, big);
        break;
    case POINTWISE:
        pointwise_to_big(s, small, w, e, beta, big, kept, scratch);
        break;
    case WINOGRAD:
        winograd_to_big(s, small, w, e, beta, big, scratch);
        break;
    case WINOGRAD_STRIDED:
        winograd_strided_to_big(s, small, w, e, beta, big, kept, scratch);
        break;
    case PATCHES:
        conv_patches_to_big(s, small, w, e, beta, big, kept, scratch);
        break;
    }
}

void conv_weight(const ConvShape *s, const real *big, const real *small, real beta, real *dw,
                 void *scratch)
{
    switch (way_of(s, TO_WEIGHT)) {
    case DENSE:
        conv_dense_weight(s, big, small, beta, dw);
        break;
    case WINOGRAD:
        winograd_weight(s, big, small, beta, dw, scratch);
        break;
    case WINOGRAD_STRIDED:
        winograd_strided_weight(s, big, small, beta, dw, scratch);
        break;
    case POINTWISE: /* patches are the image itself */
    case PATCHES:
        conv_patches_weight(s, big, small, beta, dw, scratch);
        break;
    }
}

void conv_bias(int64_t n, int64_t c, int64_t inner, const real *dout, real beta, real *db)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < c; i++) {
        double sum = 0;
        for (int64_t k = 0; k < n; k++)
            sum += sum_of(dout + (k * c + i) * inner, inner);
        db[i] = gradient(beta, db[i], (real)sum);
    }
}
