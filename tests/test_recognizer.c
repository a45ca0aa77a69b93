/* The recogniser against the package it comes from: the descriptors of fixed crops of the package's
 * own sample photos (tests/golden/recognizer.json, made by scripts/make_recognizer_golden.mjs).
 * Needs the weights and the samples, that is the assets that set-up makes; skipped (77) without
 * them.
 *
 *   test_recognizer [--crops FILE]    writes the crops as raw RGB, for the script */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datasets/image.h"
#include "libautograd/autograd.h"
#include "nets/recognizer.h"

enum { SIZE = RECOGNIZER_SIZE, PIXELS = SIZE * SIZE };

static const char *assets;

static void must(bool ok, const Error *err)
{
    if (!ok) {
        fprintf(stderr, "%s\n", err->text);
        exit(1);
    }
}

static json_t *golden_load(void)
{
    json_error_t why;
    json_t *golden = json_load_file(SRCDIR "/tests/golden/recognizer.json", 0, &why);
    if (!golden) {
        fprintf(stderr, "tests/golden/recognizer.json: %s\n", why.text);
        exit(1);
    }
    return golden;
}

static int crop_int(const json_t *crop, const char *key)
{
    return (int)json_integer_value(json_object_get(crop, key));
}

/* The crop's pixels, 150 x 150 x 3. */
static void cut(const json_t *crop, uint8_t *rgb)
{
    char path[4096];
    Image photo;
    Error err;
    int x = crop_int(crop, "x"), y = crop_int(crop, "y"), step = crop_int(crop, "step");

    snprintf(path, sizeof path, "%s/samples/sample%d.jpg", assets, crop_int(crop, "sample"));
    must(image_load(&photo, path, &err), &err);
    for (int j = 0; j < SIZE; j++) {
        for (int i = 0; i < SIZE; i++) {
            size_t at = (size_t)(y + j * step) * photo.width + x + i * step;
            memcpy(rgb + 3 * (j * SIZE + i), photo.pixel + 3 * at, 3);
        }
    }
    image_free(&photo);
}

static int write_crops(const char *path)
{
    json_t *golden = golden_load(), *crop;
    FILE *file = fopen(path, "wb");
    size_t i;
    uint8_t *rgb = malloc(3 * PIXELS);

    if (!file || !rgb) {
        perror(path);
        return 1;
    }
    json_array_foreach(json_object_get(golden, "crops"), i, crop)
    {
        cut(crop, rgb);
        fwrite(rgb, 3, PIXELS, file);
    }
    free(rgb);
    json_decref(golden);
    return fclose(file) == 0 ? 0 : 1;
}

typedef struct Fixture {
    Backend *backend;
    ParamSet *set;
    Recognizer recognizer;
    TensorFile *weights;
} Fixture;

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof *f);
    Error err;
    char path[4096];

    snprintf(path, sizeof path, "%s/face_recognition_model-weights_manifest.json", assets);
    must(tfjs_read(path, &f->weights, &err), &err);
    f->backend = backend_cpu_open();
    f->set = params_new();
    recognizer_declare(&f->recognizer, f->set);
    must(params_alloc(f->set, f->backend, false, 0, &err), &err);
    must(recognizer_load(&f->recognizer, f->weights, &err), &err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    tensor_file_free(f->weights);
    params_free(f->set);
    backend_close(f->backend);
    free(f);
    return 0;
}

