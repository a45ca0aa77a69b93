/* The planner: which bytes hold what and when, and that sharing them changes no bit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libautograd/ops.h"
#include "libautograd/plan.h"
#include "libtensor/rng.h"
#include "tests/random_graph.h"
#include "tests/small_net.h"
#include "tests/threads.h"

enum { RANDOM_GRAPHS = 150 };

static Backend *cpu;
static const StepState step0 = {.learning_rate = (real).1, .weight = {1, (real).5, (real).25}};

static Plan *plan_of(Graph *g, Var loss, bool plain)
{
    Plan *plan = NULL;
    Error err;
    if (!ag_plan(&plan, g, loss, (PlanOptions){.backend = cpu, .plain = plain}, &err))
        fail_msg("%s", err.text);
    return plan;
}

static void assert_plan_fails(Graph *g, Var loss, const char *why)
{
    Plan *plan = (Plan *)&cpu;
    Error err = {""};
    assert_false(ag_plan(&plan, g, loss, (PlanOptions){.backend = cpu}, &err));
    assert_ptr_equal(plan, (Plan *)&cpu);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

/* ---- who owns the bytes ---- */

/* Walks through the calls of a plan, marking the bytes each writes with what is in them, and checks
 * that every operand still holds what the graph says when it is read. Knows only graph and calls,
 * nothing of how the planner decides. */
typedef struct Owners {
    const Plan *plan;
    int *tag; /* per 64 bytes of the slab */
} Owners;

static int value_tag(int node)
{
    return 8 * node + 1;
}

static int saved_tag(int node, int i)
{
    return 8 * node + 2 + i;
}

static int grad_tag(int node)
{
    return 8 * node + 7;
}

/* The part of the slab a tensor lies in; false for NULL and for parameters. */
static bool span(const Owners *o, Tensor t, size_t *begin, size_t *end)
{
    const unsigned char *data = t.data;
    if (!data || data < o->plan->slab || data >= o->plan->slab + o->plan->bytes)
        return false;
    *begin = (size_t)(data - o->plan->slab) / 64;
    *end = *begin + (tensor_bytes(t) + 63) / 64;
    assert_true(*end * 64 <= o->plan->bytes);
    return true;
}

static void owns(const Owners *o, Tensor t, int tag)
{
    size_t begin, end;
    if (span(o, t, &begin, &end))
        for (size_t i = begin; i < end; i++)
            assert_int_equal(o->tag[i], tag);
}

static void take(Owners *o, Tensor t, int tag)
{
    size_t begin, end;
    if (span(o, t, &begin, &end))
        for (size_t i = begin; i < end; i++)
            o->tag[i] = tag;
}

/* The node whose value an id stands for, and whose gradient (-1 behind a detach). */
static int value_node(const Graph *g, int id)
{
    while (g->node[id].kind == NODE_RESHAPE || g->node[id].kind == NODE_DETACH)
        id = g->node[id].in[0];
    return id;
}

static int grad_node(const Graph *g, int id)
{
    while (g->node[id].kind == NODE_RESHAPE)
        id = g->node[id].in[0];
    return g->node[id].kind == NODE_DETACH ? -1 : id;
}

static void walk_step(Owners *o, const Step *s)
{
    const Graph *g = o->plan->graph;
    const Node *node = &g->node[s->node];
    const Call *c = &s->call;
    size_t scratch = s->backward ? node->infer.backward_scratch : node->infer.forward_scratch;
    assert_true(!scratch == !c->scratch);
    Tensor scratch_bytes = {c->scratch, shape1((int64_t)scratch), DTYPE_U8};
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].data)
            owns(o, c->in[i], value_tag(value_node(g, node->in[i])));
    if (!s->backward) {
        take(o, scratch_bytes, -1);
        for (int i = 0; i < OP_MAX_SAVED; i++)
            take(o, c->saved[i], saved_tag(s->node, i));
        take(o, c->out, value_tag(s->out));
        return;
    }
    int dout = c->activation.kind == ACTIVATION_NONE ? s->node : s->out;
    owns(o, c->out, value_tag(s->out));
    owns(o, c->dout, grad_tag(dout));
    for (int i = 0; i < OP_MAX_SAVED; i++)
        owns(o, c->saved[i], saved_tag(s->node, i));
    for (int i = 0; i < c->n_in; i++) {
        if (!c->din[i].data)
            continue;
        int target = grad_node(g, node->in[i]);
        assert_true(target >= 0);
        if (c->beta[i] != 0)
            owns(o, c->din[i], grad_tag(target));
        for (int k = 0; k < i; k++)
            assert_ptr_not_equal(c->din[i].data, c->din[k].data);
    }
    take(o, scratch_bytes, -1);
    for (int i = 0; i < c->n_in; i++)
        if (c->din[i].data)
            take(o, c->din[i], grad_tag(grad_node(g, node->in[i])));
    /* Operands that are read by this call must not have been written by it, but in place. */
    for (int i = s->over_in; i < c->n_in; i++)
        if (c->in[i].data)
            owns(o, c->in[i], value_tag(value_node(g, node->in[i])));
    owns(o, c->out, value_tag(s->out));
    if (!s->in_place)
        owns(o, c->dout, grad_tag(dout));
}

