/* Two nets against PyTorch (tests/golden/, made by scripts/make_golden.py): forward, loss, every
 * gradient, and ten steps of SGD with momentum and of Adam. */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libautograd/ops.h"
#include "libautograd/optim.h"

/* Relative to the largest element of each tensor. PyTorch's numbers are of double precision, ours
 * of single; ten steps let the difference grow. */
static const double STEP_BOUND = 1e-5, TRAINED_BOUND = 1e-4;

enum { STEPS = 10 };

typedef struct Net {
    ParamSet *set;
    Graph *graph;
    Var x, target, y, loss;
} Net;

static Param declare(Net *net, const char *name, Shape shape)
{
    return params_declare(net->set, name, shape, (Init){INIT_ZEROS, 0});
}

static Var weight(Net *net, const char *name, Shape shape)
{
    return ag_param(net->graph, net->set, declare(net, name, shape));
}

static Var norm(Net *net, Var x, const char *const name[4])
{
    Shape channels = shape1(ag_shape(net->graph, x).dim[1]);
    Param mean = params_declare_buffer(net->set, name[2], channels, (Init){INIT_ZEROS, 0});
    Param var = params_declare_buffer(net->set, name[3], channels, (Init){INIT_ZEROS, 0});

    return ag_batch_norm(net->graph, x, weight(net, name[0], channels),
                         weight(net, name[1], channels), ag_param(net->graph, net->set, mean),
                         ag_param(net->graph, net->set, var),
                         (BatchNormParam){(real)1e-5, (real).1, true});
}

static const char *const bn1[] = {"bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"};
static const char *const bn2[] = {"bn2.weight", "bn2.bias", "bn2.running_mean", "bn2.running_var"};

static void build_conv(Net *net)
{
    Graph *g = net->graph;
    Var x = net->x = ag_input(g, "x", DTYPE_REAL, shape4(6, 3, 12, 12));

    net->target = ag_input(g, "target", DTYPE_REAL, shape2(6, 5));
    x = ag_conv2d(g, x, weight(net, "conv1.weight", shape4(6, 3, 3, 3)), AG_NONE,
                  (Conv2dParam){1, 1});
    x = ag_max_pool2d(g, ag_relu(g, norm(net, x, bn1)), (Pool2dParam){3, 2, 1});
    x = ag_conv2d(g, x, weight(net, "conv2.weight", shape4(8, 6, 3, 3)), AG_NONE,
                  (Conv2dParam){2, 1});
    x = ag_leaky_relu(g, norm(net, x, bn2), (LeakyReluParam){(real).2});
    x = ag_conv2d(g, x, weight(net, "conv3.weight", shape4(7, 8, 1, 1)),
                  weight(net, "conv3.bias", shape1(7)), (Conv2dParam){1, 0});
    x = ag_reshape(g, ag_avg_pool2d(g, x, (Pool2dParam){2, 1, 0}), shape2(6, 28));
    net->y = ag_linear(g, x, weight(net, "linear.weight", shape2(5, 28)),
                       weight(net, "linear.bias", shape1(5)));
    net->loss = ag_l2_loss(g, net->y, net->target);
}

static void build_deconv(Net *net)
{
    Graph *g = net->graph;
    Var x = net->x = ag_input(g, "x", DTYPE_REAL, shape2(5, 10));

    net->target = ag_input(g, "target", DTYPE_REAL, shape4(5, 3, 16, 16));
    x = ag_reshape(g, x, shape4(5, 10, 1, 1));
    x = ag_conv_transpose2d(g, x, weight(net, "deconv1.weight", shape4(10, 12, 4, 4)), AG_NONE,
                            (ConvTranspose2dParam){1, 0});
    x = ag_relu(g, norm(net, x, bn1));
    x = ag_conv_transpose2d(g, x, weight(net, "deconv2.weight", shape4(12, 8, 4, 4)), AG_NONE,
                            (ConvTranspose2dParam){2, 1});
    x = ag_relu(g, norm(net, x, bn2));
    x = ag_conv_transpose2d(g, x, weight(net, "deconv3.weight", shape4(8, 3, 4, 4)),
                            weight(net, "deconv3.bias", shape1(3)), (ConvTranspose2dParam){2, 1});
    net->y = ag_sigmoid(g, x);
    net->loss = ag_l1_loss(g, net->y, net->target);
}

