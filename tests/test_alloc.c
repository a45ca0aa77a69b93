/* A step allocates nothing; and whichever allocation fails, there is a sentence, no crash and no
 * leak. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libautograd/optim.h"
#include "tests/failing_alloc.h"
#include "tests/small_net.h"
#include "tests/threads.h"

#define PATH "test_alloc.safetensors"
#define MANIFEST "test_alloc-manifest.json"
#define SHARD "test_alloc-shard.bin"

static void steps_allocate_nothing(void **state)
{
    (void)state;
    Error err;
    Backend *cpu = backend_cpu_open();
    SmallNet net;
    Plan *plan;
    Optim *optim;
    small_net_build(&net);
    assert_true(small_net_alloc(&net, cpu, &err));
    assert_true(ag_plan(&plan, net.graph, net.loss, (PlanOptions){.backend = cpu}, &err));
    assert_true(optim_new(&optim, net.set, optim_adam(), &err));
    alloc_fail_at(0);
    for (uint64_t i = 0; i < 10; i++) {
        StepState step = small_net_step(i);
        small_net_feed(&net, plan, i);
        if (i == 5)
            assert_true(ag_run_checked(plan, &step, &err));
        else
            ag_run(plan, &step);
        optim_grad_norm(net.set);
        optim_step(optim, &step);
        (void)ag_scalar(plan, net.loss);
    }
    assert_int_equal(alloc_count(), 0);
    optim_free(optim);
    ag_plan_free(plan);
    small_net_free(&net);
    backend_close(cpu);
}

/* Everything that is made for a training run; true if all of it could be. */
static bool train(Error *err)
{
    Backend *cpu = backend_cpu_open();
    if (!cpu)
        return error_set(err, "backend: out of memory");
    SmallNet net;
    Plan *plan = NULL;
    Optim *optim = NULL;
    small_net_build(&net);
    bool ok = net.set && net.frozen && net.graph;
    if (!ok)
        error_set(err, "net: out of memory");
    ok = ok && small_net_alloc(&net, cpu, err) &&
         ag_plan(&plan, net.graph, net.loss, (PlanOptions){.backend = cpu}, err) &&
         optim_new(&optim, net.set, optim_adam(), err);
    if (ok) {
        StepState step = small_net_step(0);
        small_net_feed(&net, plan, 0);
        ag_run(plan, &step);
        optim_step(optim, &step);
    }
    optim_free(optim);
    ag_plan_free(plan);
    small_net_free(&net);
    backend_close(cpu);
    return ok;
}

typedef struct Trained {
    Backend *cpu;
    SmallNet net;
    Optim *optim;
} Trained;

static Trained trained;

/* A checkpoint to a file and back. */
static bool save_and_load(Error *err)
{
    TensorFile *file = tensor_file_new(), *back = NULL;
    if (!file)
        return error_set(err, "file: out of memory");
    bool ok = params_save(trained.net.set, file, "net.", DTYPE_F16, err) &&
              optim_save(trained.optim, file, "optim.", err) &&
              tensor_file_set_meta(file, "step", "1", err) &&
              tensor_file_set_meta(file, "step", "2", err) && safetensors_write(PATH, file, err) &&
              safetensors_read(PATH, &back, err) &&
              params_load(trained.net.set, back, "net.", err) &&
              optim_load(trained.optim, back, "optim.", err);
    tensor_file_free(file);
    tensor_file_free(back);
    return ok;
}

static bool read_tfjs(Error *err)
{
    TensorFile *file = NULL;
    bool ok = tfjs_read(MANIFEST, &file, err);
    tensor_file_free(file);
    return ok;
}

/* Lets allocation k = 1, 2, 3, ... fail until none does. */
static void survives(bool (*f)(Error *))
{
    for (long k = 1;; k++) {
        Error err = {""};
        long before = alloc_live();
        alloc_fail_at(k);
        bool ok = f(&err);
        bool failed = alloc_count() >= k;
        alloc_fail_at(0);
        assert_int_equal(alloc_live(), before);
        if (!failed) {
            if (!ok)
                fail_msg("%s", err.text);
            assert_true(k > 5);
            return;
        }
        assert_false(ok);
        if (!strstr(err.text, "memory"))
            fail_msg("allocation %ld failed with \"%s\"", k, err.text);
    }
}

static void training_survives(void **state)
{
    (void)state;
    survives(train);
}

static void checkpoints_survive(void **state)
{
    (void)state;
    Error err;
    trained.cpu = backend_cpu_open();
    small_net_build(&trained.net);
    assert_true(small_net_alloc(&trained.net, trained.cpu, &err));
    assert_true(optim_new(&trained.optim, trained.net.set, optim_adam(), &err));
    survives(save_and_load);
    optim_free(trained.optim);
    small_net_free(&trained.net);
    backend_close(trained.cpu);
    unlink(PATH);
}

static void tfjs_survives(void **state)
{
    (void)state;
    FILE *f = fopen(MANIFEST, "w");
    assert_non_null(f);
    fputs("[{\"paths\":[\"" SHARD
          "\"],\"weights\":[{\"name\":\"w\",\"shape\":[2,2],\"dtype\":\"float32\"},"
          "{\"name\":\"b\",\"shape\":[2],\"dtype\":\"float32\"}]}]",
          f);
    fclose(f);
    f = fopen(SHARD, "w");
    assert_non_null(f);
    fputs("0123456789abcdef01234567", f);
    fclose(f);
    survives(read_tfjs);
    unlink(MANIFEST);
    unlink(SHARD);
}

int main(void)
{
    set_threads(1);
    /* jansson's memory is counted, since some of it is handed over to us, but does not fail:
     * version 2.14 silently drops characters of what it parses when it runs out. */
    json_set_alloc_funcs(counted_malloc, counted_free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_allocate_nothing),
        cmocka_unit_test(training_survives),
        cmocka_unit_test(checkpoints_survive),
        cmocka_unit_test(tfjs_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
