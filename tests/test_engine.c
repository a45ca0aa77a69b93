/* The engine as a whole: pictures and labels of characters, the same from every thread; damaged
 * packs and impossible requests get their sentence. Skipped without the asset pack. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>
#include <sys/stat.h>

#include "engine/character.h"
#include "engine/engine.h"
#include "engine/pack.h"
#include "tests/engine_files.h"
#include "tests/test_folder.h"

enum { SIZE = 128, PIXELS = SIZE * SIZE };

enum { MODELS = 3, SCHEMAS = 2 * MODELS };

/* The extended schema of each model, then the paper's. */
static const char *const model[SCHEMAS] = {"male",       "female",       "girl",
                                           "paper-male", "paper-female", "paper-girl"};
static Engine *engine[SCHEMAS];

typedef struct Picture {
    uint8_t rgb[PIXELS * 3], label[PIXELS];
} Picture;

static int set_up(void **state)
{
    (void)state;
    return engines_open(engine, model, SCHEMAS);
}

static int tear_down(void **state)
{
    (void)state;
    return engines_close(engine, SCHEMAS);
}

static float *new_x(int m)
{
    float *x = malloc((size_t)engine_schema(engine[m])->dim * sizeof *x);
    assert_non_null(x);
    return x;
}

static Picture *draw(int m, const float *x)
{
    Picture *p = malloc(sizeof *p);
    Error err = {""};
    RenderOptions o = render_options_default();
    o.size = SIZE;
    assert_non_null(p);
    if (!engine_render(engine[m], x, &o, p->rgb, p->label, &err))
        fail_msg("%s", err.text);
    return p;
}

static void set(int m, float *x, const char *name, float value)
{
    int i = schema_find(engine_schema(engine[m]), name);
    assert_true(i >= 0);
    x[i] = value;
}

static void choose(int m, float *x, const char *group, const char *option)
{
    const Schema *s = engine_schema(engine[m]);
    int g = schema_find_group(s, group);
    assert_true(g >= 0);
    const ControlGroup *of = &s->group[g];
    bool found = false;
    for (int k = 0; k < of->count; k++) {
        bool is = strcmp(of->option[k].name, option) == 0;
        x[of->begin + k] = is ? 1.0f : 0.0f;
        found = found || is;
    }
    assert_true(found);
}

static int count(const Picture *p, int label)
{
    int n = 0;
    for (int i = 0; i < PIXELS; i++)
        n += p->label[i] == label;
    return n;
}

/* Mean sRGB of a class. */
static void mean(const Picture *p, int label, float out[3])
{
    int n = 0;
    double sum[3] = {0};
    for (int i = 0; i < PIXELS; i++)
        for (int k = 0; k < 3 && p->label[i] == label; k++) {
            sum[k] += p->rgb[3 * i + k];
            n += k == 0;
        }
    assert_true(n > 0);
    for (int k = 0; k < 3; k++)
        out[k] = (float)(sum[k] / n);
}

static void every_class_is_there(void **state)
{
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        float *x = new_x(m);
        schema_average(engine_schema(engine[m]), x);
        set(m, x, "grin", 1);
        Picture *p = draw(m, x);
        for (int label = 0; label < LABEL_COUNT; label++)
            if (count(p, label) < 4)
                fail_msg("%s: class %d has only %d pixels", model[m], label, count(p, label));
        /* Left is the person's: on the right of the picture. */
        long at[2] = {0};
        for (int i = 0; i < PIXELS; i++)
            for (int side = 0; side < 2; side++)
                at[side] += p->label[i] == LABEL_LEFT_EYE + side ? i % SIZE - SIZE / 2 : 0;
        assert_true(at[0] > 0 && at[1] < 0);
        free(p);
        set(m, x, "grin", 0);
        set(m, x, "mouth-open", 0);
        choose(m, x, "hair", "bald");
        p = draw(m, x);
        assert_int_equal(count(p, LABEL_HAIR), 0);
        assert_true(count(p, LABEL_INNER_MOUTH) < 12);
        free(p);
        free(x);
    }
}

