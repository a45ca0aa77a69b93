/* The segmenter's figures and contact sheets against a net whose answer is known; train_segmenter
 * as a user meets it: photos, the small parts' key, resumed, evaluated. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "apps/segmenter_eval.h"
#include "tests/run_command.h"

enum { SIZE = 32, PIXELS = SIZE * SIZE, PHOTOS = 11, IGNORE = 255, GREY = 100 };

static char folder[TEST_PATH];

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

/* Photo k: grey; k + 4 rows of skin, 8 rows that do not count, and hair. */
static void write_photo(int k)
{
    Error err;
    Image image;
    uint8_t label[PIXELS];
    char path[TEST_PATH], name[32];
    must(image_new(&image, SIZE, SIZE, &err), &err);
    memset(image.pixel, GREY, 3 * PIXELS);
    for (int i = 0; i < PIXELS; i++)
        label[i] = i / SIZE < k + 4 ? LABEL_SKIN : i / SIZE < k + 12 ? IGNORE : LABEL_HAIR;
    snprintf(name, sizeof name, "photos/%02d.jpg", k);
    must(image_save_png(test_path(path, folder, name), &image, &err), &err);
    snprintf(name, sizeof name, "photos/%02d.png", k);
    must(image_save_grey_png(test_path(path, folder, name), label, SIZE, SIZE, &err), &err);
    image_free(&image);
}

static int setup(void **state)
{
    char path[TEST_PATH];
    (void)state;
    if (!test_folder_make(folder) || mkdir(test_path(path, folder, "photos"), 0700) != 0)
        return -1;
    for (int k = 0; k < PHOTOS; k++)
        write_photo(k);
    FILE *config = fopen(test_path(path, folder, "tiny.json"), "w");
    if (!config)
        return -1;
    fputs(
        "{\"net\": {\"size\": 32, \"stem\": 2, \"blocks\": [1, 1, 1, 1], \"width\": [2, 2, 2, 2]},"
        " \"training\": {\"batch\": 2, \"small_parts\": 0.5}}",
        config);
    return fclose(config);
}

