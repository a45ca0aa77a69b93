/* Losses of a difference: mean f(a - b). F gives `value` and `slope`, f and f'. */
#ifndef LIBTENSOR_CUDA_DIFFERENCE_H
#define LIBTENSOR_CUDA_DIFFERENCE_H

#include "libtensor/cuda/sums.h"

template <class F> struct DifferenceTerms { /* of a, b */
    __device__ void operator()(const real *x, int64_t, real *sum) const
    {
        sum[0] += F::value(x[0] - x[1]);
    }
};

template <class F> struct DifferenceGradient { /* of a, b */
    const real *dout;
    real by; /* 1 / n for a, -1 / n for b */
    __device__ real operator()(const real *x, int64_t) const
    {
        return F::slope(x[0] - x[1]) * (*dout * by);
    }
};

static __global__ void difference_mean(const double *part, int64_t parts, int64_t n, real *y)
{
    double sum = cuda_sum_total<1>(part, parts, 0, 0);
    if (threadIdx.x == 0)
        *y = (real)(sum / (double)n);
}

static inline CudaSums difference_sums(Shape a)
{
    return cuda_sums(1, 1, shape_count(a));
}

static inline void difference_scratch(const InferIn *in, InferOut *out)
{
    out->forward_scratch = cuda_sums_bytes(difference_sums(in->in[0]), 1);
    out->backward_scratch = 0;
}

template <class F> static void difference_forward(const Call *c)
{
    CudaSums s = difference_sums(c->in[0].shape);
    double *part = (double *)c->scratch;

    cuda_sum_stage<1, 2>(c, s, {{cuda_data(c->in[0]), cuda_data(c->in[1])}}, DifferenceTerms<F>(),
                         part);
    CUDA_LAUNCH(cuda_of(c), difference_mean, 1, CUDA_THREADS, part, s.parts, s.inner,
                cuda_data(c->out));
}

template <class F> static void difference_backward(const Call *c)
{
    int64_t n = shape_count(c->in[0].shape);

    for (int k = 1; k >= 0; k--) /* db first: da may take the place of a */
        if (c->din[k].data != NULL) {
            DifferenceGradient<F> f = {cuda_data(c->dout), (k == 0 ? 1 : -1) / (real)n};
            cuda_map<2>(c, {{cuda_data(c->in[0]), cuda_data(c->in[1])}}, cuda_data(c->din[k]),
                        c->beta[k], n, f);
        }
}

#endif