/* A schema of bones only pins what it has no controls for to the extended schema's average. */
static void the_papers_average_is_the_extended_one(void **state)
{
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        Picture *p[2];
        for (int paper = 0; paper < 2; paper++) {
            int e = m + paper * MODELS;
            float *x = new_x(e);
            schema_average(engine_schema(engine[e]), x);
            choose(e, x, "hair", "bald");
            p[paper] = draw(e, x);
            free(x);
        }
        int n = 0; /* brows have the hair's colour, which the paper's choices carry */
        for (int i = 0; i < PIXELS; i++)
            for (int c = 0; c < 3; c++)
                n += p[0]->label[i] != LABEL_LEFT_BROW && p[0]->label[i] != LABEL_RIGHT_BROW &&
                     abs(p[0]->rgb[3 * i + c] - p[1]->rgb[3 * i + c]) > 12;
        if (n > 60)
            fail_msg("%s and %s differ in %d values", model[m], model[m + MODELS], n);
        free(p[0]);
        free(p[1]);
    }
}

static void characters_come_back_for_every_schema(void **state)
{
    (void)state;
    char dir[TEST_PATH], path[TEST_PATH], name[32];
    assert_true(test_folder_make(dir));
    test_path(path, dir, "character.json");
    for (int e = 0; e < SCHEMAS; e++) {
        const Schema *s = engine_schema(engine[e]);
        float *x = new_x(e), *y = new_x(e);
        Error err = {""};
        for (uint64_t i = 0; i < 4; i++) {
            schema_random_person(s, 9, i, x);
            schema_average(s, y);
            assert_true(character_save(path, s, x, &err));
            assert_true(character_schema_name(path, name, &err));
            assert_string_equal(name, model[e]);
            assert_true(character_load(path, s, y, &err));
            assert_memory_equal(x, y, (size_t)s->dim * sizeof *x);
        }
        assert_false(character_load(path, engine_schema(engine[(e + 1) % SCHEMAS]), y, &err));
        free(x);
        free(y);
    }
    test_folder_remove(dir);
}

static void colours_go_where_they_should(void **state)
{
    (void)state;
    float *x = new_x(1), a[3], b[3];
    const Schema *s = engine_schema(engine[1]);
    schema_average(s, x);
    set(1, x, "skin-tone", 0);
    Picture *fair = draw(1, x);
    set(1, x, "skin-tone", 1);
    Picture *dark = draw(1, x);
    mean(fair, LABEL_SKIN, a);
    mean(dark, LABEL_SKIN, b);
    assert_true(a[1] > b[1] + 80);
    free(fair);
    free(dark);

    schema_average(s, x);
    set(1, x, "hair-lightness", 0);
    Picture *black = draw(1, x);
    set(1, x, "hair-lightness", 1);
    Picture *blond = draw(1, x);
    mean(black, LABEL_HAIR, a);
    mean(blond, LABEL_HAIR, b);
    assert_true(b[0] > a[0] + 80 && b[0] > b[2] + 20);
    mean(black, LABEL_LEFT_BROW, a);
    mean(blond, LABEL_LEFT_BROW, b);
    assert_true(b[0] > a[0] + 5); /* brows follow the hair */
    free(black);
    free(blond);

    schema_average(s, x);
    set(1, x, "eye-hue", 0);
    Picture *brown = draw(1, x);
    set(1, x, "eye-hue", 1);
    Picture *blue = draw(1, x);
    mean(brown, LABEL_LEFT_EYE, a);
    mean(blue, LABEL_LEFT_EYE, b);
    assert_true(b[2] - b[0] > a[2] - a[0] + 5);
    free(brown);
    free(blue);
    free(x);
}

static void same_bits_from_every_thread(void **state)
{
    (void)state;
    enum { DRAWS = 6 };
    Picture *one[DRAWS], *many[DRAWS];
    float *x = malloc(DRAWS * (size_t)engine_schema(engine[1])->dim * sizeof *x);
    size_t dim = (size_t)engine_schema(engine[1])->dim;
    for (int i = 0; i < DRAWS; i++) {
        schema_random_uniform(engine_schema(engine[1]), 4, (uint64_t)i, x + (size_t)i * dim);
        one[i] = draw(1, x + (size_t)i * dim);
    }
#pragma omp parallel for num_threads(3)
    for (int i = 0; i < DRAWS; i++)
        many[i] = draw(1, x + (size_t)i * dim);
    for (int i = 0; i < DRAWS; i++) {
        assert_memory_equal(one[i], many[i], sizeof *one[i]);
        free(one[i]);
        free(many[i]);
    }
    free(x);
}

