/* The optimisers; formulas in libautograd/optim.h, the CPU's in optim_kernels.c. Slabs of any
 * length: whole packs, then what is left. */
#include "libtensor/cuda/map.h"

namespace
{

struct Bounds {
    real lo, hi; /* lo > hi: none */
    __device__ real operator()(real x) const
    {
        if (lo > hi)
            return x;
        return x < lo ? lo : x > hi ? hi : x;
    }
};

struct Sgd {
    real *value;
    const real *grad;
    real *moment; /* NULL: momentum is 0 */
    real momentum, decay;
    Bounds bounds;

    template <int WIDTH> __device__ void pack(int64_t i, real rate) const
    {
        Pack<WIDTH> w = cuda_load<WIDTH>(value, i), v = cuda_load<WIDTH>(grad, i), m = {};
        if (moment != NULL)
            m = cuda_load<WIDTH>(moment, i);
        for (int e = 0; e < WIDTH; e++) {
            m.v[e] = momentum * m.v[e] + (v.v[e] + decay * w.v[e]);
            w.v[e] = bounds(w.v[e] - rate * m.v[e]);
        }
        if (moment != NULL)
            cuda_store<WIDTH>(moment, i, m);
        cuda_store<WIDTH>(value, i, w);
    }
};

struct Adam {
    real *value;
    const real *grad;
    real *first, *second; /* moments */
    real beta1, beta2, eps, decay;
    Bounds bounds;

    template <int WIDTH>
    __device__ void pack(int64_t i, real rate, real correct_m, real correct_v) const
    {
        Pack<WIDTH> w = cuda_load<WIDTH>(value, i), g = cuda_load<WIDTH>(grad, i);
        Pack<WIDTH> m = cuda_load<WIDTH>(first, i), v = cuda_load<WIDTH>(second, i);
        for (int e = 0; e < WIDTH; e++) {
            m.v[e] = beta1 * m.v[e] + (1 - beta1) * g.v[e];
            v.v[e] = beta2 * v.v[e] + (1 - beta2) * g.v[e] * g.v[e];
            real move = m.v[e] * correct_m / (sqrt(v.v[e] * correct_v) + eps);
            w.v[e] = bounds(w.v[e] - rate * (move + decay * w.v[e]));
        }
        cuda_store<WIDTH>(first, i, m);
        cuda_store<WIDTH>(second, i, v);
        cuda_store<WIDTH>(value, i, w);
    }
};

__global__ void sgd(Sgd o, int64_t packs, int64_t n, const StepState *step)
{
    real rate = step->learning_rate;
    CUDA_FOR(i, packs)
    o.pack<CUDA_PACK>(i, rate);
    CUDA_FOR(i, n - packs * CUDA_PACK)
    o.pack<1>(packs * CUDA_PACK + i, rate);
}

__global__ void adam(Adam o, int64_t packs, int64_t n, const StepState *step)
{
    __shared__ real correct[2];
    real rate = step->learning_rate;

    if (threadIdx.x == 0) { /* in double: 1 - beta2^t is tiny at first */
        double t = (double)step->step + 1;
        correct[0] = (real)(1 / (1 - pow((double)o.beta1, t)));
        correct[1] = (real)(1 / (1 - pow((double)o.beta2, t)));
    }
    __syncthreads();
    CUDA_FOR(i, packs)
    o.pack<CUDA_PACK>(i, rate, correct[0], correct[1]);
    CUDA_FOR(i, n - packs * CUDA_PACK)
    o.pack<1>(packs * CUDA_PACK + i, rate, correct[0], correct[1]);
}

} // namespace

void cuda_sgd(Backend *b, real *value, const real *grad, real *moment, int64_t n, real momentum,
              real decay, real lo, real hi, const StepState *step)
{
    Sgd o = {value, grad, moment, momentum, decay, {lo, hi}};
    int64_t packs = cuda_packs(0, value, grad, moment) ? n / CUDA_PACK : 0;
    CUDA_LAUNCH((Cuda *)b->state, sgd, cuda_blocks(packs > 0 ? packs : n), CUDA_THREADS, o, packs,
                n, step);
}

void cuda_adam(Backend *b, real *value, const real *grad, real *m, real *v, int64_t n, real beta1,
               real beta2, real eps, real decay, real lo, real hi, const StepState *step)
{
    Adam o = {value, grad, m, v, beta1, beta2, eps, decay, {lo, hi}};
    int64_t packs = cuda_packs(0, value, grad, m, v) ? n / CUDA_PACK : 0;
    CUDA_LAUNCH((Cuda *)b->state, adam, cuda_blocks(packs > 0 ? packs : n), CUDA_THREADS, o, packs,
                n, step);
}
