/* train_imitator as a user meets it, on sets of a toy engine: with labels and without, with both
 * losses, interrupted and resumed, by a config file and with a report; and train_segmenter's word
 * on a set without labels. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>

#include "datasets/pairs.h"
#include "engine/engine_internal.h"
#include "tests/run_command.h"
#include "tests/xml.h"

enum { DIM = 4, SIZE = 16 };

static char folder[TEST_PATH];

/* A face of one colour, a mouth of another, before a third. */
static bool toy_render(const Engine *engine, const float *x, const RenderOptions *options,
                       uint8_t *rgb, uint8_t *labels, Error *err)
{
    int size = options->size;
    (void)engine;
    (void)err;
    for (int i = 0; i < size * size; i++) {
        int dx = i % size - size / 2, dy = i / size - size / 2;
        int label = dx * dx + dy * dy > size * size / 9 ? LABEL_BACKGROUND
                    : dy == 2 && dx * dx < 9            ? LABEL_LOWER_LIP
                                                        : LABEL_SKIN;
        float value = label == LABEL_BACKGROUND ? x[0] : label == LABEL_SKIN ? x[1] : x[2];
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(200 * value + 20 * (float)c);
        if (labels)
            labels[i] = (uint8_t)label;
    }
    return true;
}

static void write_set(const char *name, PairsKind kind, bool labels)
{
    static const EngineClass toy_class = {.render = toy_render};
    Control control[DIM];
    Schema schema = {
        .name = "toy", .version = 1, .n_continuous = DIM, .control = control, .dim = DIM};
    Engine engine = {.class = &toy_class,
                     .schema = &schema,
                     .can = ENGINE_VIEW | ENGINE_BACKGROUND | (labels ? ENGINE_LABELS : 0)};
    PairsInfo info = {.kind = kind, .size = SIZE, .count = 60, .shard = 40, .seed = 3};
    char dir[TEST_PATH];
    Error err;
    memset(control, 0, sizeof control);
    for (int i = 0; i < DIM; i++) {
        snprintf(control[i].name, sizeof control[i].name, "c%d", i);
        control[i].hi = 1;
        control[i].mean = .5f;
        control[i].deviation = .2f;
        control[i].follows = -1;
    }
    test_path(dir, folder, name);
    if (!pairs_info_set_engine(&info, &engine, &err) ||
        !pairs_write(dir, &engine, &info, NULL, NULL, &err))
        fail_msg("%s", err.text);
}

