/* Schemas: Table 5's counts, names, digests, sampling, and the sentence for every kind of bad file.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>

#include "engine/schema.h"
#include "tests/engine_files.h"
#include "tests/test_folder.h"

static const char *const model[] = {"male", "female"};

static Schema *load(const char *name)
{
    char path[4096];
    Schema *s = NULL;
    Error err = {""};
    snprintf(path, sizeof path, SRCDIR "/engine/schemas/%s.json", name);
    if (!schema_load(&s, path, &err))
        fail_msg("%s", err.text);
    return s;
}

/* The paper's Table 5. */
static const struct {
    const char *component;
    int count;
} table5[] = {
    {"eyebrow-head", 8},
    {"eyebrow-body", 8},
    {"eyebrow-tail", 8},
    {"eye", 6},
    {"outside eyelid", 9},
    {"inside eyelid", 9},
    {"lower eyelid", 9},
    {"inner eye corner", 9},
    {"outer eye corner", 9},
    {"nose body", 3},
    {"nose bridge", 6},
    {"nose wing", 9},
    {"nose tip", 6},
    {"nose bottom", 6},
    {"mouth", 3},
    {"middle upper lip", 6},
    {"outer upper lip", 9},
    {"middle lower lip", 6},
    {"outer lower lip", 9},
    {"mouth corner", 9},
    {"forehead", 6},
    {"glabellum", 6},
    {"cheekbone", 5},
    {"risorius", 5},
    {"cheek", 6},
    {"jaw", 6},
    {"lower jaw", 9},
    {"mandibular", 9},
    {"outer jaw", 9},
};

static void has_table_5(void **state)
{
    (void)state;
    for (int m = 0; m < 2; m++) {
        Schema *s = load(model[m]);
        int bones = 0;
        for (size_t t = 0; t < sizeof table5 / sizeof *table5; t++) {
            int n = 0;
            for (int i = 0; i < s->n_continuous; i++)
                n += s->control[i].kind == CONTROL_BONE &&
                     strcmp(s->control[i].component, table5[t].component) == 0;
            if (n != table5[t].count)
                fail_msg("%s: %s has %d controllers, Table 5 says %d", model[m],
                         table5[t].component, n, table5[t].count);
        }
        for (int i = 0; i < s->n_continuous; i++)
            bones += s->control[i].kind == CONTROL_BONE;
        assert_int_equal(bones, 208);
        assert_string_equal(s->name, model[m]);
        schema_free(s);
    }
}

static void bones_are_neutral_at_a_half(void **state)
{
    (void)state;
    for (int m = 0; m < 2; m++) {
        Schema *s = load(model[m]);
        for (int i = 0; i < s->n_continuous; i++) {
            const Control *c = &s->control[i];
            if (c->kind != CONTROL_BONE)
                continue;
            assert_true(c->lo == -c->hi && c->hi > 0);
            assert_true(c->mean == 0.5f);
        }
        schema_free(s);
    }
}

static void names_are_unique_and_found(void **state)
{
    (void)state;
    Schema *s = load("male");
    for (int i = 0; i < s->n_continuous; i++)
        assert_int_equal(schema_find(s, s->control[i].name), i);
    for (int g = 0; g < s->n_groups; g++)
        assert_int_equal(schema_find_group(s, s->group[g].name), g);
    assert_int_equal(schema_find(s, "no such"), -1);
    assert_int_equal(schema_find_group(s, "no such"), -1);
    int dim = s->n_continuous;
    for (int g = 0; g < s->n_groups; g++) {
        assert_int_equal(s->group[g].begin, dim);
        dim += s->group[g].count;
    }
    assert_int_equal(s->dim, dim);
    schema_free(s);
}

static void has_the_choices_asked_for(void **state)
{
    (void)state;
    for (int m = 0; m < 2; m++) {
        Schema *s = load(model[m]);
        int hair = schema_find_group(s, "hair"), brows = schema_find_group(s, "brows");
        assert_true(hair >= 0 && s->group[hair].count >= 8);
        assert_true(brows >= 0 && s->group[brows].count >= 6);
        bool bald = false;
        for (int k = 0; k < s->group[hair].count; k++)
            bald = bald || strcmp(s->group[hair].option[k].name, "bald") == 0;
        assert_true(bald);
        int beard = schema_find_group(s, "beard");
        assert_true(m == 1 || (beard >= 0 && s->group[beard].count >= 3));
        schema_free(s);
    }
}

