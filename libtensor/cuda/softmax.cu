/* softmax: per sample, pixel and group of channels, h_k = exp(beta x_k) / sum_i exp(beta x_i);
 * channels of no group pass through. dx_k = beta h_k (dh_k - sum_i dh_i h_i). See ops/softmax.c.
 *
 * A thread has one pixel of one unit: a group, or a channel of no group. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(softmax)

namespace
{

struct Unit {
    int64_t at;         /* of the first channel's pixel */
    int64_t begin, end; /* channels; none: no unit after all */
    bool group;
};

/* How many units a sample has: the groups, then every channel, most of which are in a group. */
__device__ __host__ inline int64_t units(const SoftmaxParam &p, int64_t channels)
{
    return p.n_groups == 0 ? 1 : p.n_groups + channels;
}

__device__ inline Unit unit_of(const SoftmaxParam &p, int64_t i, int64_t channels, int64_t inner)
{
    int64_t n = units(p, channels), u = i / inner % n;
    Unit unit = {0, 0, channels, true};

    if (u < p.n_groups) {
        unit.begin = p.begin[u];
        unit.end = p.begin[u] + p.count[u];
    } else if (p.n_groups > 0) {
        unit.begin = u - p.n_groups;
        unit.end = unit.begin + 1;
        unit.group = false;
        for (int g = 0; g < p.n_groups; g++)
            if (unit.begin >= p.begin[g] && unit.begin < p.begin[g] + p.count[g])
                unit.end = unit.begin;
    }
    unit.at = (i / inner / n * channels + unit.begin) * inner + i % inner;
    return unit;
}

__global__ void forward(SoftmaxParam p, const real *x, int64_t channels, int64_t inner, int64_t n,
                        real *y)
{
    CUDA_FOR(i, n)
    {
        Unit u = unit_of(p, i, channels, inner);
        int64_t size = (u.end - u.begin) * inner;
        const real *from = x + u.at;
        real *to = y + u.at;
        if (!u.group) {
            if (size > 0)
                *to = *from;
            continue;
        }
        real top = from[0], sum = 0;
        for (int64_t k = inner; k < size; k += inner)
            top = from[k] > top ? from[k] : top;
        for (int64_t k = 0; k < size; k += inner) {
            real e = exp(p.beta * (from[k] - top));
            to[k] = e;
            sum += e;
        }
        sum = 1 / sum;
        for (int64_t k = 0; k < size; k += inner)
            to[k] *= sum;
    }
}

__global__ void backward(SoftmaxParam p, const real *y, const real *dy, int64_t channels,
                         int64_t inner, int64_t n, real beta, real *dx)
{
    CUDA_FOR(i, n)
    {
        Unit u = unit_of(p, i, channels, inner);
        int64_t size = (u.end - u.begin) * inner;
        const real *h = y + u.at, *dh = dy + u.at;
        real *d = dx + u.at, dot = 0;
        if (!u.group) {
            if (size > 0)
                *d = cuda_gradient(beta, d, *dh);
            continue;
        }
        for (int64_t k = 0; k < size; k += inner)
            dot += dh[k] * h[k];
        for (int64_t k = 0; k < size; k += inner)
            d[k] = cuda_gradient(beta, d + k, p.beta * h[k] * (dh[k] - dot));
    }
}

int64_t threads_of(const SoftmaxParam &p, Shape s)
{
    return s.dim[0] * units(p, s.dim[1]) * cuda_inner(s);
}

} // namespace

void op_softmax_forward_cuda(const Call *c)
{
    const SoftmaxParam *p = (const SoftmaxParam *)c->param;
    Shape s = c->out.shape;
    int64_t n = threads_of(*p, s);
    CUDA_LAUNCH(cuda_of(c), forward, cuda_blocks(n), CUDA_THREADS, *p, cuda_data(c->in[0]),
                s.dim[1], cuda_inner(s), n, cuda_data(c->out));
}

void op_softmax_backward_cuda(const Call *c)
{
    const SoftmaxParam *p = (const SoftmaxParam *)c->param;
    Shape s = c->dout.shape;
    int64_t n = threads_of(*p, s);
    if (c->din[0].data != NULL)
        CUDA_LAUNCH(cuda_of(c), backward, cuda_blocks(n), CUDA_THREADS, *p, cuda_data(c->out),
                    cuda_data(c->dout), s.dim[1], cuda_inner(s), n, c->beta[0],
                    cuda_data(c->din[0]));
}
