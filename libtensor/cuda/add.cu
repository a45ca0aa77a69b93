/* add: y = a + b; da = db = dy. da may be dy itself. See ops/add.c. */
#include "libtensor/cuda/map.h"

CUDA_NO_SCRATCH(add)

namespace
{

struct Sum {
    Activation activation;
    __device__ real operator()(const real *x, int64_t) const
    {
        return cuda_activate(activation, x[0] + x[1]);
    }
};

struct Same {
    __device__ real operator()(const real *x, int64_t) const
    {
        return x[0];
    }
};

} // namespace

void op_add_forward_cuda(const Call *c)
{
    cuda_map<2>(c, {{cuda_view(c->in[0]), cuda_view(c->in[1])}}, cuda_view(c->out), 0,
                shape_count(c->out.shape), Sum{c->activation});
}

void op_add_backward_cuda(const Call *c)
{
    for (int k = 1; k >= 0; k--) /* b first: da may take dy's place */
        if (c->din[k].data != NULL && c->din[k].data != c->dout.data)
            cuda_map<1>(c, {{cuda_view(c->dout)}}, cuda_view(c->din[k]), c->beta[k],
                        shape_count(c->dout.shape), Same());
}
