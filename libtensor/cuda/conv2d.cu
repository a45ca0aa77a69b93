/* conv2d: see ops/conv2d.c and cuda/conv.h. */
#include "libtensor/cuda/conv.h"

static ConvShape shape_of(Shape x, Shape w, Shape y, const void *param)
{
    const Conv2dParam *p = (const Conv2dParam *)param;
    ConvShape s = {x.dim[0], x.dim[1], x.dim[2], x.dim[3],  y.dim[1], y.dim[2],
                   y.dim[3], w.dim[2], w.dim[3], p->stride, p->pad};
    return s;
}

void op_conv2d_scratch_cuda(const InferIn *in, InferOut *out)
{
    ConvShape s = shape_of(in->in[0], in->in[1], out->out, in->param);
    size_t x = cuda_conv_to_big_scratch(&s), w = cuda_conv_weight_scratch(&s);
    size_t bias = cuda_conv_bias_scratch(out->out);

    out->forward_scratch = cuda_conv_to_small_scratch(&s);
    out->backward_scratch = x > w ? x : w;
    if (bias > out->backward_scratch)
        out->backward_scratch = bias;
}

void op_conv2d_forward_cuda(const Call *c)
{
    ConvShape s = shape_of(c->in[0].shape, c->in[1].shape, c->out.shape, c->param);

    cuda_conv_to_small(cuda_of(c), &s, (const real *)c->in[0].data, (const real *)c->in[1].data,
                       (const real *)c->in[2].data, 0, (real *)c->out.data, c->scratch);
}

/* One after another on one stream, so they take turns with the scratch. */
void op_conv2d_backward_cuda(const Call *c)
{
    ConvShape s = shape_of(c->in[0].shape, c->in[1].shape, c->dout.shape, c->param);
    const real *dy = (const real *)c->dout.data;

    if (c->din[0].data != NULL)
        cuda_conv_to_big(cuda_of(c), &s, dy, (const real *)c->in[1].data, NULL, c->beta[0],
                         (real *)c->din[0].data, c->scratch);
    if (c->din[1].data != NULL)
        cuda_conv_weight(cuda_of(c), &s, (const real *)c->in[0].data, dy, c->beta[1],
                         (real *)c->din[1].data, c->scratch);
    if (c->din[2].data != NULL)
        cuda_conv_bias(c, c->beta[2], (real *)c->din[2].data);
}
