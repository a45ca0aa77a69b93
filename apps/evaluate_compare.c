/* evaluate compare: what changed between two results. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/evaluate.h"

enum { OUT = 'o', MAX_PATH = 512 };

typedef struct Options {
    const char *file[2], *out;
    int files;
} Options;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case OUT:
        o->out = arg;
        break;
    case ARGP_KEY_ARG:
        if (o->files == 2)
            die_usage("two files are compared, '%s' is a third", arg);
        o->file[o->files++] = arg;
        break;
    case ARGP_KEY_END:
        if (o->files < 2)
            die_usage("it wants two JSON files of evaluate");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"out", OUT, "DIR", 0, "Folder of compare.json and compare.html, too", 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "A.json B.json",
    "What changed between two results of evaluate: settings, engines, weights, figures."
    "\vCurves and lists of more than eight values are left out.\n\n"
    "  evaluate compare before/verify.json after/verify.json",
    NULL,
    NULL,
    NULL};

enum { MOST_ITEMS = 8 };

/* Everything in a value that is neither object nor list, by its path: {"modes, descriptor,
 * accuracy": .99}. */
static void flatten(json_t *flat, const char *path, const json_t *value)
{
    char below[MAX_PATH];
    const char *name;
    json_t *item;
    size_t i;

    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, name, item)
        {
            snprintf(below, sizeof below, "%s%s%s", path, *path ? ", " : "", name);
            flatten(flat, below, item);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            if (json_array_size(value) > MOST_ITEMS)
                break;
            snprintf(below, sizeof below, "%s %zu", path, i + 1);
            flatten(flat, below, item);
        }
    } else {
        json_object_set(flat, path, (json_t *)(uintptr_t)value); /* a count */
    }
}

/* What the two are of. */
typedef struct Result {
    char *evaluation, *command;
    json_t *flat;
} Result;

static char *copy_of(const json_t *result, const char *key)
{
    const char *text = json_string_value(json_object_get(result, key));
    char *copy = strdup(text ? text : "");

    if (!copy)
        die("out of memory");
    return copy;
}

static Result load(const char *path)
{
    json_error_t why;
    json_t *all = json_load_file(path, 0, &why), *flat = json_object();

    if (!all)
        die("%s: %s", path, why.line > 0 ? "it is no JSON file" : why.text);
    if (!json_is_string(json_object_get(all, "evaluation")))
        die("%s is no result of evaluate", path);
    Result result = {copy_of(all, "evaluation"), copy_of(all, "command"), flat};
    json_object_del(all, "command"); /* what it says stands in the settings */
    flatten(flat, "", all);
    json_decref(all);
    return result;
}

static void result_free(Result *r)
{
    free(r->evaluation);
    free(r->command);
    json_decref(r->flat);
}

static json_t *or_null(json_t *value)
{
    return value ? json_incref(value) : json_null();
}

/* Rows of what is not the same: name, A, B, difference (of numbers). */
static json_t *differences(json_t *a, json_t *b)
{
    json_t *rows = json_pack("[[ssss]]", "", "A", "B", "B - A"), *value;
    const char *name;

    json_object_foreach(a, name, value)
    {
        json_t *other = json_object_get(b, name);
        bool numbers = json_is_number(value) && json_is_number(other);
        if (other && json_equal(value, other))
            continue;
        json_array_append_new(
            rows, json_pack("[sooo]", name, or_null(value), or_null(other),
                            numbers ? json_real(json_number_value(other) - json_number_value(value))
                                    : json_null()));
    }
    json_object_foreach(b, name, value)
    {
        if (!json_object_get(a, name))
            json_array_append_new(rows, json_pack("[soOo]", name, json_null(), value, json_null()));
    }
    return rows;
}

static void text_of(const json_t *value, char text[static 64])
{
    if (json_is_string(value))
        snprintf(text, 64, "%.60s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(text, 64, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(text, 64, "%.4f", json_real_value(value));
    else
        snprintf(text, 64, "%s", json_is_boolean(value) ? json_is_true(value) ? "yes" : "no" : "-");
}

static void tell(const json_t *rows, size_t same)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        char text[3][64];
        const json_t *by = json_array_get(row, 3);
        if (i == 0)
            continue;
        for (size_t k = 0; k < 2; k++)
            text_of(json_array_get(row, k + 1), text[k]);
        snprintf(text[2], sizeof text[2], json_is_real(by) ? "%+.4f" : "", json_real_value(by));
        printf("%-52s %18s -> %-18s %s\n", json_string_value(json_array_get(row, 0)), text[0],
               text[1], text[2]);
    }
    printf("%zu differ, %zu are the same\n", json_array_size(rows) - 1, same);
}

static void write_out(const Options *o, const Result *a, const Result *b, const json_t *rows)
{
    json_t *result = result_new("compare",
                                json_pack("{ss ss ss ss}", "A", o->file[0], "A's command",
                                          a->command, "B", o->file[1], "B's command", b->command),
                                NULL);
    Report page;
    Error err;

    if (!make_folder(o->out, &err))
        die_error(&err);
    json_object_set(result, "differences", (json_t *)(uintptr_t)rows);
    result_save(o->out, result);
    result_page_open(&page, o->out, "Two results compared", result);
    report_table(&page, rows);
    result_page_close(&page, result);
    json_decref(result);
}

int evaluate_compare(int argc, char **argv)
{
    Options o = {.files = 0};

    app_parse(&parser, argc, argv, &o);
    Result a = load(o.file[0]), b = load(o.file[1]);
    if (strcmp(a.evaluation, b.evaluation) != 0)
        die("%s is of evaluate %s and %s of evaluate %s; two of one command are compared",
            o.file[0], a.evaluation, o.file[1], b.evaluation);
    json_t *rows = differences(a.flat, b.flat), *value;
    size_t same = 0;
    const char *name;
    json_object_foreach(a.flat, name, value)
    {
        same += json_equal(value, json_object_get(b.flat, name)) == 1;
    }
    tell(rows, same);
    if (o.out)
        write_out(&o, &a, &b, rows);
    json_decref(rows);
    result_free(&a);
    result_free(&b);
    return 0;
}
