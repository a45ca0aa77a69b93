/* Writing past the caches: for results so large that whoever reads them finds nothing of them
 * there. A cache line is then not read from memory only to be overwritten, and what is in the cache
 * stays.
 */
#ifndef LIBTENSOR_OPS_STREAM_H
#define LIBTENSOR_OPS_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "libtensor/real.h"

enum { STREAM_BYTES = 64 << 20 }; /* of a result that is worth it */

/* to = from, n elements, which do not overlap. */
static inline void stream_row(real *restrict to, const real *restrict from, int64_t n)
{
#ifdef __SSE2__
    enum { STEP = 16 / sizeof(real) };
    if ((uintptr_t)to % 16 == 0 && n % STEP == 0) {
        for (int64_t i = 0; i < n; i += STEP)
            _mm_stream_si128((__m128i *)(void *)(to + i),
                             _mm_loadu_si128((const __m128i *)(const void *)(from + i)));
        return;
    }
#endif
    memcpy(to, from, (size_t)n * sizeof *to);
}

/* Before other threads may read what the calling one has written so. */
static inline void stream_end(void)
{
#ifdef __SSE2__
    _mm_sfence();
#endif
}

#endif
