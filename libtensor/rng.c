#include "libtensor/rng.h"

#include <assert.h>
#include <math.h>

void philox(uint64_t seed, uint32_t stream, uint64_t step, uint32_t element, uint32_t out[static 4])
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c0 = element, c1 = (uint32_t)step, c2 = (uint32_t)(step >> 32), c3 = stream;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u; /* Weyl sequences: golden ratio and sqrt(3) - 1 */
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

Rng rng_make(uint64_t seed, uint32_t stream, uint64_t step)
{
    return (Rng){.seed = seed, .step = step, .stream = stream};
}

uint32_t rng_u32(Rng *rng)
{
    uint32_t lane = rng->next % 4;
    if (lane == 0)
        philox(rng->seed, rng->stream, rng->step, rng->next / 4, rng->word);
    rng->next++;
    return rng->word[lane];
}

float rng_uniform(Rng *rng)
{
    return (float)(rng_u32(rng) >> 8) * 0x1p-24f;
}

float rng_range(Rng *rng, float lo, float hi)
{
    float x = lo + (hi - lo) * rng_uniform(rng);
    return x < hi ? x : lo; /* rounding may reach hi */
}

float rng_normal(Rng *rng)
{
    float u = 1 - rng_uniform(rng); /* (0, 1], so that the logarithm is finite */
    float v = rng_uniform(rng);
    return sqrtf(-2 * logf(u)) * cosf(6.28318530717958648f * v);
}

uint32_t rng_below(Rng *rng, uint32_t n)
{
    assert(n > 0);
    uint32_t surplus = -n % n; /* 2^32 mod n: so many low words would be drawn too often */
    uint32_t x;
    do
        x = rng_u32(rng);
    while (x < surplus);
    return x % n;
}
