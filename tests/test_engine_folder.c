/* Engines that are folders of finished pictures: the three kinds of table, the pictures' order,
 * size and labels, and what is wrong with a folder. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/codec.h"
#include "engine/engine.h"
#include "tests/engine_files.h"
#include "tests/test_folder.h"

enum { DIM = 5, SIZE = 64 };

static char folder[TEST_PATH];

static const char *in_folder(const char *name)
{
    static char path[4][TEST_PATH];
    static int next;
    next = (next + 1) % 4;
    return test_path(path[next], folder, name);
}

static const char schema_text[] =
    "{\"name\": \"toy\", \"version\": 1, \"continuous\": ["
    "{\"name\": \"nose\", \"component\": \"macro\", \"prior\": \"macro\", \"kind\": \"macro\","
    " \"drive\": \"a\", \"lo\": 0, \"hi\": 1, \"mean\": 0.5, \"deviation\": 0.2},"
    "{\"name\": \"chin\", \"component\": \"macro\", \"prior\": \"macro\", \"kind\": \"macro\","
    " \"drive\": \"b\", \"lo\": 0, \"hi\": 1, \"mean\": 0.5, \"deviation\": 0.2}],"
    " \"discrete\": [{\"name\": \"hair\", \"options\": [\"bald\", \"long, curly\", \"bob\"]}]}";

static void write_bytes(const char *name, const void *data, size_t n)
{
    FILE *f = fopen(in_folder(name), "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0)
        fail_msg("%s cannot be written", name);
}

static void write_picture(const char *name, const uint8_t *pixel, int width, int height,
                          int channels)
{
    size_t n;
    uint8_t *file = codec_encode_png(pixel, width, height, channels, &n);
    write_bytes(name, file, n);
    free(file);
}

/* Of one colour; with alpha below 255 an RGBA picture. */
static void write_plain(const char *name, int width, int height, uint8_t grey, uint8_t alpha)
{
    size_t n = (size_t)width * (size_t)height;
    int channels = alpha < 255 ? 4 : 3;
    uint8_t *pixel = malloc(n * 4);
    for (size_t i = 0; i < n * (size_t)channels; i++)
        pixel[i] = channels == 4 && i % 4 == 3 ? alpha : grey;
    write_picture(name, pixel, width, height, channels);
    free(pixel);
}

static void describe(const char *table, const char *rest)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{\"engine\": \"folder\", \"schema\": \"schema.json\", \"images\": \"images\", "
             "\"table\": \"%s\"%s}",
             table, rest);
    write_text(in_folder("engine.json"), text);
}

static Engine *open_folder(const char *table, const char *rest)
{
    Engine *engine;
    Error err;
    describe(table, rest);
    if (!engine_open_file(&engine, in_folder("engine.json"), &err))
        fail_msg("%s", err.text);
    return engine;
}

static void refuses(const char *table, const char *rest, const char *words)
{
    Engine *engine;
    Error err = {""};
    describe(table, rest);
    assert_false(engine_open_file(&engine, in_folder("engine.json"), &err));
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
}

/* Sample i: its vector, and a picture of one grey. */
static void check_sample(const Engine *e, int64_t i, const float *wanted, int grey)
{
    float x[DIM];
    uint8_t rgb[3 * SIZE * SIZE];
    Error err;
    if (!engine_sample(e, i, SIZE, x, rgb, NULL, &err))
        fail_msg("%s", err.text);
    for (int k = 0; k < DIM; k++)
        assert_float_equal(x[k], wanted[k], 1e-7);
    for (int k = 0; k < 3 * SIZE * SIZE; k++)
        assert_int_equal(rgb[k], grey);
}

static const float first[DIM] = {.25f, 1, 0, 1, 0}, second[DIM] = {.5f, 0, 1, 0, 0},
                   third[DIM] = {.125f, .75f, 0, 0, 1};

