/* Every op, in double precision: the grid that tests/op_cases.def generates, and the error texts of
 * tests/op_errors.def.
 *
 *   test_ops            runs the tests
 *   test_ops --values   writes out, every din and every updated input of each case row as doubles:
 *                       what test_ops_float and test_cuda_ops compare with
 *   test_ops --coarse-values   the same of numbers that bfloat16 holds */
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "tests/op_checks.h"

static void threads(int n)
{
#ifdef _OPENMP
    omp_set_num_threads(n);
#else
    (void)n;
#endif
}

static double loss(OpCase *c)
{
    double sum = 0;

    case_forward(c, false);
    for (int64_t k = 0; k < shape_count(c->out.shape); k++)
        sum += (double)((real *)c->out.data)[k] * (double)((real *)c->dout.data)[k];
    return sum;
}

/* d loss / d in[i][k] by the five-point formula; its error is of order step^4. */
static double difference(OpCase *c, int i, int64_t k)
{
    const double step = 1e-3;
    real *x = &((real *)c->in[i].data)[k], at = *x;
    double f[4];
    static const int steps[4] = {-2, -1, 1, 2};

    for (int s = 0; s < 4; s++) {
        *x = (real)((double)at + steps[s] * step);
        f[s] = loss(c);
    }
    *x = at;
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step);
}

static void each_case(void (*check)(OpCase *))
{
    for (int r = 0; r < op_case_count; r++) {
        OpCase c;
        case_open(&c, &op_case_rows[r], NULL);
        check(&c);
        case_free(&c);
    }
}

static void check_gradient(OpCase *c)
{
    case_forward(c, false);
    case_backward(c, ALL_INPUTS, 0, CASE_APART);
    for (int i = 0; i < c->n_in; i++) {
        if (!case_wants(c, i))
            continue;
        const real *g = c->din[i].data;
        double largest = 0, worst = 0;
        int64_t where = 0;
        int64_t n = shape_count(c->in[i].shape);
        for (int64_t k = 0; k < n; k += 1 + n / 400) { /* all, or a few hundred of a large one */
            double fd = difference(c, i, k), error = fabs(fd - (double)g[k]);
            largest = fmax(largest, fabs(fd));
            assert_false(isnan(g[k])); /* beta 0 must not read din */
            if (error > worst) {
                worst = error;
                where = k;
            }
        }
        assert_true(largest > 0); /* a case that shows nothing is a wrong case */
        if (!(worst <= 1e-7 * largest))
            fail_msg("%s %s: gradient to input %d is off by %g of %g, at %lld", c->row->op_name,
                     c->row->shapes, i, worst, largest, (long long)where);
    }
}

static void check_threads(OpCase *c)
{
    real *din[OP_MAX_IN] = {NULL};

    threads(1);
    case_forward(c, false);
    case_backward(c, ALL_INPUTS, 0, CASE_APART);
    real *out = case_copy(c->out);
    for (int i = 0; i < c->n_in; i++)
        if (case_wants(c, i))
            din[i] = case_copy(c->din[i]);
    for (int n = 2; n <= 3; n++) {
        threads(n);
        case_reset(c);
        case_forward(c, false);
        case_backward(c, ALL_INPUTS, 0, CASE_APART);
        case_expect_bits(c, c->out, out, "out depends on the number of threads");
        for (int i = 0; i < c->n_in; i++)
            if (case_wants(c, i))
                case_expect_bits(c, c->din[i], din[i],
                                 "a gradient depends on the number of threads");
    }
    threads(2);
    free(out);
    for (int i = 0; i < c->n_in; i++)
        free(din[i]);
}

static void test_gradients(void **state)
{
    (void)state;
    threads(1); /* thousands of tiny calls: no use for a team */
    each_case(check_gradient);
    threads(2);
}

static void test_accumulate(void **state)
{
    (void)state;
    each_case(case_accumulate_check);
}

static void test_unwanted(void **state)
{
    (void)state;
    each_case(case_unwanted_check);
}

static void test_constant(void **state)
{
    (void)state;
    each_case(case_constant_check);
}

static void test_threads(void **state)
{
    (void)state;
    each_case(check_threads);
}

static void test_in_place(void **state)
{
    (void)state;
    each_case(case_in_place_check);
}

static void test_activations(void **state)
{
    (void)state;
    each_case(case_activation_check);
}

typedef struct ErrorRow {
    Op op;
    const char *types, *shapes;
    const void *param;
    const char *text;
} ErrorRow;

#ifdef REAL_IS_DOUBLE
#define REAL_NAME "f64"
#else
#define REAL_NAME "f32"
#endif

static const ErrorRow error_rows[] = {
#define ERROR(op, types, shapes, text, Param, ...) \
    {OP_##op, types, shapes, &(const Param)__VA_ARGS__, text},
#include "tests/op_errors.def"
#undef ERROR
};

static void test_errors(void **state)
{
    bool seen[OP_COUNT] = {false};
    (void)state;

    for (size_t r = 0; r < sizeof error_rows / sizeof *error_rows; r++) {
        const ErrorRow *row = &error_rows[r];
        InferIn in = {.param = row->param};
        InferOut out = {0};
        Error err = {""};
        in.n_in = parse_shapes(row->shapes, in.in);
        for (int i = 0; i < in.n_in; i++)
            in.type[i] = row->types[i] == 'i' ? DTYPE_I32 : DTYPE_REAL;
        assert_false(op_info(row->op)->infer(&in, &out, &err));
        assert_string_equal(err.text, row->text);
        seen[row->op] = true;
    }
    for (int op = 0; op < OP_COUNT; op++)
        if (!seen[op])
            fail_msg("%s has no row in tests/op_errors.def", op_info((Op)op)->name);
}

static void test_every_op_has_a_case(void **state)
{
    bool seen[OP_COUNT] = {false};
    (void)state;

    for (int r = 0; r < op_case_count; r++)
        seen[op_case_rows[r].op] = true;
    for (int op = 0; op < OP_COUNT; op++)
        if (!seen[op])
            fail_msg("%s has no row in tests/op_cases.def", op_info((Op)op)->name);
}

static void write_values(OpCase *c)
{
    case_forward(c, false);
    case_backward(c, ALL_INPUTS, 0, CASE_APART);
    fwrite(c->out.data, 1, tensor_bytes(c->out), stdout);
    for (int i = 0; i < c->n_in; i++)
        if (case_wants(c, i))
            fwrite(c->din[i].data, 1, tensor_bytes(c->din[i]), stdout);
        else if ((c->info->flags & OP_UPDATES(i)) != 0)
            fwrite(c->in[i].data, 1, tensor_bytes(c->in[i]), stdout);
}

static void write_coarse_values(void)
{
    for (int r = 0; r < op_case_count; r++) {
        OpCase c;
        case_open_half(&c, &op_case_rows[r], NULL, 0);
        write_values(&c);
        case_free(&c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_op_has_a_case),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_accumulate),
        cmocka_unit_test(test_unwanted),
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_errors),
    };

    if (argc == 2 && strcmp(argv[1], "--values") == 0) {
        each_case(write_values);
        return fflush(stdout) != 0;
    }
    if (argc == 2 && strcmp(argv[1], "--coarse-values") == 0) {
        write_coarse_values();
        return fflush(stdout) != 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
