/* How kernels use threads: loops over tasks whose number and size depend on shapes alone. A task
 * that needs working memory takes the slot of the thread it runs on, so scratch holds a fixed
 * number of slots and a plan's size does not depend on the machine (pages of unused slots are never
 * touched). */
#ifndef LIBTENSOR_PARALLEL_H
#define LIBTENSOR_PARALLEL_H

#include <stdint.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum {
    PARALLEL_SLOTS = 32,
    PARALLEL_CHUNK = 16384 /* elements per task of an element-wise loop or a reduction */
};

/* Threads of a parallel region whose tasks use slots. */
static inline int parallel_threads(void)
{
#ifdef _OPENMP
    int threads = omp_get_max_threads();
    return threads < PARALLEL_SLOTS ? threads : PARALLEL_SLOTS;
#else
    return 1;
#endif
}

/* Of the calling thread: 0 .. parallel_threads() - 1. */
static inline int parallel_slot(void)
{
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

static inline int64_t parallel_chunks(int64_t n)
{
    return (n + PARALLEL_CHUNK - 1) / PARALLEL_CHUNK;
}

/* End of the chunk that begins at i. */
static inline int64_t parallel_chunk_end(int64_t i, int64_t n)
{
    return i + PARALLEL_CHUNK < n ? i + PARALLEL_CHUNK : n;
}

#endif
