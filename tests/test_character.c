/* Character files: what is written is read, and every kind of bad file gives its sentence. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>

#include "engine/character.h"
#include "tests/engine_files.h"
#include "tests/test_folder.h"

static Schema *schema;
static char dir[TEST_PATH], path[TEST_PATH];

static int set_up(void **state)
{
    (void)state;
    Error err;
    test_path(path, dir, "character.json");
    return schema_load(&schema, SCHEMA("male"), &err) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    schema_free(schema);
    return 0;
}

static float *new_x(void)
{
    float *x = malloc((size_t)schema->dim * sizeof *x);
    assert_non_null(x);
    return x;
}

static void comes_back_bit_for_bit(void **state)
{
    (void)state;
    float *x = new_x(), *y = new_x();
    Error err = {""};
    for (uint64_t i = 0; i < 5; i++) {
        schema_random_person(schema, 3, i, x);
        schema_average(schema, y);
        assert_true(character_save(path, schema, x, &err));
        assert_true(character_load(path, schema, y, &err));
        assert_memory_equal(x, y, (size_t)schema->dim * sizeof *x);
    }
    char name[32];
    assert_true(character_schema_name(path, name, &err));
    assert_string_equal(name, "male");
    free(x);
    free(y);
}

static void what_is_missing_is_average(void **state)
{
    (void)state;
    float *x = new_x(), *average = new_x();
    Error err = {""};
    write_text(path, "{\"schema\":\"male\",\"version\":2,\"continuous\":{\"age\":0.75},"
                     "\"discrete\":{\"beard\":\"moustache\"}}");
    assert_true(character_load(path, schema, x, &err));
    schema_average(schema, average);
    int age = schema_find(schema, "age"), beard = schema_find_group(schema, "beard");
    assert_true(x[age] == 0.75f);
    assert_string_equal(schema->group[beard].option[schema_choice(schema, beard, x)].name,
                        "moustache");
    for (int i = 0; i < schema->dim; i++) {
        bool given = i == age || (i >= schema->group[beard].begin &&
                                  i < schema->group[beard].begin + schema->group[beard].count);
        assert_true(given || x[i] == average[i]);
    }
    free(x);
    free(average);
}

/* "vector" is derived: where an artist edits a name, the name wins. */
static void names_win_over_the_vector(void **state)
{
    (void)state;
    float *x = new_x();
    Error err = {""};
    write_text(
        path,
        "{\"schema\":\"male\",\"version\":2,\"continuous\":{\"age\":0.125},\"vector\":[1,1,1]}");
    assert_true(character_load(path, schema, x, &err));
    assert_true(x[schema_find(schema, "age")] == 0.125f);
    assert_true(x[0] == schema->control[0].mean);
    free(x);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "line 1"},
        {"{\"schema\":\"male\",", "line 1"},
        {"{}", "is not a character"},
        {"{\"schema\":7}", "is not a character"},
        {"{\"schema\":\"female\",\"version\":2}", "is a character of the schema \"female\""},
        {"{\"schema\":\"male\"}", "another version"},
        {"{\"schema\":\"male\",\"version\":99}", "another version"},
        {"{\"schema\":\"male\",\"version\":2,\"continuous\":[]}", "must be objects"},
        {"{\"schema\":\"male\",\"version\":2,\"discrete\":3}", "must be objects"},
        {"{\"schema\":\"male\",\"version\":2,\"continuous\":{\"wings\":0.5}}",
         "no parameter \"wings\""},
        {"{\"schema\":\"male\",\"version\":2,\"continuous\":{\"age\":1.01}}",
         "\"age\" must be a number in"},
        {"{\"schema\":\"male\",\"version\":2,\"continuous\":{\"age\":-0.01}}",
         "\"age\" must be a number in"},
        {"{\"schema\":\"male\",\"version\":2,\"continuous\":{\"age\":1e99}}",
         "\"age\" must be a number in"},
        {"{\"schema\":\"male\",\"version\":2,\"continuous\":{\"age\":NaN}}", "line 1"},
        {"{\"schema\":\"male\",\"version\":2,\"continuous\":{\"age\":\"old\"}}",
         "\"age\" must be a number in"},
        {"{\"schema\":\"male\",\"version\":2,\"discrete\":{\"hat\":\"top\"}}", "no choice \"hat\""},
        {"{\"schema\":\"male\",\"version\":2,\"discrete\":{\"hair\":\"spines\"}}",
         "no option \"spines\""},
        {"{\"schema\":\"male\",\"version\":2,\"discrete\":{\"hair\":3}}", "no option"},
    };
    float *x = new_x();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err = {""};
        x[0] = 0.25f;
        write_text(path, cases[i].text);
        assert_false(character_load(path, schema, x, &err));
        assert_true(x[0] == 0.25f);
        if (!strstr(err.text, cases[i].sentence) || !strstr(err.text, path))
            fail_msg("\"%s\" should name the file and say \"%s\"", err.text, cases[i].sentence);
    }
    Error err = {""};
    assert_false(character_load("no/such.json", schema, x, &err));
    assert_non_null(strstr(err.text, "no/such.json"));
    free(x);
}

static void cannot_save_what_cannot_be(void **state)
{
    (void)state;
    float *x = new_x();
    Error err = {""};
    char gone[TEST_PATH];
    schema_average(schema, x);
    assert_false(character_save(test_path(gone, dir, "no/such/folder.json"), schema, x, &err));
    assert_non_null(strstr(err.text, gone));
    test_path(gone, dir, "never.json");
    x[4] = NAN;
    assert_false(character_save(gone, schema, x, &err));
    x[4] = 1.5f;
    assert_false(character_save(gone, schema, x, &err));
    assert_non_null(strstr(err.text, "outside [0, 1]"));
    assert_int_not_equal(access(gone, F_OK), 0);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_bit_for_bit),     cmocka_unit_test(what_is_missing_is_average),
        cmocka_unit_test(names_win_over_the_vector),  cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(cannot_save_what_cannot_be),
    };
    if (!test_folder_make(dir))
        return 1;
    int failed = cmocka_run_group_tests(tests, set_up, tear_down);
    test_folder_remove(dir);
    return failed;
}
