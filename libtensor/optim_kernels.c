/* Each element depends on itself alone, so the threads cannot change a bit. */
#include "libtensor/optim_kernels.h"

#include <tgmath.h> /* sqrt of a real, in its own precision */

#include "libtensor/parallel.h"

static inline real project(real x, real lo, real hi)
{
    if (lo > hi)
        return x;
    return x < lo ? lo : x > hi ? hi : x;
}

void cpu_sgd(Backend *b, real *value, const real *grad, real *moment, int64_t n, real momentum,
             real decay, real lo, real hi, const StepState *step)
{
    (void)b;
    real rate = step->learning_rate;
#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i++) {
        real v = grad[i] + decay * value[i];
        if (moment)
            v = moment[i] = momentum * moment[i] + v;
        value[i] = project(value[i] - rate * v, lo, hi);
    }
}

void cpu_adam(Backend *b, real *value, const real *grad, real *m, real *v, int64_t n, real beta1,
              real beta2, real eps, real decay, real lo, real hi, const StepState *step)
{
    (void)b;
    double t = (double)step->step + 1; /* the corrections in double: 1 - beta2^t is tiny at first */
    real correct_m = (real)(1 / (1 - pow((double)beta1, t)));
    real correct_v = (real)(1 / (1 - pow((double)beta2, t)));
    real rate = step->learning_rate;
#pragma omp parallel for schedule(static) if (n > PARALLEL_CHUNK)
    for (int64_t i = 0; i < n; i++) {
        real g = grad[i];
        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * g * g;
        real move = m[i] * correct_m / (sqrt(v[i] * correct_v) + eps);
        value[i] = project(value[i] - rate * (move + decay * value[i]), lo, hi);
    }
}
