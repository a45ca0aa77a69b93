/* l1_loss: mean |a - b|; its slope is the sign, 0 at 0. See ops/difference.h. */
#include "libtensor/cuda/difference.h"

namespace
{

struct Magnitude {
    static __device__ real value(real d)
    {
        return d < 0 ? -d : d;
    }
    static __device__ real slope(real d)
    {
        return (real)((d > 0) - (d < 0));
    }
};

} // namespace

void op_l1_loss_scratch_cuda(const InferIn *in, InferOut *out)
{
    difference_scratch(in, out);
}

void op_l1_loss_forward_cuda(const Call *c)
{
    difference_forward<Magnitude>(c);
}

void op_l1_loss_backward_cuda(const Call *c)
{
    difference_backward<Magnitude>(c);
}