static void expect_near(const TensorFile *file, const char *prefix, const char *name, const real *x,
                        int64_t n, double bound)
{
    char full[128];
    double largest = 0, worst = 0;

    snprintf(full, sizeof full, "%s%s", prefix, name);
    Tensor t = tensor_file_find(file, full);
    if (t.data == NULL || shape_count(t.shape) != n)
        fail_msg("the golden file has no %s of %lld elements", full, (long long)n);
    const float *want = t.data;
    for (int64_t k = 0; k < n; k++) {
        largest = fmax(largest, fabs((double)want[k]));
        worst = fmax(worst, isnan(x[k]) ? INFINITY : fabs((double)(x[k] - want[k])));
    }
    if (!(worst <= bound * largest))
        fail_msg("%s is off by %g of %g", full, worst, largest);
}

/* Every parameter and buffer of the set, or every gradient. */
static void expect_all(const Net *net, const TensorFile *file, const char *prefix, bool gradients,
                       double bound)
{
    for (int i = 0; i < params_count(net->set); i++) {
        Param p = {i};
        int64_t n = shape_count(params_shape(net->set, p));
        real *x = malloc((size_t)n * sizeof *x);
        assert_non_null(x);
        if (gradients && params_grad(net->set, p) == NULL) {
            free(x);
            continue;
        }
        if (gradients)
            params_read_grad(net->set, p, x);
        else
            params_read(net->set, p, x);
        expect_near(file, prefix, params_name(net->set, p), x, n, bound);
        free(x);
    }
}

static void succeed(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static void train(const Net *net, Plan *plan, const TensorFile *file, OptimConfig config,
                  real learning_rate, const char *prefix)
{
    Optim *optim;
    Error err;
    real losses[STEPS];

    succeed(params_load(net->set, file, "init.", &err), &err);
    succeed(optim_new(&optim, net->set, config, &err), &err);
    for (int k = 0; k < STEPS; k++) {
        StepState step = {.step = (uint64_t)k, .learning_rate = learning_rate};
        ag_run(plan, &step);
        losses[k] = ag_scalar(plan, net->loss);
        optim_step(optim, &step);
    }
    expect_near(file, prefix, "losses", losses, STEPS, TRAINED_BOUND);
    expect_all(net, file, prefix, false, TRAINED_BOUND);
    optim_free(optim);
}

static void check_net(const char *path, void (*build)(Net *))
{
    Net net = {.set = params_new(), .graph = ag_graph_new()};
    Backend *cpu = backend_cpu_open();
    TensorFile *file;
    Plan *plan;
    Error err;
    StepState step = {.step = 0};

    assert_non_null(net.set);
    assert_non_null(net.graph);
    assert_non_null(cpu);
    succeed(safetensors_read(path, &file, &err), &err);
    build(&net);
    ag_keep(net.graph, net.y);
    succeed(params_alloc(net.set, cpu, true, 1, &err), &err);
    succeed(ag_plan(&plan, net.graph, net.loss, (PlanOptions){.backend = cpu}, &err), &err);
    succeed(params_load(net.set, file, "init.", &err), &err);
    ag_write(plan, net.x, tensor_file_find(file, "input").data);
    ag_write(plan, net.target, tensor_file_find(file, "target").data);

    ag_run(plan, &step);
    int64_t n = shape_count(ag_shape(net.graph, net.y));
    real *y = malloc((size_t)n * sizeof *y), loss = ag_scalar(plan, net.loss);
    assert_non_null(y);
    ag_read(plan, net.y, y);
    expect_near(file, "", "output", y, n, STEP_BOUND);
    expect_near(file, "", "loss", &loss, 1, STEP_BOUND);
    expect_all(&net, file, "grad.", true, STEP_BOUND);

    train(&net, plan, file, optim_sgd((real).9), (real).05, "sgd.");
    train(&net, plan, file, optim_adam(), (real).01, "adam.");

    free(y);
    ag_plan_free(plan);
    ag_graph_free(net.graph);
    params_free(net.set);
    tensor_file_free(file);
    backend_close(cpu);
}

static void test_conv(void **state)
{
    (void)state;
    check_net(GOLDEN "/conv.safetensors", build_conv);
}

static void test_deconv(void **state)
{
    (void)state;
    check_net(GOLDEN "/deconv.safetensors", build_deconv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_deconv),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
