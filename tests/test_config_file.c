/* Config files: what is read, what is refused and in which words; the trainers' presets, and what
 * overrides what. */
#include "config.h" /* mkdtemp */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "apps/paths.h"
#include "apps/training.h"
#include "nets/lightcnn.h"
#include "nets/translator.h"
#include "tests/test_folder.h"

static char folder[TEST_PATH];

static int setup(void **state)
{
    (void)state;
    return test_folder_make(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

/* A file in the folder. */
static const char *write_file(char path[static TEST_PATH], const char *text)
{
    FILE *file = fopen(test_path(path, folder, "config.json"), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

/* The variables of a table with a key of each type. */
typedef struct Values {
    int number, colour;
    double real;
    bool yes;
    ConfigInts list, pair;
} Values;

enum { KEYS = 6 };

static ConfigKeys table(Values *v, ConfigKey key[static KEYS])
{
    static const char *const colours[] = {"red", "green", NULL};
    const ConfigKey keys[KEYS] = {
        {"number", CONFIG_INT, &v->number, .lo = 1, .hi = 9},
        {"real", CONFIG_REAL, &v->real, .lo = 0, .hi = 1},
        {"yes", CONFIG_BOOL, .value = &v->yes},
        {"colour", CONFIG_CHOICE, &v->colour, .choice = colours},
        {"list", CONFIG_INTS, &v->list, .lo = 1, .hi = 99},
        {"pair", CONFIG_INTS, &v->pair, .lo = 1, .hi = 99, .count = 2, .optional = true},
    };
    memcpy(key, keys, sizeof keys);
    return (ConfigKeys){key, KEYS};
}

static bool read_text(Values *v, const char *text, bool whole, Error *err)
{
    ConfigKey key[KEYS];
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    bool ok = config_read(table(v, key), object, whole, "my.json", "net", err);
    json_decref(object);
    return ok;
}

static void reads_and_writes(void **state)
{
    Values v = {.pair = {1, {7}}}, w = {0};
    ConfigKey key[KEYS];
    Error err;
    (void)state;
    must(read_text(&v,
                   "{\"number\": 3, \"real\": 1, \"yes\": true, \"colour\": \"green\", "
                   "\"list\": [4, 5, 6]}",
                   true, &err),
         &err);
    assert_int_equal(v.number, 3);
    assert_true(v.real == 1 && v.yes);
    assert_int_equal(v.colour, 1);
    assert_int_equal(v.list.n, 3);
    assert_int_equal(v.list.value[2], 6);
    assert_int_equal(v.pair.value[0], 7); /* is left alone */
    must(read_text(&v, "{\"list\": 8, \"pair\": [1, 2], \"real\": 0.1}", false, &err), &err);
    assert_int_equal(v.list.n, 1);
    assert_int_equal(v.list.value[0], 8);
    assert_int_equal(v.number, 3);

    json_t *object = json_object();
    config_write(table(&v, key), object);
    char *text = json_dumps(object, 0);
    must(read_text(&w, text, true, &err), &err);
    assert_true(w.number == v.number && w.real == v.real && w.yes == v.yes &&
                w.colour == v.colour && w.list.value[0] == 8 && w.pair.value[1] == 2);
    free(text);
    json_decref(object);
}

static void refuses(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"numbre\": 3}", "my.json: \"net\" has no key \"numbre\""},
        {"{\"number\": \"3\"}", "my.json: \"number\" in \"net\" wants a whole number from 1 to 9"},
        {"{\"number\": 3.5}", "a whole number from 1 to 9"},
        {"{\"number\": 10}", "a whole number from 1 to 9"},
        {"{\"number\": 4294967299}", "a whole number from 1 to 9"},
        {"{\"real\": 1.01}", "\"real\" in \"net\" wants a number from 0 to 1"},
        {"{\"real\": true}", "a number from 0 to 1"},
        {"{\"yes\": 1}", "\"yes\" in \"net\" wants true or false"},
        {"{\"colour\": \"blue\"}", "\"colour\" in \"net\" wants \"red\" or \"green\""},
        {"{\"colour\": 0}", "wants \"red\" or \"green\""},
        {"{\"list\": []}", "\"list\" in \"net\" wants a list of at most 16 whole numbers"},
        {"{\"list\": [1, 2, 100]}", "whole numbers from 1 to 99"},
        {"{\"list\": [1, \"2\"]}", "whole numbers from 1 to 99"},
        {"{\"list\": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}", "at most 16 whole numbers"},
        {"{\"pair\": [1]}", "\"pair\" in \"net\" wants a list of 2 whole numbers from 1 to 99"},
        {"{\"pair\": 1}", "a list of 2 whole numbers"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Values v = {0};
        Error err = {""};
        assert_false(read_text(&v, cases[i].text, false, &err));
        if (!strstr(err.text, cases[i].words))
            fail_msg("%s: %s", cases[i].text, err.text);
    }
    Values v = {0};
    Error err;
    assert_false(read_text(&v, "{\"number\": 3, \"real\": 1, \"colour\": \"green\", \"list\": 4}",
                           true, &err));
    assert_non_null(strstr(err.text, "my.json: the key \"yes\" is missing in \"net\""));
}

static void files(void **state)
{
    char path[TEST_PATH];
    json_t *root;
    Error err;
    (void)state;
    must(config_open(&root, write_file(path, "{\"net\": {\"size\": 4}}"), &err), &err);
    assert_int_equal(json_object_size(root), 1);
    json_decref(root);
    assert_false(config_open(&root, write_file(path, "{\"network\": {}}"), &err));
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "two objects, \"net\" and \"training\""));
    assert_false(config_open(&root, write_file(path, "{\"net\": 3}"), &err));
    assert_non_null(strstr(err.text, "two objects"));
    assert_false(config_open(&root, write_file(path, "[]"), &err));
    assert_non_null(strstr(err.text, "is no JSON object"));
    assert_false(config_open(&root, write_file(path, "{\"net\": {},\n}"), &err));
    assert_non_null(strstr(err.text, "config.json, line 2:"));
    assert_false(config_open(&root, write_file(path, "{\"net\": {\"a\": 1, \"a\": 2}}"), &err));
    assert_non_null(strstr(err.text, "duplicate"));
    assert_false(config_open(&root, "/nowhere/config.json", &err));
    assert_non_null(strstr(err.text, "/nowhere/config.json"));
}

/* Settings of a trainer with one own key, which the imitator's presets have. */
static bool configure(TrainSettings *settings, const TrainOptions *options, Values *v, Error *err)
{
    static const char *const losses[] = {"face", "paper", NULL};
    const ConfigKey net[] = {{"size", CONFIG_INT, &v->number, .lo = 8, .hi = 512},
                             {"width", CONFIG_INTS, &v->list, .lo = 1, .hi = 4096},
                             {"sigmoid", CONFIG_BOOL, .value = &v->yes}};
    const ConfigKey own[] = {{"loss", CONFIG_CHOICE, &v->colour, .choice = losses}};
    return training_configure(settings, options, "imitator", (ConfigKeys){net, 3},
                              (ConfigKeys){own, 1}, err);
}

static void options_win_over_files_over_presets(void **state)
{
    char path[TEST_PATH];
    TrainSettings s;
    Values v;
    Error err;
    TrainOptions o = {.seed = -1};
    (void)state;
    must(configure(&s, &o, &v, &err), &err);
    assert_string_equal(s.preset, "small");
    assert_int_equal(v.number, 128);
    assert_true(s.optimiser == TRAIN_ADAM && s.schedule == TRAIN_COSINE && s.seed == 1);

    o.preset = "paper";
    must(configure(&s, &o, &v, &err), &err);
    assert_string_equal(s.preset, "paper");
    assert_int_equal(v.number, 512);
    assert_int_equal(v.colour, 1);

    o.config =
        write_file(path, "{\"net\": {\"size\": 64}, \"training\": {\"batch\": 7, \"epochs\": "
                         "3, \"loss\": \"face\", \"momentum\": 0.5}}");
    must(configure(&s, &o, &v, &err), &err);
    assert_int_equal(v.number, 64);
    assert_int_equal(v.list.n, 7); /* the preset's */
    assert_int_equal(v.colour, 0);
    assert_int_equal(s.batch, 7);
    assert_int_equal(s.epochs, 3);
    assert_true(s.momentum == .5 && s.learning_rate == .01);

    o.batch = 5;
    o.learning_rate = .25;
    o.seed = 9;
    must(configure(&s, &o, &v, &err), &err);
    assert_int_equal(s.batch, 5);
    assert_int_equal(s.epochs, 3); /* the file's */
    assert_true(s.learning_rate == .25 && s.momentum == .5 && s.seed == 9);

    must(training_set_data(&s, &o, 23, 2, &err), &err);
    assert_int_equal(s.samples, 21);
    assert_int_equal(s.epoch, 4);
    assert_int_equal(s.steps, 12);
    assert_false(training_set_data(&s, &o, 6, 2, &err));
    assert_non_null(strstr(err.text, "4 samples to train on are fewer than one batch of 5"));

    o.config = write_file(path, "{\"training\": {\"lambda1\": 7}}");
    assert_false(configure(&s, &o, &v, &err));
    assert_non_null(strstr(err.text, "config.json: \"training\" has no key \"lambda1\""));
}

/* A part of a preset; the caller frees it. */
static json_t *preset(const char *name, const char *part)
{
    char *path = path_preset(name);
    json_t *root;
    Error err;
    must(config_open(&root, path, &err), &err);
    free(path);
    json_t *object = json_incref(json_object_get(root, part));
    json_decref(root);
    assert_non_null(object);
    return object;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        fail_msg("\"%s\" is no number", key);
    return json_number_value(value);
}

static void assert_list(const json_t *object, const char *key, const int *value, int n)
{
    const json_t *list = json_object_get(object, key);
    assert_int_equal(json_array_size(list), n);
    for (int i = 0; i < n; i++)
        assert_int_equal(json_integer_value(json_array_get(list, (size_t)i)), value[i]);
}

/* The paper's presets are its Tables 2, 3 and 4, as the nets have them, and its schedules. */
static void presets_are_the_papers(void **state)
{
    (void)state;
    json_t *net = preset("imitator-paper.json", "net");
    ImitatorConfig g = imitator_paper(264, (int)number(net, "size"));
    assert_int_equal(g.size, 512);
    assert_list(net, "width", g.width, imitator_hidden(g.size));
    json_decref(net);

    net = preset("segmenter-paper.json", "net");
    SegmenterConfig f = segmenter_paper(11, (int)number(net, "size"));
    assert_int_equal(number(net, "stem"), f.stem);
    assert_true(json_is_true(json_object_get(net, "bottleneck")));
    assert_list(net, "blocks", f.blocks, SEGMENTER_STAGES);
    assert_list(net, "width", f.width, SEGMENTER_STAGES);
    assert_list(net, "stride", f.stride, SEGMENTER_STAGES);
    json_decref(net);

    net = preset("recognizer-paper.json", "net");
    LightCnnConfig r = lightcnn_paper(0);
    assert_int_equal(number(net, "size"), r.size);
    assert_int_equal(number(net, "dim"), r.dim);
    assert_list(net, "width", r.width, LIGHTCNN_STAGES + 1);
    assert_list(net, "blocks", r.blocks, LIGHTCNN_STAGES);
    json_decref(net);

    net = preset("translator-paper.json", "net");
    TranslatorConfig t = translator_paper(256, 208, 0, NULL);
    assert_int_equal(number(net, "width"), t.width);
    assert_int_equal(number(net, "hidden"), t.hidden);
    assert_int_equal(number(net, "gate"), t.gate);
    assert_int_equal(number(net, "blocks"), t.blocks);
    assert_true(json_is_true(json_object_get(net, "attention")));
    json_decref(net);

    for (int i = 0; i < 2; i++) { /* "as for G but learning rate 0.001" */
        json_t *training =
            preset(i == 0 ? "imitator-paper.json" : "segmenter-paper.json", "training");
        assert_string_equal(json_string_value(json_object_get(training, "optimiser")), "sgd");
        assert_string_equal(json_string_value(json_object_get(training, "schedule")), "step");
        assert_true(number(training, "learning_rate") == (i == 0 ? .01 : .001));
        assert_true(number(training, "momentum") == .9 && number(training, "decay_factor") == .9 &&
                    number(training, "decay_epochs") == 50 && number(training, "batch") == 16 &&
                    number(training, "epochs") == 500);
        json_decref(training);
    }
    json_t *training = preset("translator-paper.json", "training");
    assert_string_equal(json_string_value(json_object_get(training, "optimiser")), "adam");
    assert_string_equal(json_string_value(json_object_get(training, "schedule")), "constant");
    assert_true(number(training, "learning_rate") == 1e-4 && number(training, "epochs") == 20 &&
                number(training, "lambda1") == .01 && number(training, "lambda2") == 1 &&
                number(training, "lambda3") == 1);
    json_decref(training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(files),
        cmocka_unit_test(options_win_over_files_over_presets),
        cmocka_unit_test(presets_are_the_papers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
