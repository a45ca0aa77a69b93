/* l1_loss: mean |a - b| (Eq. 1); da = dy sign(a - b) / n, 0 where a = b; db = -da. */
#include "libtensor/ops/difference.h"

bool op_l1_loss_infer(const InferIn *in, InferOut *out, Error *err)
{
    return difference_infer(in, out, "l1_loss", err);
}

void op_l1_loss_forward(const Call *c)
{
    difference_forward(DIFFERENCE_MAGNITUDE, c);
}

void op_l1_loss_backward(const Call *c)
{
    difference_backward(DIFFERENCE_MAGNITUDE, c);
}