static int write_folder(void **state)
{
    (void)state;
    if (!test_folder_make(folder))
        return -1;
    write_text(in_folder("schema.json"), schema_text);
    if (mkdir(in_folder("images"), 0777) != 0 || mkdir(in_folder("labels"), 0777) != 0)
        return -1;
    write_plain("images/face10.png", SIZE, SIZE, 30, 255);
    write_plain("images/face2.png", SIZE, SIZE, 20, 255);
    write_plain("images/face1.png", SIZE, SIZE, 10, 255);
    write_text(in_folder("images/notes.txt"), "no picture");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

/* ---- Tables ---- */

static void csv(void **state)
{
    (void)state;
    /* A byte order mark, another order of the columns, quotes, blanks, both kinds of line end, an
     * empty line, no line end at the end. */
    write_text(in_folder("a.csv"),
               "\xef\xbb\xbfhair, nose ,\"chin\"\r\n"
               "\"long, curly\",0.25,1\r\n\r\n bald , 5e-1,0\nbob,.125,\"0.75\"");
    Engine *e = open_folder("a.csv", "");
    assert_int_equal(engine_sample_count(e), 3);
    assert_false(engine_can(e, ENGINE_LABELS));
    check_sample(e, 0, first, 10);
    check_sample(e, 1, second, 20);
    check_sample(e, 2, third, 30);
    engine_close(e);
}

static void csv_that_names_images(void **state)
{
    (void)state;
    write_text(in_folder("a.csv"), "image,hair,nose,chin\n"
                                   "face10.png,bald,.5,0\n"
                                   "face1.png,bob,.125,.75\n");
    Engine *e = open_folder("a.csv", "");
    assert_int_equal(engine_sample_count(e), 2);
    check_sample(e, 0, second, 30);
    check_sample(e, 1, third, 10);
    engine_close(e);
}

static void jsonl(void **state)
{
    (void)state;
    write_text(in_folder("a.jsonl"),
               "{\"nose\": 0.25, \"chin\": 1, \"hair\": \"long, curly\", \"image\": "
               "\"face2.png\"}\n\n"
               "{\"image\": \"face1.png\", \"hair\": \"bald\", \"nose\": 0.5, \"chin\": 0}");
    Engine *e = open_folder("a.jsonl", "");
    assert_int_equal(engine_sample_count(e), 2);
    check_sample(e, 0, first, 20);
    check_sample(e, 1, second, 10);
    engine_close(e);
}

/* As numpy.save writes it: version 1, padded to 64 bytes. */
static void write_npy(const char *name, const char *type, const char *shape, const void *data,
                      size_t bytes)
{
    char file[1024], dictionary[256];
    snprintf(dictionary, sizeof dictionary,
             "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape);
    int n = snprintf(file, sizeof file, "\x93NUMPY\x01%c\x76%c%-117s\n", 0, 0, "");
    assert_int_equal(n, 128);
    memcpy(file + 10, dictionary, strlen(dictionary));
    memcpy(file + 128, data, bytes);
    write_bytes(name, file, 128 + bytes);
}

static void npy(void **state)
{
    (void)state;
    float single[3 * DIM];
    double twice[3 * DIM];
    memcpy(single, first, sizeof first);
    memcpy(single + DIM, second, sizeof second);
    memcpy(single + 2 * DIM, third, sizeof third);
    for (int i = 0; i < 3 * DIM; i++)
        twice[i] = (double)single[i];
    write_npy("a.npy", "<f4", "(3, 5)", single, sizeof single);
    write_npy("b.npy", "<f8", "(3, 5)", twice, sizeof twice);
    for (int t = 0; t < 2; t++) {
        Engine *e = open_folder(t ? "b.npy" : "a.npy", "");
        check_sample(e, 0, first, 10);
        check_sample(e, 1, second, 20);
        check_sample(e, 2, third, 30);
        engine_close(e);
    }
}

/* ---- Pictures ---- */

static void larger_pictures_shrink(void **state)
{
    (void)state;
    enum { BIG = 96 }; /* three pixels to two */
    static uint8_t pixel[3 * BIG * BIG], rgb[3 * SIZE * SIZE];
    float x[DIM];
    for (int i = 0; i < 3 * BIG * BIG; i++)
        pixel[i] = (uint8_t)(i * 7 + i / 11);
    write_picture("images/big.png", pixel, BIG, BIG, 3);
    write_text(in_folder("a.csv"), "image,hair,nose,chin\nbig.png,bald,.5,0\n");
    Engine *e = open_folder("a.csv", "");
    assert_true(engine_sample(e, 0, SIZE, x, rgb, NULL, NULL));
    for (int y = 0; y < SIZE; y++)
        for (int i = 0; i < SIZE; i++)
            for (int c = 0; c < 3; c++) {
                /* The exact integral over [1.5 i, 1.5 i + 1.5): weights 1 and 1/2. */
                double sum = 0, weight = 0;
                for (int v = 3 * y; v < 3 * y + 3; v++)
                    for (int u = 3 * i; u < 3 * i + 3; u++, weight++)
                        sum += pixel[3 * (v / 2 * BIG + u / 2) + c];
                assert_float_equal(rgb[3 * (y * SIZE + i) + c], sum / weight, .501);
            }
    engine_close(e);
    remove(in_folder("images/big.png"));
}

static void transparent_pictures(void **state)
{
    (void)state;
    float x[DIM];
    uint8_t rgb[3 * SIZE * SIZE];
    RenderOptions o = render_options_default();
    write_plain("images/glass.png", 2 * SIZE, 2 * SIZE, 255, 51); /* a fifth of it */
    write_text(in_folder("a.csv"), "image,hair,nose,chin\nglass.png,bald,.5,0\n");
    Engine *e = open_folder("a.csv", "");
    assert_true(engine_sample(e, 0, SIZE, x, rgb, NULL, NULL));
    for (int c = 0; c < 3; c++) {
        assert_float_equal(rgb[c], 51 + .8 * o.background[0][c], 1);
        assert_float_equal(rgb[3 * (SIZE * SIZE - 1) + c], 51 + .8 * o.background[1][c], 1);
    }
    engine_close(e);
    remove(in_folder("images/glass.png"));
}

static void label_maps(void **state)
{
    (void)state;
    enum { BIG = 2 * SIZE };
    static uint8_t map[BIG * BIG], rgb[3 * SIZE * SIZE], labels[SIZE * SIZE];
    float x[DIM];
    Error err;
    for (int i = 0; i < BIG * BIG; i++)
        map[i] = (uint8_t)((i % BIG / 2 + i / BIG / 2) % 11);
    write_text(in_folder("a.csv"), "image,hair,nose,chin\nface1.png,bald,.5,0\n");
    refuses("a.csv", ", \"labels\": \"labels\"", "labels/face1.png");
    write_picture("labels/face1.png", map, BIG, BIG, 1);
    Engine *e = open_folder("a.csv", ", \"labels\": \"labels\"");
    assert_true(engine_can(e, ENGINE_LABELS));
    assert_true(engine_sample(e, 0, SIZE, x, rgb, labels, NULL));
    for (int i = 0; i < SIZE * SIZE; i++)
        assert_int_equal(labels[i], (i % SIZE + i / SIZE) % 11);
    map[5 * BIG + 5] = 11;
    write_picture("labels/face1.png", map, BIG, BIG, 1);
    assert_false(engine_sample(e, 0, SIZE, x, rgb, labels, &err));
    assert_non_null(strstr(err.text, "labels/face1.png: the label map holds 11"));
    engine_close(e);
    remove(in_folder("labels/face1.png"));
}

static void bad_pictures(void **state)
{
    (void)state;
    float x[DIM];
    uint8_t rgb[3 * SIZE * SIZE];
    Error err;
    write_text(in_folder("a.csv"), "image,hair,nose,chin\nodd.png,bald,.5,0\n");
    refuses("a.csv", "", "images/odd.png: No such file");
    static const struct {
        int width, height;
        const char *words;
    } cases[] = {
        {SIZE, SIZE + 1, "images/odd.png: the picture is 64 x 65, not square"},
        {SIZE - 1, SIZE - 1, "images/odd.png: the picture is 63 x 63, smaller than the 64 x 64"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_plain("images/odd.png", cases[i].width, cases[i].height, 9, 255);
        Engine *e = open_folder("a.csv", "");
        assert_false(engine_sample(e, 0, SIZE, x, rgb, NULL, &err));
        if (!strstr(err.text, cases[i].words))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].words);
        write_text(in_folder("images/odd.png"), "no picture at all");
        assert_false(engine_sample(e, 0, SIZE, x, rgb, NULL, &err));
        assert_non_null(strstr(err.text, "images/odd.png: it is neither a PNG nor a JPEG"));
        remove(in_folder("images/odd.png"));
        assert_false(engine_sample(e, 0, SIZE, x, rgb, NULL, &err));
        assert_non_null(strstr(err.text, "images/odd.png: No such file"));
        engine_close(e);
    }
}

static void draws_nothing_else(void **state)
{
    (void)state;
    float x[DIM] = {0};
    uint8_t rgb[3 * SIZE * SIZE], labels[SIZE * SIZE];
    RenderOptions o = render_options_default();
    Error err;
    o.size = SIZE;
    write_text(in_folder("a.csv"), "image,hair,nose,chin\nface1.png,bald,.5,0\n");
    Engine *e = open_folder("a.csv", "");
    assert_false(engine_render(e, x, &o, rgb, NULL, &err));
    assert_non_null(strstr(err.text, "toy is a folder of finished pictures"));
    assert_false(engine_sample(e, 0, SIZE, x, rgb, labels, &err));
    assert_non_null(strstr(err.text, "no label maps"));
    engine_close(e);
}

/* ---- What is wrong with a table ---- */

static void bad_csv(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"hair,nose,chin,ear\n", "a.csv: line 1: \"ear\" is no control or group"},
        {"hair,nose\n", "line 1: the column \"chin\" of the schema toy is missing"},
        {"nose,chin\nx", "the column \"hair\""},
        {"hair,nose,chin,nose\n", "\"nose\" is there twice"},
        {"image,hair,nose,chin,image\n", "\"image\" is there twice"},
        {"", "line 1: \"\" is no control"},
        {"hair,nose,chin\n", "a.csv has no rows"},
        {"hair,nose,chin\nbald,.5,0\nbald,.5\n", "line 3: has 2 cells, and the header 3"},
        {"hair,nose,chin\nbald,.5,0,1\n", "line 2: has 4 cells"},
        {"hair,nose,chin\nbald,.5x,0\n", "line 2: \"nose\" is '.5x', not a number"},
        {"hair,nose,chin\nbald,,0\n", "\"nose\" is '', not a number"},
        {"hair,nose,chin\nbald,nan,0\n", "\"nose\" is nan, and must lie in [0, 1]"},
        {"hair,nose,chin\nbald,1.01,0\n", "\"nose\" is 1.01, and must"},
        {"hair,nose,chin\nbald,0,-.1\n", "\"chin\" is -0.1, and must"},
        {"hair,nose,chin\nlong,0,0\n", "line 2: \"hair\" has no option \"long\""},
        {"hair,nose,chin\n\"bald,0,0\n", "line 3: a quote is not closed"},
        {"hair,nose,chin\n\"bald\"er,0,0\n", "a quote is not closed, or something follows"},
        {"image,hair,nose,chin\n,bald,0,0\n", "line 2: \"image\" is empty"},
        {"hair,nose,chin\nbald,.5,0\nbald,.5,0\n", "images holds 3 pictures, and the table has 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(in_folder("a.csv"), cases[i].text);
        refuses("a.csv", "", cases[i].words);
    }
}

