/* Everything a player can set shows: each of the 208 bone sliders of each model, and each option
 * of each group against every other. Skipped without the asset pack. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/engine.h"
#include "tests/engine_files.h"

/* A picture shows a change if at least `ENOUGH` of its pixels differ by more than `VISIBLE` in a
 * channel. */
enum { SIZE = 256, PIXELS = SIZE * SIZE, VISIBLE = 12, ENOUGH = 30 };

enum { MODELS = 3, MAX_OPTIONS = 64 };

static const char *const model[MODELS] = {"male", "female", "girl"};
static Engine *engine[MODELS];

static int set_up(void **state)
{
    (void)state;
    return engines_open(engine, model, MODELS);
}

static int tear_down(void **state)
{
    (void)state;
    return engines_close(engine, MODELS);
}

static void choose(const Schema *s, float *x, int group, int option)
{
    for (int k = 0; k < s->group[group].count; k++)
        x[s->group[group].begin + k] = k == option ? 1.0f : 0.0f;
}

static void choose_named(const Schema *s, float *x, const char *group, const char *option)
{
    int g = schema_find_group(s, group), k = 0;
    while (g >= 0 && k < s->group[g].count && strcmp(s->group[g].option[k].name, option) != 0)
        k++;
    if (g < 0 || k == s->group[g].count)
        fail_msg("%s has no %s \"%s\"", s->name, group, option);
    choose(s, x, g, k);
}

static bool draw(int m, const float *x, uint8_t *rgb)
{
    Error err;
    RenderOptions o = render_options_default();
    o.size = SIZE;
    return engine_render(engine[m], x, &o, rgb, NULL, &err);
}

static int pixels_apart(const uint8_t *a, const uint8_t *b)
{
    int n = 0;
    for (int i = 0; i < PIXELS; i++)
        n += abs(a[3 * i] - b[3 * i]) > VISIBLE || abs(a[3 * i + 1] - b[3 * i + 1]) > VISIBLE ||
             abs(a[3 * i + 2] - b[3 * i + 2]) > VISIBLE;
    return n;
}

/* Pixels that change between the ends of a control, all else at x; -1: out of memory. */
static int pixels_of_control(int m, const float *x, int control)
{
    size_t dim = (size_t)engine_schema(engine[m])->dim;
    float *y = malloc(dim * sizeof *y);
    uint8_t *rgb = malloc(2 * PIXELS * 3);
    int n = -1;
    if (y && rgb) {
        memcpy(y, x, dim * sizeof *y);
        y[control] = 0;
        bool ok = draw(m, y, rgb);
        y[control] = 1;
        ok = ok && draw(m, y, rgb + PIXELS * 3);
        n = ok ? pixels_apart(rgb, rgb + PIXELS * 3) : -1;
    }
    free(y);
    free(rgb);
    return n;
}

/* An imitator learns nothing from a slider that does not show. */
static void every_bone_shows(void **state)
{
    int m = *(const int *)*state, failed = 0;
    const Schema *s = engine_schema(engine[m]);
    float *x = malloc((size_t)s->dim * sizeof *x);
    int *pixels = malloc((size_t)s->n_continuous * sizeof *pixels);
    assert_true(x && pixels);
    schema_average(s, x);
    choose_named(s, x, "hair", "bald");
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < s->n_continuous; i++)
        pixels[i] = s->control[i].kind == CONTROL_BONE ? pixels_of_control(m, x, i) : ENOUGH;
    for (int i = 0; i < s->n_continuous; i++)
        if (pixels[i] < ENOUGH) {
            print_error("%s: %s changes %d pixels only\n", model[m], s->control[i].name, pixels[i]);
            failed++;
        }
    assert_int_equal(failed, 0);
    free(pixels);
    free(x);
}

static void every_option_shows(void **state)
{
    int m = *(const int *)*state, failed = 0;
    const Schema *s = engine_schema(engine[m]);
    float *x = malloc((size_t)s->dim * sizeof *x);
    assert_non_null(x);
    for (int g = 0; g < s->n_groups; g++) {
        const ControlGroup *group = &s->group[g];
        uint8_t *rgb[MAX_OPTIONS];
        bool ok[MAX_OPTIONS];
        assert_true(group->count <= MAX_OPTIONS);
        schema_average(s, x);
        choose_named(s, x, "hair", "bald");
        /* A lipstick is a style and a colour: each shows on a plain one of the other. */
        if (strcmp(group->name, "lipstick-colour") == 0)
            choose_named(s, x, "lipstick-style", "satin");
        if (strcmp(group->name, "lipstick-style") == 0)
            choose_named(s, x, "lipstick-colour", "red");
#pragma omp parallel for schedule(dynamic)
        for (int k = 0; k < group->count; k++) {
            float *y = malloc((size_t)s->dim * sizeof *y);
            rgb[k] = malloc(PIXELS * 3);
            ok[k] = y && rgb[k];
            if (ok[k]) {
                memcpy(y, x, (size_t)s->dim * sizeof *y);
                choose(s, y, g, k);
                ok[k] = draw(m, y, rgb[k]);
            }
            free(y);
        }
        for (int k = 0; k < group->count; k++) {
            assert_true(ok[k]);
            for (int j = 0; j < k; j++) {
                int n = pixels_apart(rgb[j], rgb[k]);
                if (n >= ENOUGH)
                    continue;
                print_error("%s, %s: \"%s\" and \"%s\" differ by %d pixels only\n", model[m],
                            group->name, group->option[j].name, group->option[k].name, n);
                failed++;
            }
        }
        for (int k = 0; k < group->count; k++)
            free(rgb[k]);
    }
    assert_int_equal(failed, 0);
    free(x);
}

int main(void)
{
    static int which[MODELS] = {0, 1, 2};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_bone_shows, &which[0]),
        cmocka_unit_test_prestate(every_bone_shows, &which[1]),
        cmocka_unit_test_prestate(every_bone_shows, &which[2]),
        cmocka_unit_test_prestate(every_option_shows, &which[0]),
        cmocka_unit_test_prestate(every_option_shows, &which[1]),
        cmocka_unit_test_prestate(every_option_shows, &which[2]),
    };
    need_engine_pack();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
