#include "tests/failing_alloc.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_long fail_at, count, live;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
char *__real_strdup(const char *text);
void __real_free(void *memory);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
char *__wrap_strdup(const char *text);
void __wrap_free(void *memory);

void alloc_fail_at(long k)
{
    fail_at = k;
    count = 0;
}

long alloc_count(void)
{
    return count;
}

long alloc_live(void)
{
    return live;
}

static int fails(void)
{
    return ++count == fail_at;
}

static void *counted(void *memory)
{
    if (memory)
        live++;
    return memory;
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : counted(__real_malloc(bytes));
}

void *__wrap_calloc(size_t n, size_t bytes)
{
    return fails() ? NULL : counted(__real_calloc(n, bytes));
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    if (fails())
        return NULL;
    void *moved = __real_realloc(memory, bytes);
    return memory ? moved : counted(moved);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return fails() ? NULL : counted(__real_aligned_alloc(alignment, bytes));
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : counted(__real_strdup(text));
}

void __wrap_free(void *memory)
{
    if (memory)
        live--;
    __real_free(memory);
}

void *counted_malloc(size_t bytes)
{
    return counted(__real_malloc(bytes));
}

void counted_free(void *memory)
{
    __wrap_free(memory);
}
