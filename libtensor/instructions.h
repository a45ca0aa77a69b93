/* The instruction sets that the hottest kernels are compiled for, each in instructions_NAME.c, and
 * which of them is used: the best that the CPU has, from the start of the program. */
#ifndef LIBTENSOR_INSTRUCTIONS_H
#define LIBTENSOR_INSTRUCTIONS_H

#include <stdbool.h>

typedef enum Instructions {
    INSTRUCTIONS_PORTABLE, /* whatever the compiler was told */
    INSTRUCTIONS_AVX2,     /* with FMA */
    INSTRUCTIONS_AVX512,   /* F */
    INSTRUCTIONS_COUNT
} Instructions;

const char *instructions_name(Instructions set);
bool instructions_here(Instructions set); /* whether the CPU has them */
Instructions instructions_used(void);

/* For tests, between calls of kernels: uses this set from now on. What was packed before is of no
 * more use, and sizes of scratch change. */
void instructions_use(Instructions set);

#endif
