/* The loader: every sample once an epoch, resume at any step, errors passed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "datasets/loader.h"
#include "libtensor/rng.h"

/* What a fill was asked for, written to array 0; array 1 is filled with the slot. */
typedef struct Asked {
    int64_t sample;
    uint64_t step;
    int64_t slot;
} Asked;

typedef struct Context {
    uint64_t fail_step;
    int fail_slot;
    size_t second;
} Context;

static bool fill(void *context, int64_t sample, uint64_t step, int slot, void *const *buffer,
                 Error *err)
{
    const Context *c = context;
    Asked asked = {sample, step, slot};
    if (c->fail_slot >= 0 && step == c->fail_step && slot == c->fail_slot)
        return error_set(err, "sample %lld cannot be read", (long long)sample);
    memcpy(buffer[0], &asked, sizeof asked);
    if (c->second)
        memset(buffer[1], slot, c->second);
    return true;
}

static Context no_failure = {.fail_slot = -1};

static LoaderConfig config_of(int64_t count, int batch, bool shuffle, Context *context)
{
    return (LoaderConfig){.count = count,
                          .batch = batch,
                          .seed = 42,
                          .shuffle = shuffle,
                          .n_buffers = context->second ? 2 : 1,
                          .bytes = {sizeof(Asked), context->second},
                          .fill = fill,
                          .context = context};
}

/* Samples of the first `steps` batches from `first` on; checks what else is in them. */
static void read_steps(const LoaderConfig *config, uint64_t first, uint64_t steps, int64_t *sample)
{
    Loader *loader;
    assert_true(loader_new(&loader, config, first, NULL));
    for (uint64_t s = 0; s < steps; s++) {
        void *buffer[2];
        assert_true(loader_next(loader, buffer, NULL));
        assert_int_equal((uintptr_t)buffer[0] % 64, 0);
        for (int slot = 0; slot < config->batch; slot++) {
            const Asked *asked = (const Asked *)buffer[0] + slot;
            assert_int_equal(asked->step, first + s);
            assert_int_equal(asked->slot, slot);
            sample[s * (uint64_t)config->batch + (uint64_t)slot] = asked->sample;
            for (size_t i = 0; i < config->bytes[1]; i++)
                assert_int_equal(((const uint8_t *)buffer[1])[(size_t)slot * config->bytes[1] + i],
                                 slot);
        }
    }
    loader_free(loader);
}

static void every_sample_once(void **state)
{
    Rng rng = rng_make(1, 2, 3);
    (void)state;
    for (int round = 0; round < 1000; round++) {
        int batch = 1 + (int)rng_below(&rng, 9);
        int64_t count = batch + (int64_t)rng_below(&rng, 60);
        Context context = {.fail_slot = -1,
                           .second = rng_below(&rng, 2) ? 1 + rng_below(&rng, 70) : 0};
        LoaderConfig config = config_of(count, batch, round % 4 != 0, &context);
        uint64_t per_epoch = loader_steps_per_epoch(&config);
        int64_t *sample = malloc(3 * per_epoch * (uint64_t)batch * sizeof *sample);
        int *seen = calloc((size_t)count, sizeof *seen);
        config.seed = rng_u32(&rng);
        assert_int_equal(per_epoch, count / batch);
        read_steps(&config, 0, 3 * per_epoch, sample);
        for (int epoch = 0; epoch < 3; epoch++)
            for (uint64_t i = 0; i < per_epoch * (uint64_t)batch; i++) {
                int64_t got = sample[(uint64_t)epoch * per_epoch * (uint64_t)batch + i];
                assert_in_range(got, 0, count - 1);
                assert_int_equal(seen[got], epoch < 1 ? 0 : seen[got]);
                seen[got] |= 1 << epoch;
                if (!config.shuffle)
                    assert_int_equal(got, i);
            }
        for (int epoch = 0; epoch < 3; epoch++) {
            int64_t n = 0;
            for (int64_t i = 0; i < count; i++)
                n += seen[i] >> epoch & 1;
            assert_int_equal(n, per_epoch * (uint64_t)batch);
        }
        free(seen);
        free(sample);
    }
}

static void resume_anywhere(void **state)
{
    enum { COUNT = 23, BATCH = 4, STEPS = 17 };
    LoaderConfig config = config_of(COUNT, BATCH, true, &no_failure);
    int64_t whole[STEPS * BATCH], part[STEPS * BATCH];
    (void)state;
    read_steps(&config, 0, STEPS, whole);
    for (uint64_t from = 0; from < STEPS; from++) {
        read_steps(&config, from, STEPS - from, part);
        assert_memory_equal(part, whole + from * BATCH, (STEPS - from) * BATCH * sizeof *part);
    }
    read_steps(&config, (uint64_t)1 << 40, 2, part); /* far away costs nothing */
}

static void shuffles(void **state)
{
    enum { COUNT = 1000 };
    LoaderConfig config = config_of(COUNT, COUNT, true, &no_failure);
    int64_t a[2 * COUNT], b[COUNT];
    int fixed = 0, alike = 0, alike_seed = 0;
    (void)state;
    read_steps(&config, 0, 2, a);
    config.seed++;
    read_steps(&config, 0, 1, b);
    for (int i = 0; i < COUNT; i++) {
        fixed += a[i] == i;
        alike += a[i] == a[COUNT + i];
        alike_seed += a[i] == b[i];
    }
    /* A random permutation has one fixed point on average. */
    assert_true(fixed < 9 && alike < 9 && alike_seed < 9);
}

static void error_arrives(void **state)
{
    (void)state;
    for (uint64_t step = 0; step < 6; step++)
        for (int slot = 0; slot < 3; slot++) {
            Context context = {.fail_step = step, .fail_slot = slot};
            LoaderConfig config = config_of(10, 3, true, &context);
            Loader *loader;
            Error err = {""};
            void *buffer[1];
            assert_true(loader_new(&loader, &config, 0, NULL));
            for (uint64_t s = 0; s < step; s++)
                assert_true(loader_next(loader, buffer, &err));
            for (int again = 0; again < 2; again++) {
                assert_false(loader_next(loader, buffer, &err));
                assert_non_null(strstr(err.text, "cannot be read"));
            }
            loader_free(loader);
        }
}

static void too_few_samples(void **state)
{
    LoaderConfig config = config_of(3, 4, true, &no_failure);
    Loader *loader = NULL;
    Error err;
    (void)state;
    assert_false(loader_new(&loader, &config, 0, &err));
    assert_non_null(strstr(err.text, "3 samples"));
    assert_null(loader);
    loader_free(NULL);
}

/* A loader that is freed while its thread works, or waits, ends at once. */
static void freed_early(void **state)
{
    LoaderConfig config = config_of(50, 5, true, &no_failure);
    (void)state;
    for (int round = 0; round < 300; round++) {
        Loader *loader;
        void *buffer[1];
        assert_true(loader_new(&loader, &config, 0, NULL));
        for (int i = 0; i < round % 3; i++)
            assert_true(loader_next(loader, buffer, NULL));
        loader_free(loader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_once), cmocka_unit_test(resume_anywhere),
        cmocka_unit_test(shuffles),          cmocka_unit_test(error_arrives),
        cmocka_unit_test(too_few_samples),   cmocka_unit_test(freed_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
