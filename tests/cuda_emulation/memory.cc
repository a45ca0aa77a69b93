/* Device memory: a range of addresses of its own that is closed while the host's code runs. The
 * same pages are mapped a second time, always open, for copies. */
#include "tests/cuda_emulation/cuda_runtime.h"

#include <cstdlib>
#include <map>
#include <sys/mman.h>
#include <unistd.h>

namespace
{

constexpr size_t RANGE = (size_t)4 << 30, ALIGNMENT = 256, PAGE = 4096;

/* Of fresh memory that is made NaN; pages that nobody touched cost nothing. */
constexpr size_t MOST_FILLED = 1 << 20;

unsigned char *range, *copies; /* NULL: not mapped yet */
size_t used; /* bytes from the start of the range that were ever given out, in whole pages */
std::map<size_t, size_t> blocks; /* offset: bytes */

void protect(int how)
{
    if (used > 0 && mprotect(range, used, how) != 0)
        emulation_die("device memory cannot be opened or closed");
}

bool map_memory()
{
    int file = memfd_create("CUDA emulation", 0);
    if (file < 0 || ftruncate(file, (off_t)RANGE) != 0)
        return false;
    void *closed = mmap(NULL, RANGE, PROT_NONE, MAP_SHARED | MAP_NORESERVE, file, 0);
    void *open = mmap(NULL, RANGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
    close(file);
    if (closed == MAP_FAILED || open == MAP_FAILED)
        return false;
    range = (unsigned char *)closed;
    copies = (unsigned char *)open;
    return true;
}

} // namespace

void emulation_open_memory()
{
    protect(PROT_READ | PROT_WRITE);
}

void emulation_close_memory()
{
    protect(PROT_NONE);
}

void *emulation_copy_address(const void *memory)
{
    uintptr_t at = (uintptr_t)memory - (uintptr_t)range;
    return range != NULL && at < used ? copies + at : (void *)memory;
}

cudaError_t cudaMalloc(void **memory, size_t bytes)
{
    size_t at = 0;

    *memory = NULL;
    if (emulation_check_capture() != cudaSuccess)
        return cudaErrorStreamCaptureUnsupported;
    if (bytes > RANGE || (range == NULL && !map_memory()))
        return cudaErrorMemoryAllocation;
    bytes = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    for (const auto &block : blocks) {
        if (block.first - at >= bytes)
            break;
        at = block.first + block.second;
    }
    if (RANGE - at < bytes)
        return cudaErrorMemoryAllocation;
    blocks[at] = bytes;
    if (at + bytes > used)
        used = (at + bytes + PAGE - 1) / PAGE * PAGE;
    memset(copies + at, 0xFF, bytes < MOST_FILLED ? bytes : MOST_FILLED);
    *memory = range + at;
    return cudaSuccess;
}

cudaError_t cudaFree(void *memory)
{
    if (emulation_check_capture() != cudaSuccess)
        return cudaErrorStreamCaptureUnsupported;
    if (memory != NULL && blocks.erase((size_t)((unsigned char *)memory - range)) == 0)
        return cudaErrorInvalidValue;
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void **memory, size_t bytes)
{
    *memory = malloc(bytes);
    return *memory != NULL ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFreeHost(void *memory)
{
    free(memory);
    return cudaSuccess;
}
