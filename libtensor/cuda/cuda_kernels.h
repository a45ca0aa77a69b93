/* The CUDA backend's kernels, three functions per row of ops.def (see cuda.h) and the optimisers
 * (see Backend.sgd and Backend.adam). A row without its file does not link. */
#ifndef LIBTENSOR_CUDA_CUDA_KERNELS_H
#define LIBTENSOR_CUDA_CUDA_KERNELS_H

#include "libtensor/backend.h"

#define OP(name, n_in, n_optional, Param, reads, flags)         \
    Kernel op_##name##_forward_cuda, op_##name##_backward_cuda; \
    Scratch op_##name##_scratch_cuda;
#include "libtensor/ops.def"
#undef OP

void cuda_sgd(Backend *b, real *value, const real *grad, real *moment, int64_t n, real momentum,
              real decay, real lo, real hi, const StepState *step);
void cuda_adam(Backend *b, real *value, const real *grad, real *m, real *v, int64_t n, real beta1,
               real beta2, real eps, real decay, real lo, real hi, const StepState *step);

#endif
