/* The search with LightCNN as F_recg: chosen by the checkpoint's own metadata, cut where LightCNN
 * was trained to look, and its identity loss the cosine of Eq. 5. The weights are random: what is
 * shown is that the search runs on them. Needs the assets and the pretrained weights; skipped (77)
 * without them. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "apps/checkpoint.h"
#include "apps/finder.h"

#define LIGHT "test_search_descriptor.safetensors"

static void must(bool ok, const Error *err)
{
    if (!ok) {
        fail_msg("%s", err->text);
    }
}

static void save_lightcnn(void)
{
    LightCnnConfig config = {
        .width = {4, 4, 4, 4, 4}, .blocks = {1, 1, 1, 1}, .dim = 128, .size = 64, .classes = 10};
    ParamSet *set = params_new();
    Backend *cpu = backend_cpu_open();
    char *text = lightcnn_to_json(&config);
    CheckpointInfo info = {.net = NET_LIGHTCNN,
                           .config = text,
                           .schema = "",
                           .digest = "",
                           .training = "{}",
                           .seed = 1};
    Error err;

    lightcnn_declare(set, &config);
    must(params_alloc(set, cpu, false, 3, &err), &err);
    must(checkpoint_save(LIGHT, &info, set, NULL, &err), &err);
    free(text);
    params_free(set);
    backend_close(cpu);
}

/* 1 - cos of what the descriptor's own graph makes of two pictures. */
static double cosine_loss(const Studio *s, const real *a, const real *b)
{
    int dim = descriptor_dim(&s->descriptor);
    size_t pixels = 3 * (size_t)s->size * (size_t)s->size;
    real *pictures = malloc(2 * pixels * sizeof *pictures);
    real *raw = malloc(2 * (size_t)dim * sizeof *raw);
    Graph *g = ag_graph_new();
    Var in = ag_input(g, "pictures", DTYPE_REAL, shape4(2, 3, s->size, s->size));
    RecognizerChip chip = descriptor_chip(&s->descriptor, s->reference.landmark, s->size);
    Var out = descriptor_forward(g, &s->descriptor, in, chip);
    Plan *plan;
    Error err;
    double ab = 0, aa = 0, bb = 0;

    ag_keep(g, out);
    must(ag_plan(&plan, g, AG_NONE, (PlanOptions){.backend = s->backend}, &err), &err);
    memcpy(pictures, a, pixels * sizeof *a);
    memcpy(pictures + pixels, b, pixels * sizeof *b);
    ag_write(plan, in, pictures);
    ag_run(plan, &(StepState){0});
    ag_read(plan, out, raw);
    for (int i = 0; i < dim; i++) {
        ab += (double)raw[i] * (double)raw[dim + i];
        aa += (double)raw[i] * (double)raw[i];
        bb += (double)raw[dim + i] * (double)raw[dim + i];
    }
    ag_plan_free(plan);
    ag_graph_free(g);
    free(raw);
    free(pictures);
    return 1 - ab / sqrt(aa * bb);
}

static void open_studio(Studio *studio, const char *descriptor)
{
    StudioConfig config = {.models = 1, .engine = {"builtin:male"}, .descriptor = descriptor};
    Error err;

    must(studio_open(studio, &config, &err), &err);
}

static void search_runs_with_lightcnn(void **state)
{
    Studio s;
    FinderConfig config = finder_paper(); /* the descent alone: the quickest search */
    Finding f;
    Error err;
    (void)state;

    open_studio(&s, LIGHT);
    assert_int_equal(s.descriptor.kind, DESCRIPTOR_LIGHTCNN);
    RecognizerChip wanted = descriptor_chip(&s.descriptor, s.reference.landmark, s.size);
    RecognizerChip other = recognizer_chip(s.reference.landmark, s.size);
    assert_true(s.eyes.chip.x == wanted.x && s.eyes.chip.y == wanted.y &&
                s.eyes.chip.side == wanted.side);
    assert_true(fabsf(wanted.side - other.side) > 0.01f);

    /* The target: a character whose every slider is off the average. */
    const Schema *schema = s.schema[0];
    float *x = malloc((size_t)schema->dim * sizeof *x);
    real *picture = malloc(3 * (size_t)s.size * (size_t)s.size * sizeof *picture);
    schema_average(schema, x);
    for (int i = 0; i < schema->n_continuous; i++) {
        x[i] = fminf(x[i] + 0.2f, 1);
    }
    must(studio_render(&s, 0, x, picture, &err), &err);
    config.cosine = false; /* the descriptor's own loss */
    config.steps = 5;
    config.rate = 0.1;
    config.weight.identity = 1;
    must(finder_run(&s, picture, &config, NULL, NULL, &f, &err), &err);

    double seen = cosine_loss(&s, f.render, picture);
    assert_true(seen > 1e-6);
    assert_float_equal(f.loss.identity, seen, 1e-2 * seen);
    assert_float_equal(f.result_distance, seen, 1e-2 * seen);
    assert_float_equal(f.imitator_distance, cosine_loss(&s, f.imitation, picture), 1e-2 * seen);
    finding_free(&f);
    free(picture);
    free(x);
    studio_close(&s);
}

/* Without a choice it is the recogniser, which looks elsewhere. */
static void recogniser_is_the_default(void **state)
{
    Studio s;
    (void)state;

    open_studio(&s, NULL);
    RecognizerChip chip = recognizer_chip(s.reference.landmark, s.size);
    assert_int_equal(s.descriptor.kind, DESCRIPTOR_RECOGNIZER);
    assert_true(s.eyes.chip.x == chip.x && s.eyes.chip.y == chip.y &&
                s.eyes.chip.side == chip.side);
    studio_close(&s);
}

static bool readable(const char *folder, const char *name)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, R_OK) == 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recogniser_is_the_default),
        cmocka_unit_test(search_runs_with_lightcnn),
    };
    const char *data = getenv("VISAGIST_DATA");

    data = data ? data : SRCDIR "/assets";
    if (!readable(data, "engine.pack") ||
        !readable(data, "face_recognition_model-weights_manifest.json") ||
        !readable(SRCDIR "/pretrained", "imitator-male.safetensors")) {
        printf("skipped: the assets (scripts/setup.sh makes them) or the pretrained weights are "
               "missing\n");
        return 77;
    }
    save_lightcnn();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(LIGHT);
    return failed;
}
