/* An allocator that counts and fails on demand. A program takes it by linking with
 * $(FAILING_ALLOC), which wraps malloc, calloc, realloc, aligned_alloc, strdup and free in all that
 * is linked statically. */
#ifndef TESTS_FAILING_ALLOC_H
#define TESTS_FAILING_ALLOC_H

#include <stddef.h>

/* The k-th allocation from now on fails (k = 1, 2, ...), those after it succeed; 0: none does.
 * Resets the count. */
void alloc_fail_at(long k);
/* Allocations asked for since alloc_fail_at. */
long alloc_count(void);
/* Allocated and not yet freed, since the program began. */
long alloc_live(void);

/* Counted as live, but neither failing nor counted as asked for. */
void *counted_malloc(size_t bytes);
void counted_free(void *memory);

#endif
