/* conv_transpose2d: the gradient of conv2d to its input, as a layer; PyTorch's ConvTranspose2d.
 *
 *     y[n, o, i s - p + u, j s - p + v] += w[c,o,u,v] x[n,c,i,j]   over all c, i, j, u, v;  y
 * starts as b[o]
 *
 * The gradients are the convolution of dout (to x), products of x with patches of dout (to w) and
 * sums of dout (to b): see libtensor/conv.h. */
#include "libtensor/conv.h"
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"

static ConvShape conv_shape(Shape x, Shape w, Shape y, const ConvTranspose2dParam *p)
{
    return (ConvShape){.n = x.dim[0],
                       .big_c = y.dim[1],
                       .big_h = y.dim[2],
                       .big_w = y.dim[3],
                       .small_c = x.dim[1],
                       .small_h = x.dim[2],
                       .small_w = x.dim[3],
                       .kh = w.dim[2],
                       .kw = w.dim[3],
                       .stride = p->stride,
                       .pad = p->pad};
}

bool op_conv_transpose2d_infer(const InferIn *in, InferOut *out, Error *err)
{
    const ConvTranspose2dParam *p = in->param;
    Shape x = in->in[0], w = in->in[1];
    char text[88];

    if (!check_real(in, 0, 4, 4, "conv_transpose2d", "x", err) ||
        !check_real(in, 1, 4, 4, "conv_transpose2d", "w", err))
        return false;
    if (p->stride < 1 || p->pad < 0)
        return error_set(
            err, "conv_transpose2d: stride %d, pad %d; stride must be at least 1, pad at least 0",
            p->stride, p->pad);
    if (x.dim[1] != w.dim[0])
        return error_set(err, "conv_transpose2d: x has %lld channels, w wants %lld",
                         (long long)x.dim[1], (long long)w.dim[0]);
    if (check_given(in, 2) && !check_real(in, 2, 1, 1, "conv_transpose2d", "b", err))
        return false;
    if (check_given(in, 2) && in->in[2].dim[0] != w.dim[1])
        return error_set(err, "conv_transpose2d: b has %lld elements, w gives %lld channels",
                         (long long)in->in[2].dim[0], (long long)w.dim[1]);
    int64_t height = (x.dim[2] - 1) * p->stride - 2 * p->pad + w.dim[2];
    int64_t width = (x.dim[3] - 1) * p->stride - 2 * p->pad + w.dim[3];
    if (height < 1 || width < 1)
        return error_set(err, "conv_transpose2d: nothing is left of %s with pad %d",
                         shape_text(x, text), p->pad);
    out->out = shape4(x.dim[0], w.dim[1], height, width);
    ConvShape s = conv_shape(x, w, out->out, p);
    size_t to_small = conv_to_small_scratch(&s), weight = conv_weight_scratch(&s);
    out->forward_scratch = conv_to_big_scratch(&s);
    out->backward_scratch = to_small > weight ? to_small : weight;
    out->forward_kept = conv_to_big_kept(&s);
    out->backward_kept = conv_to_small_kept(&s);
    return true;
}

void op_conv_transpose2d_forward(const Call *c)
{
    ConvShape s = conv_shape(c->in[0].shape, c->in[1].shape, c->out.shape, c->param);
    Epilogue epilogue = {c->in[2].data, c->activation};

    conv_to_big(&s, c->in[0].data, c->in[1].data, epilogue, 0, c->out.data, c->kept, c->scratch);
}

/* dx last, for it may take the place of x. */
void op_conv_transpose2d_backward(const Call *c)
{
    ConvShape s = conv_shape(c->in[0].shape, c->in[1].shape, c->dout.shape, c->param);

    if (c->din[1].data != NULL)
        conv_weight(&s, c->dout.data, c->in[0].data, c->beta[1], c->din[1].data, c->scratch);
    if (c->din[2].data != NULL)
        conv_bias(s.n, s.big_c, s.big_h * s.big_w, c->dout.data, c->beta[2], c->din[2].data);
    if (c->din[0].data != NULL)
        conv_to_small(&s, c->dout.data, c->in[1].data, (Epilogue){0}, c->beta[0], c->din[0].data,
                      c->kept, c->scratch);
}
