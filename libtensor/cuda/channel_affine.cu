/* channel_affine: y = scale[c] x + shift[c]; dx = scale[c] dy, dscale[c] = sum dy x, dshift[c] =
 * sum dy. See ops/channel_affine.c. */
#include "libtensor/cuda/sums.h"

namespace
{

struct Forward {
    const real *scale, *shift;
    int64_t channels;
    __device__ real operator()(const real *x, int64_t row) const
    {
        int64_t k = row % channels;
        return scale[k] * x[0] + (shift != NULL ? shift[k] : 0);
    }
};

struct Terms { /* of dy, x */
    __device__ void operator()(const real *x, int64_t, real *sum) const
    {
        sum[0] += x[0] * x[1];
        sum[1] += x[0];
    }
};

__global__ void finish(const double *part, int64_t parts, real *dscale, real scale_beta,
                       real *dshift, real shift_beta)
{
    int64_t k = blockIdx.x;
    double products = cuda_sum_total<2>(part, parts, k, 0);
    double sum = cuda_sum_total<2>(part, parts, k, 1);

    if (threadIdx.x != 0)
        return;
    if (dscale != NULL)
        dscale[k] = cuda_gradient(scale_beta, dscale + k, (real)products);
    if (dshift != NULL)
        dshift[k] = cuda_gradient(shift_beta, dshift + k, (real)sum);
}

} // namespace

void op_channel_affine_scratch_cuda(const InferIn *in, InferOut *out)
{
    Shape x = in->in[0];
    out->forward_scratch = 0;
    out->backward_scratch = cuda_sums_bytes(cuda_sums(x.dim[0], x.dim[1], cuda_inner(x)), 2);
}

void op_channel_affine_forward_cuda(const Call *c)
{
    Shape s = c->out.shape;
    Forward f = {cuda_data(c->in[1]), cuda_data(c->in[2]), s.dim[1]};
    cuda_map_rows<1>(c, {{cuda_data(c->in[0])}}, cuda_data(c->out), 0, shape_count(s),
                     cuda_inner(s), f);
}

void op_channel_affine_backward_cuda(const Call *c)
{
    Shape s = c->dout.shape;
    real *dscale = cuda_data(c->din[1]), *dshift = cuda_data(c->din[2]);
    double *part = (double *)c->scratch;

    if (c->din[0].data != NULL) {
        Forward f = {cuda_data(c->in[1]), NULL, s.dim[1]};
        cuda_map_rows<1>(c, {{cuda_data(c->dout)}}, cuda_data(c->din[0]), c->beta[0],
                         shape_count(s), cuda_inner(s), f);
    }
    if (dscale == NULL && dshift == NULL)
        return;
    CudaSums sums = cuda_sums(s.dim[0], s.dim[1], cuda_inner(s));
    cuda_sum_stage<2, 2>(c, sums, {{cuda_data(c->dout), cuda_data(c->in[0])}}, Terms(), part);
    CUDA_LAUNCH(cuda_of(c), finish, (unsigned)s.dim[1], CUDA_THREADS, part, sums.parts, dscale,
                c->beta[1], dshift, c->beta[2]);
}
