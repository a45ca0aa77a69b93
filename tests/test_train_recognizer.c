/* train_recognizer as a user meets it, on made persons of a few pixels: learns, resumes to the bit,
 * exports what the search takes; and how faces come from a folder per person and from an engine. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include <jansson.h>
#include <omp.h>

#include "apps/checkpoint.h"
#include "apps/recognizer_eval.h"
#include "datasets/image.h"
#include "libtensor/rng.h"
#include "tests/run_command.h"

enum { PERSONS = 24, EACH = 10, SIZE = 32, SIDE = 36, AREA = SIDE * SIDE, COUNT = PERSONS * EACH };

static char folder[TEST_PATH];
static const char *assets;

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

/* A person's picture: four soft blots; every face of it a little shifted, and noisy. */
static void draw(int person, int nth, int noise, uint8_t *face)
{
    Rng rng = rng_make(5, 1, (uint64_t)person),
        own = rng_make(5, 2, (uint64_t)(100 * person + nth));
    float at[4][3];
    for (int k = 0; k < 4; k++) {
        at[k][0] = rng_range(&rng, 6, SIDE - 6);
        at[k][1] = rng_range(&rng, 6, SIDE - 6);
        at[k][2] = rng_range(&rng, -1, 1);
    }
    float dx = rng_range(&own, -1, 1), dy = rng_range(&own, -1, 1);
    for (int i = 0; i < AREA; i++) {
        float value = 128;
        for (int k = 0; k < 4; k++) {
            float x = (float)(i % SIDE) - at[k][0] - dx, y = (float)(i / SIDE) - at[k][1] - dy;
            /* The mirror image is the same person. */
            float far = (float)SIDE - 1 - (float)(i % SIDE) - at[k][0] - dx;
            value +=
                90 * at[k][2] * (expf(-(x * x + y * y) / 40) + expf(-(far * far + y * y) / 40));
        }
        value += (float)noise * (rng_uniform(&own) - .5f);
        face[i] = (uint8_t)fminf(fmaxf(value, 0), 255);
    }
}

static void write_faces(const char *name, int noise)
{
    static uint8_t face[COUNT * AREA];
    static int32_t person[COUNT];
    TensorFile *file = tensor_file_new();
    char path[TEST_PATH];
    Error err;
    for (int i = 0; i < COUNT; i++) {
        person[i] = i / EACH;
        draw(person[i], i % EACH, noise, face + (size_t)i * AREA);
    }
    must(tensor_file_set_meta(file, "visagist.faces", "made", &err), &err);
    must(tensor_file_add(file, "face", (Tensor){face, shape3(COUNT, SIDE, SIDE), DTYPE_U8}, &err),
         &err);
    must(tensor_file_add(file, "person", (Tensor){person, shape1(COUNT), DTYPE_I32}, &err), &err);
    must(safetensors_write(test_path(path, folder, name), file, &err), &err);
    tensor_file_free(file);
}

static void write_config(void)
{
    char path[TEST_PATH];
    FILE *file = fopen(test_path(path, folder, "tiny.json"), "w");
    assert_non_null(file);
    fprintf(file,
            "{\"net\": {\"size\": %d, \"width\": [4, 8, 8, 8, 8], \"blocks\": [1, 1, 1, 1], "
            "\"dim\": 24}, \"training\": {\"learning_rate\": 0.004, \"dropout\": 0.2}}",
            SIZE);
    fclose(file);
}