static void walk(const Plan *plan, Var loss)
{
    Owners o = {plan, calloc(plan->bytes / 64 + 1, sizeof(int))};
    const Graph *g = plan->graph;
    for (int i = 0; i < g->count; i++)
        if (g->node[i].kind == NODE_INPUT)
            take(&o, (Tensor){plan_value(plan, i), g->node[i].shape, g->node[i].type},
                 value_tag(i));
    int seed = value_node(g, loss.id);
    for (int t = 0; t < plan->n_steps; t++) {
        if (t == plan->n_forward)
            take(&o, (Tensor){plan_grad(plan, seed), shape1(1), DTYPE_REAL}, grad_tag(seed));
        walk_step(&o, &plan->step[t]);
    }
    for (int i = 0; i < g->count; i++) { /* what must be readable after the run */
        const Node *n = &g->node[i];
        int v = value_node(g, i);
        if (n->kind == NODE_INPUT || n->keep || i == loss.id)
            owns(&o, (Tensor){plan_value(plan, v), n->shape, n->type}, value_tag(v));
    }
    free(o.tag);
}

static void blocks_are_apart(const Plan *plan)
{
    for (int i = 0; i < plan->n_blocks; i++) {
        for (int k = 0; k < i; k++) {
            const Block *a = &plan->block[i], *b = &plan->block[k];
            bool together = a->first <= b->last && b->first <= a->last;
            bool apart = a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset;
            if (a->bytes && b->bytes && together)
                assert_true(apart);
        }
    }
}

static void no_live_bytes_are_shared(void **state)
{
    (void)state;
    Error err;
    SmallNet net;
    small_net_build(&net);
    assert_true(small_net_alloc(&net, cpu, &err));
    Plan *plan = plan_of(net.graph, net.loss, false);
    walk(plan, net.loss);
    blocks_are_apart(plan);
    size_t unshared, bytes = ag_plan_bytes(plan, &unshared);
    assert_true(bytes < unshared);
    ag_plan_free(plan);
    small_net_free(&net);
    for (uint64_t seed = 0; seed < RANDOM_GRAPHS; seed++) {
        RandomGraph r;
        random_graph_build(&r, cpu, seed);
        for (int plain = 0; plain < 2; plain++) {
            plan = plan_of(r.graph, r.loss, plain);
            walk(plan, r.loss);
            blocks_are_apart(plan);
            ag_plan_free(plan);
        }
        random_graph_free(&r);
    }
}

/* ---- planned = unplanned ---- */

enum {
    ELEMENTS = RANDOM_N * RANDOM_C * RANDOM_S * RANDOM_S,
    WEIGHTS = RANDOM_WEIGHTS * RANDOM_C * RANDOM_C * 9 + 2 * RANDOM_C
};

typedef struct Result {
    real loss, dx[ELEMENTS], kept[RANDOM_KEPT][ELEMENTS], grads[WEIGHTS];
} Result;

static void run_random(uint64_t seed, bool plain, Result *result)
{
    RandomGraph r;
    random_graph_build(&r, cpu, seed);
    Plan *plan = plan_of(r.graph, r.loss, plain);
    random_graph_feed(&r, plan);
    assert_int_equal(params_elements(r.set), WEIGHTS);
    memset(params_grads(r.set), 0xff, sizeof result->grads); /* NaN: must be overwritten */
    ag_run(plan, &step0);
    ag_run(plan, &step0); /* what a run leaves must not reach the next */
    result->loss = ag_scalar(plan, r.loss);
    ag_read_grad(plan, r.x, result->dx);
    for (int i = 0; i < RANDOM_KEPT; i++)
        ag_read(plan, r.kept[i], result->kept[i]);
    memcpy(result->grads, params_grads(r.set), sizeof result->grads);
    ag_plan_free(plan);
    random_graph_free(&r);
}

static void sharing_changes_no_bit(void **state)
{
    (void)state;
    Result *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    int moved = 0;
    for (uint64_t seed = 0; seed < RANDOM_GRAPHS; seed++) {
        run_random(seed, false, a);
        run_random(seed, true, b);
        assert_memory_equal(a, b, sizeof *a);
        assert_true(isfinite(a->loss));
        for (int i = 0; i < WEIGHTS; i++)
            assert_true(isfinite(a->grads[i]));
        int i = 0;
        while (i < ELEMENTS && a->dx[i] == 0)
            i++;
        moved += i < ELEMENTS;
    }
    assert_true(moved > RANDOM_GRAPHS / 2); /* the graphs are not all trivial */
    free(a);
    free(b);
}

