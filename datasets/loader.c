#include "datasets/loader.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "libtensor/rng.h"

enum { ALIGN = 64, STREAM_SHUFFLE = 0x4c4f4144 };

/* Two batches: the caller reads one while the thread fills the other. */
struct Loader {
    LoaderConfig config;
    uint32_t *order; /* of the epoch being filled */
    uint64_t epoch;  /* that `order` is for; UINT64_MAX: none yet */
    uint8_t *batch[2][LOADER_MAX_BUFFERS];
    pthread_t thread;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    uint64_t filled; /* the batch to fill next */
    uint64_t taken;  /* the batch to hand out next */
    bool stop, failed;
    Error error;
};

uint64_t loader_steps_per_epoch(const LoaderConfig *config)
{
    return (uint64_t)(config->count / config->batch);
}

/* A new permutation depends on (seed, epoch) alone (Fisher and Yates, by Philox). */
static void order_epoch(Loader *l, uint64_t epoch)
{
    uint32_t n = (uint32_t)l->config.count;
    Rng rng = rng_make(l->config.seed, STREAM_SHUFFLE, epoch);

    if (l->epoch == epoch)
        return;
    for (uint32_t i = 0; i < n; i++)
        l->order[i] = i;
    for (uint32_t i = n - 1; l->config.shuffle && i > 0; i--) {
        uint32_t j = rng_below(&rng, i + 1), t = l->order[i];
        l->order[i] = l->order[j];
        l->order[j] = t;
    }
    l->epoch = epoch;
}

static bool fill_batch(Loader *l, uint64_t step, Error *err)
{
    const LoaderConfig *c = &l->config;
    uint64_t per_epoch = loader_steps_per_epoch(c);
    uint64_t first = step % per_epoch * (uint64_t)c->batch;

    order_epoch(l, step / per_epoch);
    for (int slot = 0; slot < c->batch; slot++) {
        void *at[LOADER_MAX_BUFFERS] = {0};
        for (int k = 0; k < c->n_buffers; k++)
            at[k] = l->batch[step % 2][k] + (size_t)slot * c->bytes[k];
        if (!c->fill(c->context, l->order[first + (uint64_t)slot], step, slot, at, err))
            return false;
    }
    return true;
}

/* Fills batch after batch: the caller holds batch taken - 1, so batch `taken` is the one that may
 * be filled. */
static void *work(void *loader)
{
    Loader *l = loader;

    pthread_mutex_lock(&l->mutex);
    while (!l->stop && !l->failed) {
        uint64_t step = l->filled;
        Error err = {{0}};
        bool ok;
        if (step > l->taken) {
            pthread_cond_wait(&l->changed, &l->mutex);
            continue;
        }
        pthread_mutex_unlock(&l->mutex);
        ok = fill_batch(l, step, &err);
        pthread_mutex_lock(&l->mutex);
        if (ok) {
            l->filled++;
        } else {
            l->failed = true;
            l->error = err;
        }
        pthread_cond_broadcast(&l->changed);
    }
    pthread_mutex_unlock(&l->mutex);
    return NULL;
}

static void release(Loader *l)
{
    for (int b = 0; b < 2; b++)
        for (int k = 0; k < LOADER_MAX_BUFFERS; k++)
            free(l->batch[b][k]);
    free(l->order);
    free(l);
}

static bool reserve(Loader *l)
{
    const LoaderConfig *c = &l->config;

    l->order = malloc((size_t)c->count * sizeof *l->order);
    for (int b = 0; b < 2; b++)
        for (int k = 0; k < c->n_buffers; k++) {
            size_t bytes = (size_t)c->batch * c->bytes[k];
            l->batch[b][k] = aligned_alloc(ALIGN, (bytes + ALIGN - 1) / ALIGN * ALIGN);
            if (!l->batch[b][k])
                return false;
        }
    return l->order != NULL;
}

bool loader_new(Loader **loader, const LoaderConfig *config, uint64_t step, Error *err)
{
    Loader *l;

    assert(config->batch > 0 && config->n_buffers >= 1 && config->n_buffers <= LOADER_MAX_BUFFERS &&
           config->fill);
    if (config->count < config->batch || config->count > UINT32_MAX)
        return error_set(
            err, "a set of %lld samples does not fill a batch of %d; make more or a smaller batch",
            (long long)config->count, config->batch);
    l = calloc(1, sizeof *l);
    if (!l)
        return error_set(err, "out of memory for the loader");
    l->config = *config;
    l->epoch = UINT64_MAX;
    l->filled = l->taken = step;
    if (!reserve(l)) {
        release(l);
        return error_set(err, "out of memory for two batches of %d samples", config->batch);
    }
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->changed, NULL);
    if (pthread_create(&l->thread, NULL, work, l) != 0) {
        pthread_cond_destroy(&l->changed);
        pthread_mutex_destroy(&l->mutex);
        release(l);
        return error_set(err, "the system gives no thread for the loader");
    }
    *loader = l;
    return true;
}

void loader_free(Loader *loader)
{
    if (!loader)
        return;
    pthread_mutex_lock(&loader->mutex);
    loader->stop = true;
    pthread_cond_broadcast(&loader->changed);
    pthread_mutex_unlock(&loader->mutex);
    pthread_join(loader->thread, NULL);
    pthread_cond_destroy(&loader->changed);
    pthread_mutex_destroy(&loader->mutex);
    release(loader);
}

bool loader_next(Loader *loader, void **buffer, Error *err)
{
    bool ok;

    pthread_mutex_lock(&loader->mutex);
    while (loader->filled <= loader->taken && !loader->failed)
        pthread_cond_wait(&loader->changed, &loader->mutex);
    ok = loader->filled > loader->taken;
    if (ok) {
        for (int k = 0; k < loader->config.n_buffers; k++)
            buffer[k] = loader->batch[loader->taken % 2][k];
        loader->taken++;
        pthread_cond_broadcast(&loader->changed);
    } else if (err) {
        *err = loader->error;
    }
    pthread_mutex_unlock(&loader->mutex);
    return ok;
}
