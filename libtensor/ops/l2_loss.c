/* l2_loss: mean (a - b)^2; da = 2 dy (a - b) / n; db = -da. */
#include "libtensor/ops/difference.h"

bool op_l2_loss_infer(const InferIn *in, InferOut *out, Error *err)
{
    return difference_infer(in, out, "l2_loss", err);
}

void op_l2_loss_forward(const Call *c)
{
    difference_forward(DIFFERENCE_SQUARE, c);
}

void op_l2_loss_backward(const Call *c)
{
    difference_backward(DIFFERENCE_SQUARE, c);
}
