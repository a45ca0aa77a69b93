/* cross_entropy: -mean of log p[label], p = softmax(x) over channels, over the pixels whose label
 * counts. saved: p and their number. See ops/cross_entropy.c. A thread has a pixel, so that a warp
 * reads whole lines of every channel. */
#include "libtensor/cuda/map.h"

namespace
{

__device__ inline bool counts(int32_t label, int64_t channels, int32_t ignore)
{
    return label >= 0 && label < channels && label != ignore;
}

/* part: loss and count of each block. */
__global__ void pixels(const real *x, const int32_t *label, int64_t channels, int64_t inner,
                       int64_t n, int32_t ignore, real *p, double *part)
{
    int64_t i = (int64_t)blockIdx.x * CUDA_THREADS + threadIdx.x;
    double loss = 0, count = 0;

    if (i < n) {
        int64_t at = i / inner * channels * inner + i % inner, end = at + channels * inner;
        real top = x[at], sum = 0;
        for (int64_t k = at + inner; k < end; k += inner)
            top = x[k] > top ? x[k] : top;
        for (int64_t k = at; k < end; k += inner)
            sum += exp(x[k] - top);
        for (int64_t k = at; k < end; k += inner)
            p[k] = exp(x[k] - top) / sum;
        if (counts(label[i], channels, ignore)) {
            loss = log((double)sum) - (double)(x[at + label[i] * inner] - top);
            count = 1;
        }
    }
    loss = cuda_block_sum(loss);
    count = cuda_block_sum(count);
    if (threadIdx.x == 0) {
        part[2 * (int64_t)blockIdx.x] = loss;
        part[2 * (int64_t)blockIdx.x + 1] = count;
    }
}

__global__ void mean(const double *part, int64_t parts, real *y, real *saved_count)
{
    double loss = 0, count = 0;

    for (int64_t k = threadIdx.x; k < parts; k += CUDA_THREADS) {
        loss += part[2 * k];
        count += part[2 * k + 1];
    }
    loss = cuda_block_sum(loss);
    count = cuda_block_sum(count);
    if (threadIdx.x == 0) {
        *y = count > 0 ? (real)(loss / count) : 0;
        *saved_count = (real)count;
    }
}

__global__ void backward(const int32_t *label, const real *p, const real *count, const real *dout,
                         int64_t channels, int64_t inner, int64_t n, int32_t ignore, real beta,
                         real *dx)
{
    real g = *count > 0 ? *dout / *count : 0;

    CUDA_FOR(i, n)
    {
        int64_t channel = i / inner % channels;
        int32_t of = label[i / inner / channels * inner + i % inner];
        real d = 0;
        if (counts(of, channels, ignore))
            d = g * p[i] - (of == channel ? g : 0);
        dx[i] = cuda_gradient(beta, dx + i, d);
    }
}

int64_t blocks_of(Shape label)
{
    return (shape_count(label) + CUDA_THREADS - 1) / CUDA_THREADS;
}

} // namespace

void op_cross_entropy_scratch_cuda(const InferIn *in, InferOut *out)
{
    out->forward_scratch = (size_t)(2 * blocks_of(in->in[1])) * sizeof(double);
    out->backward_scratch = 0;
}

void op_cross_entropy_forward_cuda(const Call *c)
{
    const CrossEntropyParam *param = (const CrossEntropyParam *)c->param;
    Shape x = c->in[0].shape, label = c->in[1].shape;
    int64_t blocks = blocks_of(label);
    double *part = (double *)c->scratch;

    CUDA_LAUNCH(cuda_of(c), pixels, (unsigned)blocks, CUDA_THREADS, cuda_data(c->in[0]),
                (const int32_t *)c->in[1].data, x.dim[1], cuda_inner(x), shape_count(label),
                param->ignore, cuda_data(c->saved[0]), part);
    CUDA_LAUNCH(cuda_of(c), mean, 1, CUDA_THREADS, part, blocks, cuda_data(c->out),
                cuda_data(c->saved[1]));
}

void op_cross_entropy_backward_cuda(const Call *c)
{
    const CrossEntropyParam *param = (const CrossEntropyParam *)c->param;
    Shape x = c->din[0].shape;
    int64_t n = shape_count(x);
    if (c->din[0].data != NULL)
        CUDA_LAUNCH(cuda_of(c), backward, cuda_blocks(n), CUDA_THREADS,
                    (const int32_t *)c->in[1].data, cuda_data(c->saved[0]), cuda_data(c->saved[1]),
                    cuda_data(c->dout), x.dim[1], cuda_inner(x), n, param->ignore, c->beta[0],
                    cuda_data(c->din[0]));
}