static int teardown(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

/* A net that finds skin everywhere. */
static void figures(void **state)
{
    Error err;
    SegmenterConfig config = {.stem = 4,
                              .blocks = {1, 1, 1, 1},
                              .width = {4, 4, 4, 64},
                              .stride = {1, 1, 1, 1},
                              .classes = LABEL_COUNT,
                              .size = SIZE};
    Backend *backend = backend_cpu_open();
    ParamSet *set = params_new();
    SegmenterData data = {.size = SIZE};
    SegmenterEval eval;
    SegmenterFigures f;
    char path[TEST_PATH];
    real weight[LABEL_COUNT * 64] = {0}, bias[LABEL_COUNT] = {[LABEL_SKIN] = 1};
    (void)state;
    Segmenter net = segmenter_declare(set, &config, false);
    must(params_alloc(set, backend, false, 1, &err), &err);
    assert_int_equal(shape_count(params_shape(set, net.weight)), LABEL_COUNT * 64);
    params_write(set, net.weight, weight);
    params_write(set, net.bias, bias);
    must(labelled_open(&data.set, test_path(path, folder, "photos"), &err), &err);
    data.count = labelled_count(data.set);
    must(segmenter_eval_new(&eval, &net, backend, &err), &err);
    must(segmenter_figures(&eval, &data, &f, &err), &err);

    int64_t skin = 0, counted = (int64_t)PHOTOS * SIZE * (SIZE - 8);
    for (int k = 0; k < PHOTOS; k++)
        skin += (k + 4) * SIZE;
    assert_int_equal(f.count, PHOTOS);
    assert_int_equal(f.pixels, counted);
    assert_int_equal(f.right, skin);
    assert_int_equal(f.both[LABEL_SKIN], skin);
    assert_int_equal(f.either[LABEL_SKIN], counted);
    assert_int_equal(f.both[LABEL_HAIR], 0);
    assert_int_equal(f.either[LABEL_HAIR], counted - skin);
    assert_int_equal(f.either[LABEL_NOSE], 0);
    double share = (double)skin / (double)counted; /* hair 0, all others not there */
    assert_true(fabs(segmenter_mean_iou(&f) - share / 2) < 1e-12);

    json_t *json = segmenter_figures_json(&f), *iou = json_object_get(json, "iou");
    assert_int_equal(json_object_size(iou), LABEL_COUNT);
    assert_true(fabs(json_real_value(json_object_get(iou, "skin")) - share) < 1e-12);
    assert_true(json_is_null(json_object_get(iou, "left_brow")));
    assert_true(json_real_value(json_object_get(iou, "hair")) == 0);
    json_decref(json);

    /* Two rows of samples at most, of which the second is not full. */
    Image sheet;
    must(segmenter_sheet(&eval, &data, 2, test_path(path, folder, "two.png"), &err), &err);
    must(image_load(&sheet, path, &err), &err);
    int step = SIZE + 4; /* a cell and its gap */
    assert_in_range(sheet.width, 8 * SIZE, 8 * step + 4);
    assert_in_range(sheet.height, 6 * SIZE, 6 * step + 4);
    /* The first sample's middle column, below skin: what does not count is white over the picture,
     * and the answer is skin there as in the first row. */
    int border = (sheet.width - 8 * SIZE - 7 * 4) / 2;
    const uint8_t *at = sheet.pixel + 3 * (border + SIZE / 2);
    int row = 3 * sheet.width, truth = (border + step) * row, found = (border + 2 * step) * row;
    assert_int_equal(at[(border + 8) * row], GREY);
    assert_int_equal(at[truth + 8 * row], (2 * GREY + 3 * 255) / 5);
    assert_memory_equal(at + found + 8 * row, at + found, 3);
    assert_memory_equal(at + found, at + truth, 3);
    assert_memory_not_equal(at + truth + 20 * row, at + found, 3);
    image_free(&sheet);

    segmenter_eval_free(&eval);
    labelled_close(data.set);
    params_free(set);
    backend_close(backend);
}

#define TRAIN "./apps/train_segmenter --data @/photos --seed 4 "

static void program(void **state)
{
    size_t n;
    (void)state;
    assert_runs(folder, TRAIN "--config @/tiny.json --steps 6 --out @/whole");
    assert_runs(folder, TRAIN "--config @/tiny.json --steps 6 --out @/parts --stop-after 3");
    assert_runs(folder, "./apps/train_segmenter --data @/photos --out @/parts --resume");
    assert_true(same_bytes(folder, "whole/last.safetensors", "parts/last.safetensors"));
    assert_runs(folder,
                "sed s/0.5/0/ @/tiny.json > @/even.json; "
                "./apps/train_segmenter --data @/photos --seed 4 --config @/even.json --steps 6 "
                "--out @/even");
    assert_false(same_bytes(folder, "whole/last.safetensors", "even/last.safetensors"));

    assert_runs(folder,
                "./apps/train_segmenter --evaluate @/whole/last.safetensors --data @/photos "
                "--out @/measured");
    char *said = slurp(folder, "said", &n);
    json_t *report = json_loads(said, 0, NULL);
    free(said);
    json_t *found = json_object_get(json_object_get(report, "figures"), "iou");
    assert_int_equal(json_object_size(found), LABEL_COUNT);
    json_decref(report);
    free(slurp(folder, "measured/sheet.png", &n));
    assert_true(n > 100);

    assert_int_equal(
        run_command(folder,
                    "sed s/0.5/-1/ @/tiny.json > @/bad.json; "
                    "./apps/train_segmenter --data @/photos --config @/bad.json --out @/bad"),
        1);
    said = slurp(folder, "said", &n);
    if (!strstr(said, "small_parts") || !strstr(said, "bad.json"))
        fail_msg("a wrong key says: %s", said);
    free(said);
}

/* What the key does: with it, the same data makes the small parts more likely. */
static void small_parts(void **state)
{
    Error err;
    double iou[2];
    uint8_t label[PIXELS];
    char path[TEST_PATH];
    (void)state;
    /* A mouth that is there in three of eleven columns that look alike. */
    for (int i = 0; i < PIXELS; i++)
        label[i] = (i * 7 + i / SIZE * 5) % 11 < 3 ? LABEL_INNER_MOUTH : LABEL_SKIN;
    for (int k = 0; k < PHOTOS; k++) {
        char name[32];
        snprintf(name, sizeof name, "photos/%02d.png", k);
        must(image_save_grey_png(test_path(path, folder, name), label, SIZE, SIZE, &err), &err);
    }
    for (int k = 0; k < 2; k++) {
        size_t n;
        assert_runs(folder, k ? "sed s/0.5/3/ @/tiny.json > @/odd.json; " TRAIN
                                "--config @/odd.json --steps 60 --lr .02 --out @/odd"
                              : "sed s/0.5/0/ @/tiny.json > @/odd.json; " TRAIN
                                "--config @/odd.json --steps 60 --lr .02 --out @/plain");
        assert_runs(
            folder,
            k ? "./apps/train_segmenter --evaluate @/odd/last.safetensors --data @/photos"
              : "./apps/train_segmenter --evaluate @/plain/last.safetensors --data @/photos");
        char *said = slurp(folder, "said", &n);
        json_t *report = json_loads(said, 0, NULL);
        iou[k] = json_real_value(json_object_get(
            json_object_get(json_object_get(report, "figures"), "iou"), "inner_mouth"));
        json_decref(report);
        free(said);
    }
    assert_true(iou[0] < .05 && iou[1] > .2); /* never, and everywhere: 3 / 11 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures),
        cmocka_unit_test(program),
        cmocka_unit_test(small_parts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
