/* What the planner merges and what it writes over: where, where not, and that it changes no bit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "libautograd/ops.h"
#include "libautograd/plan.h"
#include "libtensor/rng.h"
#include "tests/threads.h"

enum { N = 2, C = 4, S = 6, ELEMENTS = N * C * S * S, WEIGHT = C * C * 3 * 3 };

static Backend *cpu;
static const StepState step0 = {.learning_rate = (real).1, .weight = {1}};

/* x -> the op -> an activation -> conv2d -> l2 loss, with the op's parameters frozen or not. */
typedef struct Chain {
    ParamSet *set;
    Graph *graph;
    Var x, y, z, loss; /* y: of the op, z: of the activation */
} Chain;

typedef enum Reader { NOBODY, KEPT, ADDED, RESHAPED, DEAD, KEPT_AFTER } Reader; /* of y, besides */

static Var apply(Graph *g, Op op, Var x, Var w, const Var norm[4])
{
    switch (op) {
    case OP_conv2d:
        return ag_conv2d(g, x, w, norm[1], (Conv2dParam){1, 1});
    case OP_conv_transpose2d:
        return ag_conv_transpose2d(g, x, w, norm[1], (ConvTranspose2dParam){1, 1});
    case OP_batch_norm:
        return ag_batch_norm(g, x, norm[0], norm[1], norm[2], norm[3],
                             (BatchNormParam){(real)1e-5, (real).1, true});
    case OP_add:
        return ag_add(g, x, ag_affine(g, x, (AffineParam){(real)-.3, (real).1}));
    default: /* that none is merged into */
        return ag_mul(g, x, x);
    }
}

static void build(Chain *c, Op op, bool leaky, bool trained, Reader reader)
{
    *c = (Chain){.set = params_new(), .graph = ag_graph_new()};
    Graph *g = c->graph;
    const Init init = {INIT_NORMAL, (real).3};
    Param w = params_declare(c->set, "w", shape4(C, C, 3, 3), init), norm[4];
    norm[0] = params_declare(c->set, "gamma", shape1(C), (Init){INIT_CONSTANT, 1});
    norm[1] = params_declare(c->set, "beta", shape1(C), init);
    norm[2] = params_declare_buffer(c->set, "mean", shape1(C), init);
    norm[3] = params_declare_buffer(c->set, "var", shape1(C), (Init){INIT_CONSTANT, 2});
    assert_true(params_alloc(c->set, cpu, trained, 3, NULL));
    Var of[4];
    for (int i = 0; i < 4; i++)
        of[i] = ag_param(g, c->set, norm[i]);
    c->x = ag_input(g, "x", DTYPE_REAL, shape4(N, C, S, S));
    ag_want_grad(g, c->x);
    Var x = ag_affine(g, c->x, (AffineParam){2, 0});
    c->y = apply(g, op, x, ag_param(g, c->set, w), of);
    c->z = leaky ? ag_leaky_relu(g, c->y, (LeakyReluParam){(real).2}) : ag_relu(g, c->y);
    Var z = ag_conv2d(g, c->z, ag_param(g, c->set, w), AG_NONE, (Conv2dParam){1, 1});
    if (reader == KEPT)
        ag_keep(g, c->y);
    if (reader == KEPT_AFTER)
        ag_keep(g, c->z);
    if (reader == ADDED)
        z = ag_add(g, z, c->y);
    if (reader == RESHAPED)
        z = ag_add(g, z, ag_reshape(g, ag_reshape(g, c->y, shape1(ELEMENTS)), ag_shape(g, c->y)));
    if (reader == DEAD)
        ag_sigmoid(g, c->y);
    c->loss = ag_l2_loss(g, z, c->x);
}

static void chain_free(Chain *c)
{
    ag_graph_free(c->graph);
    params_free(c->set);
}

static Plan *plan_of(Graph *g, Var loss, bool plain)
{
    Plan *plan = NULL;
    Error err;
    if (!ag_plan(&plan, g, loss, (PlanOptions){.backend = cpu, .plain = plain}, &err))
        fail_msg("%s", err.text);
    return plan;
}

/* The step of a node; NULL: none. */
static const Step *step_of(const Plan *plan, Var v, bool backward)
{
    for (int t = 0; t < plan->n_steps; t++)
        if (plan->step[t].node == v.id && plan->step[t].backward == backward)
            return &plan->step[t];
    return NULL;
}

