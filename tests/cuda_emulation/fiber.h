/* Functions that can stop in the middle and go on later. */
#ifndef TESTS_CUDA_EMULATION_FIBER_H
#define TESTS_CUDA_EMULATION_FIBER_H

struct Fiber;

/* A fiber that will run main, which must not return. Fibers live as long as the program. */
Fiber *fiber_new(void (*main)());

/* Starts a fiber, or goes on with it, until it yields. Not from inside a fiber. */
void fiber_resume(Fiber *fiber);

/* Back to who resumed this fiber. */
void fiber_yield();

#endif
