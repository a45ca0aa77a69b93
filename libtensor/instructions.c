#include "libtensor/instructions.h"

static Instructions used;

const char *instructions_name(Instructions set)
{
    static const char *const name[] = {"portable", "AVX2", "AVX-512"};
    return name[set];
}

bool instructions_here(Instructions set)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (set == INSTRUCTIONS_AVX512)
        return __builtin_cpu_supports("avx512f") != 0;
    if (set == INSTRUCTIONS_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return set == INSTRUCTIONS_PORTABLE;
}

Instructions instructions_used(void)
{
    return used;
}

void instructions_use(Instructions set)
{
    used = set;
}

__attribute__((constructor)) static void choose(void)
{
    for (int set = 0; set < INSTRUCTIONS_COUNT; set++)
        if (instructions_here((Instructions)set))
            used = (Instructions)set;
}
