/* F_recg behind one interface: which net a file holds, where it looks, and what it makes of that.
 */
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
#include "libautograd/ops.h"
#include "libtensor/rng.h"

#define PATH "test_descriptor.safetensors"

enum { SIZE = 96 };

static Backend *cpu;

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static LightCnnConfig tiny(void)
{
    return (LightCnnConfig){
        .width = {4, 4, 4, 4, 4}, .blocks = {1, 1, 1, 1}, .dim = 8, .size = 32, .classes = 5};
}

/* A checkpoint of a LightCNN with a classifier, as training leaves it. */
static void save(const char *net)
{
    LightCnnConfig config = tiny();
    ParamSet *set = params_new();
    char *text = lightcnn_to_json(&config);
    CheckpointInfo info = {
        .net = net, .config = text, .schema = "", .digest = "", .training = "{}"};
    Error err;
    lightcnn_declare(set, &config);
    must(params_alloc(set, cpu, false, 7, &err), &err);
    must(checkpoint_save(PATH, &info, set, NULL, &err), &err);
    free(text);
    params_free(set);
}

/* A face: eyes at (36, 40) and (60, 40), corners of the mouth at (38, 63) and (56, 65). */
static void face(float landmark[2 * RECOGNIZER_LANDMARKS])
{
    for (int i = 0; i < RECOGNIZER_LANDMARKS; i++) {
        landmark[2 * i] = (float)(20 + i * 7 % 60);
        landmark[2 * i + 1] = (float)(20 + i * 11 % 60);
    }
    for (int i = 36; i < 48; i++) {
        landmark[2 * i] = i < 42 ? 36 : 60;
        landmark[2 * i + 1] = 40 + (float)(i % 3 - 1);
    }
    landmark[2 * 48] = 38, landmark[2 * 48 + 1] = 63;
    landmark[2 * 54] = 56, landmark[2 * 54 + 1] = 65;
}

static void opens_lightcnn(void **state)
{
    (void)state;
    Descriptor d;
    Error err;
    save(NET_LIGHTCNN);
    must(descriptor_open(&d, PATH, cpu, &err), &err);
    assert_int_equal(d.kind, DESCRIPTOR_LIGHTCNN);
    assert_int_equal(descriptor_dim(&d), 8);
    assert_int_equal(d.net.lightcnn.config.classes, 0);
    params_free(descriptor_set(&d));
}

static void refuses_others(void **state)
{
    (void)state;
    Descriptor d;
    Error err;
    save("segmenter");
    assert_false(descriptor_open(&d, PATH, cpu, &err));
    assert_non_null(strstr(err.text, "checkpoint of the segmenter"));
    TensorFile *file = tensor_file_new();
    must(safetensors_write(PATH, file, &err), &err);
    tensor_file_free(file);
    assert_false(descriptor_open(&d, PATH, cpu, &err));
    assert_non_null(strstr(err.text, PATH));
    assert_non_null(strstr(err.text, "lack conv32_down"));
}

static void looks_where_trained(void **state)
{
    (void)state;
    Descriptor d = {.kind = DESCRIPTOR_LIGHTCNN};
    float landmark[2 * RECOGNIZER_LANDMARKS];
    face(landmark);
    RecognizerChip chip = descriptor_chip(&d, landmark, SIZE);
    /* Eye centre (48, 40), mouth y 64: 24 pixels are 48 of 128. */
    assert_float_equal(chip.side * SIZE, 64, 1e-4);
    assert_float_equal(chip.x * SIZE, 48 - 32, 1e-4);
    assert_float_equal(chip.y * SIZE, 40 - 20, 1e-4);
    d.kind = DESCRIPTOR_RECOGNIZER;
    RecognizerChip other = descriptor_chip(&d, landmark, SIZE),
                   same = recognizer_chip(landmark, SIZE);
    assert_true(other.side == same.side && other.x == same.x && other.y == same.y);
}

/* The descriptor of a picture is LightCNN's of the grey cut, and its loss is Eq. 5's. */
static void sees_the_cut(void **state)
{
    (void)state;
    Descriptor d;
    Error err;
    Plan *plan;
    float landmark[2 * RECOGNIZER_LANDMARKS];
    real *picture = malloc(2 * 3 * SIZE * SIZE * sizeof *picture), a[16], b[16];
    Rng rng = rng_make(3, 0, 0);
    assert_non_null(picture);
    for (int i = 0; i < 2 * 3 * SIZE * SIZE; i++)
        picture[i] = rng_uniform(&rng);
    face(landmark);
    save(NET_LIGHTCNN);
    must(descriptor_open(&d, PATH, cpu, &err), &err);
    Graph *g = ag_graph_new();
    Var x = ag_input(g, "picture", DTYPE_REAL, shape4(2, 3, SIZE, SIZE));
    Var seen = descriptor_forward(g, &d, x, descriptor_chip(&d, landmark, SIZE));
    ResizeParam cut = {
        .height = 32, .width = 32, .y = 20, .x = 16, .src_height = 64, .src_width = 64};
    Var direct = lightcnn_forward(g, &d.net.lightcnn, ag_resize_bilinear(g, ag_grey(g, x), cut));
    Var other =
        ag_affine(g, direct, (AffineParam){-2, 0}); /* the opposite direction: 1 - cos = 2 */
    Var loss = descriptor_loss(g, &d, seen, other);
    ag_keep(g, seen);
    ag_keep(g, direct);
    must(ag_plan(&plan, g, loss, (PlanOptions){.backend = cpu}, &err), &err);
    ag_write(plan, x, picture);
    ag_run(plan, &(StepState){0});
    ag_read(plan, seen, a);
    ag_read(plan, direct, b);
    double scale = 0;
    for (int i = 0; i < 16; i++)
        scale = fmax(scale, fabs((double)b[i]));
    for (int i = 0; i < 16; i++)
        assert_float_equal(a[i], b[i], 1e-5 * scale);
    assert_true(scale > 1e-3);
    assert_float_equal(ag_scalar(plan, loss), 2, 1e-5);
    ag_plan_free(plan);
    ag_graph_free(g);
    params_free(descriptor_set(&d));
    free(picture);
}

static void opens_recognizer(void **state)
{
    (void)state;
    const char *data = getenv("VISAGIST_DATA");
    char path[1024];
    Descriptor d;
    Error err;
    snprintf(path, sizeof path, "%s/face_recognition_model-weights_manifest.json",
             data ? data : "assets");
    if (access(path, R_OK) != 0)
        skip();
    must(descriptor_open(&d, path, cpu, &err), &err);
    assert_int_equal(d.kind, DESCRIPTOR_RECOGNIZER);
    assert_int_equal(descriptor_dim(&d), RECOGNIZER_DIM);
    params_free(descriptor_set(&d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_lightcnn),      cmocka_unit_test(refuses_others),
        cmocka_unit_test(looks_where_trained), cmocka_unit_test(sees_the_cut),
        cmocka_unit_test(opens_recognizer),
    };
    cpu = backend_cpu_open();
    int failed = cpu ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    backend_close(cpu);
    unlink(PATH);
    return failed;
}
