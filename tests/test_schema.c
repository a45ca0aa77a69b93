/* Schemas: Table 5's counts, the choices, names, frozen digests, sampling, and the sentence for
 * every kind of bad file. */
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

enum { MODELS = 3, SCHEMAS = 2 * MODELS };

/* The extended schema of each model, then the paper's. */
static const char *const name_of[SCHEMAS] = {"male",       "female",       "girl",
                                             "paper-male", "paper-female", "paper-girl"};

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
    for (int m = 0; m < SCHEMAS; m++) {
        Schema *s = load(name_of[m]);
        int bones = 0;
        for (size_t t = 0; t < sizeof table5 / sizeof *table5; t++) {
            int n = 0;
            for (int i = 0; i < s->n_continuous; i++)
                n += s->control[i].kind == CONTROL_BONE &&
                     strcmp(s->control[i].component, table5[t].component) == 0;
            if (n != table5[t].count)
                fail_msg("%s: %s has %d controllers, Table 5 says %d", name_of[m],
                         table5[t].component, n, table5[t].count);
        }
        for (int i = 0; i < s->n_continuous; i++)
            bones += s->control[i].kind == CONTROL_BONE;
        assert_int_equal(bones, 208);
        assert_string_equal(s->name, name_of[m]);
        schema_free(s);
    }
}

/* The seven groups of Fig. 6. */
static void bones_have_the_papers_priors(void **state)
{
    (void)state;
    static const char *const prior[] = {"brows",    "eyes",   "nose", "mouth",
                                        "forehead", "cheeks", "jaw"};
    enum { PRIORS = sizeof prior / sizeof *prior };
    for (int m = 0; m < SCHEMAS; m++) {
        Schema *s = load(name_of[m]);
        int n[PRIORS] = {0}, sum = 0;
        for (int i = 0; i < s->n_continuous; i++)
            for (int p = 0; p < PRIORS && s->control[i].kind == CONTROL_BONE; p++)
                n[p] += strcmp(s->control[i].prior, prior[p]) == 0;
        for (int p = 0; p < PRIORS; p++) {
            assert_true(n[p] > 0);
            sum += n[p];
        }
        assert_int_equal(sum, 208);
        schema_free(s);
    }
}

static void bones_are_neutral_at_a_half(void **state)
{
    (void)state;
    for (int m = 0; m < SCHEMAS; m++) {
        Schema *s = load(name_of[m]);
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

/* The paper's dimensions, and what makes up the others. */
static void has_the_papers_choices(void **state)
{
    (void)state;
    static const struct {
        const char *group;
        int male, female;
    } table[] = {{"hair", 23, 22},
                 {"brows", 26, 36},
                 {"beard", 7, 0},
                 {"lipstick-style", 0, 19},
                 {"lipstick-colour", 0, 25}};
    for (int m = 0; m < SCHEMAS; m++) {
        Schema *s = load(name_of[m]);
        bool male = m % MODELS == 0;
        for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
            int g = schema_find_group(s, table[t].group);
            int wanted = male ? table[t].male : table[t].female;
            assert_int_equal(g < 0 ? 0 : s->group[g].count, wanted);
        }
        assert_int_equal(s->dim - s->n_continuous, male ? 56 : 102);
        if (m >= MODELS)
            assert_int_equal(s->dim, male ? 264 : 310);
        schema_free(s);
    }
}

/* A character changes between a model's two schemas without losing its choices or its bones. */
static void both_schemas_of_a_model_agree(void **state)
{
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        Schema *a = load(name_of[m]), *b = load(name_of[MODELS + m]);
        assert_int_equal(a->n_groups, b->n_groups);
        for (int g = 0; g < a->n_groups; g++) {
            assert_string_equal(a->group[g].name, b->group[g].name);
            assert_int_equal(a->group[g].count, b->group[g].count);
            for (int k = 0; k < a->group[g].count; k++)
                assert_string_equal(a->group[g].option[k].name, b->group[g].option[k].name);
        }
        assert_int_equal(b->n_continuous, 208);
        for (int i = 0; i < b->n_continuous; i++) {
            assert_string_equal(a->control[i].name, b->control[i].name);
            assert_true(a->control[i].lo == b->control[i].lo);
        }
        assert_int_equal(a->n_fixed, 0);
        assert_true(b->n_fixed > 0);
        schema_free(a);
        schema_free(b);
    }
}