static void bad_jsonl(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"nose\": 0.5, \"chin\": 0}\n", "line 1: \"hair\" of the schema toy is missing"},
        {"\n{\"ear\": 0.5}\n", "line 2: \"ear\" is no control"},
        {"{\"nose\": \"0.5\"}\n", "\"nose\" is not a number"},
        {"{\"nose\": 2}\n", "\"nose\" is 2, and must lie in [0, 1]"},
        {"{\"hair\": 1}\n", "\"hair\" is not a text"},
        {"{\"hair\": \"wild\"}\n", "\"hair\" has no option \"wild\""},
        {"[1, 2]\n", "line 1: is not an object"},
        {"{\"nose\": 0.5\n", "line 1: "},
        {"{\"nose\": 0.5, \"chin\": 0, \"hair\": \"bald\", \"image\": \"face1.png\"}\n"
         "{\"nose\": 0.5, \"chin\": 0, \"hair\": \"bald\"}\n",
         "line 2: either every line has an \"image\" or none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(in_folder("a.jsonl"), cases[i].text);
        refuses("a.jsonl", "", cases[i].words);
    }
}

static void bad_npy(void **state)
{
    (void)state;
    float x[3 * DIM] = {0};
    for (int i = 0; i < 3; i++)
        x[i * DIM + 2] = 1;
    write_npy("a.npy", "<f4", "(3, 5)", x, sizeof x - 4);
    refuses("a.npy", "", "a.npy: ");
    write_npy("a.npy", "<f4", "(15,)", x, sizeof x);
    refuses("a.npy", "", "a.npy is an array of shape 15, and for the schema toy it must be Nx5");
    write_npy("a.npy", "<f4", "(5, 3)", x, sizeof x);
    refuses("a.npy", "", "a.npy is an array of shape 5x3");
    x[DIM + 1] = NAN;
    write_npy("a.npy", "<f4", "(3, 5)", x, sizeof x);
    refuses("a.npy", "", "a.npy: row 1: column 1 is nan");
    x[DIM + 1] = 1.5f;
    write_npy("a.npy", "<f4", "(3, 5)", x, sizeof x);
    refuses("a.npy", "", "row 1: column 1 is 1.5, and must lie in [0, 1]");
    x[DIM + 1] = 1;
    x[2 * DIM + 3] = 1;
    write_npy("a.npy", "<f4", "(3, 5)", x, sizeof x);
    refuses("a.npy", "", "row 2: columns 2 to 4 (\"hair\") are not one 1 among 0s");
}