static void digest_tells_schemas_apart(void **state)
{
    (void)state;
    char first[17], again[17], other[17];
    Schema *s = load("male"), *same = load("male"), *female = load("female");
    schema_digest(s, first);
    assert_int_equal(strlen(first), 16);
    schema_digest(same, again);
    assert_string_equal(first, again);
    schema_digest(female, other);
    assert_string_not_equal(first, other);

    float hi = s->control[7].hi;
    s->control[7].hi += 0.001f;
    schema_digest(s, other);
    assert_string_not_equal(first, other);
    s->control[7].hi = hi;

    Control swap = s->control[1];
    s->control[1] = s->control[2];
    s->control[2] = swap;
    schema_digest(s, other);
    assert_string_not_equal(first, other);
    s->control[2] = s->control[1];
    s->control[1] = swap;

    s->group[0].option[1].name[0] ^= 1;
    schema_digest(s, other);
    assert_string_not_equal(first, other);
    s->group[0].option[1].name[0] ^= 1;

    /* What people look like on average is not what the numbers mean. */
    s->control[7].mean = 0.25f;
    schema_digest(s, again);
    assert_string_equal(first, again);
    schema_free(s);
    schema_free(same);
    schema_free(female);
}

static void check_one_hot(const Schema *s, const float *x)
{
    for (int g = 0; g < s->n_groups; g++) {
        float sum = 0;
        for (int k = 0; k < s->group[g].count; k++)
            sum += x[s->group[g].begin + k];
        assert_true(sum == 1);
        assert_true(x[s->group[g].begin + schema_choice(s, g, x)] == 1);
    }
}

static void average_is_the_means_and_first_options(void **state)
{
    (void)state;
    Schema *s = load("female");
    float *x = malloc((size_t)s->dim * sizeof *x);
    schema_average(s, x);
    for (int i = 0; i < s->n_continuous; i++)
        assert_true(x[i] == s->control[i].mean);
    check_one_hot(s, x);
    for (int g = 0; g < s->n_groups; g++)
        assert_int_equal(schema_choice(s, g, x), 0);
    free(x);
    schema_free(s);
}

static void choice_is_the_first_of_the_greatest(void **state)
{
    (void)state;
    Schema *s = load("female");
    float *x = calloc((size_t)s->dim, sizeof *x);
    assert_int_equal(schema_choice(s, 1, x), 0);
    x[s->group[1].begin + 3] = 0.7f;
    x[s->group[1].begin + 2] = 0.7f;
    assert_int_equal(schema_choice(s, 1, x), 2);
    free(x);
    schema_free(s);
}

/* Mean and deviation of 600 draws lie where a uniform or a normal distribution puts them. */
static void draws_are_distributed_as_promised(void **state)
{
    (void)state;
    enum { DRAWS = 600 };
    Schema *s = load("male");
    size_t bytes = (size_t)s->dim * sizeof(float);
    float *x = malloc(bytes), *again = malloc(bytes);
    int bone = schema_find(s, "nose-tip.tz");
    double sum[2] = {0}, square[2] = {0};
    int seen[2][64] = {{0}};
    assert_true(bone >= 0);
    for (int k = 0; k < DRAWS; k++)
        for (int person = 0; person < 2; person++) {
            (person ? schema_random_person : schema_random_uniform)(s, 11, (uint64_t)k, x);
            (person ? schema_random_person : schema_random_uniform)(s, 11, (uint64_t)k, again);
            assert_memory_equal(x, again, bytes);
            for (int i = 0; i < s->dim; i++)
                assert_true(x[i] >= 0 && x[i] <= 1);
            check_one_hot(s, x);
            seen[person][schema_choice(s, 0, x)]++;
            sum[person] += x[bone];
            square[person] += x[bone] * x[bone];
        }
    for (int person = 0; person < 2; person++) {
        double mean = sum[person] / DRAWS, variance = square[person] / DRAWS - mean * mean;
        double wanted = person ? s->control[bone].deviation : sqrt(1.0 / 12);
        assert_true(fabs(mean - 0.5) < 4 * wanted / sqrt(DRAWS));
        assert_true(fabs(sqrt(variance) / wanted - 1) < 0.15);
        for (int k = 0; k < s->group[0].count; k++)
            assert_true(seen[person][k] > DRAWS / s->group[0].count / 2);
    }
    schema_random_person(s, 12, 0, again);
    schema_random_person(s, 11, 0, x);
    assert_memory_not_equal(x, again, bytes);
    free(x);
    free(again);
    schema_free(s);
}

#define CONTROL_TEXT                                                                            \
    "{\"name\":\"a\",\"component\":\"c\",\"prior\":\"p\",\"kind\":\"macro\",\"drive\":\"age\"," \
    "\"lo\":0,"                                                                                 \
    "\"hi\":1,\"mean\":0.5,\"deviation\":0.1}"
