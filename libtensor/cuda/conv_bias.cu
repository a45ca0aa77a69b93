/* Biases and activations of convolutions by cuBLAS; the gradients of biases. */
#include "libtensor/cuda/conv.h"
#include "libtensor/cuda/sums.h"

template <int WIDTH>
static __global__ void epilogue(CudaView y, Epilogue e, int64_t packs, int64_t c, int64_t area)
{
    CUDA_FOR(i, packs)
    {
        Pack<WIDTH> v = cuda_load<WIDTH>(y, i);
        real bias = e.bias != NULL ? e.bias[i / area % c] : 0;
        for (int k = 0; k < WIDTH; k++)
            v.v[k] = cuda_activate(e.activation, v.v[k] + bias);
        cuda_store<WIDTH>(y, i, v);
    }
}

void cuda_conv_epilogue(Cuda *cuda, Epilogue e, int64_t n, int64_t c, int64_t area, CudaView y)
{
    if (e.bias == NULL && e.activation.kind == ACTIVATION_NONE)
        return;
    cuda_with_width(cuda_width(area, y), [&](auto wide) {
        constexpr int W = decltype(wide)::value;
        int64_t packs = n * c * area / W;
        CUDA_LAUNCH(cuda, epilogue<W>, cuda_blocks(packs), CUDA_THREADS, y, e, packs, c, area / W);
    });
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

    cuda_sum_stage<1>(c, sums, CudaInputs<1>{{cuda_view(c->dout)}}, Plain(), part);
    CUDA_LAUNCH(cuda_of(c), store_sums, (unsigned)sums.channels, CUDA_THREADS, part, sums.parts,
                beta, db);
}