static int setup(void **state)
{
    (void)state;
    if (!test_folder_make(folder))
        return -1;
    write_set("labels", PAIRS_IMITATOR, true);
    write_set("no-labels", PAIRS_IMITATOR, false);
    write_set("varied", PAIRS_SEGMENTER, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

/* The last value of the key in a run's log, -1 if there is none. */
static double logged(const char *log, const char *key)
{
    size_t n;
    char *text = slurp(folder, log, &n);
    double value = -1;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *object = json_loads(line, 0, NULL), *found;
        assert_non_null(object);
        if ((found = json_object_get(object, key)) ||
            (found = json_object_get(json_object_get(object, "validation"), key)))
            value = json_number_value(found);
        json_decref(object);
    }
    free(text);
    return value;
}

#define TRAIN "./apps/train_imitator --steps 12 --batch 4 --width 4 --size 16 "

static void parts_of_the_face_are_measured(void **state)
{
    (void)state;
    assert_runs(folder, TRAIN "--data @/labels --out @/face");
    assert_runs(folder, TRAIN "--data @/labels --out @/paper --loss paper");
    assert_true(logged("face/log.jsonl", "mae_mouth") > 0);
    assert_true(logged("face/log.jsonl", "mae_face") > 0);
    assert_true(logged("face/log.jsonl", "mae_face") != logged("face/log.jsonl", "mae"));
    assert_true(logged("face/log.jsonl", "mae_eyes") < 0); /* there are none */
    assert_true(logged("face/log.jsonl", "loss") != logged("paper/log.jsonl", "loss"));
}

/* Then all of the picture is face, and all of it counts alike. */
static void labels_may_be_missing(void **state)
{
    (void)state;
    assert_runs(folder, TRAIN "--data @/no-labels --out @/blind");
    assert_true(logged("blind/log.jsonl", "loss") > 0);
    assert_float_equal(logged("blind/log.jsonl", "mae_weighted"), logged("blind/log.jsonl", "mae"),
                       1e-7);
    assert_float_equal(logged("blind/log.jsonl", "mae_face"), logged("blind/log.jsonl", "mae"),
                       1e-7);
    assert_true(logged("blind/log.jsonl", "mae_mouth") < 0);
    assert_runs(folder,
                "./apps/train_imitator --evaluate @/blind/last.safetensors --data @/labels");
    assert_refused(folder, "./apps/train_segmenter --data @/no-labels --out @/no", 1,
                   "without label maps");
}

static void resumed_is_uninterrupted(void **state)
{
    (void)state;
    assert_runs(folder, TRAIN "--data @/labels --out @/parts --stop-after 5");
    assert_runs(folder, "./apps/train_imitator --data @/labels --out @/parts --resume");
    assert_true(same_bytes(folder, "face/last.safetensors", "parts/last.safetensors"));
    assert_refused(folder,
                   "./apps/train_imitator --data @/labels --out @/parts --resume --loss paper", 2,
                   "leave --loss out");
}

static void write_config(const char *text)
{
    char path[TEST_PATH];
    FILE *file = fopen(test_path(path, folder, "my.json"), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_page(const char *name, const char *words)
{
    size_t n;
    char *page = slurp(folder, name, &n);
    if (!strstr(page, words))
        fail_msg("%s does not have '%s'", name, words);
    assert_null(xml_wrong(page));
    free(page);
}

/* A run that a config file describes, with one of its values overridden, stopped and resumed with
 * neither at hand, is the same run; and the report covers all of it. */
static void config_file_and_report(void **state)
{
    (void)state;
    write_config("{\"net\": {\"size\": 16, \"width\": [6, 5, 4]}, \"training\": {"
                 "\"optimiser\": \"sgd\", \"momentum\": 0.5, \"schedule\": \"step\", "
                 "\"decay_factor\": 0.5, \"decay_epochs\": 1, \"batch\": 8, \"epochs\": 2, "
                 "\"loss\": \"paper\"}}");
#define CONFIG "./apps/train_imitator --data @/labels --config @/my.json --batch 9 "
    assert_runs(folder, CONFIG "--out @/file");
    assert_runs(folder, CONFIG "--out @/file-parts --report '@/T & Co.html' --stop-after 5");
    assert_page("T & Co.html", "Stopped before its end; --resume goes on.");
    assert_page("T & Co.html", "T &amp; Co.html' --stop-after 5</pre>");
    write_config("{}");
    assert_runs(folder, "./apps/train_imitator --data @/labels --resume --out @/file-parts "
                        "--report @/parts.html");
    assert_true(same_bytes(folder, "file/last.safetensors", "file-parts/last.safetensors"));
    /* 57 of 60 samples in batches of 9 are 6 steps an epoch; the rate is halved after the first. */
    assert_float_equal(logged("file/log.jsonl", "learning_rate"), .002, 1e-9);
    assert_page("parts.html", "Finished.");
    assert_page("parts.html", "<dt>steps</dt><dd>12 of 12</dd>");
    assert_page("parts.html", "<td class=\"name\">optimiser</td><td class=\"value\">sgd</td>");
    assert_page("parts.html", "<td class=\"name\">width</td><td class=\"value\">6 5</td>");
    assert_page("parts.html", "<b>mae mouth</b>");
    assert_page("parts.html", "<title>6: ");  /* validated before it was stopped ... */
    assert_page("parts.html", "<title>12: "); /* ... and after */
    assert_page("parts.html", "data:image/png;base64,");
    assert_refused(folder,
                   "./apps/train_imitator --data @/labels --val @/labels --resume --out @/parts", 1,
                   "samples, but ");
    assert_refused(folder,
                   "./apps/train_imitator --data @/labels --resume --out @/file-parts "
                   "--config @/my.json",
                   2, "leave --preset, --config");
    write_config("{\"net\": {\"widht\": 4}}");
    assert_refused(folder, CONFIG "--out @/no", 1, "my.json: \"net\" has no key \"widht\"");
    write_config("{\"training\": {\"epochs\": \"2\"}}");
    assert_refused(folder, CONFIG "--out @/no", 1,
                   "my.json: \"epochs\" in \"training\" wants a whole");
    write_config("{\"net\": {\"width\": [6, 5, 4]}}");
    assert_refused(folder, CONFIG "--out @/no --size 128", 1, "\"width\" has 3 values");
    assert_refused(folder, TRAIN "--data @/labels --out @/no --report @/no/where/page.html", 1,
                   "no/where/page.html");
    assert_refused(folder,
                   "./apps/train_imitator --data @/labels --evaluate @/file/last.safetensors "
                   "--report @/page.html",
                   2, "--report is of a training run");
    assert_refused(folder, TRAIN "--data @/labels --out @/no --preset big", 2,
                   "--preset is small or paper");
    assert_refused(folder, TRAIN "--data @/labels --out @/no --config @/nowhere.json", 1,
                   "nowhere.json");
}

static void refusals(void **state)
{
    (void)state;
    assert_refused(folder, TRAIN "--data @/labels --out @/no --loss best", 2,
                   "--loss is face or paper");
    assert_refused(folder, TRAIN "--data @/varied --out @/no", 1, "renders for the segmenter");
    assert_refused(folder, TRAIN "--data @/nowhere --out @/no", 1,
                   "render_dataset makes such a folder");
    assert_refused(folder, TRAIN "--data @/labels --out @/no --engine elsewhere", 1, "no engine");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_the_face_are_measured),
        cmocka_unit_test(labels_may_be_missing),
        cmocka_unit_test(resumed_is_uninterrupted),
        cmocka_unit_test(config_file_and_report),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
