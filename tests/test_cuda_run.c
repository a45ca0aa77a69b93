/* Plans on a CUDA device, or on tests/cuda_emulation: what is replayed is what was run, training
 * goes on from one device to the other, uploads arrive in order, and what cannot be has a sentence.
 * Exits 77 without a device. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "libautograd/ops.h"
#include "libautograd/optim.h"
#include "libautograd/plan.h"
#include "libtensor/cuda/backend_cuda.h"
#include "tests/small_net.h"

static Backend *cpu, *device;

typedef struct Trainer {
    SmallNet net;
    Plan *plan;
    Optim *optim;
} Trainer;

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static void start(Trainer *t, Backend *backend, OptimConfig config)
{
    Error err;
    small_net_build(&t->net);
    must(small_net_alloc(&t->net, backend, &err), &err);
    must(ag_plan(&t->plan, t->net.graph, t->net.loss, (PlanOptions){.backend = backend}, &err),
         &err);
    must(optim_new(&t->optim, t->net.set, config, &err), &err);
}

static void stop(Trainer *t)
{
    optim_free(t->optim);
    ag_plan_free(t->plan);
    small_net_free(&t->net);
}

/* The losses' weights change from step to step, so a replay must read them anew. */
static StepState state_of(uint64_t i)
{
    StepState step = small_net_step(i);
    step.weight[1] = (real)(.5 + .25 * (double)i);
    return step;
}

/* checked: by ag_run_checked, which records and replays nothing. */
static void steps(Trainer *t, uint64_t begin, uint64_t end, bool checked, real *loss)
{
    Error err;
    for (uint64_t i = begin; i < end; i++) {
        StepState step = state_of(i);
        small_net_feed(&t->net, t->plan, i);
        if (checked)
            must(ag_run_checked(t->plan, &step, &err), &err);
        else
            ag_run(t->plan, &step);
        loss[i] = ag_scalar(t->plan, t->net.loss);
        optim_step(t->optim, &step);
    }
}

/* Largest difference of a parameter or buffer, over its largest value. */
static double difference(const ParamSet *a, const ParamSet *b)
{
    double worst = 0;
    for (int i = 0; i < params_count(a); i++) {
        real x[1024], y[1024];
        double largest = 1e-30, off = 0;
        int64_t n = shape_count(params_shape(a, (Param){i}));
        assert_true(n <= 1024);
        params_read(a, (Param){i}, x);
        params_read(b, (Param){i}, y);
        for (int64_t k = 0; k < n; k++) {
            largest = fmax(largest, fabs((double)x[k]));
            off = fmax(off, isnan(y[k]) ? INFINITY : fabs((double)(x[k] - y[k])));
        }
        worst = fmax(worst, off / largest);
    }
    return worst;
}

static void replayed_is_run(void **state)
{
    (void)state;
    enum { N = 6 };
    Trainer replayed, run;
    real a[N], b[N];

    start(&replayed, device, optim_adam());
    start(&run, device, optim_adam());
    steps(&replayed, 0, N, false, a);
    steps(&run, 0, N, true, b);
    assert_non_null(replayed.plan->recording);
    assert_null(run.plan->recording);
    assert_memory_equal(a, b, sizeof a);
    assert_true(difference(run.net.set, replayed.net.set) == 0);
    stop(&replayed);
    stop(&run);
}

/* The checkpoint's name is this process's own: the same test runs emulated beside it. */
enum { MAX_PATH = 64 };

static void checkpoint_path(char path[static MAX_PATH])
{
    snprintf(path, MAX_PATH, "test_cuda_run.%ld.safetensors", (long)getpid());
}

static void save(const Trainer *t)
{
    char path[MAX_PATH];
    Error err;
    checkpoint_path(path);
    TensorFile *file = tensor_file_new();
    must(params_save(t->net.set, file, "net.", DTYPE_REAL, &err), &err);
    must(optim_save(t->optim, file, "optim.", &err), &err);
    must(safetensors_write(path, file, &err), &err);
    tensor_file_free(file);
}

static void load(Trainer *t)
{
    Error err;
    TensorFile *file;
    char path[MAX_PATH];
    checkpoint_path(path);
    must(safetensors_read(path, &file, &err), &err);
    must(params_load(t->net.set, file, "net.", &err), &err);
    must(optim_load(t->optim, file, "optim.", &err), &err);
    tensor_file_free(file);
    unlink(path);
}

