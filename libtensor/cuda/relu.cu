/* relu: y = x < 0 ? 0 : x; dx = y > 0 ? dy : 0. See ops/relu.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(relu)

namespace
{

struct Relu {
    __device__ real operator()(const real *x, int64_t) const
    {
        return x[0] < 0 ? 0 : x[0];
    }
};

struct Slope { /* of y, dy */
    __device__ real operator()(const real *x, int64_t) const
    {
        return x[0] > 0 ? x[1] : 0;
    }
};

} // namespace

void op_relu_forward_cuda(const Call *c)
{
    cuda_map<1>(c, {{cuda_view(c->in[0])}}, cuda_view(c->out), 0, shape_count(c->out.shape),
                Relu());
}

void op_relu_backward_cuda(const Call *c)
{
    if (c->din[0].data != NULL)
        cuda_map<2>(c, {{cuda_view(c->out), cuda_view(c->dout)}}, cuda_view(c->din[0]), c->beta[0],
                    shape_count(c->dout.shape), Slope());
}
