/* Every gradient of a whole net against central finite differences, in double precision. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "libtensor/rng.h"
#include "tests/small_net.h"
#include "tests/threads.h"

static const double EPS = 1e-5, BOUND = 1e-6;

static double loss_of(const SmallNet *net, Plan *plan)
{
    StepState step = small_net_step(0);
    step.weight[1] = 0; /* a difference sees through the detach of this loss; see test_plan */
    ag_run(plan, &step);
    return ag_scalar(plan, net->loss);
}

/* Compares n gradients; the error is relative to the largest of the tensor's gradients, so that one
 * near zero by chance does not count as wrong. Returns the worst. */
static double compare(const double *got, const double *want, int64_t n)
{
    double scale = 1e-3, worst = 0;
    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, fabs(want[i]));
    for (int64_t i = 0; i < n; i++) {
        double off = fabs(got[i] - want[i]) / scale;
        if (!(off <= worst)) /* NaN is worst of all */
            worst = off;
    }
    return worst;
}

static void every_gradient(void **state)
{
    (void)state;
    Error err;
    Backend *cpu = backend_cpu_open();
    SmallNet net;
    small_net_build(&net);
    ag_want_grad(net.graph, net.x);
    assert_true(small_net_alloc(&net, cpu, &err));
    Plan *plan;
    if (!ag_plan(&plan, net.graph, net.loss, (PlanOptions){.backend = cpu}, &err))
        fail_msg("%s", err.text);
    small_net_feed(&net, plan, 0);
    loss_of(&net, plan);

    enum { MOST = SMALL_OUT * 4 * SMALL_SIZE * SMALL_SIZE };
    double got[MOST], want[MOST], value[MOST];
    int checked = 0;
    for (int p = 0; p < params_count(net.set); p++) {
        Param param = {p};
        if (!params_grad(net.set, param))
            continue;
        int64_t n = shape_count(params_shape(net.set, param));
        assert_true(n <= MOST);
        loss_of(&net, plan);
        params_read_grad(net.set, param, got);
        params_read(net.set, param, value);
        for (int64_t i = 0; i < n; i++) {
            double keep = value[i];
            value[i] = keep + EPS;
            params_write(net.set, param, value);
            double up = loss_of(&net, plan);
            value[i] = keep - EPS;
            params_write(net.set, param, value);
            want[i] = (up - loss_of(&net, plan)) / (2 * EPS);
            value[i] = keep;
        }
        params_write(net.set, param, value);
        double worst = compare(got, want, n);
        if (!(worst <= BOUND))
            fail_msg("%s: gradient is off by %.2g", params_name(net.set, param), worst);
        checked++;
    }
    assert_int_equal(checked, 12);

    enum { INPUTS = SMALL_BATCH * 2 * SMALL_SIZE * SMALL_SIZE };
    double x[INPUTS];
    ag_read(plan, net.x, x);
    loss_of(&net, plan);
    ag_read_grad(plan, net.x, got);
    for (int i = 0; i < INPUTS; i++) {
        double keep = x[i];
        x[i] = keep + EPS;
        ag_write(plan, net.x, x);
        double up = loss_of(&net, plan);
        x[i] = keep - EPS;
        ag_write(plan, net.x, x);
        want[i] = (up - loss_of(&net, plan)) / (2 * EPS);
        x[i] = keep;
    }
    assert_true(compare(got, want, INPUTS) < BOUND);
    ag_plan_free(plan);
    small_net_free(&net);
    backend_close(cpu);
}

int main(void)
{
    set_threads(1); /* thousands of tiny runs */
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_gradient)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