/* Five steps on one device and five on another are ten on the first. */
static void resumes(Backend *first, Backend *second, OptimConfig config, double bound)
{
    enum { N = 10 };
    Trainer whole, half, rest;
    real a[N], b[N];

    start(&whole, first, config);
    steps(&whole, 0, N, false, a);
    start(&half, first, config);
    steps(&half, 0, N / 2, false, b);
    save(&half);
    stop(&half);
    start(&rest, second, config);
    load(&rest);
    steps(&rest, N / 2, N, false, b);
    for (int i = 0; i < N; i++)
        assert_true(fabs((double)(a[i] - b[i])) <= bound * fabs((double)a[i]));
    double off = difference(whole.net.set, rest.net.set);
    if (!(off <= bound))
        fail_msg("from %s to %s: off by %g", first->name, second->name, off);
    stop(&rest);
    stop(&whole);
}

/* Not with Adam, which makes full steps of gradients that are rounding errors (a bias before a
 * batch-norm). */
static void resumes_on_the_other_device(void **state)
{
    (void)state;
    resumes(cpu, device, optim_sgd((real).9), 1e-5);
    resumes(device, cpu, optim_sgd((real).9), 1e-5);
}

static void resumes_with_the_same_bits(void **state)
{
    (void)state;
    resumes(device, device, optim_adam(), 0);
}

/* Longer than the ring of uploads, and one upload after another while the first is in use. */
static void uploads_arrive_in_order(void **state)
{
    (void)state;
    enum { N = (16 << 20) + 4097, ROUNDS = 3 };
    Graph *g = ag_graph_new();
    Error err;
    Plan *plan;
    Var x = ag_input(g, "x", DTYPE_REAL, shape1(N));
    Var y = ag_affine(g, x, (AffineParam){2, 1});
    real *in = malloc(N * sizeof *in), *out = malloc(N * sizeof *out);

    assert_true(in != NULL && out != NULL);
    ag_keep(g, y);
    must(ag_plan(&plan, g, AG_NONE, (PlanOptions){.backend = device}, &err), &err);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < N; i++)
            in[i] = (real)(i % 4096 + round);
        ag_write(plan, x, in);
        ag_run(plan, &(StepState){.step = 0});
        memset(in, 0xff, N * sizeof *in); /* it was taken, and may change */
        if (round == 1)                   /* overwrites the input while that is in use */
            ag_write(plan, x, in);
        ag_read(plan, y, out);
        for (int i = 0; i < N; i++)
            if (out[i] != (real)(2 * (i % 4096 + round) + 1))
                fail_msg("round %d: element %d is %g", round, i, (double)out[i]);
    }
    ag_plan_free(plan);
    ag_graph_free(g);
    free(in);
    free(out);
}

static void too_much_memory_is_an_error(void **state)
{
    (void)state;
    Graph *g = ag_graph_new();
    Error err = {""};
    Plan *plan = NULL;
    Trainer t;
    real loss[2];
    Var x = ag_input(g, "x", DTYPE_REAL, shape2(1 << 20, 1 << 20));

    ag_keep(g, ag_relu(g, x));
    assert_false(ag_plan(&plan, g, AG_NONE, (PlanOptions){.backend = device}, &err));
    assert_null(plan);
    assert_non_null(strstr(err.text, "plan: out of memory: 8388609 MiB are needed"));
    ag_graph_free(g);
    must(device->sync(device, &err), &err); /* and the device goes on */
    start(&t, device, optim_adam());
    steps(&t, 0, 2, false, loss);
    stop(&t);
}

static void no_such_device(void **state)
{
    (void)state;
    Error err = {""};
    assert_null(backend_cuda_open((CudaOptions){.device = 1000}, &err));
    assert_non_null(strstr(err.text, "there is no cuda:1000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replayed_is_run),
        cmocka_unit_test(resumes_on_the_other_device),
        cmocka_unit_test(resumes_with_the_same_bits),
        cmocka_unit_test(uploads_arrive_in_order),
        cmocka_unit_test(too_much_memory_is_an_error),
        cmocka_unit_test(no_such_device),
    };
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
