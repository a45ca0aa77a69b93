#include "libtensor/backend.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/op_kernels.h"
#include "libtensor/optim_kernels.h"

static void *cpu_alloc(Backend *b, size_t bytes)
{
    (void)b;
    if (bytes > SIZE_MAX - 128)
        return NULL;
    return aligned_alloc(64, bytes / 64 * 64 + 64);
}

static void cpu_release(Backend *b, void *memory)
{
    (void)b;
    free(memory);
}

static void cpu_copy(Backend *b, void *to, const void *from, size_t bytes)
{
    (void)b;
    memcpy(to, from, bytes);
}

static bool cpu_sync(Backend *b, Error *err)
{
    (void)b;
    (void)err;
    return true;
}

static void cpu_close(Backend *b)
{
    free(b);
}

Backend *backend_cpu_open(void)
{
    Backend *b = malloc(sizeof *b);
    if (!b)
        return NULL;
    *b = (Backend){
        .name = "cpu",
        .alloc = cpu_alloc,
        .release = cpu_release,
        .upload = cpu_copy,
        .download = cpu_copy,
        .copy = cpu_copy,
        .sync = cpu_sync,
        .close = cpu_close,
        .sgd = cpu_sgd,
        .adam = cpu_adam,
#define OP(name, n_in, n_optional, Param, reads, flags) .forward[OP_##name] = op_##name##_forward,
#include "libtensor/ops.def"
#undef OP
#define OP(name, n_in, n_optional, Param, reads, flags) .backward[OP_##name] = op_##name##_backward,
#include "libtensor/ops.def"
#undef OP
    };
    openblas_set_num_threads(
        1); /* the threads are ours: over samples or tiles, never inside a product */
    return b;
}