static void small_net_planned_is_unplanned(void **state)
{
    (void)state;
    Error err;
    real *grads[2];
    real loss[2];
    size_t bytes = 0;
    for (int plain = 0; plain < 2; plain++) {
        SmallNet net;
        small_net_build(&net);
        assert_true(small_net_alloc(&net, cpu, &err));
        Plan *plan = plan_of(net.graph, net.loss, plain);
        for (uint64_t i = 0; i < 3; i++) {
            StepState step = small_net_step(i);
            small_net_feed(&net, plan, i);
            ag_run(plan, &step);
        }
        loss[plain] = ag_scalar(plan, net.loss);
        bytes = (size_t)params_elements(net.set) * sizeof(real);
        grads[plain] = malloc(bytes);
        memcpy(grads[plain], params_grads(net.set), bytes);
        ag_plan_free(plan);
        small_net_free(&net);
    }
    assert_memory_equal(&loss[0], &loss[1], sizeof *loss);
    assert_memory_equal(grads[0], grads[1], bytes);
    free(grads[0]);
    free(grads[1]);
}

/* ---- gradients go where they should ---- */

static void near(real a, real b)
{
    if (!(fabs((double)(a - b)) <= 1e-5 * fmax(1, fabs((double)b))))
        fail_msg("%.9g is not %.9g", (double)a, (double)b);
}

/* x w w against x w1 w2 with w1 = w2: the gradient of the shared one is the sum. */
static void shared_parameters_accumulate(void **state)
{
    (void)state;
    enum { D = 3 };
    Error err;
    real x[D * D], t[D * D], w[D * D], one[D * D], two[2][D * D];
    Rng rng = rng_make(1, 0, 0);
    for (int i = 0; i < D * D; i++) {
        x[i] = (real)rng_normal(&rng);
        t[i] = (real)rng_normal(&rng);
    }
    for (int shared = 0; shared < 2; shared++) {
        ParamSet *set = params_new();
        const Init init = {INIT_ZEROS, 0};
        Param w1 = params_declare(set, "w1", shape2(D, D), init);
        Param w2 = shared ? w1 : params_declare(set, "w2", shape2(D, D), init);
        assert_true(params_alloc(set, cpu, true, 0, &err));
        rng = rng_make(2, 0, 0);
        for (int i = 0; i < D * D; i++)
            w[i] = (real)rng_normal(&rng);
        params_write(set, w1, w);
        params_write(set, w2, w);
        Graph *g = ag_graph_new();
        Var vx = ag_input(g, "x", DTYPE_REAL, shape2(D, D)),
            vt = ag_input(g, "t", DTYPE_REAL, shape2(D, D));
        Var y = ag_linear(g, ag_linear(g, vx, ag_param(g, set, w1), AG_NONE), ag_param(g, set, w2),
                          AG_NONE);
        Plan *plan = plan_of(g, ag_l2_loss(g, y, vt), false);
        ag_write(plan, vx, x);
        ag_write(plan, vt, t);
        ag_run(plan, &step0);
        params_read_grad(set, w1, shared ? one : two[0]);
        if (!shared)
            params_read_grad(set, w2, two[1]);
        ag_plan_free(plan);
        ag_graph_free(g);
        params_free(set);
    }
    for (int i = 0; i < D * D; i++)
        near(one[i], two[0][i] + two[1][i]);
}

/* x x, x + x and [x x] count x twice. */
static void operands_may_be_the_same(void **state)
{
    (void)state;
    static const real x[4] = {1, -2, 3, (real).5};
    static const real target[4] = {0};
    for (int which = 0; which < 3; which++) {
        Graph *g = ag_graph_new();
        Var vx = ag_input(g, "x", DTYPE_REAL, shape2(2, 2)),
            zero = ag_input(g, "zero", DTYPE_REAL, shape2(2, 2));
        Var twice = ag_concat(g, (Var[]){vx, zero, vx}, 3, (AxisParam){.axis = 1});
        Var y = which == 0   ? ag_mul(g, vx, vx)
                : which == 1 ? ag_add(g, vx, vx)
                             : ag_add(g, ag_slice(g, twice, (AxisParam){1, 0, 2}),
                                      ag_slice(g, twice, (AxisParam){1, 4, 2}));
        ag_want_grad(g, vx);
        Plan *plan = plan_of(g, ag_l2_loss(g, y, zero), false);
        ag_write(plan, vx, x);
        ag_write(plan, zero, target);
        ag_run(plan, &step0);
        real dx[4];
        ag_read_grad(plan, vx, dx);
        for (int i = 0; i < 4; i++) /* mean of x^4, or of 4 x^2 */
            near(dx[i], which == 0 ? x[i] * x[i] * x[i] : 2 * x[i]);
        ag_plan_free(plan);
        ag_graph_free(g);
    }
}

