/* l2_loss: mean (a - b)^2. See ops/difference.h. */
#include "libtensor/cuda/difference.h"

namespace
{

struct Square {
    static __device__ real value(real d)
    {
        return d * d;
    }
    static __device__ real slope(real d)
    {
        return 2 * d;
    }
};

} // namespace

void op_l2_loss_scratch_cuda(const InferIn *in, InferOut *out)
{
    difference_scratch(in, out);
}

void op_l2_loss_forward_cuda(const Call *c)
{
    difference_forward<Square>(c);
}

void op_l2_loss_backward_cuda(const Call *c)
{
    difference_backward<Square>(c);
}
