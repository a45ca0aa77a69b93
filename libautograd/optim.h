/* Optimisers over a whole ParamSet: one pass over its flat slabs. */
#ifndef LIBAUTOGRAD_OPTIM_H
#define LIBAUTOGRAD_OPTIM_H

#include "libautograd/params.h"

typedef enum OptimKind {
    OPTIM_SGD, /* v = momentum v + (g + decay w); w -= lr v             (PyTorch's SGD) */
    OPTIM_ADAM /* m, v moments, bias-corrected; w -= lr m^ / (sqrt(v^) + eps) (Kingma and Ba 2015);
                  decay is decoupled (AdamW): w -= lr decay w */
} OptimKind;

typedef struct OptimConfig {
    OptimKind kind;
    real momentum;          /* SGD; 0: plain gradient descent */
    real beta1, beta2, eps; /* Adam: 0.9, 0.999, 1e-8 */
    real decay;
    bool project; /* after the step, clamp into [lo, hi]: Eq. 9's projected gradient step */
    real lo, hi;
} OptimConfig;

OptimConfig optim_sgd(real momentum);
OptimConfig optim_adam(void);

typedef struct Optim Optim;

/* Moments on the set's backend, zero. The set must be trainable, allocated, and outlive the
 * optimiser. */
bool optim_new(Optim **optim, ParamSet *set, OptimConfig config, Error *err);
void optim_free(Optim *optim);

/* One step with step->learning_rate (and, for Adam, step->step counting from 0). Allocates nothing.
 */
void optim_step(Optim *optim, const StepState *step);

/* Moments under PREFIX "momentum", or "exp_avg" and "exp_avg_sq"; always full precision. */
bool optim_save(const Optim *optim, TensorFile *file, const char *prefix, Error *err);
bool optim_load(Optim *optim, const TensorFile *file, const char *prefix, Error *err);

/* L2 norm of all gradients (fixed-order sum in double). */
double optim_grad_norm(const ParamSet *set);

/* base * factor^floor(i / every): the paper's "decayed by 10% every 50 epochs" is step_decay(.01,
 * .9, 50, i). */
real step_decay(real base, real factor, uint64_t every, uint64_t i);
/* From base at i = 0 to base * end_factor at i = total along half a cosine. */
real cosine_decay(real base, real end_factor, uint64_t total, uint64_t i);

#endif
