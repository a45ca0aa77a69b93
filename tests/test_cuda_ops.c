/* The generated grid on a CUDA device, or on tests/cuda_emulation where the program is linked with
 * that: in double against the CPU, in float against the CPU in double (tests/test_ops --values).
 * Exits 77 without a device. */
#include "config.h" /* setenv */

#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libtensor/cuda/backend_cuda.h"
#include "tests/op_checks.h"

/* Largest difference over the largest element of each result. */
#ifdef REAL_IS_DOUBLE
static const double BOUND = 1e-11;
#else
static const double BOUND = 2e-6;
#endif

static Backend *device;
#ifndef REAL_IS_DOUBLE
static Backend *rough; /* in bfloat16 */
#endif

static void each_case(void (*check)(OpCase *))
{
    for (int r = 0; r < op_case_count; r++) {
        OpCase c;
        case_open(&c, &op_case_rows[r], device);
        check(&c);
        case_free(&c);
    }
}

/* Largest |x - want| over the largest |want|; want comes from the pipe. */
static double error_of(FILE *values, Tensor t)
{
    int64_t n = shape_count(t.shape);
    const real *x = t.data;
    double *want = malloc((size_t)n * sizeof *want), largest = 0, worst = 0;

    assert_non_null(want);
    assert_int_equal((int)fread(want, sizeof *want, (size_t)n, values), (int)n);
    for (int64_t k = 0; k < n; k++) {
        largest = fmax(largest, fabs(want[k]));
        worst = fmax(worst, isnan(x[k]) ? INFINITY : fabs((double)x[k] - want[k]));
    }
    free(want);
    return worst == 0 ? 0 : worst / largest;
}

/* All cases against the CPU in double; fails where one is off by more than the bound. The worst of
 * each op, unless NULL. */
static void compare(Backend *backend, double bound, double worst[OP_COUNT])
{
    FILE *values = popen("exec " TEST_OPS " --values", "r");

    assert_non_null(values);
    for (int r = 0; r < op_case_count; r++) {
        OpCase c;
        case_open(&c, &op_case_rows[r], backend);
        case_forward(&c, false);
        case_backward(&c, ALL_INPUTS, 0, CASE_APART);
        for (int i = -1; i < c.n_in; i++) {
            bool updated = i >= 0 && (c.info->flags & OP_UPDATES(i)) != 0;
            if (i >= 0 && !case_wants(&c, i) && !updated)
                continue;
            double error = error_of(values, i < 0 ? c.out : updated ? c.in[i] : c.din[i]);
            if (!(error <= bound))
                fail_msg("%s %s: %s %d is off by %g", c.row->op_name, c.row->shapes,
                         i < 0 ? "out" : "operand", i, error);
            if (worst != NULL)
                worst[c.row->op] = fmax(worst[c.row->op], error);
        }
        case_free(&c);
    }
    assert_int_equal(fgetc(values), EOF);
    assert_int_equal(pclose(values), 0);
}

static void test_as_on_cpu(void **state)
{
    (void)state;
    compare(device, BOUND, NULL);
}

#ifndef REAL_IS_DOUBLE
/* Factors of convolutions rounded to 11 or 8 bits: not more wrong than that, and not less. */
static void check_precision(Precision precision, double unit)
{
    Error err = {""};
    Backend *backend = backend_cuda_open((CudaOptions){.precision = precision}, &err);
    double worst[OP_COUNT] = {0};

    if (backend == NULL)
        fail_msg("%s", err.text);
    compare(backend, 4 * unit, worst);
    assert_true(worst[OP_conv2d] > unit / 16);
    assert_true(worst[OP_conv_transpose2d] > unit / 16);
    assert_true(worst[OP_batch_norm] <= BOUND);
    backend_close(backend);
}

static void test_tf32(void **state)
{
    (void)state;
    check_precision(PRECISION_TF32, 1. / 2048);
}

static void test_bf16(void **state)
{
    (void)state;
    check_precision(PRECISION_BF16, 1. / 256);
}
#endif

/* The same bits again; where the device is emulated, with all threads and blocks in reverse order.
 */