typedef struct Result {
    real loss, dx[ELEMENTS], grads[WEIGHT + 2 * C];
} Result;

static void run(const Chain *c, Plan *plan, Result *r)
{
    real x[ELEMENTS];
    Rng rng = rng_make(5, 0, 0);
    for (int i = 0; i < ELEMENTS; i++)
        x[i] = (real)rng_normal(&rng);
    memset(r, 0, sizeof *r);
    ag_write(plan, c->x, x);
    ag_run(plan, &step0);
    r->loss = ag_scalar(plan, c->loss);
    ag_read_grad(plan, c->x, r->dx);
    if (params_grads(c->set))
        memcpy(r->grads, params_grads(c->set), sizeof r->grads);
}

/* The whole grid: which ops, which activation, trained or not, who else reads. */
static void merged_where_it_may_be(void **state)
{
    static const Op ops[] = {OP_conv2d, OP_conv_transpose2d, OP_batch_norm, OP_add, OP_mul};
    (void)state;
    for (int which = 0; which < 5 * 2 * 2 * 6; which++) {
        Op op = ops[which % 5];
        bool leaky = which / 5 % 2, trained = which / 10 % 2;
        Reader reader = (Reader)(which / 20);
        bool merged = op != OP_mul && (reader == NOBODY || reader == DEAD || reader == KEPT_AFTER);
        Chain c;
        Result got, want;
        build(&c, op, leaky, trained, reader);
        Plan *plan = plan_of(c.graph, c.loss, false);
        const Step *forward = step_of(plan, c.y, false), *backward = step_of(plan, c.y, true);
        ActivationKind kind = leaky ? ACTIVATION_LEAKY_RELU : ACTIVATION_RELU;
        bool masks = merged && op == OP_batch_norm;
        assert_int_equal(forward->call.activation.kind, merged ? kind : ACTIVATION_NONE);
        assert_int_equal(backward->call.activation.kind, masks ? kind : ACTIVATION_NONE);
        assert_true(!step_of(plan, c.z, false) == merged);
        assert_true(!step_of(plan, c.z, true) == masks);
        run(&c, plan, &got);
        ag_plan_free(plan);
        chain_free(&c);

        build(&c, op, leaky, trained, reader);
        plan = plan_of(c.graph, c.loss, true);
        assert_int_equal(step_of(plan, c.y, false)->call.activation.kind, ACTIVATION_NONE);
        assert_non_null(step_of(plan, c.z, false));
        assert_non_null(step_of(plan, c.z, true));
        run(&c, plan, &want);
        assert_memory_equal(&got, &want, sizeof got);
        ag_plan_free(plan);
        chain_free(&c);
    }
}

/* The gradient takes the place of a value that nobody reads again. */
static void gradients_over_values(void **state)
{
    (void)state;
    for (int kept = 0; kept < 2; kept++) {
        Chain c;
        build(&c, OP_conv2d, false, true, kept ? KEPT_AFTER : NOBODY);
        Var after = {c.z.id + 1}; /* the second convolution, which reads z */
        assert_int_equal(c.graph->node[after.id].op, OP_conv2d);
        Plan *plan = plan_of(c.graph, c.loss, false);
        /* relu's own backward reads z, so no gradient may be over it. */
        assert_false(step_of(plan, after, true)->over_in);
        assert_true(step_of(plan, c.z, true)->in_place);
        /* Of the first convolution's operand nobody else needs the value. */
        assert_true(step_of(plan, c.y, true)->over_in);
        assert_ptr_equal(step_of(plan, c.y, true)->call.din[0].data,
                         step_of(plan, c.y, true)->call.in[0].data);
        ag_plan_free(plan);
        chain_free(&c);
        /* batch_norm makes the mask itself. */
        build(&c, OP_batch_norm, false, true, kept ? KEPT_AFTER : NOBODY);
        plan = plan_of(c.graph, c.loss, false);
        assert_true(step_of(plan, after, true)->over_in == !kept);
        ag_plan_free(plan);
        chain_free(&c);
    }
}