static void frozen_sets_get_none(void **state)
{
    (void)state;
    Error err;
    ParamSet *set = params_new();
    Param w = params_declare(set, "w", shape4(4, 4, 3, 3), (Init){INIT_NORMAL, 1});
    assert_true(params_alloc(set, cpu, false, 1, &err));
    assert_null(params_grads(set));
    assert_null(params_grad(set, w));
    for (int want = 0; want < 2; want++) {
        Graph *g = ag_graph_new();
        Var x = ag_input(g, "x", DTYPE_REAL, shape4(1, 4, 5, 5));
        Var y = ag_relu(g, ag_conv2d(g, x, ag_param(g, set, w), AG_NONE, (Conv2dParam){1, 1}));
        if (want)
            ag_want_grad(g, x);
        Plan *plan = plan_of(g, ag_l2_loss(g, y, x), false);
        /* Without a wish there is no backward pass at all. */
        assert_int_equal(plan->n_steps - plan->n_forward, want ? 3 : 0);
        for (int t = plan->n_forward; t < plan->n_steps; t++)
            if (plan->graph->node[plan->step[t].node].op == OP_conv2d) {
                assert_null(plan->step[t].call.din[1].data);
                assert_non_null(plan->step[t].call.din[0].data);
            }
        ag_plan_free(plan);
        ag_graph_free(g);
    }
    params_free(set);
}

/* A frozen 1x1 convolution keeps its weights prepared, a learning one does not; and a write to the
 * weights reaches the next run, forward and backward. */
static void frozen_weights_are_kept(void **state)
{
    enum { N = 40 };
    (void)state;
    Error err;
    real x[N], dx[2][N], w[20];
    for (int i = 0; i < N; i++)
        x[i] = (real)(i * 7 % 11);
    for (int trainable = 0; trainable < 2; trainable++) {
        ParamSet *set = params_new();
        Param p = params_declare(set, "w", shape4(2, 10, 1, 1), (Init){INIT_NORMAL, 1});
        assert_true(params_alloc(set, cpu, trainable, 1, &err));
        Graph *g = ag_graph_new();
        Var in = ag_input(g, "x", DTYPE_REAL, shape4(1, 10, 2, 2));
        Var y = ag_conv2d(g, in, ag_param(g, set, p), AG_NONE, (Conv2dParam){1, 0});
        ag_want_grad(g, in);
        Var zero = ag_input(g, "0", DTYPE_REAL, shape4(1, 2, 2, 2));
        Plan *plan = plan_of(g, ag_l2_loss(g, y, zero), false);
        int kept = 0;
        for (int t = 0; t < plan->n_steps; t++)
            kept += plan->step[t].call.kept != NULL;
        assert_int_equal(kept, trainable ? 0 : 2);
        ag_write(plan, in, x);
        for (int times = 1; times <= 2; times++) {
            for (int i = 0; i < 20; i++)
                w[i] = (real)(times * (i % 5 - 2));
            params_write(set, p, w);
            for (int again = 0; again < 2; again++) {
                ag_run(plan, &(StepState){.step = 0});
                ag_read_grad(plan, in, dx[times - 1]);
            }
        }
        for (int i = 0; i < N; i++) /* d |W x|^2 is quadratic in W */
            assert_true(dx[1][i] == 4 * dx[0][i]);
        assert_true(dx[0][0] != 0);
        ag_plan_free(plan);
        ag_graph_free(g);
        params_free(set);
    }
}

static void input_gradient_and_detach(void **state)
{
    (void)state;
    static const real x[3] = {1, 2, 4}, t[3] = {0, 5, 1};
    for (int which = 0; which < 4; which++) {
        Graph *g = ag_graph_new();
        Var vx = ag_input(g, "x", DTYPE_REAL, shape2(1, 3)),
            vt = ag_input(g, "t", DTYPE_REAL, shape2(1, 3));
        ag_want_grad(g, vx);
        Var frozen = ag_reshape(g, ag_detach(g, ag_reshape(g, vx, shape1(3))), shape2(1, 3));
        Var y = which == 0   ? vx
                : which == 1 ? frozen
                : which == 2 ? ag_mul(g, vx, frozen)
                             : ag_reshape(g, ag_reshape(g, vx, shape1(3)), shape2(1, 3));
        Plan *plan = plan_of(g, ag_l2_loss(g, y, vt), false);
        ag_write(plan, vx, x);
        ag_write(plan, vt, t);
        ag_run(plan, &step0);
        real dx[3];
        ag_read_grad(plan, vx, dx);
        for (int i = 0; i < 3; i++)
            near(dx[i], which == 1   ? 0
                        : which == 2 ? 2 * (x[i] * x[i] - t[i]) * x[i] / 3
                                     : 2 * (x[i] - t[i]) / 3);
        ag_plan_free(plan);
        ag_graph_free(g);
    }
}

