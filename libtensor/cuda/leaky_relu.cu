/* leaky_relu: y = x > 0 ? x : slope x; dx = y > 0 ? dy : slope dy. See ops/leaky_relu.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(leaky_relu)

namespace
{

struct Leaky {
    real slope;
    __device__ real operator()(const real *x, int64_t) const
    {
        return x[0] > 0 ? x[0] : slope * x[0];
    }
};

struct Slope { /* of y, dy */
    real slope;
    __device__ real operator()(const real *x, int64_t) const
    {
        return x[0] > 0 ? x[1] : slope * x[1];
    }
};

} // namespace

void op_leaky_relu_forward_cuda(const Call *c)
{
    const LeakyReluParam *p = (const LeakyReluParam *)c->param;
    cuda_map<1>(c, {{cuda_view(c->in[0])}}, cuda_view(c->out), 0, shape_count(c->out.shape),
                Leaky{p->slope});
}

void op_leaky_relu_backward_cuda(const Call *c)
{
    const LeakyReluParam *p = (const LeakyReluParam *)c->param;
    if (c->din[0].data != NULL)
        cuda_map<2>(c, {{cuda_view(c->out), cuda_view(c->dout)}}, cuda_view(c->din[0]), c->beta[0],
                    shape_count(c->dout.shape), Slope{p->slope});
}
