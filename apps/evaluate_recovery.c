/* evaluate recovery: how much of a character that is known is found in a picture of it. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/evaluate.h"
#include "apps/progress.h"
#include "apps/sheet.h"
#include "datasets/disturb.h"

enum {
    OUT = 'o',
    CHARACTERS = 1000,
    SEED,
    METHOD,
    TRANSLATOR,
    LIGHT,
    PHOTO_SIZE = 512,
    MAX_PARTS = 160,
    SHEET_CHARACTERS = 3
};

/* What the pictures show beside the character. */
static const Disturbance condition[] = {DISTURB_NONE, DISTURB_LIGHT, DISTURB_BACKGROUND,
                                        DISTURB_HAIR, DISTURB_POSE,  DISTURB_BLUR};
enum { CONDITIONS = sizeof condition / sizeof *condition };
/* How strong: as far as portraits go. */
static const float STRENGTH = .5f;

typedef struct Options {
    StudioConfig studio; /* first: the child parser's input */
    const char *out, *translator;
    MethodList methods;
    int characters;
    uint64_t seed;
    double light;
} Options;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->studio;
        break;
    case OUT:
        o->out = arg;
        break;
    case CHARACTERS:
        o->characters = (int)option_int(arg, "--characters", 2, 10000);
        break;
    case SEED:
        o->seed = (uint64_t)option_int(arg, "--seed", 0, INT64_MAX);
        break;
    case METHOD:
        method_list_parse(&o->methods, arg, "--method");
        break;
    case TRANSLATOR:
        o->translator = arg;
        break;
    case LIGHT:
        o->light = option_real(arg, "--light", 0, 1);
        break;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    case ARGP_KEY_END:
        if (!o->out)
            die_usage("it wants --out DIR");
        if (o->translator && !method_list_any(&o->methods, method_translates))
            die_usage("--translator belongs to --method one-shot and combined");
        if (o->light >= 0 && !method_list_any(&o->methods, method_searches))
            die_usage("--light belongs to --method iterative and combined");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"characters", CHARACTERS, "N", 0, "So many random people of the schema (10)", 0},
    {"seed", SEED, "S", 0, "Who they are, and what else is random in the pictures (1)", 0},
    {"method", METHOD, "LIST", 0,
     "With commas between: average, one-shot, iterative, combined, iterative-paper, combined-paper "
     "(average,one-shot,iterative,combined). " METHOD_HELP,
     0},
    {"translator", TRANSLATOR, "FILE", 0, "The translator, if not the pretrained one", 0},
    {"light", LIGHT, "T", 0, "How far a search believes the skin's colour, 0 to 1 (its own)", 0},
    {"out", OUT, "DIR", 0, "Folder of recovery.json, recovery.html, and of what a stopped run has",
     0},
    {0}};