static void unreached_gradients_are_zero(void **state)
{
    (void)state;
    Error err;
    ParamSet *set = params_new();
    const Init init = {INIT_CONSTANT, 1};
    Param used = params_declare(set, "used", shape2(2, 2), init);
    Param detached = params_declare(set, "detached", shape2(2, 2), init);
    Param absent = params_declare(set, "absent", shape1(50000), init);
    assert_true(params_alloc(set, cpu, true, 1, &err));
    Graph *g = ag_graph_new();
    Var x = ag_input(g, "x", DTYPE_REAL, shape2(2, 2));
    Var y = ag_linear(g, x, ag_param(g, set, used), AG_NONE);
    Var z = ag_detach(g, ag_linear(g, x, ag_param(g, set, detached), AG_NONE));
    Plan *plan = plan_of(g, ag_l2_loss(g, y, ag_affine(g, z, (AffineParam){2, 1})), false);
    ag_write(plan, x, (const real[]){1, 2, 3, 4});
    memset(params_grads(set), 0xff, (size_t)params_elements(set) * sizeof(real));
    ag_run(plan, &step0);
    const real *grad = params_grad(set, detached);
    for (int i = 0; i < 4; i++) {
        assert_true(grad[i] == 0);
        assert_true(isfinite(params_grad(set, used)[i]) && params_grad(set, used)[i] != 0);
    }
    for (int i = 0; i < 50000; i++)
        assert_true(params_grad(set, absent)[i] == 0);
    ag_plan_free(plan);
    ag_graph_free(g);
    params_free(set);
}

/* ---- in place ---- */

static const Step *forward_step(const Plan *plan, Var v)
{
    for (int t = 0; t < plan->n_forward; t++)
        if (plan->step[t].node == v.id)
            return &plan->step[t];
    return NULL;
}

static void in_place_where_it_may(void **state)
{
    (void)state;
    Graph *g = ag_graph_new();
    Shape shape = shape2(1, 16);
    Var x = ag_input(g, "x", DTYPE_REAL, shape);
    Var a = ag_relu(g, x);                           /* x persists: not in place */
    Var b = ag_affine(g, a, (AffineParam){2, 0});    /* a is read again below: not */
    Var c = ag_affine(g, b, (AffineParam){1, 1});    /* b dies here: in place */
    Var d = ag_add(g, c, a);                         /* c dies here: in place */
    Var e = ag_add(g, d, d);                         /* both operands the same: not */
    Var kept = ag_affine(g, e, (AffineParam){3, 0}); /* in place of e */
    Var f = ag_affine(g, kept, (AffineParam){1, 0}); /* kept: not */
    Var loss = ag_l2_loss(g, f, x);
    Var dead = ag_sigmoid(g, f); /* nobody needs it: no step */
    ag_keep(g, kept);
    Plan *plan = plan_of(g, loss, false);
    assert_false(forward_step(plan, a)->in_place);
    assert_false(forward_step(plan, b)->in_place);
    assert_true(forward_step(plan, c)->in_place);
    assert_true(forward_step(plan, d)->in_place);
    assert_false(forward_step(plan, e)->in_place);
    assert_true(forward_step(plan, kept)->in_place);
    assert_false(forward_step(plan, f)->in_place);
    assert_null(forward_step(plan, dead));
    assert_ptr_equal(forward_step(plan, c)->call.in[0].data, forward_step(plan, c)->call.out.data);
    real data[16], out[16];
    for (int i = 0; i < 16; i++)
        data[i] = (real)(i - 8);
    ag_write(plan, x, data);
    ag_run(plan, &step0);
    ag_read(plan, kept, out);
    for (int i = 0; i < 16; i++) {
        real r = data[i] > 0 ? data[i] : 0;
        assert_true(out[i] == 6 * (3 * r + 1));
    }
    ag_read(plan, x, out);
    assert_memory_equal(out, data, sizeof data);
    ag_plan_free(plan);
    ag_graph_free(g);
}

/* ---- bfloat16 ---- */

static void half_table(bool on)
{
    const unsigned unary = READS_IN(0) | READS_OUT;
    cpu->half[OP_conv2d] = cpu->half[OP_relu] = on ? unary : 0;
    cpu->half[OP_add] = on ? unary | READS_IN(1) : 0;
}

/* A tensor is stored as its node is by everyone (seen: -1 before the first), and as bfloat16 only
 * where its op can. Returns whether it is. */
static bool stored(Tensor t, bool can, int *seen)
{
    if (!t.data)
        return false;
    assert_true(t.type == DTYPE_REAL || t.type == DTYPE_I32 || t.type == DTYPE_BF16);
    assert_true(t.type != DTYPE_BF16 || can);
    assert_true(*seen < 0 || *seen == (int)t.type);
    *seen = (int)t.type;
    return t.type == DTYPE_BF16;
}

