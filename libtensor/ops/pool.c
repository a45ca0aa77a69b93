#include "libtensor/ops/pool.h"

#include "libtensor/ops/check.h"

bool pool_infer(const InferIn *in, const char *op, Shape *out, Error *err)
{
    const Pool2dParam *p = in->param;
    Shape x = in->in[0];
    char text[88];

    if (!check_real(in, 0, 4, 4, op, "x", err))
        return false;
    if (p->kernel < 1 || p->stride < 1 || p->pad < 0 || 2 * p->pad > p->kernel)
        return error_set(
            err,
            "%s: kernel %d, stride %d, pad %d; kernel and stride must be at least 1, pad "
            "at most half the kernel",
            op, p->kernel, p->stride, p->pad);
    if (x.dim[2] + 2 * p->pad < p->kernel || x.dim[3] + 2 * p->pad < p->kernel)
        return error_set(err, "%s: the kernel, %d, is larger than the padded x, %s pad %d", op,
                         p->kernel, shape_text(x, text), p->pad);
    *out = shape4(x.dim[0], x.dim[1], (x.dim[2] + 2 * p->pad - p->kernel) / p->stride + 1,
                  (x.dim[3] + 2 * p->pad - p->kernel) / p->stride + 1);
    return true;
}