static int setup(void **state)
{
    (void)state;
    if (!test_folder_make(folder))
        return -1;
    write_faces("faces.safetensors", 40);
    write_faces("strangers.safetensors", 41);
    write_config();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static json_t *last_validation(const char *log)
{
    size_t n;
    char *text = slurp(folder, log, &n), *end = NULL;
    json_t *found = NULL;
    for (char *line = strtok_r(text, "\n", &end); line; line = strtok_r(NULL, "\n", &end)) {
        json_t *json = json_loads(line, 0, NULL), *validation = json_object_get(json, "validation");
        if (validation) {
            json_decref(found);
            found = json_incref(validation);
        }
        json_decref(json);
    }
    free(text);
    assert_non_null(found);
    return found;
}

static double number(const json_t *json, const char *key)
{
    assert_true(json_is_number(json_object_get(json, key)));
    return json_number_value(json_object_get(json, key));
}

#define PROGRAM "./apps/train_recognizer "
#define TINY PROGRAM "--data @/faces.safetensors --config @/tiny.json --batch 16 --seed 4 "

static void learns_and_resumes_to_the_bit(void **state)
{
    (void)state;
    assert_runs(folder, TINY "--steps 60 --out @/whole");
    json_t *figures = last_validation("whole/log.jsonl");
    /* Of 24 persons the 10th and the 20th are never seen: 2 * 45 pairs; of the others every fifth
     * face is held out. */
    assert_int_equal(number(figures, "pairs"), 2 * 90);
    assert_int_equal(number(figures, "held_out_faces"), 44);
    print_message("accuracy %.3f (chance .045), ROC area %.3f\n", number(figures, "accuracy"),
                  number(figures, "roc_area"));
    assert_true(number(figures, "accuracy") > .3);
    assert_true(number(figures, "roc_area") > .9);
    json_decref(figures);

    assert_runs(folder, TINY "--steps 60 --out @/parts --stop-after 25");
    assert_runs(folder, PROGRAM "--data @/faces.safetensors --out @/parts --resume");
    assert_true(same_bytes(folder, "whole/last.safetensors", "parts/last.safetensors"));
    assert_true(same_bytes(folder, "whole/best.safetensors", "parts/best.safetensors"));
}

static void exports_what_the_search_takes(void **state)
{
    char path[TEST_PATH];
    Backend *cpu = backend_cpu_open();
    Descriptor d;
    TensorFile *file;
    Error err;
    size_t n;
    (void)state;

    assert_runs(folder, PROGRAM "--out @/whole --export @/light.safetensors");
    must(descriptor_open(&d, test_path(path, folder, "light.safetensors"), cpu, &err), &err);
    assert_int_equal(d.kind, DESCRIPTOR_LIGHTCNN);
    assert_int_equal(descriptor_dim(&d), 24);
    assert_int_equal(d.net.lightcnn.config.classes, 0);
    params_free(descriptor_set(&d));
    backend_close(cpu);
    must(safetensors_read(path, &file, &err), &err);
    assert_non_null(tensor_file_find(file, "fc.weight").data);
    assert_null(tensor_file_find(file, "fc2.weight").data);
    tensor_file_free(file);

    /* The run's own persons, and with another network's eyes: all of them strangers. */
    assert_runs(folder, PROGRAM "--evaluate @/whole/last.safetensors --data @/faces.safetensors");
    char *said = slurp(folder, "said", &n);
    json_t *report = json_loads(said, 0, NULL);
    assert_int_equal(number(report, "persons_trained_on"), 22);
    assert_true(number(json_object_get(report, "figures"), "accuracy") > .3);
    json_decref(report);
    free(said);
    assert_runs(folder, PROGRAM "--evaluate @/light.safetensors --data @/strangers.safetensors");
    said = slurp(folder, "said", &n);
    report = json_loads(said, 0, NULL);
    assert_int_equal(number(report, "persons_trained_on"), 0);
    assert_int_equal(number(json_object_get(report, "figures"), "pairs"), 2 * PERSONS * 45);
    assert_null(json_object_get(json_object_get(report, "figures"), "accuracy"));
    json_decref(report);
    free(said);

    /* A start from it: all but the classifier. */
    assert_runs(folder, TINY "--steps 1 --lr 1e-12 --init @/light.safetensors --out @/again");
    said = slurp(folder, "said", &n);
    assert_non_null(strstr(said, "the classifier is new"));
    free(said);
}

static void wrong_input_is_named(void **state)
{
    (void)state;
    assert_refused(folder, PROGRAM "--data @/faces.safetensors --out @/no", 1,
                   "36 pixels a side, but a network of 64");
    assert_refused(folder, PROGRAM "--data @/tiny.json --out @/no", 1, "tiny.json");
    assert_refused(folder, PROGRAM "--data @/none --out @/no", 1, "none");
    assert_refused(folder, PROGRAM "--data @/faces.safetensors --val @/x --out @/no", 2,
                   "unrecognized option '--val'");
    assert_refused(folder, PROGRAM "--data @/faces.safetensors --engine builtin:male --out @/no", 2,
                   "exclude");
    assert_refused(folder, PROGRAM "--engine builtin:male", 2, "--out DIR is missing");
    assert_refused(folder, PROGRAM "--out @/none --resume", 1, "last.safetensors");
    assert_refused(folder, PROGRAM "--out @/whole --resume --identities 3", 2, "leave --engine");
    assert_refused(folder, PROGRAM "--data @/strangers.safetensors --out @/whole --resume", 1,
                   "other faces");
    assert_refused(folder,
                   PROGRAM
                   "--data @/faces.safetensors --size 32 --init @/light.safetensors --out @/no",
                   1, "is a LightCNN of");
}

/* Pairs that an ideal and a blind network would see: every face of a person the same picture, or
 * all faces one. */
static void areas_are_known(void **state)
{
    static uint8_t face[COUNT * AREA];
    static int32_t person[COUNT];
    static int64_t index[COUNT];
    LightCnnConfig config = {
        .width = {4, 4, 4, 4, 4}, .blocks = {1, 1, 1, 1}, .dim = 8, .size = SIZE};
    Faces faces = {
        .count = COUNT, .persons = PERSONS, .side = SIDE, .face = face, .person = person};
    FacesPart all = {.faces = &faces, .index = index, .count = COUNT};
    FacesPart none = {.faces = &faces};
    Backend *cpu = backend_cpu_open();
    ParamSet *set = params_new();
    RecognizerEval eval;
    RecognizerFigures f;
    Error err;
    (void)state;

    LightCnn net = lightcnn_declare(set, &config);
    must(params_alloc(set, cpu, false, 2, &err), &err);
    must(recognizer_eval_new(&eval, &net, cpu, &err), &err);
    for (int i = 0; i < COUNT; i++) {
        index[i] = i;
        person[i] = i / EACH;
        draw(person[i], 0, 0, face + (size_t)i * AREA);
    }
    must(recognizer_figures(&eval, &none, &all, &f, &err), &err);
    assert_int_equal(f.pairs, 2 * PERSONS * 45);
    assert_true(f.area == 1);
    assert_true(f.tar == 1);
    for (int i = 0; i < COUNT; i++)
        draw(0, 0, 0, face + (size_t)i * AREA);
    must(recognizer_figures(&eval, &none, &all, &f, &err), &err);
    assert_true(f.area == .5);
    assert_true(f.tar == 0);
    recognizer_eval_free(&eval);
    params_free(set);
    backend_close(cpu);
}

static bool have_assets(void)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/engine.pack", assets);
    return access(path, R_OK) == 0;
}

