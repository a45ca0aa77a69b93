/* The threads of a block as fibers. A fiber runs threads one after another until one has to wait;
 * then the next fiber goes on with the threads that are left. A kernel without barriers thus costs
 * a function call a thread. */
#include "tests/cuda_emulation/cuda_runtime.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tests/cuda_emulation/fiber.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace
{

constexpr unsigned MAX_THREADS = 1024, WARP = 32;

/* All threads of a group (block or warp) wait here for the last. */
struct Barrier {
    unsigned size, arrived, round;
};

struct Thread {
    Fiber *fiber;
    const Barrier *waits_at; /* NULL: it does not */
    unsigned round;          /* of that barrier, when it came */
    unsigned exchanges;
};

std::vector<Fiber *> idle;
Thread threads[MAX_THREADS];
Barrier block_barrier, warp_barrier[MAX_THREADS / WARP];
uint64_t exchanged[MAX_THREADS / WARP][2][WARP];
unsigned count, begun, done, current;
const std::function<void()> *body;
Fiber *running;
bool reverse;

unsigned in_order(unsigned i, unsigned n)
{
    return reverse ? n - 1 - i : i;
}

void become(unsigned t)
{
    current = t;
    threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
}

void fiber_main()
{
    for (;;) {
        while (begun < count) {
            unsigned t = in_order(begun++, count);
            threads[t].fiber = running;
            become(t);
            (*body)();
            done++;
        }
        idle.push_back(running);
        fiber_yield();
    }
}

/* Runs a fiber until it waits or has nothing left to do. */
void resume(Fiber *fiber)
{
    running = fiber;
    fiber_resume(fiber);
}

Fiber *idle_fiber()
{
    if (idle.empty())
        return fiber_new(fiber_main);
    Fiber *fiber = idle.back();
    idle.pop_back();
    return fiber;
}

void wait_at(Barrier *barrier)
{
    Thread *self = &threads[current];
    unsigned me = current;

    if (++barrier->arrived == barrier->size) {
        barrier->arrived = 0;
        barrier->round++;
    } else {
        self->waits_at = barrier;
        self->round = barrier->round;
        fiber_yield();
        become(me);
    }
}

/* Goes on with the threads of a warp that need not wait any more; whether there were any. */
bool run_warp(unsigned first)
{
    unsigned n = count - first < WARP ? count - first : WARP;
    bool progress = false;

    for (unsigned i = 0; i < n; i++) {
        Thread *t = &threads[first + in_order(i, n)];
        if (t->waits_at != NULL && t->waits_at->round != t->round) {
            t->waits_at = NULL;
            progress = true;
            resume(t->fiber);
        }
    }
    return progress;
}

/* A warp goes on as far as it can before the next one does, which is what a kernel that lacks a
 * barrier does not survive. */
void run_block()
{
    begun = done = 0;
    block_barrier = {count, 0, 0};
    for (unsigned w = 0; w * WARP < count; w++)
        warp_barrier[w] = {count - w * WARP < WARP ? count - w * WARP : WARP, 0, 0};
    for (unsigned t = 0; t < count; t++)
        threads[t] = {};
    while (begun < count)
        resume(idle_fiber());
    while (done < count) {
        bool progress = false;
        for (unsigned w = 0, n = (count + WARP - 1) / WARP; w < n; w++)
            while (run_warp(in_order(w, n) * WARP))
                progress = true;
        if (!progress)
            emulation_die("threads wait at a barrier that not all of them reach");
    }
}

} // namespace

void __syncthreads()
{
    wait_at(&block_barrier);
}

void __syncwarp(unsigned mask)
{
    if (mask != 0xFFFFFFFFu || count % WARP != 0)
        emulation_die("a warp's barrier in less than a whole warp");
    wait_at(&warp_barrier[current / WARP]);
}

/* Two buffers take turns: who writes to one again has passed the barrier behind its last reading.
 */
uint64_t emulation_exchange(unsigned mask, uint64_t mine, int lane)
{
    unsigned warp = current / WARP, turn = threads[current].exchanges++ % 2;

    exchanged[warp][turn][current % WARP] = mine;
    __syncwarp(mask);
    return exchanged[warp][turn][lane];
}

void emulation_run_grid(dim3 grid, dim3 block, const std::function<void()> &thread)
{
    gridDim = grid;
    blockDim = block;
    count = block.x * block.y * block.z;
    body = &thread;
    reverse = getenv("CUDA_EMULATION_REVERSE") != NULL;
    for (uint64_t i = 0, n = (uint64_t)grid.x * grid.y * grid.z; i < n; i++) {
        uint64_t b = reverse ? n - 1 - i : i;
        blockIdx = {(unsigned)(b % grid.x), (unsigned)(b / grid.x % grid.y),
                    (unsigned)(b / grid.x / grid.y)};
        run_block();
    }
}

void emulation_die(const char *message)
{
    fprintf(stderr, "CUDA emulation: block %u,%u,%u of %u,%u,%u: %s\n", blockIdx.x, blockIdx.y,
            blockIdx.z, gridDim.x, gridDim.y, gridDim.z, message);
    abort();
}
