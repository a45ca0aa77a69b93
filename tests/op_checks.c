#include "tests/op_checks.h"

#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#ifdef REAL_IS_DOUBLE
static const double ACCUMULATE_BOUND = 1e-12;
#else
static const double ACCUMULATE_BOUND = 1e-6;
#endif

real *case_copy(Tensor t)
{
    real *copy = malloc(tensor_bytes(t) + 1);
    assert_non_null(copy);
    memcpy(copy, t.data, tensor_bytes(t));
    return copy;
}

void case_expect_bits(const OpCase *c, Tensor t, const void *want, const char *what)
{
    if (memcmp(t.data, want, tensor_bytes(t)) != 0)
        fail_msg("%s %s: %s", c->row->op_name, c->row->shapes, what);
}

void case_accumulate_check(OpCase *c)
{
    real *plain[OP_MAX_IN] = {NULL};

    case_forward(c, false);
    case_backward(c, ALL_INPUTS, 0, CASE_APART);
    for (int i = 0; i < c->n_in; i++)
        if (case_wants(c, i)) {
            plain[i] = case_copy(c->din[i]);
            for (int64_t k = 0; k < shape_count(c->in[i].shape); k++)
                ((real *)c->din[i].data)[k] = (real)(k % 5 + 1);
        }
    case_backward(c, ALL_INPUTS, 1, CASE_APART);
    for (int i = 0; i < c->n_in; i++)
        if (case_wants(c, i)) {
            for (int64_t k = 0; k < shape_count(c->in[i].shape); k++) {
                double want = (double)plain[i][k] + (double)(k % 5 + 1);
                double got = (double)((real *)c->din[i].data)[k];
                double bound = ACCUMULATE_BOUND * (fabs(want) + 1);
                if ((c->half & READS_IN(i)) != 0) /* bfloat16 rounds the plain one and the sum */
                    bound += (fabs((double)plain[i][k]) + fabs(want)) / 256;
                if (!(fabs(got - want) <= bound))
                    fail_msg("%s %s: beta 1 gives din %d %g instead of %g", c->row->op_name,
                             c->row->shapes, i, got, want);
            }
            free(plain[i]);
        }
}

void case_unwanted_check(OpCase *c)
{
    real *all[OP_MAX_IN] = {NULL};

    case_forward(c, false);
    case_backward(c, 0, 0, CASE_APART);
    case_backward(c, ALL_INPUTS, 0, CASE_APART);
    for (int i = 0; i < c->n_in; i++)
        if (case_wants(c, i))
            all[i] = case_copy(c->din[i]);
    for (int i = 0; i < c->n_in; i++)
        if (case_wants(c, i)) {
            for (int64_t k = 0; k < shape_count(c->in[i].shape); k++)
                ((real *)c->din[i].data)[k] = (real)NAN;
            case_backward(c, 1u << i, 0, CASE_APART);
            case_expect_bits(c, c->din[i], all[i], "a gradient depends on which others are wanted");
        }
    for (int i = 0; i < c->n_in; i++)
        free(all[i]);
}

void case_constant_check(OpCase *c)
{
    real *in[OP_MAX_IN] = {NULL}, *saved[OP_MAX_SAVED] = {NULL};

    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].data != NULL)
            in[i] = case_copy(c->in[i]);
    real *dout = case_copy(c->dout);
    case_forward(c, false);
    for (int i = 0; i < c->n_in; i++) {
        if (in[i] != NULL && (c->info->flags & OP_UPDATES(i)) == 0)
            case_expect_bits(c, c->in[i], in[i], "forward wrote an input");
        free(in[i]);
        in[i] = c->in[i].data != NULL ? case_copy(c->in[i]) : NULL;
    }
    real *out = case_copy(c->out);
    for (int s = 0; s < OP_MAX_SAVED; s++)
        if (c->saved[s].data != NULL)
            saved[s] = case_copy(c->saved[s]);
    case_backward(c, ALL_INPUTS, 0, CASE_APART);
    for (int i = 0; i < c->n_in; i++) {
        if (in[i] != NULL)
            case_expect_bits(c, c->in[i], in[i], "backward wrote an input");
        free(in[i]);
    }
    for (int s = 0; s < OP_MAX_SAVED; s++) {
        if (saved[s] != NULL)
            case_expect_bits(c, c->saved[s], saved[s], "backward wrote what was saved");
        free(saved[s]);
    }
    case_expect_bits(c, c->out, out, "backward wrote out");
    case_expect_bits(c, c->dout, dout, "backward wrote dout");
    free(out);
    free(dout);
}

