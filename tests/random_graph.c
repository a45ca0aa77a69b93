#include "tests/random_graph.h"

#include <assert.h>
#include <stdio.h>

#include "libautograd/ops.h"
#include "libtensor/rng.h"

enum {
    N_VALUES = 24,
    N_PARAMS = RANDOM_WEIGHTS,
    ELEMENTS = RANDOM_N * RANDOM_C * RANDOM_S * RANDOM_S
};

/* Parameters of a set: weights of convolutions, then the four of a batch_norm. */
enum { GAMMA = N_PARAMS, SHIFT, MEAN, VAR, DECLARED };

static Var random_norm(RandomGraph *r, const Param *param, Rng *rng, Var x)
{
    ParamSet *set = rng_below(rng, 3) ? r->set : r->frozen;
    Var of[4];
    for (int i = 0; i < 4; i++)
        of[i] = ag_param(r->graph, set, param[GAMMA + i]);
    return ag_batch_norm(
        r->graph, x, of[0], of[1], of[2], of[3],
        (BatchNormParam){.eps = (real)1e-2, .momentum = (real).1, .train = rng_below(rng, 2)});
}

static Var random_op(RandomGraph *r, const Param *param, Rng *rng, const Var *value, int n)
{
    Graph *g = r->graph;
    /* Mostly recent values, so that the graph is deep as well as wide. */
    Var a = value[rng_below(rng, 3) ? n - 1 : (int)rng_below(rng, (uint32_t)n)];
    Var b = value[rng_below(rng, (uint32_t)n)];
    uint32_t p = rng_below(rng, N_PARAMS);
    Var w = rng_below(rng, 3) ? ag_param(g, r->set, param[p]) : ag_param(g, r->frozen, param[p]);
    switch (rng_below(rng, 14)) {
    case 0:
        return ag_relu(g, a);
    case 1:
        return ag_leaky_relu(g, a, (LeakyReluParam){(real).1});
    case 2:
        return ag_sigmoid(g, a);
    case 3:
        return ag_affine(g, a, (AffineParam){(real).7, (real).1});
    case 4:
        return ag_add(g, a, b);
    case 5:
        return ag_mul(g, ag_sigmoid(g, a), b);
    case 6:
        return ag_conv2d(g, a, w, AG_NONE, (Conv2dParam){1, 1});
    case 7:
        return rng_below(rng, 3) ? ag_mul(g, a, a) : ag_detach(g, a);
    case 8:
        return ag_reshape(g, ag_relu(g, ag_reshape(g, a, shape2(RANDOM_N, ELEMENTS / RANDOM_N))),
                          shape4(RANDOM_N, RANDOM_C, RANDOM_S, RANDOM_S));
    case 9:
        return ag_slice(g, ag_concat(g, (Var[]){a, b, a}, 3, (AxisParam){.axis = 1}),
                        (AxisParam){1, 2, RANDOM_C});
    case 10:
        return ag_max_pool2d(g, a, (Pool2dParam){3, 1, 1});
    case 11:
        return random_norm(r, param, rng, a);
    case 12:
        return ag_relu(g, random_norm(r, param, rng, a));
    default:
        return ag_softmax(g, a, (SoftmaxParam){.beta = 1});
    }
}

static void declare(ParamSet *set, Param *param)
{
    for (int i = 0; i < N_PARAMS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        param[i] = params_declare(set, name, shape4(RANDOM_C, RANDOM_C, 3, 3),
                                  (Init){INIT_NORMAL, (real).2});
    }
    param[GAMMA] = params_declare(set, "gamma", shape1(RANDOM_C), (Init){INIT_NORMAL, 1});
    param[SHIFT] = params_declare(set, "shift", shape1(RANDOM_C), (Init){INIT_NORMAL, (real).3});
    param[MEAN] = params_declare_buffer(set, "mean", shape1(RANDOM_C), (Init){INIT_ZEROS, 0});
    param[VAR] = params_declare_buffer(set, "var", shape1(RANDOM_C), (Init){INIT_CONSTANT, 1});
}

void random_graph_build(RandomGraph *r, Backend *backend, uint64_t seed)
{
    *r = (RandomGraph){.set = params_new(), .frozen = params_new(), .graph = ag_graph_new()};
    Param param[DECLARED];
    declare(r->frozen, param);
    declare(r->set, param);
    bool ok = params_alloc(r->set, backend, true, seed, NULL) &&
              params_alloc(r->frozen, backend, false, seed + 1, NULL);
    assert(ok);
    (void)ok;
    Rng rng = rng_make(seed, 0, 0);
    Var value[N_VALUES];
    Shape shape = shape4(RANDOM_N, RANDOM_C, RANDOM_S, RANDOM_S);
    value[0] = r->x = ag_input(r->graph, "x", DTYPE_REAL, shape);
    value[1] = r->z = ag_input(r->graph, "z", DTYPE_REAL, shape);
    for (int i = 2; i < N_VALUES; i++)
        value[i] = random_op(r, param, &rng, value, i);
    for (int i = 0; i < RANDOM_KEPT; i++) {
        r->kept[i] = value[rng_below(&rng, N_VALUES)];
        ag_keep(r->graph, r->kept[i]);
    }
    ag_want_grad(r->graph, r->x);
    Var losses[2] = {ag_l2_loss(r->graph, value[N_VALUES - 1], r->z),
                     ag_l1_loss(r->graph, value[N_VALUES - 2], value[N_VALUES - 3])};
    r->loss = ag_weighted_sum(r->graph, losses, 2, (WeightedSumParam){{0, 1}});
}

void random_graph_free(RandomGraph *r)
{
    ag_graph_free(r->graph);
    params_free(r->set);
    params_free(r->frozen);
}

void random_graph_feed(const RandomGraph *r, Plan *plan)
{
    real data[2][ELEMENTS];
    Rng rng = rng_make(77, 0, 0);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < ELEMENTS; k++)
            data[i][k] = (real)rng_normal(&rng);
    ag_write(plan, r->x, data[0]);
    ag_write(plan, r->z, data[1]);
}
