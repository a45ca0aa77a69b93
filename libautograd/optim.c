#include "libautograd/optim.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct Optim {
    ParamSet *set;
    OptimConfig config;
    int64_t n;
    int n_moments;    /* 0, 1 (momentum) or 2 (Adam) */
    real *moment[2];  /* on the device */
    StepState *state; /* on the device */
};

OptimConfig optim_sgd(real momentum)
{
    return (OptimConfig){.kind = OPTIM_SGD, .momentum = momentum};
}

OptimConfig optim_adam(void)
{
    return (OptimConfig){
        .kind = OPTIM_ADAM, .beta1 = (real).9, .beta2 = (real).999, .eps = (real)1e-8};
}

bool optim_new(Optim **out, ParamSet *set, OptimConfig config, Error *err)
{
    assert(params_backend(set) && params_trainable(set));
    Backend *backend = params_backend(set);
    Optim *optim = calloc(1, sizeof *optim);
    if (!optim)
        return error_set(err, "optimiser: out of memory");
    *optim = (Optim){.set = set, .config = config, .n = params_elements(set)};
    optim->n_moments = config.kind == OPTIM_ADAM ? 2 : config.momentum != 0;
    optim->state = backend->alloc(backend, sizeof *optim->state);
    bool ok = optim->state != NULL;
    for (int i = 0; ok && i < optim->n_moments; i++) {
        optim->moment[i] = backend->alloc(backend, (size_t)optim->n * sizeof(real));
        ok = optim->moment[i] != NULL;
        if (ok)
            backend_zero(backend, optim->moment[i], (size_t)optim->n * sizeof(real));
    }
    if (!ok) {
        error_set(err, "optimiser: out of memory: %d moments of %zu MiB are needed",
                  optim->n_moments, ((size_t)optim->n * sizeof(real) >> 20) + 1);
        optim_free(optim);
        return false;
    }
    *out = optim;
    return true;
}

void optim_free(Optim *optim)
{
    if (!optim)
        return;
    Backend *backend = params_backend(optim->set);
    for (int i = 0; i < 2; i++)
        backend->release(backend, optim->moment[i]);
    backend->release(backend, optim->state);
    free(optim);
}

void optim_step(Optim *optim, const StepState *step)
{
    Backend *backend = params_backend(optim->set);
    const OptimConfig *c = &optim->config;
    real *value = params_values(optim->set);
    const real *grad = params_grads(optim->set);
    real lo = c->project ? c->lo : 1, hi = c->project ? c->hi : 0;
    backend->upload(backend, optim->state, step, sizeof *step);
    if (c->kind == OPTIM_SGD)
        backend->sgd(backend, value, grad, optim->moment[0], optim->n, c->momentum, c->decay, lo,
                     hi, optim->state);
    else
        backend->adam(backend, value, grad, optim->moment[0], optim->moment[1], optim->n, c->beta1,
                      c->beta2, c->eps, c->decay, lo, hi, optim->state);
}

static const char *moment_name(const Optim *optim, int i)
{
    if (optim->config.kind == OPTIM_SGD)
        return "momentum";
    return i == 0 ? "exp_avg" : "exp_avg_sq";
}

enum { MAX_NAME = 512 };

static bool full_name(char text[static MAX_NAME], const char *prefix, const char *name, Error *err)
{
    int n = snprintf(text, MAX_NAME, "%s%s", prefix, name);
    if (n < 0 || n >= MAX_NAME)
        return error_set(err, "%s: its prefix is longer than %d bytes", name, MAX_NAME - 1);
    return true;
}

bool optim_save(const Optim *optim, TensorFile *file, const char *prefix, Error *err)
{
    Backend *backend = params_backend(optim->set);
    for (int i = 0; i < optim->n_moments; i++) {
        char name[MAX_NAME];
        if (!full_name(name, prefix, moment_name(optim, i), err))
            return false;
        Tensor t = {.shape = shape1(optim->n), .type = DTYPE_REAL};
        t.data = malloc(tensor_bytes(t));
        if (!t.data)
            return error_set(err, "%s: out of memory", name);
        backend->download(backend, t.data, optim->moment[i], tensor_bytes(t));
        bool ok = tensor_file_adopt(file, name, &t, err);
        free(t.data);
        if (!ok)
            return false;
    }
    return true;
}

bool optim_load(Optim *optim, const TensorFile *file, const char *prefix, Error *err)
{
    Backend *backend = params_backend(optim->set);
    Tensor found[2];
    for (int i = 0; i < optim->n_moments; i++) {
        char name[MAX_NAME], there[88];
        if (!full_name(name, prefix, moment_name(optim, i), err))
            return false;
        found[i] = tensor_file_find(file, name);
        if (!found[i].data)
            return error_set(
                err, "%s: is missing from the file; it was saved with another optimiser", name);
        if (!shape_equal(found[i].shape, shape1(optim->n)) || found[i].type != DTYPE_REAL)
            return error_set(err, "%s: is %s of %s in the file where %lld of %s are wanted", name,
                             shape_text(found[i].shape, there), dtype_name(found[i].type),
                             (long long)optim->n, dtype_name(DTYPE_REAL));
    }
    for (int i = 0; i < optim->n_moments; i++)
        backend->upload(backend, optim->moment[i], found[i].data, tensor_bytes(found[i]));
    return true;
}

/* Through a piece at a time: no host memory, and one fixed order. */
enum { PIECE = 1024 };

double optim_grad_norm(const ParamSet *set)
{
    assert(params_trainable(set));
    Backend *backend = params_backend(set);
    const real *grad = params_grads(set);
    int64_t n = params_elements(set);
    double sum = 0;
    for (int64_t i = 0; i < n; i += PIECE) {
        real piece[PIECE];
        int64_t m = n - i < PIECE ? n - i : PIECE;
        backend->download(backend, piece, grad + i, (size_t)m * sizeof *piece);
        for (int64_t j = 0; j < m; j++)
            sum += (double)piece[j] * (double)piece[j];
    }
    return sqrt(sum);
}

real step_decay(real base, real factor, uint64_t every, uint64_t i)
{
    assert(every > 0);
    return (real)((double)base * pow((double)factor, (double)(i / every)));
}

real cosine_decay(real base, real end_factor, uint64_t total, uint64_t i)
{
    double end = (double)end_factor;
    double part = total == 0 || i >= total ? 1 : (double)i / (double)total;
    return (real)((double)base * (end + (1 - end) * .5 * (1 + cos(3.14159265358979323846 * part))));
}
