/* libtensor/conv.h on CUDA: the same three products with the same meaning of big and small, beta
 * and bias. Dense and pointwise ones go to cuBLAS, all others through implicit_gemm.h. */
#ifndef LIBTENSOR_CUDA_CONV_H
#define LIBTENSOR_CUDA_CONV_H

#include "libtensor/cuda/cuda.h"

extern "C" {
#include "libtensor/conv.h"
}

void cuda_conv_to_small(Cuda *cuda, const ConvShape *s, const real *big, const real *w,
                        const real *bias, real beta, real *small, void *scratch);
size_t cuda_conv_to_small_scratch(const ConvShape *s);

void cuda_conv_to_big(Cuda *cuda, const ConvShape *s, const real *small, const real *w,
                      const real *bias, real beta, real *big, void *scratch);
size_t cuda_conv_to_big_scratch(const ConvShape *s);

void cuda_conv_weight(Cuda *cuda, const ConvShape *s, const real *big, const real *small, real beta,
                      real *dw, void *scratch);
size_t cuda_conv_weight_scratch(const ConvShape *s);

/* db [c] = beta db + sums of c->dout [n,c,h,w]. */
void cuda_conv_bias(const Call *c, real beta, real *db);
size_t cuda_conv_bias_scratch(Shape dout);

/* ---- what the three share ---- */

/* One small pixel whose patch is the whole big image. */
static inline bool conv_is_dense(const ConvShape *s)
{
    return s->small_h == 1 && s->small_w == 1 && s->pad == 0 && s->kh == s->big_h &&
           s->kw == s->big_w;
}

/* Patches are the image itself. */
static inline bool conv_is_pointwise(const ConvShape *s)
{
    return s->kh == 1 && s->kw == 1 && s->stride == 1 && s->pad == 0;
}

/* y [n,c,area] += bias [c]; bias NULL: nothing. */
void cuda_conv_add_bias(Cuda *cuda, const real *bias, int64_t n, int64_t c, int64_t area, real *y);

/* A ConvShape for kernels: 32 bits, for divisions are slow. */
struct ConvDims {
    int n, big_c, big_h, big_w, small_c, small_h, small_w, kh, kw, stride, pad;
};

static inline ConvDims conv_dims(const ConvShape *s)
{
    return {(int)s->n,       (int)s->big_c,   (int)s->big_h,   (int)s->big_w,
            (int)s->small_c, (int)s->small_h, (int)s->small_w, (int)s->kh,
            (int)s->kw,      (int)s->stride,  (int)s->pad};
}

#endif
