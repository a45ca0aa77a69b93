/* slice: elements begin .. begin + count - 1 of one dimension; dx is dy there and 0 elsewhere. See
 * ops/slice.c. */
#include "libtensor/cuda/runs.h"

CUDA_NO_SCRATCH(slice)

namespace
{

struct Part {
    int64_t runs, run, from, size; /* of each run, `size` elements from `from` on */
};

Part part_of(Shape x, const AxisParam *p)
{
    int64_t run = cuda_run(x, p->axis), step = run / x.dim[p->axis];
    return {shape_count(x) / run, run, p->begin * step, p->count * step};
}

/* dx that no one has written yet: all of it. */
__global__ void first(Part p, const real *dy, real *dx)
{
    CUDA_FOR(i, p.runs * p.run)
    {
        int64_t j = i % p.run - p.from;
        dx[i] = j >= 0 && j < p.size ? dy[i / p.run * p.size + j] : 0;
    }
}

} // namespace

void op_slice_forward_cuda(const Call *c)
{
    Part p = part_of(c->in[0].shape, (const AxisParam *)c->param);
    cuda_runs(c, cuda_data(c->in[0]) + p.from, p.run, cuda_data(c->out), p.size, p.size, p.runs, 0);
}

void op_slice_backward_cuda(const Call *c)
{
    if (c->din[0].data == NULL)
        return;
    Part p = part_of(c->din[0].shape, (const AxisParam *)c->param);
    if (c->beta[0] == 0)
        CUDA_LAUNCH(cuda_of(c), first, cuda_blocks(p.runs * p.run), CUDA_THREADS, p,
                    cuda_data(c->dout), cuda_data(c->din[0]));
    else
        cuda_runs(c, cuda_data(c->dout), p.size, cuda_data(c->din[0]) + p.from, p.run, p.size,
                  p.runs, c->beta[0]);
}
