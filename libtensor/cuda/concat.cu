/* concat: 1 to 8 tensors joined along one dimension; dx_i is its part of dy. See ops/concat.c. */
#include "libtensor/cuda/runs.h"

CUDA_NO_SCRATCH(concat)

void op_concat_forward_cuda(const Call *c)
{
    const AxisParam *p = (const AxisParam *)c->param;
    int64_t run = cuda_run(c->out.shape, p->axis), runs = shape_count(c->out.shape) / run;
    real *y = cuda_data(c->out);

    for (int i = 0; i < c->n_in; i++) {
        int64_t part = cuda_run(c->in[i].shape, p->axis);
        cuda_runs(c, cuda_data(c->in[i]), part, y, run, part, runs, 0);
        y += part;
    }
}

void op_concat_backward_cuda(const Call *c)
{
    const AxisParam *p = (const AxisParam *)c->param;
    int64_t run = cuda_run(c->dout.shape, p->axis), runs = shape_count(c->dout.shape) / run;
    const real *dy = cuda_data(c->dout);

    for (int i = 0; i < c->n_in; i++) {
        int64_t part = cuda_run(c->in[i].shape, p->axis);
        if (c->din[i].data != NULL)
            cuda_runs(c, dy, run, cuda_data(c->din[i]), part, part, runs, c->beta[i]);
        dy += part;
    }
}
