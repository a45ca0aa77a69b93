/* resize_bilinear: output row i samples v = begin + (i + 1/2) extent / n - 1/2, clamped to [0, size
 * - 1], between rows floor v and floor v + 1; columns alike. Backward collects, for a pixel of the
 * input, from the outputs that sampled it: v rises with i, so they are neighbours. See
 * ops/resize_bilinear.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(resize_bilinear)

namespace
{

/* One direction. */
struct Axis {
    int64_t size, n; /* of the input, of the output */
    double begin, scale;
};

struct Tap {
    int64_t at, next;
    real weight; /* of next; at has the rest */
};

__device__ inline Tap tap_of(Axis a, int64_t i)
{
    double v = a.begin + ((double)i + .5) * a.scale - .5;
    v = fmin(fmax(v, 0.), (double)(a.size - 1));
    int64_t at = (int64_t)v;
    return {at, at + 1 < a.size ? at + 1 : at, (real)(v - (double)at)};
}

/* What output i takes of input v. */
__device__ inline real share(Axis a, int64_t i, int64_t v)
{
    Tap t = tap_of(a, i);
    return (t.at == v ? 1 - t.weight : 0) + (t.next == v ? t.weight : 0);
}

struct Range {
    int64_t begin, end;
};

/* All outputs whose v lies between the neighbours of input v, and by rounding perhaps one more on
 * either side; those beyond the border belong to the border. */
__device__ inline Range samplers(Axis a, int64_t v)
{
    double before = ((double)(v - 1) - a.begin + .5) / a.scale - .5;
    double behind = ((double)(v + 1) - a.begin + .5) / a.scale - .5;
    double first = v == 0 ? 0 : fmin(fmax(floor(before), 0.), (double)a.n);
    double last = v == a.size - 1 ? (double)a.n : fmin(fmax(ceil(behind) + 1, 0.), (double)a.n);
    return {(int64_t)first, (int64_t)last};
}

__global__ void forward(Axis rows, Axis cols, const real *x, int64_t n, real *y)
{
    CUDA_FOR(i, n)
    {
        Tap r = tap_of(rows, i / cols.n % rows.n), q = tap_of(cols, i % cols.n);
        const real *plane = x + i / cols.n / rows.n * rows.size * cols.size;
        const real *a = plane + r.at * cols.size, *b = plane + r.next * cols.size;
        real left = a[q.at] + r.weight * (b[q.at] - a[q.at]);
        real right = a[q.next] + r.weight * (b[q.next] - a[q.next]);
        y[i] = left + q.weight * (right - left);
    }
}

__global__ void backward(Axis rows, Axis cols, const real *dy, int64_t n, real beta, real *dx)
{
    CUDA_FOR(i, n)
    {
        int64_t v = i / cols.size % rows.size, u = i % cols.size;
        const real *plane = dy + i / cols.size / rows.size * rows.n * cols.n;
        Range down = samplers(rows, v), across = samplers(cols, u);
        real sum = 0;
        for (int64_t p = down.begin; p < down.end; p++) {
            real weight = share(rows, p, v), line = 0;
            if (weight == 0)
                continue;
            for (int64_t q = across.begin; q < across.end; q++)
                line += share(cols, q, u) * plane[p * cols.n + q];
            sum += weight * line;
        }
        dx[i] = cuda_gradient(beta, dx + i, sum);
    }
}

Axis axis_of(int64_t size, int64_t n, real begin, real extent)
{
    bool all = extent == 0;
    return {size, n, all ? 0 : (double)begin, (all ? (double)size : (double)extent) / (double)n};
}

} // namespace

void op_resize_bilinear_forward_cuda(const Call *c)
{
    const ResizeParam *p = (const ResizeParam *)c->param;
    Shape x = c->in[0].shape;
    int64_t n = shape_count(c->out.shape);
    CUDA_LAUNCH(cuda_of(c), forward, cuda_blocks(n), CUDA_THREADS,
                axis_of(x.dim[2], p->height, p->y, p->src_height),
                axis_of(x.dim[3], p->width, p->x, p->src_width), cuda_data(c->in[0]), n,
                cuda_data(c->out));
}

void op_resize_bilinear_backward_cuda(const Call *c)
{
    const ResizeParam *p = (const ResizeParam *)c->param;
    Shape x = c->din[0].shape;
    int64_t n = shape_count(x);
    if (c->din[0].data != NULL)
        CUDA_LAUNCH(cuda_of(c), backward, cuda_blocks(n), CUDA_THREADS,
                    axis_of(x.dim[2], p->height, p->y, p->src_height),
                    axis_of(x.dim[3], p->width, p->x, p->src_width), cuda_data(c->dout), n,
                    c->beta[0], cuda_data(c->din[0]));
}