static int count_half(const Plan *plan)
{
    const Graph *g = plan->graph;
    int *seen = malloc((size_t)g->count * sizeof *seen), n = 0;
    for (int i = 0; i < g->count; i++) {
        seen[i] = -1;
        assert_true(plan->node[i].type != DTYPE_BF16 || g->node[i].shape.ndim == 4);
    }
    for (int t = 0; t < plan->n_steps; t++) {
        const Step *s = &plan->step[t];
        const Node *node = &g->node[s->node];
        const Call *c = &s->call;
        unsigned can = plan->backend->half[node->op];
        n += stored(c->out, can & READS_OUT, &seen[s->out]);
        n += stored(c->dout, can & READS_OUT, &seen[plan_dout(plan, s)]);
        for (int i = 0; i < c->n_in; i++) {
            int root = node->in[i] < 0 ? 0 : value_node(g, node->in[i]);
            stored(c->in[i], can & READS_IN(i), &seen[root]);
            stored(c->din[i], can & READS_IN(i), &seen[root]);
        }
    }
    free(seen);
    return n;
}

/* Plans only: the CPU's kernels would not know what to do with them. */
static void random_graphs_in_bfloat16(void **state)
{
    (void)state;
    int found = 0;
    for (uint64_t seed = 0; seed < RANDOM_GRAPHS; seed++) {
        RandomGraph r;
        random_graph_build(&r, cpu, seed);
        Plan *plan = plan_of(r.graph, r.loss, false);
        size_t plain_bytes, bytes;
        ag_plan_bytes(plan, &plain_bytes);
        assert_int_equal(count_half(plan), 0);
        ag_plan_free(plan);
        half_table(true);
        plan = plan_of(r.graph, r.loss, false);
        ag_plan_bytes(plan, &bytes);
        walk(plan, r.loss);
        blocks_are_apart(plan);
        assert_true(count_half(plan) > 0 ? bytes < plain_bytes : bytes == plain_bytes);
        half_table(false);
        found += bytes < plain_bytes;
        ag_plan_free(plan);
        random_graph_free(&r);
    }
    assert_true(found > RANDOM_GRAPHS / 4);
}

/* Between ops that can, and nowhere else; not in place of a value that is stored otherwise, even if
 * the blocks happen to be of one size. */
static void bfloat16_where_it_may(void **state)
{
    (void)state;
    const AffineParam twice = {2, 0};
    Graph *g = ag_graph_new();
    Var x = ag_input(g, "x", DTYPE_REAL, shape4(1, 1, 4, 4));
    Var flat = ag_input(g, "flat", DTYPE_REAL, shape2(1, 16));
    ag_want_grad(g, x);
    Var a = ag_affine(g, x, twice);                        /* affine cannot */
    Var b = ag_relu(g, a);                                 /* relu and add can: bfloat16 */
    Var c = ag_add(g, b, b);                               /* kept */
    Var d = ag_relu(g, ag_detach(g, ag_add(g, c, b)));     /* affine reads it */
    Var e = ag_relu(g, ag_relu(g, ag_add(g, flat, flat))); /* no image */
    Var loss = ag_add(g, ag_l2_loss(g, ag_affine(g, d, twice), x), ag_l2_loss(g, e, flat));
    loss = ag_add(g, loss, ag_l2_loss(g, c, x));
    ag_keep(g, c);
    half_table(true);
    Plan *plan = plan_of(g, loss, false);
    half_table(false);
    assert_int_equal(plan->node[a.id].type, DTYPE_REAL);
    assert_int_equal(plan->node[b.id].type, DTYPE_BF16);
    assert_int_equal(plan->node[c.id].type, DTYPE_REAL);
    assert_int_equal(plan->node[d.id].type, DTYPE_REAL);
    assert_int_equal(plan->node[e.id].type, DTYPE_REAL);
    assert_int_equal(plan->node[loss.id].type, DTYPE_REAL);
    assert_false(forward_step(plan, b)->in_place);
    assert_ptr_not_equal(forward_step(plan, b)->call.in[0].data,
                         forward_step(plan, b)->call.out.data);
    for (int t = plan->n_forward; t < plan->n_steps; t++) {
        const Step *s = &plan->step[t];
        if (s->node == b.id) /* its dout is bfloat16, its din is not */
            assert_false(s->in_place);
    }
    walk(plan, loss);
    ag_plan_free(plan);
    ag_graph_free(g);
}

