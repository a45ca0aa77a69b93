/* concat and slice move runs: dimension `axis` and those behind it, of which a part is taken. */
#ifndef LIBTENSOR_CUDA_RUNS_H
#define LIBTENSOR_CUDA_RUNS_H

#include "libtensor/cuda/map.h"

/* Elements of one run. */
static inline int64_t cuda_run(Shape s, int axis)
{
    int64_t n = 1;
    for (int d = axis; d < s.ndim; d++)
        n *= s.dim[d];
    return n;
}

/* Run i / part of `to`, which are to_run apart, becomes beta times itself plus that of `from`; all
 * in packs. */
template <int WIDTH>
static __global__ void cuda_runs_kernel(const real *from, int64_t from_run, real *to,
                                        int64_t to_run, int64_t part, int64_t n, real beta)
{
    CUDA_FOR(i, n)
    {
        int64_t k = i / part, j = i % part;
        cuda_update<WIDTH>(to, k * to_run + j, beta, cuda_load<WIDTH>(from, k * from_run + j));
    }
}

/* `runs` parts of `part` elements, which begin from_run and to_run elements apart. */
static void cuda_runs(const Call *c, const real *from, int64_t from_run, real *to, int64_t to_run,
                      int64_t part, int64_t runs, real beta)
{
    int64_t n = runs * part, w = CUDA_PACK;
    if (cuda_packs(from_run, from, to) && cuda_packs(to_run) && cuda_packs(part))
        CUDA_LAUNCH(cuda_of(c), cuda_runs_kernel<CUDA_PACK>, cuda_blocks(n / w), CUDA_THREADS, from,
                    from_run / w, to, to_run / w, part / w, n / w, beta);
    else
        CUDA_LAUNCH(cuda_of(c), cuda_runs_kernel<1>, cuda_blocks(n), CUDA_THREADS, from, from_run,
                    to, to_run, part, n, beta);
}

#endif