static void bad_files(void **state)
{
    (void)state;
    refuses("none.csv", "", "none.csv: No such file");
    refuses("a.xlsx", "", "ends in .csv, .jsonl or .npy");
    refuses("a.csv", ", \"command\": [\"x\"]", "\"command\" is no field");
    write_text(in_folder("a.csv"), "hair,nose,chin\nbald,.5,0\n");
    write_text(in_folder("engine.json"),
               "{\"engine\": \"folder\", \"schema\": \"schema.json\", \"table\": \"a.csv\"}");
    Engine *engine;
    Error err;
    assert_false(engine_open_file(&engine, in_folder("engine.json"), &err));
    assert_non_null(strstr(err.text, "engine.json: needs a \"images\""));
    write_text(in_folder("engine.json"), "{\"engine\": \"folder\", \"schema\": \"schema.json\", "
                                         "\"table\": \"a.csv\", \"images\": \"nowhere\"}");
    assert_false(engine_open_file(&engine, in_folder("engine.json"), &err));
    assert_non_null(strstr(err.text, "nowhere: No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv),
        cmocka_unit_test(csv_that_names_images),
        cmocka_unit_test(jsonl),
        cmocka_unit_test(npy),
        cmocka_unit_test(larger_pictures_shrink),
        cmocka_unit_test(transparent_pictures),
        cmocka_unit_test(label_maps),
        cmocka_unit_test(bad_pictures),
        cmocka_unit_test(draws_nothing_else),
        cmocka_unit_test(bad_csv),
        cmocka_unit_test(bad_jsonl),
        cmocka_unit_test(bad_npy),
        cmocka_unit_test(bad_files),
    };
    return cmocka_run_group_tests(tests, write_folder, remove_folder);
}
