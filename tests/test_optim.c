/* The optimisers against their formulas, written out in double. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "libautograd/optim.h"
#include "libtensor/rng.h"
#include "tests/threads.h"

enum { N = 40000, STEPS = 7 };

static Backend *cpu;

/* The gradient of element i at step t; also some zeros. */
static real gradient(int64_t i, uint64_t t)
{
    uint32_t word[4];
    philox(4, 0, t, (uint32_t)i, word);
    return i % 10 == 3 ? 0 : (real)((double)word[0] / 0x1p31 - 1);
}

static ParamSet *make_set(void)
{
    Error err;
    ParamSet *set = params_new();
    params_declare(set, "a", shape2(100, 150), (Init){INIT_NORMAL, 1});
    params_declare_buffer(set, "mean", shape1(3), (Init){INIT_CONSTANT, 5});
    params_declare(set, "b", shape1(N - 15000), (Init){INIT_NORMAL, 1});
    assert_true(params_alloc(set, cpu, true, 8, &err));
    assert_int_equal(params_elements(set), N);
    return set;
}

static void set_gradient(ParamSet *set, uint64_t t)
{
    for (int64_t i = 0; i < N; i++)
        params_grads(set)[i] = gradient(i, t);
}

static real rate(uint64_t t)
{
    return (real).01 / (real)(1 + t); /* it may change from step to step */
}

/* One element through all steps, in double. */
static double reference(const OptimConfig *c, double w, int64_t i)
{
    double m = 0, v = 0;
    for (uint64_t t = 0; t < STEPS; t++) {
        double g = (double)gradient(i, t), lr = (double)rate(t), decay = (double)c->decay;
        if (c->kind == OPTIM_SGD) {
            v = (double)c->momentum * v + g + decay * w;
            w -= lr * v;
        } else {
            double b1 = (double)c->beta1, b2 = (double)c->beta2, k = (double)t + 1;
            m = b1 * m + (1 - b1) * g;
            v = b2 * v + (1 - b2) * g * g;
            w -= lr *
                 (m / (1 - pow(b1, k)) / (sqrt(v / (1 - pow(b2, k))) + (double)c->eps) + decay * w);
        }
        if (c->project)
            w = fmin(fmax(w, (double)c->lo), (double)c->hi);
    }
    return w;
}

static void follows_the_formula(OptimConfig config)
{
    static real before[N];
    Error err;
    ParamSet *set = make_set();
    Optim *optim;
    assert_true(optim_new(&optim, set, config, &err));
    for (int i = 0; i < N; i++)
        before[i] = params_values(set)[i];
    for (uint64_t t = 0; t < STEPS; t++) {
        StepState step = {.step = t, .learning_rate = rate(t)};
        set_gradient(set, t);
        optim_step(optim, &step);
    }
    for (int64_t i = 0; i < N; i++) {
        double want = reference(&config, (double)before[i], i), got = (double)params_values(set)[i];
        if (!(fabs(got - want) <= 2e-6 * fmax(1, fabs(want))))
            fail_msg("element %d: %.9g is not %.9g", (int)i, got, want);
    }
    for (int i = 0; i < 3; i++) /* buffers are not optimised */
        assert_true(params_value(set, (Param){1})[i] == 5);
    optim_free(optim);
    params_free(set);
}

static void sgd(void **state)
{
    (void)state;
    OptimConfig c = optim_sgd(0);
    follows_the_formula(c);
    c = optim_sgd((real).9);
    follows_the_formula(c);
    c.decay = (real).1;
    follows_the_formula(c);
}

static void adam(void **state)
{
    (void)state;
    OptimConfig c = optim_adam();
    assert_true(c.beta1 == (real).9 && c.beta2 == (real).999 && c.eps == (real)1e-8);
    follows_the_formula(c);
    c.decay = (real).1;
    c.beta1 = (real).5;
    c.beta2 = (real).9;
    c.eps = (real).01;
    follows_the_formula(c);
}

static void projection(void **state)
{
    (void)state;
    OptimConfig c = optim_sgd(0);
    c.project = true;
    c.hi = 1; /* lo = 0: Eq. 9 */
    follows_the_formula(c);
    c = optim_adam();
    c.project = true;
    c.lo = c.hi = (real).25;
    follows_the_formula(c);
}

static void schedules(void **state)
{
    (void)state;
    /* decayed by 10% every 50 epochs */
    assert_true(step_decay((real).01, (real).9, 50, 0) == (real).01);
    assert_true(step_decay((real).01, (real).9, 50, 49) == (real).01);
    assert_true(fabs((double)step_decay((real).01, (real).9, 50, 50) - .009) < 1e-9);
    assert_true(fabs((double)step_decay((real).01, (real).9, 50, 499) -
                     .01 * pow((double)(real).9, 9)) < 1e-9);
    /* 10, decayed by 20% every 5 */
    assert_true(fabs((double)step_decay(10, (real).8, 5, 12) - 6.4) < 1e-6);
    assert_true(cosine_decay(2, (real).1, 100, 0) == 2);
    assert_true(fabs((double)cosine_decay(2, (real).1, 100, 50) - 1.1) < 1e-6);
    assert_true(fabs((double)cosine_decay(2, (real).1, 100, 25) -
                     2 * (.1 + .9 * .5 * (1 + sqrt(.5)))) < 1e-6);
    assert_true(fabs((double)cosine_decay(2, (real).1, 100, 100) - .2) < 1e-6);
    assert_true(cosine_decay(2, (real).1, 100, 1000) == cosine_decay(2, (real).1, 100, 100));
    assert_true(fabs((double)cosine_decay(2, (real).1, 0, 0) - .2) < 1e-6);
}

static void gradient_norm(void **state)
{
    (void)state;
    ParamSet *set = make_set();
    set_gradient(set, 0);
    double sum = 0;
    for (int64_t i = 0; i < N; i++)
        sum += (double)gradient(i, 0) * (double)gradient(i, 0);
    assert_true(fabs(optim_grad_norm(set) - sqrt(sum)) < 1e-9 * sqrt(sum));
    params_free(set);
}

static int open_backend(void **state)
{
    (void)state;
    set_threads(2);
    cpu = backend_cpu_open();
    return cpu ? 0 : -1;
}

static int close_backend(void **state)
{
    (void)state;
    backend_close(cpu);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd),       cmocka_unit_test(adam),          cmocka_unit_test(projection),
        cmocka_unit_test(schedules), cmocka_unit_test(gradient_norm),
    };
    return cmocka_run_group_tests(tests, open_backend, close_backend);
}
