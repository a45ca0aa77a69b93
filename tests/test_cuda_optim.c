/* The optimisers on a CUDA device, or on tests/cuda_emulation, against the CPU's. Exits 77 without
 * a device. */
#include "config.h" /* setenv */

#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libtensor/cuda/backend_cuda.h"
#include "libtensor/rng.h"

enum { SLABS = 4, STEPS = 3 }; /* values, gradients, two moments */

#ifdef REAL_IS_DOUBLE
static const double BOUND = 1e-11;
#else
static const double BOUND = 2e-6;
#endif

static Backend *cpu, *device;

/* Which step is taken. */
typedef struct Row {
    bool adam;
    real momentum, decay, lo, hi;
    int64_t n, skip; /* elements; those left out at the start: no 16-byte boundary */
} Row;

static const Row rows[] = {
    {false, 0, 0, 1, 0, 1003, 0},
    {false, (real).9, (real).01, 1, 0, 1003, 0},
    {false, (real).9, 0, (real)-.25, (real).5, 1000, 1},
    {true, 0, 0, 1, 0, 1003, 0},
    {true, 0, (real).1, (real)-.25, (real).5, 5000, 0},
    {true, 0, (real).1, 1, 0, 5000, 3},
    {true, 0, 0, 1, 0, 1, 0},
};

static void take_steps(Backend *b, const Row *row, real *slab[SLABS])
{
    size_t bytes = (size_t)(row->n + row->skip) * sizeof(real);
    real *there[SLABS];
    StepState *state = b->alloc(b, sizeof *state);
    Error err = {""};

    assert_non_null(state);
    for (int i = 0; i < SLABS; i++) {
        assert_non_null(there[i] = b->alloc(b, bytes));
        b->upload(b, there[i], slab[i], bytes);
    }
    for (uint64_t s = 0; s < STEPS; s++) {
        StepState step = {.step = s, .learning_rate = (real)(.1 / (double)(s + 1))};
        real *value = there[0] + row->skip, *m = there[2] + row->skip, *v = there[3] + row->skip;
        const real *grad = there[1] + row->skip;
        b->upload(b, state, &step, sizeof step);
        if (row->adam)
            b->adam(b, value, grad, m, v, row->n, (real).9, (real).999, (real)1e-8, row->decay,
                    row->lo, row->hi, state);
        else
            b->sgd(b, value, grad, row->momentum != 0 ? m : NULL, row->n, row->momentum, row->decay,
                   row->lo, row->hi, state);
    }
    for (int i = 0; i < SLABS; i++) {
        b->download(b, slab[i], there[i], bytes);
        b->release(b, there[i]);
    }
    b->release(b, state);
    if (!b->sync(b, &err))
        fail_msg("%s", err.text);
}

static void check_row(int r)
{
    const Row *row = &rows[r];
    int64_t all = row->n + row->skip;
    real *want[SLABS], *got[SLABS], *again[SLABS];
    Rng rng = rng_make(7, (uint32_t)r, 0);

    for (int i = 0; i < SLABS; i++) {
        want[i] = malloc((size_t)all * sizeof(real));
        got[i] = malloc((size_t)all * sizeof(real));
        again[i] = malloc((size_t)all * sizeof(real));
        assert_true(want[i] != NULL && got[i] != NULL && again[i] != NULL);
        for (int64_t k = 0; k < all; k++)
            want[i][k] = (real)(i == 3 ? rng_range(&rng, 0, 1) : rng_range(&rng, -1, 1));
        memcpy(got[i], want[i], (size_t)all * sizeof(real));
        memcpy(again[i], want[i], (size_t)all * sizeof(real));
    }
    take_steps(cpu, row, want);
    take_steps(device, row, got);
    setenv("CUDA_EMULATION_REVERSE", "1", 1); /* where the device is emulated: threads in reverse */
    take_steps(device, row, again);
    unsetenv("CUDA_EMULATION_REVERSE");
    for (int i = 0; i < SLABS; i++) {
        for (int64_t k = 0; k < all; k++)
            if (!(fabs((double)(got[i][k] - want[i][k])) <= BOUND))
                fail_msg("row %d: slab %d is %g at %lld, %g on the CPU", r, i, (double)got[i][k],
                         (long long)k, (double)want[i][k]);
        if (memcmp(got[i], again[i], (size_t)all * sizeof(real)) != 0)
            fail_msg("row %d: slab %d depends on the order of threads", r, i);
        free(want[i]);
        free(got[i]);
        free(again[i]);
    }
}

static void test_as_on_cpu(void **state)
{
    (void)state;
    for (int r = 0; r < (int)(sizeof rows / sizeof *rows); r++)
        check_row(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_on_cpu)};
    Error err = {""};

    if (cuda_device_count() == 0)
        return 77;
    cpu = backend_cpu_open();
    device = backend_cuda_open((CudaOptions){.precision = PRECISION_FP32}, &err);
    if (cpu == NULL || device == NULL) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    backend_close(device);
    backend_close(cpu);
    return failed;
}
