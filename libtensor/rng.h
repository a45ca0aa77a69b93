/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 * A counter-based generator: the same (seed, stream, step, element) gives the same bits everywhere,
 * and there is no state to carry but the step. */
#ifndef LIBTENSOR_RNG_H
#define LIBTENSOR_RNG_H

#include <stdint.h>

/* key = (low, high word of seed); counter = (element, step low, step high, stream).
 * out: four independent uniform 32-bit words. */
void philox(uint64_t seed, uint32_t stream, uint64_t step, uint32_t element,
            uint32_t out[static 4]);

/* A convenience over philox() for sequential use on the host. */
typedef struct Rng {
    uint64_t seed;
    uint64_t step;
    uint32_t stream;
    uint32_t next; /* number of 32-bit words already taken */
    uint32_t word[4];
} Rng;

Rng rng_make(uint64_t seed, uint32_t stream, uint64_t step);
uint32_t rng_u32(Rng *rng);
/* Uniform in [0, 1), 24 bits. */
float rng_uniform(Rng *rng);
/* Uniform in [lo, hi). */
float rng_range(Rng *rng, float lo, float hi);
/* Standard normal (Box-Muller). */
float rng_normal(Rng *rng);
/* Uniform integer in [0, n), n > 0, without modulo bias. */
uint32_t rng_below(Rng *rng, uint32_t n);

#endif
