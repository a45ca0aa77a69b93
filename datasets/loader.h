/* Batches, prepared by a thread while the last one trains. */
#ifndef DATASETS_LOADER_H
#define DATASETS_LOADER_H

#include "libtensor/tensor.h"

/* Fills slot `slot` of a batch with sample `sample` of the set: buffer[k] points at the slot's own
 * bytes[k] bytes of array k. `step` and slot seed any augmentation, so that a batch depends on
 * (seed, step) alone and a resumed run reads what an uninterrupted one would. Called from the
 * loader's thread. */
typedef bool LoaderFill(void *context, int64_t sample, uint64_t step, int slot, void *const *buffer,
                        Error *err);

enum { LOADER_MAX_BUFFERS = 8 };

typedef struct LoaderConfig {
    int64_t count; /* samples in the set */
    int batch;
    uint64_t seed;
    bool shuffle;  /* a new permutation each epoch; the tail short of a batch is dropped */
    int n_buffers; /* arrays per batch, for example x and pixels */
    size_t bytes[LOADER_MAX_BUFFERS]; /* per sample, of each array */
    LoaderFill *fill;
    void *context;
} LoaderConfig;

typedef struct Loader Loader;

/* Starts at batch `step` of the endless sequence of epochs. */
bool loader_new(Loader **loader, const LoaderConfig *config, uint64_t step, Error *err);
void loader_free(Loader *loader);
/* The next batch: buffer[k] is array k, batch * bytes[k] bytes, slot after slot, 64-byte aligned;
 * valid until the next call. An error of fill arrives here, and again at every later call. */
bool loader_next(Loader *loader, void **buffer, Error *err);
uint64_t loader_steps_per_epoch(const LoaderConfig *config);

#endif