/* What the extended schemas must have beyond the paper's. */
static void has_what_likeness_needs(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "race-african",   "race-asian",     "gender-softness", "age",
        "weight",         "head-width",     "skin-tone",       "skin-warmth",
        "eye-hue",        "hair-lightness", "hair-warmth",     "hair-grey",
        "brow-lightness", "freckles",       "smile",           "grin",
        "mouth-open",     "ear-protrusion", "beard-lightness"};
    for (int m = 0; m < MODELS; m++) {
        Schema *s = load(name_of[m]);
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            bool grey = strcmp(wanted[i], "hair-grey") == 0 && m == 2;
            bool beard = strcmp(wanted[i], "beard-lightness") == 0 && m != 0;
            if (!grey && !beard && schema_find(s, wanted[i]) < 0)
                fail_msg("%s has no \"%s\"", name_of[m], wanted[i]);
        }
        schema_free(s);
    }
}

static void names_are_unique_and_found(void **state)
{
    (void)state;
    for (int m = 0; m < SCHEMAS; m++) {
        Schema *s = load(name_of[m]);
        for (int i = 0; i < s->n_continuous; i++)
            assert_int_equal(schema_find(s, s->control[i].name), i);
        int dim = s->n_continuous;
        for (int g = 0; g < s->n_groups; g++) {
            const ControlGroup *group = &s->group[g];
            assert_int_equal(schema_find_group(s, group->name), g);
            for (int k = 0; k < group->count; k++)
                for (int j = 0; j < k; j++)
                    assert_string_not_equal(group->option[k].name, group->option[j].name);
            assert_int_equal(group->begin, dim);
            dim += group->count;
        }
        assert_int_equal(s->dim, dim);
        assert_int_equal(schema_find(s, "no such"), -1);
        assert_int_equal(schema_find_group(s, "no such"), -1);
        schema_free(s);
    }
}

/* Weights and characters are made for a version: its numbers must keep their meaning. */
static void versions_are_frozen(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int version;
        const char *digest;
    } frozen[SCHEMAS] = {
        {"male", 2, "b3550a2036939dcf"},         {"female", 2, "3cd393d0cfca72bf"},
        {"girl", 2, "355d1066c3724a14"},         {"paper-male", 2, "4b48e7246a396d17"},
        {"paper-female", 2, "d30a2ec937c3efcf"}, {"paper-girl", 2, "99c85a133c83be12"},
    };
    for (int m = 0; m < SCHEMAS; m++) {
        char digest[17];
        Schema *s = load(frozen[m].name);
        schema_digest(s, digest);
        if (s->version == frozen[m].version && strcmp(digest, frozen[m].digest) != 0)
            fail_msg("engine/schemas/%s.json: its parameters changed (digest %s) but not its "
                     "\"version\" %d: count the version up, enter both here, and train weights "
                     "anew",
                     s->name, digest, s->version);
        if (s->version != frozen[m].version)
            fail_msg("engine/schemas/%s.json: enter version %d with digest %s here", s->name,
                     s->version, digest);
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

    s->group[0].option[1].colour[2] ^= 1;
    schema_digest(s, other);
    assert_string_not_equal(first, other);
    s->group[0].option[1].colour[2] ^= 1;

    Schema *paper = load("paper-male");
    schema_digest(paper, again);
    paper->fixed[0].value += 0.01f;
    schema_digest(paper, other);
    assert_string_not_equal(again, other);
    schema_free(paper);

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
        float total = 0;
        for (int k = 0; k < s->group[0].count; k++)
            total += s->group[0].option[k].weight;
        for (int k = 0; k < s->group[0].count; k++) {
            double p =
                person ? (double)(s->group[0].option[k].weight / total) : 1.0 / s->group[0].count;
            assert_true(fabs(seen[person][k] - DRAWS * p) < 4 * sqrt(DRAWS * p * (1 - p)));
        }
    }
    schema_random_person(s, 12, 0, again);
    schema_random_person(s, 11, 0, x);
    assert_memory_not_equal(x, again, bytes);
    free(x);
    free(again);
    schema_free(s);
}

