/* Biases of convolutions and their gradients. */
#include "libtensor/cuda/conv.h"
#include "libtensor/cuda/sums.h"

static __global__ void add_bias(real *y, const real *bias, int64_t n, int64_t c, int64_t area)
{
    CUDA_FOR(i, n * c * area)
    y[i] += bias[i / area % c];
}

void cuda_conv_add_bias(Cuda *cuda, const real *bias, int64_t n, int64_t c, int64_t area, real *y)
{
    if (bias != NULL)
        CUDA_LAUNCH(cuda, add_bias, cuda_blocks(n * c * area), CUDA_THREADS, y, bias, n, c, area);
}

struct Plain {
    __device__ void operator()(const real x[1], int64_t, real sum[1]) const
    {
        sum[0] += x[0];
    }
};

static __global__ void store_sums(const double *part, int64_t parts, real beta, real *db)
{
    double sum = cuda_sum_total<1>(part, parts, blockIdx.x, 0);
    if (threadIdx.x == 0)
        db[blockIdx.x] = cuda_gradient(beta, db + blockIdx.x, (real)sum);
}

size_t cuda_conv_bias_scratch(Shape dout)
{
    return cuda_sums_bytes(cuda_sums(dout.dim[0], dout.dim[1], dout.dim[2] * dout.dim[3]), 1);
}

void cuda_conv_bias(const Call *c, real beta, real *db)
{
    Shape s = c->dout.shape;
    CudaSums sums = cuda_sums(s.dim[0], s.dim[1], s.dim[2] * s.dim[3]);
    double *part = (double *)c->scratch;

    cuda_sum_stage<1>(c, sums, CudaInputs<1>{{(const real *)c->dout.data}}, Plain(), part);
    CUDA_LAUNCH(cuda_of(c), store_sums, (unsigned)sums.channels, CUDA_THREADS, part, sums.parts,
                beta, db);
}
