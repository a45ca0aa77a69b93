/* conv_transpose2d: see ops/conv_transpose2d.c and cuda/conv.h. */
#include "libtensor/cuda/conv.h"

static ConvShape shape_of(Shape x, Shape w, Shape y, const void *param)
{
    const ConvTranspose2dParam *p = (const ConvTranspose2dParam *)param;
    ConvShape s = {x.dim[0], y.dim[1], y.dim[2], y.dim[3],  x.dim[1], x.dim[2],
                   x.dim[3], w.dim[2], w.dim[3], p->stride, p->pad};
    return s;
}

void op_conv_transpose2d_scratch_cuda(const InferIn *in, InferOut *out)
{
    ConvShape s = shape_of(in->in[0], in->in[1], out->out, in->param);
    bool x = in->type[0] == DTYPE_BF16, y = out->out_type == DTYPE_BF16;
    ConvHalf half = {y, x};
    size_t dx = cuda_conv_to_small_scratch(&s, half), dw = cuda_conv_weight_scratch(&s, half);
    size_t db = cuda_conv_bias_scratch(out->out);

    out->forward_scratch = cuda_conv_to_big_scratch(&s, half);
    out->backward_scratch = dx > dw ? dx : dw;
    if (db > out->backward_scratch)
        out->backward_scratch = db;
}

void op_conv_transpose2d_forward_cuda(const Call *c)
{
    ConvShape s = shape_of(c->in[0].shape, c->in[1].shape, c->out.shape, c->param);
    Epilogue e = {(const real *)c->in[2].data, c->activation};

    cuda_conv_to_big(cuda_of(c), &s, cuda_view(c->in[0]), (const real *)c->in[1].data, e, 0,
                     cuda_view(c->out), c->scratch);
}

/* One after another on one stream, so they take turns with the scratch; dx is last, for it may take
 * the place of x. */
void op_conv_transpose2d_backward_cuda(const Call *c)
{
    ConvShape s = shape_of(c->in[0].shape, c->in[1].shape, c->dout.shape, c->param);
    const Epilogue none = {NULL, {ACTIVATION_NONE, 0}};
    CudaView dy = cuda_view(c->dout);

    if (c->din[2].data != NULL)
        cuda_conv_bias(c, c->beta[2], (real *)c->din[2].data);
    if (c->din[1].data != NULL)
        cuda_conv_weight(cuda_of(c), &s, dy, cuda_view(c->in[0]), c->beta[1],
                         (real *)c->din[1].data, c->scratch);
    if (c->din[0].data != NULL)
        cuda_conv_to_small(cuda_of(c), &s, dy, (const real *)c->in[1].data, none, c->beta[0],
                           cuda_view(c->din[0]), c->scratch);
}