/* The same bytes at one thread and at two; persons in order, faces that are no blank. */
static void engine_gives_faces(void **state)
{
    FacesSource source = {.engine = "builtin:male", .identities = 3, .per_identity = 2, .seed = 9};
    char path[TEST_PATH];
    Faces faces;
    Error err;
    (void)state;

    if (!have_assets())
        skip();
    omp_set_num_threads(1);
    must(faces_make(test_path(path, folder, "one.safetensors"), &source, SIZE, &err), &err);
    omp_set_num_threads(2);
    must(faces_make(test_path(path, folder, "two.safetensors"), &source, SIZE, &err), &err);
    assert_true(same_bytes(folder, "one.safetensors", "two.safetensors"));
    source.identities = 4; /* another source's faces are not written over */
    assert_false(faces_make(path, &source, SIZE, &err));
    assert_non_null(strstr(err.text, "two.safetensors holds the faces of"));
    must(faces_open(&faces, path, SIZE, &err), &err);
    assert_int_equal(faces.persons, 3);
    assert_int_equal(faces.count, 6);
    assert_int_equal(faces.side, SIDE);
    for (int64_t i = 0; i < faces.count; i++) {
        int lo = 255, hi = 0;
        for (int k = 0; k < AREA; k++) {
            int value = faces.face[i * AREA + k];
            lo = value < lo ? value : lo;
            hi = value > hi ? value : hi;
        }
        assert_int_equal(faces.person[i], i / 2);
        assert_true(hi - lo > 30);
    }
    assert_memory_not_equal(faces.face, faces.face + AREA, AREA);
    faces_close(&faces);
}

