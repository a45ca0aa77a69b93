/* affine: y = mul x + add; dx = mul dy. See ops/affine.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(affine)

namespace
{

struct Affine {
    real mul, add;
    __device__ real operator()(const real *x, int64_t) const
    {
        return mul * x[0] + add;
    }
};

} // namespace

void op_affine_forward_cuda(const Call *c)
{
    const AffineParam *p = (const AffineParam *)c->param;
    cuda_map<1>(c, {{cuda_data(c->in[0])}}, cuda_data(c->out), 0, shape_count(c->out.shape),
                Affine{p->mul, p->add});
}

void op_affine_backward_cuda(const Call *c)
{
    const AffineParam *p = (const AffineParam *)c->param;
    if (c->din[0].data != NULL)
        cuda_map<1>(c, {{cuda_data(c->dout)}}, cuda_data(c->din[0]), c->beta[0],
                    shape_count(c->dout.shape), Affine{p->mul, 0});
}
