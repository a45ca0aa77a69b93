/* sigmoid: y = 1 / (1 + exp(-x)); dx = y (1 - y) dy. See ops/sigmoid.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(sigmoid)

namespace
{

struct Sigmoid {
    __device__ real operator()(const real *x, int64_t) const
    {
        return 1 / (1 + exp(-x[0]));
    }
};

struct Slope { /* of y, dy */
    __device__ real operator()(const real *x, int64_t) const
    {
        return x[0] * (1 - x[0]) * x[1];
    }
};

} // namespace

void op_sigmoid_forward_cuda(const Call *c)
{
    cuda_map<1>(c, {{cuda_data(c->in[0])}}, cuda_data(c->out), 0, shape_count(c->out.shape),
                Sigmoid());
}

void op_sigmoid_backward_cuda(const Call *c)
{
    if (c->din[0].data != NULL)
        cuda_map<2>(c, {{cuda_data(c->out), cuda_data(c->dout)}}, cuda_data(c->din[0]), c->beta[0],
                    shape_count(c->dout.shape), Slope());
}
