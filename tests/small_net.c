#include "tests/small_net.h"

#include "libautograd/ops.h"
#include "libtensor/rng.h"

typedef struct Norm {
    Param gamma, beta, mean, var;
} Norm;

static Norm declare_norm(ParamSet *set, const char *const name[4], int64_t channels)
{
    return (Norm){params_declare(set, name[0], shape1(channels), (Init){INIT_CONSTANT, 1}),
                  params_declare(set, name[1], shape1(channels), (Init){INIT_NORMAL, (real).1}),
                  params_declare_buffer(set, name[2], shape1(channels), (Init){INIT_ZEROS, 0}),
                  params_declare_buffer(set, name[3], shape1(channels), (Init){INIT_CONSTANT, 1})};
}

static Var norm(Graph *g, ParamSet *set, Norm n, Var x)
{
    return ag_batch_norm(g, x, ag_param(g, set, n.gamma), ag_param(g, set, n.beta),
                         ag_param(g, set, n.mean), ag_param(g, set, n.var),
                         (BatchNormParam){.eps = (real)1e-5, .momentum = (real).1, .train = true});
}

void small_net_build(SmallNet *net)
{
    *net = (SmallNet){params_new(), params_new(), ag_graph_new(), AG_NONE,
                      AG_NONE,      AG_NONE,      AG_NONE,        AG_NONE};
    if (!net->set || !net->frozen || !net->graph)
        return;
    ParamSet *s = net->set;
    Graph *g = net->graph;
    enum { C = 4, N = SMALL_BATCH, S = SMALL_SIZE, FLAT = C * S * S };
    const Init init = {INIT_NORMAL, (real).3};
    Param w1 = params_declare(s, "w1", shape4(C, 2, 3, 3), init);
    Param b1 = params_declare(s, "b1", shape1(C), init);
    Norm n1 = declare_norm(s, (const char *const[]){"n1.g", "n1.b", "n1.mean", "n1.var"}, C);
    Param w2 = params_declare(s, "w2", shape4(C, C, 1, 1), init);
    Norm n2 = declare_norm(s, (const char *const[]){"n2.g", "n2.b", "n2.mean", "n2.var"}, C);
    Param w3 = params_declare(s, "w3", shape4(C, C, 4, 4), init);
    Param w4 = params_declare(s, "w4", shape2(SMALL_OUT, FLAT), (Init){INIT_UNIFORM, (real).2});
    Param b4 = params_declare(s, "b4", shape1(SMALL_OUT), init);
    Param w5 = params_declare(s, "w5", shape2(SMALL_OUT, SMALL_OUT), init);
    params_declare(s, "unused", shape1(3), init);
    Param wf = params_declare(net->frozen, "wf", shape4(C, C, 3, 3), init);

    net->x = ag_input(g, "x", DTYPE_REAL, shape4(N, 2, S, S));
    net->target = ag_input(g, "target", DTYPE_REAL, shape2(N, SMALL_OUT));
    Var a = ag_conv2d(g, net->x, ag_param(g, s, w1), ag_param(g, s, b1), (Conv2dParam){1, 1});
    a = ag_relu(g, norm(g, s, n1, a));
    net->hidden = a;
    Var b = norm(g, s, n2, ag_conv2d(g, a, ag_param(g, s, w2), AG_NONE, (Conv2dParam){1, 0}));
    b = ag_leaky_relu(g, ag_add(g, b, a), (LeakyReluParam){(real).2});
    b = ag_conv_transpose2d(g, b, ag_param(g, s, w3), AG_NONE, (ConvTranspose2dParam){2, 1});
    b = ag_max_pool2d(g, b, (Pool2dParam){2, 2, 0});
    b = ag_sigmoid(g, ag_mul(g, b, b));
    b = ag_conv2d(g, b, ag_param(g, net->frozen, wf), AG_NONE, (Conv2dParam){1, 1});
    b = ag_reshape(g, b, shape2(N, FLAT));
    Var c = ag_linear(g, b, ag_param(g, s, w4), ag_param(g, s, b4));
    Var d = ag_linear(g, c, ag_param(g, s, w5), AG_NONE);
    Var e = ag_linear(g, ag_sigmoid(g, d), ag_param(g, s, w5), AG_NONE);
    Var f = ag_softmax(g, e, (SoftmaxParam){.beta = 2, .n_groups = 1, .begin = {2}, .count = {4}});
    net->y = ag_affine(g, f, (AffineParam){2, -1});
    Var losses[3] = {ag_l1_loss(g, net->y, net->target), ag_l2_loss(g, ag_detach(g, d), e),
                     ag_cosine_loss(g, c, e)};
    net->loss = ag_weighted_sum(g, losses, 3, (WeightedSumParam){{0, 1, 2}});
}

bool small_net_alloc(SmallNet *net, Backend *backend, Error *err)
{
    return params_alloc(net->set, backend, true, 1, err) &&
           params_alloc(net->frozen, backend, false, 2, err);
}

void small_net_free(SmallNet *net)
{
    ag_graph_free(net->graph);
    params_free(net->set);
    params_free(net->frozen);
}

void small_net_feed(const SmallNet *net, Plan *plan, uint64_t step)
{
    real x[SMALL_BATCH * 2 * SMALL_SIZE * SMALL_SIZE], target[SMALL_BATCH * SMALL_OUT];
    Rng rng = rng_make(9, 0, step);
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = (real)rng_normal(&rng);
    for (size_t i = 0; i < sizeof target / sizeof *target; i++)
        target[i] = (real)rng_uniform(&rng);
    ag_write(plan, net->x, x);
    ag_write(plan, net->target, target);
}

StepState small_net_step(uint64_t step)
{
    return (StepState){
        .step = step, .seed = 3, .learning_rate = (real).01, .weight = {1, (real).5, (real).25}};
}
