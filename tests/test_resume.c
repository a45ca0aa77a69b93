/* Training: interrupted and resumed it makes the same bits, at any number of threads it makes the
 * same bits, and it learns. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libautograd/optim.h"
#include "libtensor/rng.h"
#include "tests/small_net.h"
#include "tests/threads.h"

#define PATH "test_resume.safetensors"

typedef struct Trainer {
    Backend *cpu;
    SmallNet net;
    Plan *plan;
    Optim *optim;
} Trainer;

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static void start(Trainer *t, OptimConfig config)
{
    Error err;
    t->cpu = backend_cpu_open();
    small_net_build(&t->net);
    must(small_net_alloc(&t->net, t->cpu, &err), &err);
    must(ag_plan(&t->plan, t->net.graph, t->net.loss, (PlanOptions){.backend = t->cpu}, &err),
         &err);
    must(optim_new(&t->optim, t->net.set, config, &err), &err);
}

static void stop(Trainer *t)
{
    optim_free(t->optim);
    ag_plan_free(t->plan);
    small_net_free(&t->net);
    backend_close(t->cpu);
}

static real steps(Trainer *t, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin; i < end; i++) {
        StepState step = small_net_step(i);
        small_net_feed(&t->net, t->plan, i);
        ag_run(t->plan, &step);
        optim_step(t->optim, &step);
    }
    return ag_scalar(t->plan, t->net.loss);
}

static void save(const Trainer *t)
{
    Error err;
    TensorFile *file = tensor_file_new();
    must(params_save(t->net.set, file, "net.", DTYPE_REAL, &err), &err);
    must(optim_save(t->optim, file, "optim.", &err), &err);
    must(safetensors_write(PATH, file, &err), &err);
    tensor_file_free(file);
}

static void load(Trainer *t)
{
    Error err;
    TensorFile *file;
    must(safetensors_read(PATH, &file, &err), &err);
    must(params_load(t->net.set, file, "net.", &err), &err);
    must(optim_load(t->optim, file, "optim.", &err), &err);
    tensor_file_free(file);
}

/* All values, buffers included. */
static void assert_same(const ParamSet *a, const ParamSet *b)
{
    for (int i = 0; i < params_count(a); i++) {
        Param p = {i};
        size_t bytes = (size_t)shape_count(params_shape(a, p)) * sizeof(real);
        if (memcmp(params_value(a, p), params_value(b, p), bytes) != 0)
            fail_msg("%s differs", params_name(a, p));
    }
}

static void five_and_five_are_ten(void **state)
{
    (void)state;
    OptimConfig configs[3] = {optim_sgd((real).9), optim_adam(), optim_sgd(0)};
    configs[1].decay = (real).01;
    for (int i = 0; i < 3; i++) {
        Trainer whole, first, second;
        start(&whole, configs[i]);
        real whole_loss = steps(&whole, 0, 10);
        start(&first, configs[i]);
        steps(&first, 0, 5);
        save(&first);
        stop(&first);
        start(&second, configs[i]);
        steps(&second, 20, 23); /* what was there before must not matter */
        load(&second);
        assert_true(steps(&second, 5, 10) == whole_loss);
        assert_same(whole.net.set, second.net.set);
        stop(&second);
        stop(&whole);
    }
    unlink(PATH);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    Trainer one, more;
    set_threads(1);
    start(&one, optim_adam());
    real loss = steps(&one, 0, 5);
    for (int threads = 2; threads <= 5; threads++) {
        set_threads(threads);
        start(&more, optim_adam());
        assert_true(steps(&more, 0, 5) == loss);
        assert_same(one.net.set, more.net.set);
        stop(&more);
    }
    set_threads(1);
    stop(&one);
}

static void loading_minds_what_it_reads(void **state)
{
    (void)state;
    Error err;
    Trainer t, untouched;
    start(&t, optim_adam());
    start(&untouched, optim_adam());
    TensorFile *file = tensor_file_new();
    assert_false(params_load(t.net.set, file, "net.", &err));
    assert_string_equal(err.text, "net.w1: is missing from the file");
    assert_false(optim_load(t.optim, file, "optim.", &err));
    assert_non_null(strstr(err.text, "optim.exp_avg: is missing"));
    for (int i = 0; i < params_count(t.net.set); i++) { /* the last of them in another shape */
        Param p = {i};
        bool last = i == params_count(t.net.set) - 1;
        Tensor tensor = {.shape = last ? shape1(4) : params_shape(t.net.set, p), .type = DTYPE_F32};
        char name[64];
        snprintf(name, sizeof name, "net.%s", params_name(t.net.set, p));
        must(tensor_file_add(file, name, tensor, &err), &err);
    }
    assert_false(params_load(t.net.set, file, "net.", &err));
    assert_string_equal(err.text, "net.unused is 3 here, 4 in the file");
    must(tensor_file_add(file, "optim.exp_avg", (Tensor){.shape = shape1(3), .type = DTYPE_REAL},
                         &err),
         &err);
    assert_false(optim_load(t.optim, file, "optim.", &err));
    assert_non_null(strstr(err.text, "optim.exp_avg: is 3 of"));
    assert_same(t.net.set, untouched.net.set);
    tensor_file_free(file);
    stop(&t);
    stop(&untouched);
}

