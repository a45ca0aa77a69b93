/* channel_mul: y = s[n,c] x; dx = s dy, ds[n,c] = sum over pixels of dy x. See ops/channel_mul.c.
 */
#include "libtensor/cuda/sums.h"

namespace
{

struct Scale {
    const real *s;
    __device__ real operator()(const real *x, int64_t row) const
    {
        return s[row] * x[0];
    }
};

struct Product { /* of dy, x */
    __device__ void operator()(const real *x, int64_t, real *sum) const
    {
        sum[0] += x[0] * x[1];
    }
};

__global__ void finish(const double *part, int64_t parts, real beta, real *ds)
{
    int64_t k = blockIdx.x;
    double sum = cuda_sum_total<1>(part, parts, k, 0);

    if (threadIdx.x == 0)
        ds[k] = cuda_gradient(beta, ds + k, (real)sum);
}

CudaSums sums_of(Shape x) /* a channel of a sample is a channel */
{
    return cuda_sums(1, x.dim[0] * x.dim[1], cuda_inner(x));
}

} // namespace

void op_channel_mul_scratch_cuda(const InferIn *in, InferOut *out)
{
    out->forward_scratch = 0;
    out->backward_scratch = cuda_sums_bytes(sums_of(in->in[0]), 1);
}

void op_channel_mul_forward_cuda(const Call *c)
{
    Shape s = c->out.shape;
    cuda_map_rows<1>(c, {{cuda_data(c->in[0])}}, cuda_data(c->out), 0, shape_count(s),
                     cuda_inner(s), Scale{cuda_data(c->in[1])});
}

void op_channel_mul_backward_cuda(const Call *c)
{
    Shape s = c->dout.shape;
    double *part = (double *)c->scratch;

    if (c->din[0].data != NULL)
        cuda_map_rows<1>(c, {{cuda_data(c->dout)}}, cuda_data(c->din[0]), c->beta[0],
                         shape_count(s), cuda_inner(s), Scale{cuda_data(c->in[1])});
    if (c->din[1].data == NULL)
        return;
    CudaSums sums = sums_of(s);
    cuda_sum_stage<1, 2>(c, sums, {{cuda_data(c->dout), cuda_data(c->in[0])}}, Product(), part);
    CUDA_LAUNCH(cuda_of(c), finish, (unsigned)sums.channels, CUDA_THREADS, part, sums.parts,
                c->beta[1], cuda_data(c->din[1]));
}