/* Hair goes with skin as the schema says, and not by more. */
static void people_hang_together(void **state)
{
    (void)state;
    enum { DRAWS = 2000 };
    char dir[TEST_PATH], path[TEST_PATH];
    assert_true(test_folder_make(dir));
    test_path(path, dir, "s.json");
    write_text(path, "{\"name\":\"t\",\"version\":1,\"discrete\":[],\"continuous\":["
                     "{\"name\":\"a\",\"component\":\"c\",\"prior\":\"p\",\"kind\":\"macro\","
                     "\"drive\":\"d\",\"lo\":0,\"hi\":1,\"mean\":0.5,\"deviation\":0.1},"
                     "{\"name\":\"b\",\"component\":\"c\",\"prior\":\"p\",\"kind\":\"macro\","
                     "\"drive\":\"e\",\"lo\":0,\"hi\":1,\"mean\":0.4,\"deviation\":0.05,"
                     "\"follows\":\"a\",\"correlation\":-0.6}]}");
    Schema *s;
    Error err;
    assert_true(schema_load(&s, path, &err));
    double sum[2] = {0}, square[2] = {0}, product = 0;
    for (int k = 0; k < DRAWS; k++) {
        float x[2];
        schema_random_person(s, 17, (uint64_t)k, x);
        for (int i = 0; i < 2; i++) {
            sum[i] += x[i];
            square[i] += (double)x[i] * x[i];
        }
        product += (double)x[0] * x[1];
    }
    double mean[2], deviation[2];
    for (int i = 0; i < 2; i++) {
        mean[i] = sum[i] / DRAWS;
        deviation[i] = sqrt(square[i] / DRAWS - mean[i] * mean[i]);
        assert_true(fabs(mean[i] - s->control[i].mean) < 0.01);
        assert_true(fabs(deviation[i] / s->control[i].deviation - 1) < 0.06);
    }
    double correlation = (product / DRAWS - mean[0] * mean[1]) / (deviation[0] * deviation[1]);
    assert_true(fabs(correlation + 0.6) < 0.05);
    schema_free(s);
    test_folder_remove(dir);
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
        {SCHEMA_TEXT("{\"name\":\"a\",\"component\":\"c\",\"prior\":\"p\",\"kind\":\"macro\","
                     "\"drive\":\"d\","
                     "\"lo\":0,\"hi\":1,\"mean\":0.5,\"deviation\":0.1,\"follows\":\"z\","
                     "\"correlation\":0}",
                     ""),
         "must name an earlier control"},
        {SCHEMA_TEXT(CONTROL_TEXT
                     ",{\"name\":\"b\",\"component\":\"c\",\"prior\":\"p\",\"kind\":"
                     "\"macro\",\"drive\":\"d\","
                     "\"lo\":0,\"hi\":1,\"mean\":0.5,\"deviation\":0.1,\"follows\":\"a\","
                     "\"correlation\":1.5}",
                     ""),
         "\"correlation\" must lie in [-1, 1]"},
        {"{\"name\":\"t\",\"version\":1,\"fixed\":{},\"continuous\":[" CONTROL_TEXT
         "],\"discrete\":[]}",
         "\"fixed\" is not a list"},
        {"{\"name\":\"t\",\"version\":1,\"fixed\":[{\"drive\":\"age\"}],\"continuous\":"
         "[" CONTROL_TEXT "],\"discrete\":[]}",
         "fixed[0]: needs a number \"value\""},
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
        cmocka_unit_test(bones_have_the_papers_priors),
        cmocka_unit_test(bones_are_neutral_at_a_half),
        cmocka_unit_test(has_the_papers_choices),
        cmocka_unit_test(both_schemas_of_a_model_agree),
        cmocka_unit_test(has_what_likeness_needs),
        cmocka_unit_test(versions_are_frozen),
        cmocka_unit_test(people_hang_together),
        cmocka_unit_test(names_are_unique_and_found),
        cmocka_unit_test(digest_tells_schemas_apart),
        cmocka_unit_test(average_is_the_means_and_first_options),
        cmocka_unit_test(choice_is_the_first_of_the_greatest),
        cmocka_unit_test(draws_are_distributed_as_promised),
        cmocka_unit_test(bad_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
