/* mul: y = a b; da = b dy, db = a dy. See ops/mul.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(mul)

namespace
{

struct Product {
    __device__ real operator()(const real *x, int64_t) const
    {
        return x[0] * x[1];
    }
};

} // namespace

void op_mul_forward_cuda(const Call *c)
{
    cuda_map<2>(c, {{cuda_data(c->in[0]), cuda_data(c->in[1])}}, cuda_data(c->out), 0,
                shape_count(c->out.shape), Product());
}

void op_mul_backward_cuda(const Call *c)
{
    for (int k = 1; k >= 0; k--) /* db first: da may take the place of a */
        if (c->din[k].data != NULL)
            cuda_map<2>(c, {{cuda_data(c->in[1 - k]), cuda_data(c->dout)}}, cuda_data(c->din[k]),
                        c->beta[k], shape_count(c->dout.shape), Product());
}