/* relu's backward reads its own output, so what follows must not overwrite it. */
static void in_place_minds_backward(void **state)
{
    (void)state;
    Graph *g = ag_graph_new();
    Var x = ag_input(g, "x", DTYPE_REAL, shape2(1, 16));
    ag_want_grad(g, x);
    Var y = ag_affine(g, ag_relu(g, ag_affine(g, x, (AffineParam){1, 0})), (AffineParam){-1, 5});
    Plan *plan = plan_of(g, ag_l1_loss(g, y, ag_detach(g, x)), false);
    assert_false(forward_step(plan, y)->in_place);
    ag_plan_free(plan);
    ag_graph_free(g);
}

/* ---- the rest ---- */

static void forward_only(void **state)
{
    (void)state;
    Graph *g = ag_graph_new();
    Var x = ag_input(g, "x", DTYPE_REAL, shape1(2));
    Var y = ag_affine(g, ag_affine(g, x, (AffineParam){2, 0}), (AffineParam){1, 1});
    Var z = ag_reshape(g, y, shape2(1, 2));
    ag_keep(g, z);
    Plan *plan = plan_of(g, AG_NONE, false);
    real out[2];
    ag_write(plan, x, (const real[]){3, 4});
    ag_run(plan, &step0);
    ag_read(plan, z, out);
    assert_true(out[0] == 7 && out[1] == 9);
    ag_read(plan, y, out);
    assert_true(out[0] == 7 && out[1] == 9);
    ag_run(plan, &step0); /* the input is still there */
    ag_read(plan, y, out);
    assert_true(out[0] == 7 && out[1] == 9);
    ag_plan_free(plan);
    ag_graph_free(g);
}

static void dump_tells(void **state)
{
    (void)state;
    Error err;
    char text[4096] = "";
    FILE *out = tmpfile();
    Graph *g = ag_graph_new();
    Var x = ag_input(g, "x", DTYPE_REAL, shape2(2, 8));
    ag_want_grad(g, x);
    Var y = ag_affine(g, ag_affine(g, x, (AffineParam){2, 0}), (AffineParam){1, 1});
    Plan *plan;
    assert_true(
        ag_plan(&plan, g, ag_l2_loss(g, y, x), (PlanOptions){.backend = cpu, .dump = out}, &err));
    rewind(out);
    size_t n = fread(text, 1, sizeof text - 1, out);
    fclose(out);
    assert_true(n > 0);
    int lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, 1 + plan->n_steps);
    assert_non_null(strstr(text, "plan: 3 forward and 3 backward steps"));
    char want[64];
    snprintf(want, sizeof want, "2x8 -> 2x8  %zu bytes at ", 16 * sizeof(real));
    assert_non_null(strstr(text, want));
    assert_non_null(strstr(text, "in place"));
    assert_non_null(strstr(text, "2x8[=] 2x8[=] -> 1"));
    assert_non_null(strstr(text, "2x8[+=]"));
    ag_plan_free(plan);
    ag_graph_free(g);
}

static void errors_stick(void **state)
{
    (void)state;
    Graph *g = ag_graph_new();
    Var x = ag_input(g, "x", DTYPE_REAL, shape2(2, 3));
    Var bad = ag_linear(g, x, ag_input(g, "w", DTYPE_REAL, shape2(4, 5)), AG_NONE);
    Var more = ag_relu(g, ag_reshape(g, ag_detach(g, bad), shape1(8))); /* a straight line */
    ag_keep(g, more);
    ag_want_grad(g, more);
    assert_int_equal(ag_shape(g, more).ndim, 0);
    assert_int_equal(ag_shape(g, x).ndim, 0);
    assert_plan_fails(g, more, "linear: ");
    ag_graph_free(g);

    g = ag_graph_new();
    x = ag_input(g, "x", DTYPE_REAL, shape2(2, 3));
    ag_reshape(g, x, shape2(3, 3));
    assert_plan_fails(g, x, "reshape: 2x3 does not have as many elements as 3x3");
    ag_graph_free(g);

    g = ag_graph_new();
    ag_input(g, "photo", DTYPE_REAL, shape2(2, 0));
    assert_plan_fails(g, AG_NONE, "input photo: the shape 2x0");
    ag_graph_free(g);

    /* Running statistics that are the result of an op have no bytes to stay in. */
    g = ag_graph_new();
    x = ag_input(g, "x", DTYPE_REAL, shape2(2, 3));
    Var c = ag_input(g, "c", DTYPE_REAL, shape1(3));
    ag_batch_norm(g, x, c, c, ag_relu(g, c), c, (BatchNormParam){(real)1e-5, (real).1, true});
    assert_plan_fails(g, AG_NONE, "batch_norm: operand 3");
    ag_graph_free(g);
}