static void half_precision_weights(void **state)
{
    (void)state;
    Error err;
    Trainer t;
    start(&t, optim_adam());
    steps(&t, 0, 2);
    TensorFile *file = tensor_file_new();
    must(params_save(t.net.set, file, "", DTYPE_F16, &err), &err);
    Param w1;
    assert_true(params_find(t.net.set, "w1", &w1));
    real before[4 * 2 * 9], after[4 * 2 * 9];
    params_read(t.net.set, w1, before);
    assert_int_equal(tensor_file_find(file, "w1").type, DTYPE_F16);
    must(params_load(t.net.set, file, "", &err), &err);
    params_read(t.net.set, w1, after);
    int rounded = 0;
    for (int i = 0; i < 4 * 2 * 9; i++) {
        real off = after[i] - before[i], most = (before[i] < 0 ? -before[i] : before[i]) / 2048;
        assert_true(off <= most && -off <= most);
        rounded += off != 0;
    }
    assert_true(rounded > 0);
    tensor_file_free(file);
    stop(&t);
}

static void declarations(void **state)
{
    (void)state;
    Error err;
    Backend *cpu = backend_cpu_open();
    ParamSet *set = params_new();
    Param a = params_declare(set, "a", shape2(100, 30), (Init){INIT_NORMAL, 2});
    Param mean = params_declare_buffer(set, "mean", shape1(5), (Init){INIT_CONSTANT, 7});
    Param b = params_declare(set, "b", shape1(1000), (Init){INIT_UNIFORM, 3}), found;
    assert_int_equal(params_count(set), 3);
    assert_int_equal(params_elements(set), 4000);
    assert_true(params_alloc(set, cpu, true, 9, &err));
    assert_int_equal(params_elements(set), 4000);
    assert_ptr_equal(params_value(set, a), params_values(set));
    assert_ptr_equal(params_value(set, b), params_values(set) + 3000); /* trained first */
    assert_ptr_equal(params_value(set, mean), params_values(set) + 4000);
    assert_ptr_equal(params_grad(set, b), params_grads(set) + 3000);
    assert_null(params_grad(set, mean));
    assert_true(params_find(set, "b", &found) && found.id == b.id);
    assert_false(params_find(set, "c", &found));
    double sum = 0, square = 0;
    for (int i = 0; i < 3000; i++) {
        double x = (double)params_value(set, a)[i];
        sum += x;
        square += x * x;
    }
    assert_true(sum / 3000 < .2 && sum / 3000 > -.2 && square / 3000 > 3.5 && square / 3000 < 4.5);
    /* stream = index of the parameter */
    Rng rng = rng_make(9, 2, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(params_value(set, b)[i] == 3 * (2 * (real)rng_uniform(&rng) - 1));
    assert_true(params_value(set, mean)[4] == 7);
    for (int i = 0; i < 4000; i++)
        assert_true(params_grads(set)[i] == 0);
    params_free(set);

    set = params_new();
    params_declare(set, "a", shape1(1), (Init){INIT_ZEROS, 0});
    params_declare(set, "a", shape1(1), (Init){INIT_ZEROS, 0});
    params_declare(set, "b", (Shape){0}, (Init){INIT_ZEROS, 0});
    assert_false(params_alloc(set, cpu, true, 0, &err));
    assert_string_equal(err.text, "a: there are two parameters of this name");
    params_free(set);
    set = params_new();
    params_declare(set, "b", shape2(3, 0), (Init){INIT_ZEROS, 0});
    assert_false(params_alloc(set, cpu, true, 0, &err));
    assert_string_equal(err.text, "b: the shape 3x0 has no elements");
    params_free(set);
    backend_close(cpu);
}

int main(void)
{
    set_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declarations),           cmocka_unit_test(five_and_five_are_ten),
        cmocka_unit_test(threads_change_no_bit),  cmocka_unit_test(loading_minds_what_it_reads),
        cmocka_unit_test(half_precision_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
