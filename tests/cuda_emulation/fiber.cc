/* makecontext makes a stack; the compiler's own setjmp changes between stacks: no system call, and
 * no library that would find it odd. A file of its own, so that the callers take these functions to
 * change every register that a call may change. */
#include "tests/cuda_emulation/fiber.h"

#include <ucontext.h>

#include <memory>
#include <vector>

/* The address sanitizer takes a jump for the end of the frames between. */
#define NO_ASAN __attribute__((no_sanitize_address, noinline))

struct Fiber {
    std::vector<char> stack;
    ucontext_t start;
    void *here[5]; /* of __builtin_setjmp */
    bool started;
};

static constexpr size_t STACK = 256 * 1024;

static std::vector<std::unique_ptr<Fiber>> fibers;
static Fiber *running;
static void *resumer[5];

Fiber *fiber_new(void (*main)())
{
    Fiber *fiber = new Fiber();

    fibers.emplace_back(fiber);
    fiber->stack.resize(STACK);
    getcontext(&fiber->start);
    fiber->start.uc_stack.ss_sp = fiber->stack.data();
    fiber->start.uc_stack.ss_size = STACK;
    makecontext(&fiber->start, main, 0);
    return fiber;
}

NO_ASAN [[noreturn]] static void jump(void **to)
{
    __builtin_longjmp(to, 1);
}

NO_ASAN void fiber_resume(Fiber *fiber)
{
    running = fiber;
    if (__builtin_setjmp(resumer) == 0) {
        if (fiber->started)
            jump(fiber->here);
        fiber->started = true;
        setcontext(&fiber->start);
    }
}

NO_ASAN void fiber_yield()
{
    if (__builtin_setjmp(running->here) == 0)
        jump(resumer);
}