static void descriptors_match_the_package(void **state)
{
    Fixture *f = *state;
    json_t *golden = golden_load(), *crops = json_object_get(golden, "crops"), *crop;
    int n = (int)json_array_size(crops);
    Error err;
    Graph *graph = ag_graph_new();
    Var picture = ag_input(graph, "picture", DTYPE_REAL, shape4(n, 3, SIZE, SIZE));
    Var descriptor = recognizer_forward(graph, &f->recognizer, picture);
    Plan *plan;
    uint8_t *rgb = malloc(3 * PIXELS);
    real *planar = malloc(sizeof *planar * 3 * PIXELS * (size_t)n);
    real *found = malloc(sizeof *found * RECOGNIZER_DIM * (size_t)n);
    size_t i;
    double worst = 0;

    ag_keep(graph, descriptor);
    must(ag_plan(&plan, graph, AG_NONE, (PlanOptions){.backend = f->backend}, &err), &err);
    json_array_foreach(crops, i, crop)
    {
        cut(crop, rgb);
        image_to_planar(planar + i * 3 * PIXELS, &(Image){SIZE, SIZE, rgb});
    }
    ag_write(plan, picture, planar);
    ag_run(plan, &(StepState){0});
    ag_read(plan, descriptor, found);

    assert_int_equal(n, 6);
    json_array_foreach(crops, i, crop)
    {
        json_t *wanted = json_object_get(crop, "descriptor");
        assert_int_equal(json_array_size(wanted), RECOGNIZER_DIM);
        for (size_t k = 0; k < RECOGNIZER_DIM; k++) {
            double difference =
                found[i * RECOGNIZER_DIM + k] - json_number_value(json_array_get(wanted, k));
            worst = fmax(worst, fabs(difference));
        }
    }
    print_message("largest difference of a descriptor's element: %.2e\n", worst);
    assert_true(worst < 1e-4);

    free(found);
    free(planar);
    free(rgb);
    ag_plan_free(plan);
    ag_graph_free(graph);
    json_decref(golden);
}

static void wrong_weights_are_named(void **state)
{
    Fixture *f = *state;
    TensorFile *other = tensor_file_new();
    float data[7 * 7 * 3 * 16] = {0};
    Error err;

    assert_false(recognizer_load(&f->recognizer, other, &err));
    assert_string_equal(err.text, "the recogniser's weights lack conv32_down/conv/filters: is this "
                                  "face_recognition_model?");
    Tensor thin = {data, shape4(7, 7, 3, 16), DTYPE_F32};
    assert_true(tensor_file_add(other, "conv32_down/conv/filters", thin, &err));
    assert_false(recognizer_load(&f->recognizer, other, &err));
    assert_string_equal(err.text, "conv32_down/conv/filters is 7x7x3x16 of f32 in the recogniser's "
                                  "weights, but 7x7x3x32 of f32 is needed");
    tensor_file_free(other);
}

/* Landmarks halved and shifted must give a chip halved and shifted. */
static void chip_of_a_moved_chip_is_found(void **state)
{
    float landmark[2 * RECOGNIZER_LANDMARKS], moved[2 * RECOGNIZER_LANDMARKS];
    (void)state;

    for (int i = 0; i < RECOGNIZER_LANDMARKS; i++) {
        landmark[2 * i] = 40 + 3 * (float)(i % 9);
        landmark[2 * i + 1] = 50 + 2 * (float)(i % 7);
    }
    RecognizerChip a = recognizer_chip(landmark, 128);
    for (int i = 0; i < 2 * RECOGNIZER_LANDMARKS; i++) {
        moved[i] = landmark[i] * 0.5f + (i % 2 ? 7 : 13);
    }
    RecognizerChip b = recognizer_chip(moved, 128);
    assert_float_equal(b.side, a.side * 0.5f, 1e-5);
    assert_float_equal(b.x, a.x * 0.5f + 13.f / 128, 1e-5);
    assert_float_equal(b.y, a.y * 0.5f + 7.f / 128, 1e-5);
}

int main(int argc, char **argv)
{
    const char *data = getenv("VISAGIST_DATA");
    char path[4096];

    assets = data ? data : SRCDIR "/assets";
    if (argc == 3 && strcmp(argv[1], "--crops") == 0) {
        return write_crops(argv[2]);
    }
    snprintf(path, sizeof path, "%s/samples/sample6.jpg", assets);
    if (access(path, R_OK) != 0) {
        printf("skipped: %s is missing (scripts/setup.sh makes it)\n", path);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_match_the_package),
        cmocka_unit_test(wrong_weights_are_named),
        cmocka_unit_test(chip_of_a_moved_chip_is_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
