/* weighted_sum: y = sum_i StepState.weight[p.weight[i]] x_i of scalars; dx_i = its weight times dy.
 * See ops/weighted_sum.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(weighted_sum)

namespace
{

struct Scalars {
    int n;
    real *x[OP_MAX_IN];
    real beta[OP_MAX_IN];
};

__global__ void forward(Scalars in, WeightedSumParam p, const StepState *step, real *y)
{
    real sum = 0;
    if (threadIdx.x != 0)
        return;
    for (int i = 0; i < in.n; i++)
        sum += step->weight[p.weight[i]] * *in.x[i];
    *y = sum;
}

__global__ void backward(Scalars din, WeightedSumParam p, const StepState *step, const real *dy)
{
    int i = (int)threadIdx.x;
    if (i < din.n && din.x[i] != NULL)
        *din.x[i] = cuda_gradient(din.beta[i], din.x[i], step->weight[p.weight[i]] * *dy);
}

} // namespace

void op_weighted_sum_forward_cuda(const Call *c)
{
    Scalars in = {c->n_in, {NULL}, {0}};
    for (int i = 0; i < c->n_in; i++)
        in.x[i] = cuda_data(c->in[i]);
    CUDA_LAUNCH(cuda_of(c), forward, 1, CUDA_WARP, in, *(const WeightedSumParam *)c->param, c->step,
                cuda_data(c->out));
}

void op_weighted_sum_backward_cuda(const Call *c)
{
    Scalars din = {c->n_in, {NULL}, {0}};
    for (int i = 0; i < c->n_in; i++) {
        din.x[i] = cuda_data(c->din[i]);
        din.beta[i] = c->beta[i];
    }
    CUDA_LAUNCH(cuda_of(c), backward, 1, CUDA_WARP, din, *(const WeightedSumParam *)c->param,
                c->step, cuda_data(c->dout));
}