/* A sample photo, and the same turned by 17 degrees: the cut is level
 * either way. A text that is no photo is left out. */
static void photos_give_level_faces(void **state)
{
    char path[4096], file[TEST_PATH];
    Image photo, small = {0}, turned = {0};
    Faces faces;
    Error err;
    FILE *text;
    (void)state;

    snprintf(path, sizeof path, "%s/samples/sample2.jpg", assets);
    if (access(path, R_OK) != 0)
        skip();
    must(image_load(&photo, path, &err), &err);
    float scale = 500.f / (float)photo.width;
    int height = (int)((float)photo.height * scale);
    must(image_new(&small, 500, height, &err), &err);
    must(image_new(&turned, 500, height, &err), &err);
    image_warp(&small, &photo, (Similarity){scale, 0, 0, 0});
    float c = cosf(.3f), s = sinf(.3f), x = 250, y = (float)height / 2;
    image_warp(&turned, &small, (Similarity){c, s, x - c * x + s * y, y - s * x - c * y});
    mkdir(test_path(file, folder, "photos"), 0777);
    mkdir(test_path(file, folder, "photos/ann"), 0777);
    mkdir(test_path(file, folder, "photos/bob"), 0777);
    must(image_save_png(test_path(file, folder, "photos/ann/1.png"), &small, &err), &err);
    must(image_save_png(test_path(file, folder, "photos/ann/2.png"), &turned, &err), &err);
    must(image_save_png(test_path(file, folder, "photos/bob/1.png"), &small, &err), &err);
    text = fopen(test_path(file, folder, "photos/bob/2.jpg"), "w");
    fputs("no photo", text);
    fclose(text);

    FacesSource source = {.dir = test_path(path, folder, "photos")};
    must(faces_make(test_path(file, folder, "photos.safetensors"), &source, SIZE, &err), &err);
    must(faces_open(&faces, file, SIZE, &err), &err);
    assert_int_equal(faces.count, 3);
    assert_int_equal(faces.persons, 2);
    assert_true(faces.person[0] == 0 && faces.person[1] == 0 && faces.person[2] == 1);
    double level = 0, mirrored = 0;
    for (int i = 0; i < AREA; i++) {
        int other = i / SIDE * SIDE + SIDE - 1 - i % SIDE;
        level += abs(faces.face[i] - faces.face[AREA + i]) / (double)AREA;
        mirrored += abs(faces.face[i] - faces.face[AREA + other]) / (double)AREA;
    }
    print_message("a turned photo's face differs by %.1f, its mirror image by %.1f\n", level,
                  mirrored);
    assert_true(level < 8 && level < mirrored / 2);
    faces_close(&faces);

    mkdir(test_path(file, folder, "crowd"), 0777);
    mkdir(test_path(file, folder, "crowd/all"), 0777);
    must(image_save_png(test_path(file, folder, "crowd/all/1.png"), &small, &err), &err);
    source.dir = test_path(path, folder, "crowd");
    assert_false(faces_make(test_path(file, folder, "crowd.safetensors"), &source, SIZE, &err));
    assert_non_null(strstr(err.text, "are in one folder"));

    source.dir = test_path(path, folder, "photos");
    must(image_save_png(test_path(file, folder, "photos/nobody.png"), &small, &err), &err);
    assert_false(faces_make(test_path(file, folder, "nobody.safetensors"), &source, SIZE, &err));
    assert_non_null(strstr(err.text, "nobody.png belongs to nobody"));
    image_free(&photo);
    image_free(&small);
    image_free(&turned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_and_resumes_to_the_bit),
        cmocka_unit_test(exports_what_the_search_takes),
        cmocka_unit_test(wrong_input_is_named),
        cmocka_unit_test(areas_are_known),
        cmocka_unit_test(engine_gives_faces),
        cmocka_unit_test(photos_give_level_faces),
    };
    assets = getenv("VISAGIST_DATA");
    assets = assets ? assets : SRCDIR "/assets";
    return cmocka_run_group_tests(tests, setup, teardown);
}
