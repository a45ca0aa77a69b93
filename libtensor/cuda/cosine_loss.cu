/* cosine_loss: mean over n of 1 - a_n . b_n / (|a_n| |b_n|); norms below 1e-8 count as 1e-8. saved:
 * a.b, |a|, |b| per n. See ops/cosine_loss.c. */
#include "libtensor/cuda/map.h"

namespace
{

constexpr double SMALLEST = 1e-8;

/* A block per row. */
__global__ void rows(const real *a, const real *b, int64_t d, real *saved, double *loss)
{
    int64_t k = blockIdx.x;
    real ab = 0, aa = 0, bb = 0;

    for (int64_t i = k * d + threadIdx.x; i < (k + 1) * d; i += CUDA_THREADS) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    double dot = cuda_block_sum((double)ab);
    double norm_a = fmax(sqrt(cuda_block_sum((double)aa)), SMALLEST);
    double norm_b = fmax(sqrt(cuda_block_sum((double)bb)), SMALLEST);
    if (threadIdx.x != 0)
        return;
    loss[k] = 1 - dot / (norm_a * norm_b);
    saved[3 * k] = (real)dot;
    saved[3 * k + 1] = (real)norm_a;
    saved[3 * k + 2] = (real)norm_b;
}

__global__ void mean(const double *loss, int64_t n, real *y)
{
    double sum = 0;
    for (int64_t k = threadIdx.x; k < n; k += CUDA_THREADS)
        sum += loss[k];
    sum = cuda_block_sum(sum);
    if (threadIdx.x == 0)
        *y = (real)(sum / (double)n);
}

/* dx = scale (dot x / norm^2 - other) / (norm other_norm), scale = dout / n; the first term only
 * where the norm is not the smallest. */
struct Gradient { /* of x, other */
    const real *dout, *saved;
    int64_t n;
    int norm; /* where in `saved` x's is */
    __device__ real operator()(const real *x, int64_t row) const
    {
        const real *s = saved + 3 * row;
        double own = (double)s[norm], other = (double)s[3 - norm];
        double scale = (double)*dout / (double)n;
        real toward = (real)(-scale / (own * other));
        real along = own > SMALLEST ? (real)(scale * (double)s[0] / (own * own * own * other)) : 0;
        return along * x[0] + toward * x[1];
    }
};

} // namespace

void op_cosine_loss_scratch_cuda(const InferIn *in, InferOut *out)
{
    out->forward_scratch = (size_t)in->in[0].dim[0] * sizeof(double);
    out->backward_scratch = 0;
}

void op_cosine_loss_forward_cuda(const Call *c)
{
    int64_t n = c->in[0].shape.dim[0];
    double *loss = (double *)c->scratch;

    CUDA_LAUNCH(cuda_of(c), rows, (unsigned)n, CUDA_THREADS, cuda_data(c->in[0]),
                cuda_data(c->in[1]), c->in[0].shape.dim[1], cuda_data(c->saved[0]), loss);
    CUDA_LAUNCH(cuda_of(c), mean, 1, CUDA_THREADS, loss, n, cuda_data(c->out));
}

void op_cosine_loss_backward_cuda(const Call *c)
{
    Shape s = c->in[0].shape;

    for (int k = 0; k < 2; k++)
        if (c->din[k].data != NULL) {
            Gradient f = {cuda_data(c->dout), cuda_data(c->saved[0]), s.dim[0], 1 + k};
            cuda_map_rows<2>(c, {{cuda_data(c->in[k]), cuda_data(c->in[1 - k])}},
                             cuda_data(c->din[k]), c->beta[k], shape_count(s), s.dim[1], f);
        }
}
