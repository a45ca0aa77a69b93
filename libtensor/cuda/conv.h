/* libtensor/conv.h on CUDA: the same three products with the same meaning of big and small, beta
 * and epilogue. Dense and pointwise ones go to cuBLAS, all others through implicit_gemm.h. Images
 * (big, small) may be half, each by itself; their scratch depends on that. */
#ifndef LIBTENSOR_CUDA_CONV_H
#define LIBTENSOR_CUDA_CONV_H

#include "libtensor/cuda/view.h"

extern "C" {
#include "libtensor/conv.h"
}

/* Which of the images are half. */
struct ConvHalf {
    bool big, small;
};

void cuda_conv_to_small(Cuda *cuda, const ConvShape *s, CudaView big, const real *w, Epilogue e,
                        real beta, CudaView small, void *scratch);
size_t cuda_conv_to_small_scratch(const ConvShape *s, ConvHalf half);

void cuda_conv_to_big(Cuda *cuda, const ConvShape *s, CudaView small, const real *w, Epilogue e,
                      real beta, CudaView big, void *scratch);
size_t cuda_conv_to_big_scratch(const ConvShape *s, ConvHalf half);

void cuda_conv_weight(Cuda *cuda, const ConvShape *s, CudaView big, CudaView small, real beta,
                      real *dw, void *scratch);
size_t cuda_conv_weight_scratch(const ConvShape *s, ConvHalf half);

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

/* Elements. */
static inline int64_t conv_weights(const ConvShape *s)
{
    return s->small_c * s->big_c * s->kh * s->kw;
}

static inline int64_t conv_big(const ConvShape *s)
{
    return s->n * s->big_c * s->big_h * s->big_w;
}

static inline int64_t conv_small(const ConvShape *s)
{
    return s->n * s->small_c * s->small_h * s->small_w;
}

/* The epilogue of y [n,c,area] where the product had none of its own. */
void cuda_conv_epilogue(Cuda *cuda, Epilogue e, int64_t n, int64_t c, int64_t area, CudaView y);

/* A ConvShape for kernels: 32 bits, for divisions are slow, and images of 2^31 pixels fit into no
 * GPU. */
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