static void plans_that_cannot_be(void **state)
{
    (void)state;
    Graph *g = ag_graph_new();
    Var x = ag_input(g, "x", DTYPE_REAL, shape2(2, 3));
    Var y = ag_relu(g, x);
    assert_plan_fails(g, y, "the loss is 2x3, not a scalar");
    assert_plan_fails(g, AG_NONE, "neither a loss nor a kept value");
    assert_plan_fails(g, x, "the loss is an input");
    ParamSet *set = params_new();
    Param w = params_declare(set, "w", shape2(3, 3), (Init){INIT_ZEROS, 0});
    ag_keep(g, ag_linear(g, y, ag_param(g, set, w), AG_NONE));
    assert_plan_fails(g, AG_NONE, "the set of parameter w is not allocated");
    Backend *other = backend_cpu_open();
    assert_true(params_alloc(set, other, false, 0, NULL));
    assert_plan_fails(g, AG_NONE, "the set of parameter w is on another backend");
    ag_graph_free(g);
    params_free(set);

    other->forward[OP_relu] = NULL;
    g = ag_graph_new();
    x = ag_input(g, "x", DTYPE_REAL, shape2(2, 3));
    ag_keep(g, ag_relu(g, x));
    Plan *plan;
    Error err;
    assert_false(ag_plan(&plan, g, AG_NONE, (PlanOptions){.backend = other}, &err));
    assert_non_null(strstr(err.text, "the backend cpu has no relu"));
    ag_graph_free(g);
    backend_close(other);
}

static void checked_runs_name_the_op(void **state)
{
    (void)state;
    Error err;
    StepState step = step0;
    step.step = 41;
    ParamSet *set = params_new();
    Param w = params_declare(set, "w", shape2(3, 3), (Init){INIT_CONSTANT, 1});
    assert_true(params_alloc(set, cpu, true, 0, &err));
    Graph *g = ag_graph_new();
    Var x = ag_input(g, "x", DTYPE_REAL, shape2(2, 3));
    Var y = ag_sigmoid(g, ag_linear(g, ag_relu(g, x), ag_param(g, set, w), AG_NONE));
    Plan *plan = plan_of(g, ag_l2_loss(g, y, x), false);
    real data[6] = {1, 2, 3, 4, 5, 6};
    ag_write(plan, x, data);
    assert_true(ag_run_checked(plan, &step, &err));
    real loss = ag_scalar(plan, (Var){plan->loss});
    ag_run(plan, &step);
    assert_true(loss == ag_scalar(plan, (Var){plan->loss})); /* the same steps */
    real bad[9] = {1, 1, 1, 1, (real)INFINITY, 1, 1, 1, 1};
    params_write(set, w, bad);
    assert_false(ag_run_checked(plan, &step, &err));
    assert_string_equal(err.text, "linear with output 2x3 made NaN or infinity at step 41");
    data[3] = (real)NAN;
    ag_write(plan, x, data);
    assert_false(ag_run_checked(plan, &step, &err));
    assert_string_equal(err.text, "input x holds NaN or infinity at step 41");
    /* A finite loss with an infinite gradient: 1e30 * 1e30 in float. */
    ag_plan_free(plan);
    ag_graph_free(g);
    g = ag_graph_new();
    x = ag_input(g, "x", DTYPE_REAL, shape1(1));
    Var zero = ag_input(g, "zero", DTYPE_REAL, shape1(1));
    ag_want_grad(g, x);
    const AffineParam huge = {(real)1e30, 0};
    Var y2 = ag_affine(g, ag_affine(g, x, huge), huge);
    plan = plan_of(g, ag_l1_loss(g, y2, zero), false);
    ag_write(plan, x, (const real[]){(real)1e-30});
    assert_false(ag_run_checked(plan, &step, &err));
    assert_string_equal(
        err.text,
        "affine with output 1 made NaN or infinity in the gradient of operand 0 at step 41");
    ag_plan_free(plan);
    ag_graph_free(g);
    params_free(set);
}

static int open_backend(void **state)
{
    (void)state;
    set_threads(1);
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
        cmocka_unit_test(no_live_bytes_are_shared),
        cmocka_unit_test(sharing_changes_no_bit),
        cmocka_unit_test(small_net_planned_is_unplanned),
        cmocka_unit_test(shared_parameters_accumulate),
        cmocka_unit_test(operands_may_be_the_same),
        cmocka_unit_test(frozen_sets_get_none),
        cmocka_unit_test(frozen_weights_are_kept),
        cmocka_unit_test(input_gradient_and_detach),
        cmocka_unit_test(unreached_gradients_are_zero),
        cmocka_unit_test(in_place_where_it_may),
        cmocka_unit_test(random_graphs_in_bfloat16),
        cmocka_unit_test(bfloat16_where_it_may),
        cmocka_unit_test(in_place_minds_backward),
        cmocka_unit_test(forward_only),
        cmocka_unit_test(dump_tells),
        cmocka_unit_test(errors_stick),
        cmocka_unit_test(plans_that_cannot_be),
        cmocka_unit_test(checked_runs_name_the_op),
    };
    return cmocka_run_group_tests(tests, open_backend, close_backend);
}