static const struct argp_child children[] = {{&studio_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "--engine ENGINE --out DIR",
    "How much of a known character is found in a picture of it: the engine draws random people "
    "plainly, in other light, before another background, with other hair, turned and out of focus; "
    "the pictures are aligned like photos, and every method finds a character in each."
    "\vA search takes half a minute a picture. A run that was stopped goes on where it was.\n\n"
    "  evaluate recovery --engine builtin:male --method one-shot --characters 20 --out DIR",
    children,
    NULL,
    NULL};

typedef struct Bench {
    const Options *options;
    Studio studio;
    json_t *result;
    int dim, count;   /* count: of pictures; character i under condition k is i CONDITIONS + k */
    float *truth;     /* count x dim: of DISTURB_HAIR with the other hair */
    Aligned pictures; /* count */
    real *shown;      /* count x 3 x size x size: the truth's own portrait */
    View *seen;       /* count: and what the networks see in it */
    Sheet sheet;
    double seconds[METHODS]; /* a picture; 0: all were there already */
} Bench;

static size_t pixels(const Bench *b)
{
    return (size_t)b->studio.size * (size_t)b->studio.size;
}

/* ---- The pictures ---- */

static void draw_all(Bench *b)
{
    const Options *o = b->options;
    const Studio *s = &b->studio;
    Image photo;
    Progress progress;
    Error err;

    if (!image_new(&photo, PHOTO_SIZE, PHOTO_SIZE, &err))
        die_error(&err);
    progress_start(&progress, "drawing", "pictures", 0, b->count);
    for (int i = 0; i < b->count; i++) {
        uint64_t who = (uint64_t)(i / CONDITIONS);
        float *x = b->truth + (size_t)i * (size_t)b->dim;
        schema_random_person(s->schema[0], o->seed, who, x);
        real *shown = b->shown + (size_t)i * 3 * pixels(b);
        if (!disturb_render(s->engine[0], condition[i % CONDITIONS], STRENGTH, o->seed, who, x,
                            &photo, &err) ||
            !studio_render(s, 0, x, shown, &err) || !view_new(&b->seen[i], &s->eyes, &err))
            die_error(&err);
        measure_view(s->measure, shown, &b->seen[i]);
        aligned_take(&b->pictures, i, &b->studio, &photo);
        progress_update(&progress, i + 1, NULL);
        if (interrupted())
            die("stopped while drawing");
    }
    progress_end(&progress, b->count, NULL);
    image_free(&photo);
}

/* ---- How good it is ---- */

/* The sheet's rows of a character: as it was given, the true one, what each method found. */
static int sheet_rows(const Bench *b)
{
    return 2 + b->options->methods.n;
}

/* Row k of picture i's character; name: what it shows. */
static void put(Bench *b, int i, int k, const char *name, const real *picture)
{
    int column = i % CONDITIONS, row = i / CONDITIONS * sheet_rows(b) + k;
    Error err;

    if (row >= b->sheet.rows)
        return;
    if (!sheet_put_planar(&b->sheet, column, row, picture, b->studio.size, &err))
        die_error(&err);
    if (column == 0 || k == 0)
        sheet_caption(&b->sheet, column, row, name);
}

static void put_given(Bench *b, int i)
{
    real *picture = need(3 * pixels(b), sizeof *picture);

    if (aligned_picture(&b->pictures, i, picture))
        put(b, i, 0, disturbance_name(condition[i % CONDITIONS]), picture);
    put(b, i, 1, "the truth", b->shown + (size_t)i * 3 * pixels(b));
    free(picture);
}

/* The figures of method m under a condition; its pictures on the sheet. */
static json_t *judge(Bench *b, const Found *found, int k, int m)
{
    const Studio *s = &b->studio;
    const Schema *schema = s->schema[0];
    double distance = 0, pixel = 0, right = 0;
    int n = 0;
    Parts *parts = parts_new();
    real *picture = need(3 * pixels(b), sizeof *picture);
    View view;
    Error err;

    if (!view_new(&view, &s->eyes, &err))
        die_error(&err);
    for (int i = k; i < b->count; i += CONDITIONS) {
        const float *x = found->x + (size_t)i * (size_t)b->dim;
        const float *truth = b->truth + (size_t)i * (size_t)b->dim;
        if (b->pictures.lost[i])
            continue;
        if (!studio_render(s, 0, x, picture, &err))
            die_error(&err);
        measure_view(s->measure, picture, &view);
        distance += view_distance(&b->seen[i], &view, &s->eyes);
        pixel += pixel_error(b->shown + (size_t)i * 3 * pixels(b), picture, 3 * pixels(b));
        for (int g = 0; g < schema->n_groups; g++)
            right += schema_choice(schema, g, x) == schema_choice(schema, g, truth);
        parts_add(parts, schema, false, truth, x);
        put(b, i, 2 + m, method_name(b->options->methods.method[m]), picture);
        n++;
    }
    json_t *json = parts_json(parts);
    json_object_set_new(json, "faces", json_integer(n));
    if (n > 0)
        json_object_update_new(json,
                               json_pack("{sf sf sf}", "identity distance", distance / n,
                                         "pixel error", pixel / n, "right choices",
                                         schema->n_groups ? right / (n * schema->n_groups) : 1.));
    parts_free(parts);
    free(picture);
    view_free(&view);
    return json;
}

static json_t *figures(const Bench *b, int k, Method method)
{
    json_t *conditions = json_object_get(b->result, "conditions");
    return json_object_get(json_object_get(conditions, disturbance_name(condition[k])),
                           method_name(method));
}

/* ---- What is told ---- */

static double figure(const json_t *json, const char *key, const char *part)
{
    const json_t *value = json_object_get(json, key);
    value = part ? json_object_get(value, part) : value;
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static json_t *cell(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* Rows of condition, method, the figures. */
static json_t *table(const Bench *b)
{
    const MethodList *m = &b->options->methods;
    json_t *rows = json_pack("[[ssssssss]]", "picture", "method", "faces", "identity distance",
                             "pixel error", "parameter error", "correlation", "right choices");

    for (int k = 0; k < CONDITIONS; k++)
        for (int i = 0; i < m->n; i++) {
            const json_t *f = figures(b, k, m->method[i]);
            json_t *row = json_pack("[ssO]", disturbance_name(condition[k]),
                                    method_name(m->method[i]), json_object_get(f, "faces"));
            json_array_append_new(row, cell(figure(f, "identity distance", NULL)));
            json_array_append_new(row, cell(figure(f, "pixel error", NULL)));
            json_array_append_new(row, cell(figure(f, "error", "all")));
            json_array_append_new(row, cell(figure(f, "correlation", "all")));
            json_array_append_new(row, cell(figure(f, "right choices", NULL)));
            json_array_append_new(rows, row);
        }
    return rows;
}

/* Bars of a figure: a group for each condition, or of the plain pictures for each component. */
static void bars(const Bench *b, Report *page, const char *title, const char *key, bool by_part)
{
    const MethodList *m = &b->options->methods;
    const char *group[MAX_PARTS], *series[METHODS], *name;
    double *value = need((size_t)MAX_PARTS * METHODS, sizeof *value);
    ReportBars all = {.title = title, .n = m->n, .group = group, .series = series, .value = value};
    json_t *unused;

    for (int i = 0; i < m->n; i++)
        series[i] = method_name(m->method[i]);
    if (by_part) {
        json_object_foreach(json_object_get(figures(b, 0, m->method[0]), key), name, unused)
        {
            group[all.groups++] = name;
        }
    } else {
        for (int k = 0; k < CONDITIONS; k++)
            group[all.groups++] = disturbance_name(condition[k]);
    }
    for (int g = 0; g < all.groups; g++)
        for (int i = 0; i < m->n; i++) {
            const json_t *f = figures(b, by_part ? 0 : g, m->method[i]);
            bool parts = json_is_object(json_object_get(f, key));
            value[g * m->n + i] = figure(f, key, by_part ? group[g] : parts ? "all" : NULL);
        }
    report_bars(page, &all);
    free(value);
}

static void write_page(const Bench *b)
{
    char title[80];
    Report page;
    json_t *rows = table(b);

    snprintf(title, sizeof title, "Recovery of known characters, %.30s", b->studio.schema[0]->name);
    result_page_open(&page, b->options->out, title, b->result);
    report_text(&page,
                "%d random people, drawn in six ways and found again; in a picture the light, the "
                "background, the hair, the pose or the focus is another one. Distances and pixel "
                "errors are between the engine's portraits of the true character and of the found "
                "one, so those of a perfect method are 0.",
                b->options->characters);
    report_table(&page, rows);
    bars(b, &page, "Identity distance", "identity distance", false);
    bars(b, &page, "Pixel error", "pixel error", false);
    bars(b, &page, "Parameter error", "error", false);
    bars(b, &page, "Correlation", "correlation", false);
    bars(b, &page, "Correlation, plain pictures", "correlation", true);
    bars(b, &page, "Parameter error, plain pictures", "error", true);
    report_heading(&page, "Characters");
    report_image(&page, &b->sheet.image,
                 "A kind of picture a column; under each the true character, and what each method "
                 "found");
    result_page_close(&page, b->result);
    json_decref(rows);
}

static void tell(const Bench *b)
{
    const MethodList *m = &b->options->methods;

    printf("picture    method           faces  identity  pixels  parameters  correlation\n");
    for (int k = 0; k < CONDITIONS; k++)
        for (int i = 0; i < m->n; i++) {
            const json_t *f = figures(b, k, m->method[i]);
            printf("%-10s %-16s %5d  %8.4f  %6.4f  %10.4f  %11.3f\n",
                   disturbance_name(condition[k]), method_name(m->method[i]),
                   (int)json_integer_value(json_object_get(f, "faces")),
                   figure(f, "identity distance", NULL), figure(f, "pixel error", NULL),
                   figure(f, "error", "all"), figure(f, "correlation", "all"));
        }
}

static void open_bench(Bench *b, const Options *o)
{
    StudioConfig config = o->studio;
    Error err;

    *b = (Bench){.options = o};
    config.with_translators = method_list_any(&o->methods, method_translates);
    config.translator[0] = o->translator;
    config.translators = o->translator != NULL;
    if (!make_folder(o->out, &err) || !studio_open(&b->studio, &config, &err))
        die_error(&err);
    if (!engine_can(b->studio.engine[0], ENGINE_VIEW | ENGINE_BACKGROUND))
        die("%s draws no other views, light or backgrounds, which recovery wants",
            o->studio.engine[0]);
    b->dim = b->studio.schema[0]->dim;
    b->count = o->characters * CONDITIONS;
    size_t n = (size_t)b->count;
    b->truth = need(n * (size_t)b->dim, sizeof *b->truth);
    aligned_new(&b->pictures, b->count, b->studio.size);
    b->shown = need(n * 3 * pixels(b), sizeof *b->shown);
    b->seen = need(n, sizeof *b->seen);
    int people = o->characters < SHEET_CHARACTERS ? o->characters : SHEET_CHARACTERS;
    if (!sheet_new(&b->sheet, CONDITIONS, people * sheet_rows(b), b->studio.size, 2, &err))
        die_error(&err);
    json_t *settings = json_pack("{si sI sf}", "characters", o->characters, "seed",
                                 (json_int_t)o->seed, "strength", (double)STRENGTH);
    config_add_searches(settings, &o->methods, o->light);
    b->result = result_new("recovery", settings, &b->studio);
}

static void close_bench(Bench *b)
{
    for (int i = 0; i < b->count; i++)
        view_free(&b->seen[i]);
    free(b->truth);
    aligned_free(&b->pictures);
    free(b->shown);
    free(b->seen);
    sheet_free(&b->sheet);
    json_decref(b->result);
    studio_close(&b->studio);
}

static void run_methods(Bench *b)
{
    const MethodList *m = &b->options->methods;
    json_t *conditions = json_object(), *times = json_object();

    json_object_set_new(b->result, "conditions", conditions);
    for (int k = 0; k < CONDITIONS; k++)
        json_object_set_new(conditions, disturbance_name(condition[k]), json_object());
    for (int i = 0; i < m->n; i++) {
        Method method = m->method[i];
        Found found;
        aligned_find(&b->studio, method, b->options->light, &b->pictures, b->options->out,
                     "recovery", &found, &b->seconds[method]);
        for (int k = 0; k < CONDITIONS; k++)
            json_object_set_new(json_object_get(conditions, disturbance_name(condition[k])),
                                method_name(method), judge(b, &found, k, i));
        if (b->seconds[method] > 0)
            json_object_set_new(times, method_name(method), json_real(b->seconds[method]));
        found_close(&found);
    }
    json_object_set_new(b->result, "seconds", times);
}

int evaluate_recovery(int argc, char **argv)
{
    Options o = {
        .methods = {4, {METHOD_AVERAGE, METHOD_ONE_SHOT, METHOD_ITERATIVE, METHOD_COMBINED}},
        .characters = 10,
        .seed = 1,
        .light = -1};
    Bench b;

    app_parse(&parser, argc, argv, &o);
    catch_interrupt();
    open_bench(&b, &o);
    draw_all(&b);
    for (int i = 0; i < b.count; i++)
        put_given(&b, i);
    run_methods(&b);
    tell(&b);
    result_save(o.out, b.result);
    write_page(&b);
    close_bench(&b);
    return 0;
}