static void impossible_requests_are_refused(void **state)
{
    (void)state;
    float *x = new_x(0);
    uint8_t rgb[3] = {1, 2, 3};
    Error err = {""};
    RenderOptions o = render_options_default();
    schema_average(engine_schema(engine[0]), x);
    x[5] = NAN;
    assert_false(engine_render(engine[0], x, &o, rgb, NULL, &err));
    assert_non_null(strstr(err.text, "value 5"));
    x[5] = 0.5f;
    o.size = 63;
    assert_false(engine_render(engine[0], x, &o, rgb, NULL, &err));
    assert_true(rgb[0] == 1 && rgb[1] == 2 && rgb[2] == 3);
    free(x);
}

static void expect_refusal(const char *pack, const char *schema, const char *sentence)
{
    Engine *e = (Engine *)&sentence;
    Error err = {""};
    assert_false(engine_open_builtin(&e, pack, schema, &err));
    assert_ptr_equal(e, &sentence);
    if (!strstr(err.text, sentence))
        fail_msg("\"%s\" should say \"%s\"", err.text, sentence);
}

/* The pack with its first n bytes only. */
static void write_truncated(const char *path, size_t n)
{
    FILE *from = fopen(engine_pack(), "rb"), *to = fopen(path, "wb");
    char *bytes = malloc(n);
    assert_true(from && to && bytes);
    assert_int_equal(fread(bytes, 1, n, from), n);
    assert_int_equal(fwrite(bytes, 1, n, to), n);
    fclose(from);
    fclose(to);
    free(bytes);
}

static void damaged_packs_are_refused(void **state)
{
    (void)state;
    char dir[TEST_PATH], path[TEST_PATH], other[TEST_PATH];
    Error err = {""};
    assert_true(test_folder_make(dir));
    test_path(path, dir, "x.pack");
    expect_refusal("no/such.pack", SCHEMA("male"), "no/such.pack");
    expect_refusal(engine_pack(), "no/such.json", "no/such.json");
    write_truncated(path, 1 << 20);
    expect_refusal(path, SCHEMA("male"), path);
    write_text(path, "GIF89a, surely no safetensors");
    expect_refusal(path, SCHEMA("male"), path);

    /* Sound files that hold something else, or a part missing, or an index that points outside. */
    TensorFile *file = tensor_file_new();
    assert_true(safetensors_write(path, file, &err));
    expect_refusal(path, SCHEMA("male"), "is not an asset pack");
    assert_true(tensor_file_set_meta(file, "format", PACK_FORMAT, &err));
    assert_true(tensor_file_set_meta(file, "version", "0", &err));
    assert_true(safetensors_write(path, file, &err));
    expect_refusal(path, SCHEMA("male"), "another version");
    tensor_file_free(file);

    TensorFile *whole;
    assert_true(safetensors_read(engine_pack(), &whole, &err));
    static const char *const damaged[] = {"follow/to", "bone/vertex", "mesh/skin/triangle",
                                          "target/begin", "mesh/lashes/ref"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        Tensor t = tensor_file_find(whole, damaged[i]);
        assert_non_null(t.data);
        int32_t *value = t.data, keep = value[1];
        value[1] = 1 << 30;
        assert_true(safetensors_write(path, whole, &err));
        expect_refusal(path, SCHEMA("male"), "bake it again");
        value[1] = keep;
    }
    /* A texture that does not unpack. */
    Tensor t = tensor_file_find(whole, "texture/teeth/data");
    assert_non_null(t.data);
    memset(t.data, 0x55, 64);
    assert_true(safetensors_write(path, whole, &err));
    expect_refusal(path, SCHEMA("male"), "a texture is damaged");
    tensor_file_free(whole);

    write_text(
        test_path(other, dir, "hat.json"),
        "{\"name\":\"t\",\"version\":1,\"continuous\":[{\"name\":\"a\",\"component\":\"macro\","
        "\"prior\":\"p\",\"kind\":\"macro\",\"drive\":\"age\",\"lo\":0,\"hi\":1,\"mean\":0.5,"
        "\"deviation\":0}],\"discrete\":[{\"name\":\"hair\",\"options\":[\"plumage\"]}]}");
    expect_refusal(engine_pack(), other, "hair-plumage");
    test_folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_is_there),
        cmocka_unit_test(the_papers_average_is_the_extended_one),
        cmocka_unit_test(characters_come_back_for_every_schema),
        cmocka_unit_test(colours_go_where_they_should),
        cmocka_unit_test(same_bits_from_every_thread),
        cmocka_unit_test(impossible_requests_are_refused),
        cmocka_unit_test(damaged_packs_are_refused),
    };
    need_engine_pack();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
