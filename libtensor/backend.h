/* The device contract: what a backend (CPU, CUDA) offers, readable in one sitting. */
#ifndef LIBTENSOR_BACKEND_H
#define LIBTENSOR_BACKEND_H

#include "libtensor/op.h"

/* Work that was recorded and can be run again. */
typedef struct Recording Recording;

/* A device. All functions take the backend itself first. Memory is 64-byte aligned. A device may
 * queue its work: only download and sync wait for it. */
typedef struct Backend Backend;
struct Backend {
    const char *name;
    void *state;                              /* the backend's own */
    void *(*alloc)(Backend *, size_t bytes);  /* NULL: out of memory */
    void (*release)(Backend *, void *memory); /* NULL is fine */
    void (*upload)(Backend *, void *to_device, const void *from_host, size_t bytes);
    void (*download)(Backend *, void *to_host, const void *from_device, size_t bytes);
    void (*copy)(Backend *, void *to, const void *from, size_t bytes); /* within the device */
    bool (*sync)(Backend *, Error *); /* waits; reports what the device could not do */
    /* Between record_begin and record_end kernels and copies are noted instead of run (no uploads,
     * downloads or syncs). record_end gives them as a recording, which replay runs with the same
     * operands; NULL if the device could not record them (its error then stands for sync). A
     * backend without recordings has all four NULL. */
    bool (*record_begin)(Backend *);
    Recording *(*record_end)(Backend *);
    void (*replay)(Backend *, Recording *);
    void (*forget)(Backend *, Recording *); /* NULL is fine */
    void (*close)(Backend *);
    Kernel *forward[OP_COUNT], *backward[OP_COUNT]; /* NULL: this device lacks the op */
    Scratch *scratch[OP_COUNT];                     /* NULL: infer's scratch sizes hold */
    /* Per op: READS_IN(i) if operand i and its gradient, READS_OUT if the result and its gradient
     * may be DTYPE_BF16 instead of DTYPE_REAL, each independently of the others. */
    unsigned half[OP_COUNT];
    /* Optimiser kernels over flat slabs; see libautograd/optim.h for the formulas. Host pointers to
     * device memory (moment NULL: momentum is 0); lo <= hi clamps the result into [lo, hi], lo > hi
     * does not. */
    void (*sgd)(Backend *, real *value, const real *grad, real *moment, int64_t n, real momentum,
                real decay, real lo, real hi, const StepState *step);
    void (*adam)(Backend *, real *value, const real *grad, real *m, real *v, int64_t n, real beta1,
                 real beta2, real eps, real decay, real lo, real hi, const StepState *step);
};

/* The CPU. Kernels run on OpenMP's threads; the same bits at any thread count. Returns NULL only
 * when out of memory. Sets OpenBLAS to one thread per call. */
Backend *backend_cpu_open(void);

/* Fills device memory with zeros. */
void backend_zero(Backend *backend, void *memory, size_t bytes);

/* Closes any backend; NULL is fine. */
void backend_close(Backend *backend);

#endif
