/* The CPU's optimiser kernels; formulas in libautograd/optim.h, arguments in backend.h. */
#ifndef LIBTENSOR_OPTIM_KERNELS_H
#define LIBTENSOR_OPTIM_KERNELS_H

#include "libtensor/backend.h"

void cpu_sgd(Backend *b, real *value, const real *grad, real *moment, int64_t n, real momentum,
             real decay, real lo, real hi, const StepState *step);
void cpu_adam(Backend *b, real *value, const real *grad, real *m, real *v, int64_t n, real beta1,
              real beta2, real eps, real decay, real lo, real hi, const StepState *step);

#endif
