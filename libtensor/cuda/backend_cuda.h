/* An NVIDIA GPU as a backend. In a build without CUDA (configure found no nvcc) the same functions
 * exist and say so. */
#ifndef LIBTENSOR_CUDA_BACKEND_CUDA_H
#define LIBTENSOR_CUDA_BACKEND_CUDA_H

#include "libtensor/backend.h"

/* How products of float32 matrices and convolutions are computed. Sums are float32 in all of them,
 * and so are parameters, losses and whatever can be read. In the double library all three are
 * double. */
typedef enum Precision {
    PRECISION_FP32,
    PRECISION_TF32, /* factors rounded to 10 bits of mantissa: tensor cores */
    PRECISION_BF16  /* factors rounded to 7 bits; images inside of a net, and the gradients to them,
                       are kept as bfloat16 (Backend.half): half the memory, half the traffic */
} Precision;

typedef struct CudaOptions {
    int device; /* 0 .. cuda_device_count() - 1 */
    Precision precision;
    /* Called once, with one sentence, as soon as the device fails (an error that it cannot recover
     * from; whatever is read from it afterwards is garbage). It need not return. NULL: the error is
     * kept for Backend.sync. */
    void (*failed)(void *user, const char *text);
    void *user;
} CudaOptions;

/* NULL and a sentence if this build has no CUDA, there is no such device or driver, or no memory.
 * To be used by the thread that opened it: CUDA knows a current device per thread. */
Backend *backend_cuda_open(CudaOptions options, Error *err);

/* Usable devices; 0 without a driver or without CUDA in this build. */
int cuda_device_count(void);

#endif