/* Bytes that x * detach(x) reads twice are not written over. */
static void not_over_another_operand(void **state)
{
    (void)state;
    for (int same = 0; same < 2; same++) {
        Graph *g = ag_graph_new();
        Var x = ag_input(g, "x", DTYPE_REAL, shape1(64));
        ag_want_grad(g, x);
        Var a = ag_affine(g, x, (AffineParam){2, 0}), b = ag_affine(g, x, (AffineParam){3, 0});
        Var y = ag_mul(g, a, ag_detach(g, same ? a : b));
        Plan *plan = plan_of(g, ag_l2_loss(g, y, x), false);
        assert_true(step_of(plan, y, true)->over_in == !same);
        ag_plan_free(plan);
        ag_graph_free(g);
    }
}

/* The imitator's last block: besides its small input and output, training holds two images of its
 * size, where every value and gradient on its own would be six. */
static void two_images_are_enough(void **state)
{
    (void)state;
    enum { BIG = 4 * 8 * 64 * 64 * (int)sizeof(real) };
    Error err;
    ParamSet *set = params_new();
    const Init init = {INIT_NORMAL, (real).3};
    Param w1 = params_declare(set, "w1", shape4(2, 8, 4, 4), init);
    Param w2 = params_declare(set, "w2", shape4(8, 1, 4, 4), init);
    Param norm[4];
    for (int i = 0; i < 4; i++) {
        static const char *const name[] = {"gamma", "beta", "mean", "var"};
        norm[i] = (i < 2 ? params_declare : params_declare_buffer)(
            set, name[i], shape1(8), (Init){INIT_CONSTANT, (real)(i % 3 == 0)});
    }
    assert_true(params_alloc(set, cpu, true, 3, &err));
    Graph *g = ag_graph_new();
    Var x = ag_input(g, "x", DTYPE_REAL, shape4(4, 2, 32, 32));
    Var target = ag_input(g, "target", DTYPE_REAL, shape4(4, 1, 128, 128));
    const ConvTranspose2dParam twice = {2, 1};
    Var y = ag_conv_transpose2d(g, x, ag_param(g, set, w1), AG_NONE, twice);
    y = ag_relu(g, ag_batch_norm(g, y, ag_param(g, set, norm[0]), ag_param(g, set, norm[1]),
                                 ag_param(g, set, norm[2]), ag_param(g, set, norm[3]),
                                 (BatchNormParam){(real)1e-5, (real).1, true}));
    y = ag_conv_transpose2d(g, y, ag_param(g, set, w2), AG_NONE, twice);
    Var loss = ag_l1_loss(g, y, target);
    Plan *plan = plan_of(g, loss, false);
    int most = 0;
    for (int t = 0; t < plan->n_steps; t++) {
        int images = 0;
        for (int i = 0; i < plan->n_blocks; i++) {
            const Block *b = &plan->block[i];
            images += b->bytes == BIG && b->first <= t && t <= b->last;
        }
        most = images > most ? images : most;
    }
    assert_int_equal(most, 2);
    assert_int_equal(plan->n_forward, 4);
    assert_int_equal(plan->n_steps, 8);
    ag_plan_free(plan);
    ag_graph_free(g);
    params_free(set);
}

static void dump_tells(void **state)
{
    (void)state;
    char text[4096] = "";
    Error err;
    Chain c;
    Plan *plan;
    FILE *out = tmpfile();
    build(&c, OP_batch_norm, true, true, NOBODY);
    assert_true(ag_plan(&plan, c.graph, c.loss, (PlanOptions){.backend = cpu, .dump = out}, &err));
    rewind(out);
    assert_true(fread(text, 1, sizeof text - 1, out) > 0);
    fclose(out);
    assert_non_null(strstr(text, "forward  batch_norm+leaky_relu"));
    assert_non_null(strstr(text, "backward batch_norm+leaky_relu"));
    assert_non_null(strstr(text, "over its operand"));
    ag_plan_free(plan);
    chain_free(&c);
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
        cmocka_unit_test(merged_where_it_may_be),
        cmocka_unit_test(gradients_over_values),
        cmocka_unit_test(not_over_another_operand),
        cmocka_unit_test(two_images_are_enough),
        cmocka_unit_test(dump_tells),
    };
    return cmocka_run_group_tests(tests, open_backend, close_backend);
}
