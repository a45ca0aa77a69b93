/* The losses that are more than one op, against their formulas written out. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

#include "libautograd/ops.h"
#include "libtensor/rng.h"
#include "nets/losses.h"

enum { CHANNELS = 2, CLASSES = 3, SIDE = 2, PIXELS = SIDE * SIDE };

static void fill(real *value, int n, uint32_t stream)
{
    Rng rng = rng_make(3, stream, 0);
    for (int i = 0; i < n; i++)
        value[i] = rng_range(&rng, 0.1f, 1);
}

/* Plans the graph and writes its inputs; the caller frees both. */
static Plan *plan_of(Graph *g, Backend *cpu, const Var *input, real *const *value, int n)
{
    Plan *plan;
    Error err;
    if (!ag_plan(&plan, g, AG_NONE, (PlanOptions){.backend = cpu}, &err))
        fail_msg("%s", err.text);
    for (int i = 0; i < n; i++)
        ag_write(plan, input[i], value[i]);
    ag_run(plan, &(StepState){0});
    return plan;
}

static void content_sums_every_facial_class(void **state)
{
    real f[CHANNELS * PIXELS], p[CLASSES * PIXELS], tf[CHANNELS * PIXELS], tp[CLASSES * PIXELS];
    Backend *cpu = backend_cpu_open();
    Graph *g = ag_graph_new();
    Shape features = shape4(1, CHANNELS, SIDE, SIDE), maps = shape4(1, CLASSES, SIDE, SIDE);
    Var in[4] = {ag_input(g, "f", DTYPE_REAL, features), ag_input(g, "p", DTYPE_REAL, maps),
                 ag_input(g, "tf", DTYPE_REAL, features), ag_input(g, "tp", DTYPE_REAL, maps)};
    double expected = 0;
    (void)state;

    fill(f, CHANNELS * PIXELS, 0);
    fill(p, CLASSES * PIXELS, 1);
    fill(tf, CHANNELS * PIXELS, 2);
    fill(tp, CLASSES * PIXELS, 3);
    for (int k = 1; k < CLASSES; k++)
        for (int i = 0; i < CHANNELS * PIXELS; i++) {
            int at = k * PIXELS + i % PIXELS;
            expected += fabs((double)p[at] * f[i] - (double)tp[at] * tf[i]) / (CHANNELS * PIXELS);
        }
    Var loss = loss_content_features(g, in[0], in[1], in[2], in[3]);
    ag_keep(g, loss);
    Plan *plan = plan_of(g, cpu, in, (real *[]){f, p, tf, tp}, 4);
    assert_float_equal(ag_scalar(plan, loss), expected, 1e-6);
    ag_plan_free(plan);
    ag_graph_free(g);
    backend_close(cpu);
}

/* The mean under p^3; what keeps an empty region from dividing by 0 may cost 2 % at the most where
 * a region has about a pixel. */
static void colour_is_the_mean_of_sure_pixels(void **state)
{
    real picture[3 * 4 * PIXELS], p[CLASSES * PIXELS], colour[CLASSES * 3];
    Backend *cpu = backend_cpu_open();
    Graph *g = ag_graph_new();
    Var in[2] = {ag_input(g, "picture", DTYPE_REAL, shape4(1, 3, 2 * SIDE, 2 * SIDE)),
                 ag_input(g, "p", DTYPE_REAL, shape4(1, CLASSES, SIDE, SIDE))};
    (void)state;

    fill(picture, 3 * 4 * PIXELS, 4);
    fill(p, CLASSES * PIXELS, 5);
    for (int k = 0; k < CLASSES; k++)
        p[k * PIXELS + k] = 1;
    Var out = region_colour(g, in[0], in[1]);
    ag_keep(g, out);
    Plan *plan = plan_of(g, cpu, in, (real *[]){picture, p}, 2);
    ag_read(plan, out, colour);
    for (int k = 0; k < CLASSES; k++)
        for (int c = 0; c < 3; c++) {
            double sum = 0, weight = 0;
            for (int y = 0; y < 2 * SIDE; y++)
                for (int x = 0; x < 2 * SIDE; x++) {
                    double w = pow(p[k * PIXELS + y / 2 * SIDE + x / 2], 3);
                    sum += w * picture[(c * 2 * SIDE + y) * 2 * SIDE + x];
                    weight += w;
                }
            assert_float_equal(colour[3 * k + c], sum / weight, 0.02 * sum / weight);
        }
    ag_plan_free(plan);
    ag_graph_free(g);
    backend_close(cpu);
}

static void weighted_counts_pixels_and_squares(void **state)
{
    enum { N = 2, VALUES = N * CHANNELS * PIXELS };
    real a[VALUES], b[VALUES], weight[N * PIXELS], d[VALUES];
    Backend *cpu = backend_cpu_open();
    Graph *g = ag_graph_new();
    Shape picture = shape4(N, CHANNELS, SIDE, SIDE);
    Var in[3] = {ag_input(g, "a", DTYPE_REAL, picture), ag_input(g, "b", DTYPE_REAL, picture),
                 ag_input(g, "weight", DTYPE_REAL, shape4(N, 1, SIDE, SIDE))};
    double expected = 0;
    Plan *plan;
    Error err;
    (void)state;

    fill(a, VALUES, 6);
    fill(b, VALUES, 7);
    fill(weight, N * PIXELS, 8);
    ag_want_grad(g, in[0]);
    Var loss = loss_weighted(g, in[0], in[1], in[2], 3);
    if (!ag_plan(&plan, g, loss, (PlanOptions){.backend = cpu}, &err))
        fail_msg("%s", err.text);
    ag_write(plan, in[0], a);
    ag_write(plan, in[1], b);
    ag_write(plan, in[2], weight);
    ag_run(plan, &(StepState){0});
    ag_read_grad(plan, in[0], d);
    for (int i = 0; i < VALUES; i++) {
        real w = weight[i / (CHANNELS * PIXELS) * PIXELS + i % PIXELS];
        double e = (double)w * (double)(a[i] - b[i]);
        expected += (fabs(e) + 3 * e * e) / VALUES;
        assert_float_equal(d[i], (double)w * ((e > 0 ? 1 : -1) + 6 * e) / VALUES, 1e-7);
    }
    assert_float_equal(ag_scalar(plan, loss), expected, 1e-6);
    ag_plan_free(plan);
    ag_graph_free(g);
    backend_close(cpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_sums_every_facial_class),
        cmocka_unit_test(colour_is_the_mean_of_sure_pixels),
        cmocka_unit_test(weighted_counts_pixels_and_squares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
