/* The number of threads, for tests; nothing where the compiler has no OpenMP. */
#ifndef TESTS_THREADS_H
#define TESTS_THREADS_H

#ifdef _OPENMP
#include <omp.h>
#endif

static inline void set_threads(int n)
{
#ifdef _OPENMP
    omp_set_num_threads(n);
#else
    (void)n;
#endif
}

#endif
