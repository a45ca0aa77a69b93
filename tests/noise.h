/* Numbers that scripts/torch_nets.py draws alike. */
#ifndef TESTS_NOISE_H
#define TESTS_NOISE_H

#include <stdint.h>

/* The key of a name: FNV-1a. */
static inline uint64_t noise_key(const char *name)
{
    uint32_t key = 0x811c9dc5;
    for (; *name; name++)
        key = (key ^ (unsigned char)*name) * 0x01000193;
    return (uint64_t)key << 32;
}

/* Value i of a key, in [-1, 1), a multiple of 2^-23: splitmix64. */
static inline double noise(uint64_t key, int64_t i)
{
    uint64_t z = (key + (uint64_t)i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    z ^= z >> 31;
    return (double)(z >> 40) / (1 << 23) - 1;
}

#endif
