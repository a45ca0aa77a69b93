/* pad2d: zeros around the image; dx is the middle of dy. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_pad2d_infer(const InferIn *in, InferOut *out, Error *err)
{
    const Pad2dParam *p = in->param;
    Shape x = in->in[0];

    if (!check_real(in, 0, 4, 4, "pad2d", "x", err))
        return false;
    if (p->top < 0 || p->left < 0 || p->bottom < 0 || p->right < 0)
        return error_set(err, "pad2d: top %d, left %d, bottom %d, right %d; none may be negative",
                         p->top, p->left, p->bottom, p->right);
    out->out =
        shape4(x.dim[0], x.dim[1], x.dim[2] + p->top + p->bottom, x.dim[3] + p->left + p->right);
    return true;
}

void op_pad2d_forward(const Call *c)
{
    const Pad2dParam *p = c->param;
    int64_t height = c->in[0].shape.dim[2], width = c->in[0].shape.dim[3];
    int64_t rows = c->out.shape.dim[2], cols = c->out.shape.dim[3];
    int64_t planes = c->out.shape.dim[0] * c->out.shape.dim[1];

#pragma omp parallel for schedule(static) if (planes * rows * cols > PARALLEL_CHUNK)
    for (int64_t k = 0; k < planes; k++) {
        const real *x = (const real *)c->in[0].data + k * height * width;
        real *y = (real *)c->out.data + k * rows * cols;
        memset(y, 0, (size_t)(rows * cols) * sizeof *y);
        for (int64_t i = 0; i < height; i++)
            memcpy(y + (i + p->top) * cols + p->left, x + i * width, (size_t)width * sizeof *y);
    }
}

void op_pad2d_backward(const Call *c)
{
    const Pad2dParam *p = c->param;
    int64_t height = c->din[0].shape.dim[2], width = c->din[0].shape.dim[3];
    int64_t rows = c->dout.shape.dim[2], cols = c->dout.shape.dim[3];
    int64_t planes = c->dout.shape.dim[0] * c->dout.shape.dim[1];

    if (c->din[0].data == NULL)
        return;
#pragma omp parallel for schedule(static) if (planes * rows * cols > PARALLEL_CHUNK)
    for (int64_t k = 0; k < planes; k++) {
        const real *dy = (const real *)c->dout.data + k * rows * cols;
        real *dx = (real *)c->din[0].data + k * height * width;
        for (int64_t i = 0; i < height; i++)
            add_to(dx + i * width, c->beta[0], dy + (i + p->top) * cols + p->left, width);
    }
}