#define SCHEMA_TEXT(continuous, discrete) \
    "{\"name\":\"t\",\"version\":1,\"continuous\":[" continuous "],\"discrete\":[" discrete "]}"

static void bad_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"{", "line 1"},
        {"[]", "\"name\""},
        {"{\"name\":\"\"}", "\"name\""},
        {"{\"name\":\"t\"}", "\"version\""},
        {"{\"name\":\"t\",\"version\":1.5}", "\"version\""},
        {"{\"name\":\"t\",\"version\":1}", "\"continuous\""},
        {SCHEMA_TEXT("", ""), "\"continuous\""},
        {SCHEMA_TEXT("{}", ""), "continuous[0]: needs a text \"name\""},
        {SCHEMA_TEXT("{\"name\":\"a234567890123456789012345678901234567890123456789\"}", ""),
         "longer than 47 bytes"},
        {SCHEMA_TEXT(CONTROL_TEXT "," CONTROL_TEXT, ""), "continuous[1]: its name was used before"},
        {SCHEMA_TEXT("{\"name\":\"a\",\"component\":\"c\",\"prior\":\"p\",\"kind\":\"bonus\","
                     "\"drive\":\"d\","
                     "\"lo\":0,\"hi\":1,\"mean\":0.5,\"deviation\":0.1}",
                     ""),
         "bone, macro or appearance"},
        {SCHEMA_TEXT("{\"name\":\"a\",\"component\":\"c\",\"prior\":\"p\",\"kind\":\"bone\","
                     "\"drive\":\"d\","
                     "\"lo\":\"0\",\"hi\":1,\"mean\":0.5,\"deviation\":0.1}",
                     ""),
         "needs a number \"lo\""},
        {SCHEMA_TEXT("{\"name\":\"a\",\"component\":\"c\",\"prior\":\"p\",\"kind\":\"bone\","
                     "\"drive\":\"d\","
                     "\"lo\":0,\"hi\":1,\"mean\":1.5,\"deviation\":0.1}",
                     ""),
         "\"mean\" must lie in [0, 1]"},
        {SCHEMA_TEXT("{\"name\":\"a\",\"component\":\"c\",\"prior\":\"p\",\"kind\":\"bone\","
                     "\"drive\":\"d\","
                     "\"lo\":0,\"hi\":1,\"mean\":0.5,\"deviation\":-1}",
                     ""),
         "\"deviation\" must lie in [0, 1]"},
        {SCHEMA_TEXT(CONTROL_TEXT, "{\"name\":\"hair\"}"), "discrete[0]: needs a list \"options\""},
        {SCHEMA_TEXT(CONTROL_TEXT, "{\"name\":\"hair\",\"options\":[1]}"), "neither a name"},
        {SCHEMA_TEXT(CONTROL_TEXT, "{\"name\":\"hair\",\"options\":[\"x\",\"x\"]}"),
         "the same name"},
        {SCHEMA_TEXT(
             CONTROL_TEXT,
             "{\"name\":\"hair\",\"options\":[\"x\"]},{\"name\":\"hair\",\"options\":[\"x\"]}"),
         "discrete[1]: its name was used before"},
    };
    char dir[TEST_PATH], path[TEST_PATH];
    assert_true(test_folder_make(dir));
    test_path(path, dir, "bad.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Schema *s = (Schema *)&cases; /* any value: it must stay */
        Error err = {""};
        write_text(path, cases[i].text);
        assert_false(schema_load(&s, path, &err));
        assert_ptr_equal(s, &cases);
        if (!strstr(err.text, cases[i].sentence) || !strstr(err.text, path))
            fail_msg("\"%s\" should name the file and say \"%s\"", err.text, cases[i].sentence);
    }
    Schema *s = NULL;
    Error err = {""};
    write_text(path, SCHEMA_TEXT(CONTROL_TEXT, "{\"name\":\"hair\",\"options\":[\"x\"]}"));
    assert_true(schema_load(&s, path, &err));
    assert_int_equal(s->dim, 2);
    schema_free(s);
    assert_false(schema_load(&s, "no/such.json", &err));
    assert_non_null(strstr(err.text, "no/such.json"));
    test_folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_table_5),
        cmocka_unit_test(bones_are_neutral_at_a_half),
        cmocka_unit_test(names_are_unique_and_found),
        cmocka_unit_test(has_the_choices_asked_for),
        cmocka_unit_test(digest_tells_schemas_apart),
        cmocka_unit_test(average_is_the_means_and_first_options),
        cmocka_unit_test(choice_is_the_first_of_the_greatest),
        cmocka_unit_test(draws_are_distributed_as_promised),
        cmocka_unit_test(bad_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