static void check_order(OpCase *c)
{
    real *din[OP_MAX_IN] = {NULL};

    case_forward(c, false);
    case_backward(c, ALL_INPUTS, 0, CASE_APART);
    real *out = case_copy(c->out);
    for (int i = 0; i < c->n_in; i++)
        if (case_wants(c, i))
            din[i] = case_copy(c->din[i]);
    setenv("CUDA_EMULATION_REVERSE", "1", 1);
    case_reset(c);
    case_forward(c, false);
    case_backward(c, ALL_INPUTS, 0, CASE_APART);
    unsetenv("CUDA_EMULATION_REVERSE");
    case_expect_bits(c, c->out, out, "out depends on the order of threads");
    for (int i = 0; i < c->n_in; i++) {
        if (case_wants(c, i))
            case_expect_bits(c, c->din[i], din[i], "a gradient depends on the order of threads");
        free(din[i]);
    }
    free(out);
}

static void test_order(void **state)
{
    (void)state;
    each_case(check_order);
}

#ifndef REAL_IS_DOUBLE
/* Of results in float: tensor cores cut sums off rather than round them. */
static const double SUM_BOUND = 1e-5;

/* What a result that is kept as bfloat16 may be off by: it is rounded once; where cuBLAS makes a
 * convolution, the product is, and its sum with the bias again. */
static double half_bound(Op op)
{
    return (op == OP_conv2d || op == OP_conv_transpose2d ? 2. : 1.) / 256;
}

/* The cases that have operands of `half`, with these as bfloat16: nothing but their results is
 * rounded, for all that goes in is as bfloat16 holds it. Returns how many results were rounded. */
static int compare_half(unsigned half)
{
    FILE *values = popen("exec " TEST_OPS " --coarse-values", "r");
    int rounded = 0;

    assert_non_null(values);
    for (int r = 0; r < op_case_count; r++) {
        OpCase c;
        case_open_half(&c, &op_case_rows[r], rough, half);
        if (c.half != 0) {
            case_forward(&c, false);
            case_backward(&c, ALL_INPUTS, 0, CASE_APART);
        }
        for (int i = -1; i < c.n_in; i++) {
            bool updated = i >= 0 && (c.info->flags & OP_UPDATES(i)) != 0;
            bool is_half = (c.half & (i < 0 ? READS_OUT : READS_IN(i))) != 0;
            if (i >= 0 && !case_wants(&c, i) && !updated)
                continue;
            double error = error_of(values, i < 0 ? c.out : updated ? c.in[i] : c.din[i]);
            if (c.half != 0 && !(error <= SUM_BOUND + (is_half ? half_bound(c.row->op) : 0)))
                fail_msg("%s %s, half %x: %s %d is off by %g", c.row->op_name, c.row->shapes,
                         c.half, i < 0 ? "out" : "operand", i, error);
            rounded += c.half != 0 && error > SUM_BOUND;
        }
        case_free(&c);
    }
    assert_int_equal(fgetc(values), EOF);
    assert_int_equal(pclose(values), 0);
    return rounded;
}

static void test_half(void **state)
{
    (void)state;
    assert_true(compare_half(~0u) > 0);
    assert_true(compare_half(READS_OUT) > 0);
    assert_true(compare_half(ALL_INPUTS) > 0);
}

/* What holds for every op, where it has operands in bfloat16. */
static void test_half_checks(void **state)
{
    static void (*const checks[])(OpCase *) = {check_order, case_accumulate_check,
                                               case_in_place_check};
    (void)state;
    for (size_t k = 0; k < sizeof checks / sizeof *checks; k++)
        for (int r = 0; r < op_case_count; r++) {
            if (rough->half[op_case_rows[r].op] == 0)
                continue;
            OpCase c;
            case_open_half(&c, &op_case_rows[r], rough, ~0u);
            checks[k](&c);
            case_free(&c);
        }
}
#endif

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_on_cpu),   cmocka_unit_test(test_order),
        cmocka_unit_test(test_accumulate),  cmocka_unit_test(test_unwanted),
        cmocka_unit_test(test_constant),    cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_activations),
#ifndef REAL_IS_DOUBLE
        cmocka_unit_test(test_tf32),        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_half),        cmocka_unit_test(test_half_checks),
#endif
    };
    Error err = {""};

    if (cuda_device_count() == 0)
        return 77;
    device = backend_cuda_open((CudaOptions){.precision = PRECISION_FP32}, &err);
    if (device == NULL) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
#ifndef REAL_IS_DOUBLE
    rough = backend_cuda_open((CudaOptions){.precision = PRECISION_BF16}, &err);
    if (rough == NULL) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
#endif
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
#ifndef REAL_IS_DOUBLE
    backend_close(rough);
#endif
    backend_close(device);
    return failed;
}