/* Every gradient, with din[0] in place of another operand. */
static void expect_gradients(OpCase *c, real *const *din, CasePlace place, const char *what)
{
    case_reset(c);
    case_forward(c, false);
    case_backward(c, ALL_INPUTS, 0, place);
    for (int i = 0; i < c->n_in; i++)
        if (case_wants(c, i))
            case_expect_bits(c,
                             i > 0 || place == CASE_APART ? c->din[i]
                             : place == CASE_OVER_DOUT    ? c->dout
                                                          : c->in[0],
                             din[i], what);
}

static void in_place_check(OpCase *c, real *const *din)
{
    if ((c->info->flags & OP_IN_PLACE) != 0) {
        case_reset(c);
        case_forward(c, false);
        real *out = case_copy(c->out);
        case_reset(c);
        case_forward(c, true);
        case_expect_bits(c, c->in[0], out, "out in place of in[0] differs");
        free(out);
        expect_gradients(c, din, CASE_OVER_DOUT, "a gradient differs with din[0] in place of dout");
    }
    if ((c->info->flags & OP_GRAD_OVER_IN) != 0)
        expect_gradients(c, din, CASE_OVER_IN, "a gradient differs with din[0] in place of in[0]");
}

void case_in_place_check(OpCase *c)
{
    real *din[OP_MAX_IN] = {NULL};

    case_forward(c, false);
    case_backward(c, ALL_INPUTS, 0, CASE_APART);
    for (int i = 0; i < c->n_in; i++)
        if (case_wants(c, i))
            din[i] = case_copy(c->din[i]);
    in_place_check(c, din);
    for (int i = 0; i < c->n_in; i++)
        free(din[i]);
}

static real activated(Activation a, real x)
{
    if (a.kind == ACTIVATION_RELU)
        return x < 0 ? 0 : x;
    return x > 0 ? x : a.slope * x;
}

/* dout behind the activation whose values are y. */
static void mask(const OpCase *c, Activation a, const real *y)
{
    real *dout = c->dout.data;

    for (int64_t k = 0; k < shape_count(c->dout.shape); k++)
        if (!(y[k] > 0))
            dout[k] = a.kind == ACTIVATION_RELU ? 0 : a.slope * dout[k];
}

static void activation_check(OpCase *c, Activation a)
{
    real *din[OP_MAX_IN] = {NULL};
    int64_t n = shape_count(c->out.shape), below = 0;

    c->activation = (Activation){.kind = ACTIVATION_NONE};
    case_reset(c);
    case_forward(c, false);
    real *y = case_copy(c->out);
    for (int64_t k = 0; k < n; k++) {
        below += y[k] < 0;
        y[k] = activated(a, y[k]);
    }
    assert_true(below > 0 && below < n); /* a case that shows nothing is a wrong case */
    if ((c->info->flags & OP_MASKS) != 0)
        mask(c, a, y);
    case_backward(c, ALL_INPUTS, 0, CASE_APART);
    for (int i = 0; i < c->n_in; i++)
        if (case_wants(c, i))
            din[i] = case_copy(c->din[i]);

    c->activation = a;
    expect_gradients(c, din, CASE_APART, "a gradient differs with the activation merged");
    case_expect_bits(c, c->out, y, "out differs with the activation merged");
    in_place_check(c, din);
    free(y);
    for (int i = 0; i < c->n_in; i++)
        free(din[i]);
}

void case_activation_check(OpCase *c)
{
    if ((c->info->flags & OP_ACTIVATES) == 0)
        return;
    activation_check(c, (Activation){.kind = ACTIVATION_RELU});
    activation_check(c, (Activation){ACTIVATION_LEAKY_RELU, (real).2});
}
