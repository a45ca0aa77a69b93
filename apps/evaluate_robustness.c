/* evaluate robustness: how far a character drifts when its picture gets harder (the paper's Fig.
 * 11).
 */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/evaluate.h"
#include "apps/progress.h"
#include "apps/sheet.h"
#include "datasets/disturb.h"
#include "datasets/photo_list.h"

enum {
    OUT = 'o',
    PHOTOS = 1000,
    FACES,
    SEED,
    METHOD,
    TRANSLATOR,
    DISTURBANCE,
    PORTRAIT = 512,
    STRENGTHS = 5,
    SHEET_CELL = 96
};

/* Those that have a strength, in the table's order. */
static const Disturbance graded[] = {DISTURB_POSE,      DISTURB_LIGHT, DISTURB_BLUR,  DISTURB_NOISE,
                                     DISTURB_OCCLUSION, DISTURB_GREY,  DISTURB_SKETCH};
enum { GRADED = sizeof graded / sizeof *graded };

/* What is measured at each strength. */
typedef enum Drift { PARAMETERS, CHARACTER, PHOTO, LOST, DRIFTS } Drift;

static const struct {
    const char *key, *title;
} drift_name[DRIFTS] = {
    [PARAMETERS] = {"parameters", "Parameters: mean |x - x0|"},
    [CHARACTER] = {"character", "Characters: identity distance to the undisturbed one's"},
    [PHOTO] = {"photo", "Pictures: identity distance to the undisturbed one"},
    [LOST] = {"lost", "Share of pictures without a found face"},
};

typedef struct Options {
    StudioConfig studio; /* first: the child parser's input */
    const char *out, *photos, *translator;
    Method method;
    int faces, n;
    Disturbance list[GRADED];
    uint64_t seed;
} Options;

static void take_disturbances(Options *o, const char *text)
{
    o->n = 0;
    while (true) {
        size_t n = strcspn(text, ",");
        int d = 0;
        while (d < GRADED && (strlen(disturbance_name(graded[d])) != n ||
                              memcmp(disturbance_name(graded[d]), text, n) != 0))
            d++;
        if (d == GRADED)
            die_usage("--disturbance: there is no '%.*s'", (int)n, text);
        for (int i = 0; i < o->n; i++)
            if (o->list[i] == graded[d])
                die_usage("--disturbance: '%.*s' is there twice", (int)n, text);
        o->list[o->n++] = graded[d];
        if (text[n] == '\0')
            return;
        text += n + 1;
    }
}

/* All, or all that a photo can have. */
static void take_all(Options *o)
{
    for (int d = 0; d < GRADED; d++)
        if (!o->photos || !disturbance_of_scene(graded[d]))
            o->list[o->n++] = graded[d];
}

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
    case PHOTOS:
        o->photos = arg;
        break;
    case FACES:
        o->faces = (int)option_int(arg, "--faces", 1, 1000);
        break;
    case SEED:
        o->seed = (uint64_t)option_int(arg, "--seed", 0, INT64_MAX);
        break;
    case METHOD:
        if (!method_find(arg, strlen(arg), &o->method) || o->method == METHOD_AVERAGE)
            die_usage("--method is one-shot, iterative, combined, iterative-paper or "
                      "combined-paper, not '%s'",
                      arg);
        break;
    case TRANSLATOR:
        o->translator = arg;
        break;
    case DISTURBANCE:
        take_disturbances(o, arg);
        break;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    case ARGP_KEY_END:
        if (!o->out)
            die_usage("it wants --out DIR");
        if (o->translator && !method_translates(o->method))
            die_usage("--translator belongs to --method one-shot and combined");
        if (o->n == 0)
            take_all(o);
        for (int i = 0; i < o->n; i++)
            if (o->photos && disturbance_of_scene(o->list[i]))
                die_usage("--disturbance %s wants the engine's characters, not --photos",
                          disturbance_name(o->list[i]));
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"photos", PHOTOS, "DIR", 0, "A folder of photos (the engine's own pictures of random people)",
     0},
    {"faces", FACES, "N", 0, "So many people (10)", 0},
    {"seed", SEED, "S", 0, "Who they are, and what is random in the disturbances (1)", 0},
    {"method", METHOD, "NAME", 0, METHOD_HELP " (one-shot)", 0},
    {"translator", TRANSLATOR, "FILE", 0, "The translator, if not the pretrained one", 0},
    {"disturbance", DISTURBANCE, "LIST", 0,
     "With commas between: pose (not of photos), light, blur, noise, occlusion, grey, sketch (all)",
     0},
    {"out", OUT, "DIR", 0,
     "Folder of robustness.json, robustness.html, and of what a stopped run has", 0},
    {0}};
static const struct argp_child children[] = {{&studio_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "--engine ENGINE --out DIR",
    "How far a character drifts when its picture gets harder: pose, light, blur, noise, occlusion, "
    "grey and sketches at five strengths."
    "\vEvery picture is found and aligned anew, as a photo is. Drifts are told beside how far "
    "different people are from each other.\n\n"
    "  evaluate robustness --engine builtin:female --faces 20 --out DIR",
    children,
    NULL,
    NULL};

/* Of a disturbance: the means over the faces at strength 0 and at each of the five. */
typedef struct Curve {
    double at[DRIFTS][STRENGTHS + 1];
} Curve;

typedef struct Bench {
    const Options *options;
    Studio studio;
    json_t *result;
    int faces, each;        /* each: pictures of a face, the undisturbed one first */
    Aligned pictures;       /* faces x each */
    Found found;            /* in them */
    Curve curve[GRADED];    /* of the options' list */
    double between[DRIFTS]; /* different people, undisturbed */
    Sheet sheet;            /* of the first face */
} Bench;

/* ---- The pictures ---- */

/* The picture k of a face: its disturbance (DISTURB_NONE: the first) and strength. */
static Disturbance picture_kind(const Options *o, int k, float *strength)
{
    *strength = k == 0 ? 0 : (float)((k - 1) % STRENGTHS + 1) / STRENGTHS;
    return k == 0 ? DISTURB_NONE : o->list[(k - 1) / STRENGTHS];
}

static void draw_character(Bench *b, int face)
{
    const Options *o = b->options;
    const Schema *schema = b->studio.schema[0];
    float *x = need((size_t)schema->dim, sizeof *x), strength;
    Image picture;
    Error err;

    if (!image_new(&picture, PORTRAIT, PORTRAIT, &err))
        die_error(&err);
    for (int k = 0; k < b->each; k++) {
        Disturbance d = picture_kind(o, k, &strength);
        schema_random_person(schema, o->seed, (uint64_t)face, x);
        if (!disturb_render(b->studio.engine[0], d, strength, o->seed, (uint64_t)face, x, &picture,
                            &err))
            die_error(&err);
        aligned_take(&b->pictures, (int64_t)face * b->each + k, &b->studio, &picture);
    }
    image_free(&picture);
    free(x);
}

/* The face cut out as the engine's portraits show one, so that strengths mean the same. */
static bool cut_portrait(Bench *b, const char *path, Image *portrait)
{
    float reference[2 * FACE_LANDMARKS];
    Image photo;
    char note[PHOTO_NOTE];
    Error err;

    for (int i = 0; i < 2 * FACE_LANDMARKS; i++)
        reference[i] = b->studio.reference.landmark[i] * PORTRAIT / (float)b->studio.size;
    if (!image_load(&photo, path, &err)) {
        fprintf(stderr, "left out: %s\n", err.text);
        return false;
    }
    bool ok = photo_align(b->studio.detector, &photo, path, 0, reference, PORTRAIT, portrait, NULL,
                          note, &err);
    if (!ok)
        fprintf(stderr, "left out: %s\n", err.text);
    image_free(&photo);
    return ok;
}

/* False: it shows no face. */
static bool disturb_one(Bench *b, const char *path, int face)
{
    const Options *o = b->options;
    Image portrait, picture;
    float strength;
    Error err;

    if (!cut_portrait(b, path, &portrait))
        return false;
    if (!image_new(&picture, PORTRAIT, PORTRAIT, &err))
        die_error(&err);
    for (int k = 0; k < b->each; k++) {
        Disturbance d = picture_kind(o, k, &strength);
        image_paste(&picture, &portrait, 0, 0);
        if (!disturb_photo(d, strength, o->seed, (uint64_t)face, &picture, &err))
            die_error(&err);
        aligned_take(&b->pictures, (int64_t)face * b->each + k, &b->studio, &picture);
    }
    image_free(&picture);
    image_free(&portrait);
    return true;
}

static void check_stop(void)
{
    if (interrupted())
        die("stopped before the pictures were made");
}

static void take_photos(Bench *b, Progress *progress)
{
    PhotoList list;
    Error err;

    if (!photo_list_folder(&list, b->options->photos, b->options->faces, &err))
        die_error(&err);
    b->faces = 0;
    for (int64_t i = 0; i < list.count; i++) {
        char *path = path_join(list.dir, list.entry[i].name);
        b->faces += disturb_one(b, path, b->faces);
        progress_update(progress, i + 1, NULL);
        check_stop();
        free(path);
    }
    photo_list_free(&list);
}

static void make_pictures(Bench *b)
{
    const Options *o = b->options;
    Progress progress;

    b->faces = o->faces;
    b->each = 1 + o->n * STRENGTHS;
    aligned_new(&b->pictures, (int64_t)b->faces * b->each, b->studio.size);
    progress_start(&progress, "disturbing", "faces", 0, b->faces);
    if (o->photos)
        take_photos(b, &progress);
    for (int i = 0; !o->photos && i < b->faces; i++) {
        draw_character(b, i);
        progress_update(&progress, i + 1, NULL);
        check_stop();
    }
    progress_end(&progress, b->faces, NULL);
    b->pictures.n = (int64_t)b->faces * b->each;
}

/* ---- The drift ---- */

static double parameter_distance(const Schema *schema, const float *x, const float *y)
{
    double sum = 0;

    for (int i = 0; i < schema->n_continuous; i++)
        sum += fabs((double)x[i] - (double)y[i]);
    return sum / schema->n_continuous;
}

static const float *character(const Bench *b, int64_t picture)
{
    return b->found.x + picture * b->found.dim;
}

/* What the networks see in the aligned picture, and in the engine's of its character. */
static void look(Bench *b, int64_t picture, View *photo, View *own)
{
    const Studio *s = &b->studio;
    real *pixels = need(3 * (size_t)s->size * (size_t)s->size, sizeof *pixels);
    Error err;

    aligned_picture(&b->pictures, picture, pixels);
    measure_view(s->measure, pixels, photo);
    if (!studio_render(s, 0, character(b, picture), pixels, &err))
        die_error(&err);
    measure_view(s->measure, pixels, own);
    free(pixels);
}

typedef struct Views {
    View photo, own;
} Views;

static void views_new(Views *v, const Studio *s)
{
    Error err;
    if (!view_new(&v->photo, &s->eyes, &err) || !view_new(&v->own, &s->eyes, &err))
        die_error(&err);
}

static void views_free(Views *v)
{
    view_free(&v->photo);
    view_free(&v->own);
}

/* Distances of two pictures, but for LOST. */
static void compare(const Bench *b, int64_t i, const Views *p, int64_t j, const Views *q,
                    double drift[static DRIFTS])
{
    const Eyes *eyes = &b->studio.eyes;

    drift[PARAMETERS] = parameter_distance(b->studio.schema[0], character(b, i), character(b, j));
    drift[CHARACTER] = view_distance(&p->own, &q->own, eyes);
    drift[PHOTO] = view_distance(&p->photo, &q->photo, eyes);
    drift[LOST] = 0;
}

/* Disturbance d at strength number k (1 .. STRENGTHS) over all faces whose first picture was found.
 */
static void measure_strength(Bench *b, int d, int k, const Views *first)
{
    Curve *curve = &b->curve[d];
    int seen = 0, kept = 0;
    Views v;

    views_new(&v, &b->studio);
    for (int face = 0; face < b->faces; face++) {
        int64_t base = (int64_t)face * b->each, i = base + d * STRENGTHS + k;
        double drift[DRIFTS];
        if (b->pictures.lost[base])
            continue;
        seen++;
        if (b->pictures.lost[i])
            continue;
        kept++;
        look(b, i, &v.photo, &v.own);
        compare(b, i, &v, base, &first[face], drift);
        for (int m = 0; m < LOST; m++)
            curve->at[m][k] += drift[m];
    }
    for (int m = 0; m < LOST; m++)
        curve->at[m][k] = kept > 0 ? curve->at[m][k] / kept : NAN;
    curve->at[LOST][k] = seen > 0 ? 1 - (double)kept / seen : NAN;
    views_free(&v);
}

static void measure_between(Bench *b, const Views *first)
{
    int n = 0;

    for (int i = 0; i < b->faces; i++)
        for (int j = 0; j < i; j++) {
            int64_t p = (int64_t)i * b->each, q = (int64_t)j * b->each;
            double drift[DRIFTS];
            if (b->pictures.lost[p] || b->pictures.lost[q])
                continue;
            compare(b, p, &first[i], q, &first[j], drift);
            for (int m = 0; m < LOST; m++)
                b->between[m] += drift[m];
            n++;
        }
    for (int m = 0; m < DRIFTS; m++)
        b->between[m] = n > 0 && m != LOST ? b->between[m] / n : NAN;
}

static void measure(Bench *b)
{
    Views *first = need((size_t)b->faces + 1, sizeof *first);
    Progress progress;
    int done = 0, all = b->options->n * STRENGTHS, found = 0;

    for (int i = 0; i < b->faces; i++) {
        views_new(&first[i], &b->studio);
        if (b->pictures.lost[(int64_t)i * b->each])
            continue;
        look(b, (int64_t)i * b->each, &first[i].photo, &first[i].own);
        found++;
    }
    if (found == 0)
        die("no face was found in any undisturbed picture");
    progress_start(&progress, "measuring", "strengths", 0, all);
    for (int d = 0; d < b->options->n; d++)
        for (int k = 1; k <= STRENGTHS; k++) {
            measure_strength(b, d, k, first);
            progress_update(&progress, ++done, NULL);
        }
    progress_end(&progress, all, NULL);
    measure_between(b, first);
    for (int i = 0; i < b->faces; i++)
        views_free(&first[i]);
    free(first);
}

/* ---- What is told ---- */

/* The first face that was found: a row of pictures and one of characters for each disturbance. */
static void draw_sheet(Bench *b)
{
    const Options *o = b->options;
    int face = 0, size = b->studio.size;
    real *pixels = need(3 * (size_t)size * (size_t)size, sizeof *pixels);
    Error err;

    while (b->pictures.lost[(int64_t)face * b->each])
        face++;
    if (!sheet_new(&b->sheet, STRENGTHS + 1, 2 * o->n, SHEET_CELL, 2, &err))
        die_error(&err);
    for (int d = 0; d < o->n; d++)
        for (int k = 0; k <= STRENGTHS; k++) {
            int64_t i = (int64_t)face * b->each + (k == 0 ? 0 : d * STRENGTHS + k);
            Image picture = aligned_image(&b->pictures, i);
            if (b->pictures.lost[i])
                continue;
            if (!sheet_put(&b->sheet, k, 2 * d, &picture, &err) ||
                !studio_render(&b->studio, 0, character(b, i), pixels, &err) ||
                !sheet_put_planar(&b->sheet, k, 2 * d + 1, pixels, size, &err))
                die_error(&err);
            if (k == 0)
                sheet_caption(&b->sheet, k, 2 * d, disturbance_name(o->list[d]));
        }
    free(pixels);
}

static json_t *cell(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void report_result(Bench *b, double each)
{
    const Options *o = b->options;
    json_t *between = json_object(), *curves = json_object(), *strengths = json_array();

    for (int k = 0; k <= STRENGTHS; k++)
        json_array_append_new(strengths, json_real((double)k / STRENGTHS));
    for (int m = 0; m < LOST; m++)
        json_object_set_new(between, drift_name[m].key, cell(b->between[m]));
    for (int d = 0; d < o->n; d++) {
        json_t *curve = json_object();
        for (int m = 0; m < DRIFTS; m++) {
            json_t *values = json_array();
            for (int k = 0; k <= STRENGTHS; k++)
                json_array_append_new(values, cell(b->curve[d].at[m][k]));
            json_object_set_new(curve, drift_name[m].key, values);
        }
        json_object_set_new(curves, disturbance_name(o->list[d]), curve);
    }
    json_object_set_new(b->result, "faces", json_integer(b->faces));
    json_object_set_new(b->result, "strengths", strengths);
    json_object_set_new(b->result, "between people", between);
    json_object_set_new(b->result, "disturbances", curves);
    if (each > 0)
        json_object_set_new(b->result, "seconds", json_real(each));
}

/* At full strength. */
static json_t *table(const Bench *b)
{
    const Options *o = b->options;
    json_t *rows = json_pack("[[sssss]]", "at full strength", "parameters", "character", "picture",
                             "no face found");

    for (int d = 0; d < o->n; d++) {
        json_t *row = json_pack("[s]", disturbance_name(o->list[d]));
        for (int m = 0; m < DRIFTS; m++)
            json_array_append_new(row, cell(b->curve[d].at[m][STRENGTHS]));
        json_array_append_new(rows, row);
    }
    json_t *row = json_pack("[s]", "between people");
    for (int m = 0; m < DRIFTS; m++)
        json_array_append_new(row, cell(b->between[m]));
    json_array_append_new(rows, row);
    return rows;
}

static void write_page(const Bench *b)
{
    const Options *o = b->options;
    double x[STRENGTHS + 1];
    char title[80];
    Report page;
    json_t *rows = table(b);

    for (int k = 0; k <= STRENGTHS; k++)
        x[k] = (double)k / STRENGTHS;
    snprintf(title, sizeof title, "Robustness of %s, %.30s", method_name(o->method),
             b->studio.schema[0]->name);
    result_page_open(&page, o->out, title, b->result);
    report_text(&page,
                "%d faces, each disturbed in %d ways at five strengths; how far what is found "
                "drifts from what is found in the undisturbed picture, in the mean. Different "
                "people are %.4f in parameters, %.3f in their characters' and %.3f in their "
                "pictures' identity from each other.",
                b->faces, o->n, b->between[PARAMETERS], b->between[CHARACTER], b->between[PHOTO]);
    report_table(&page, rows);
    for (int m = 0; m < DRIFTS; m++) {
        ReportPlot plot = {.title = drift_name[m].title, .x_label = "strength", .n = o->n};
        for (int d = 0; d < o->n; d++)
            plot.series[d] =
                (ReportSeries){disturbance_name(o->list[d]), STRENGTHS + 1, x, b->curve[d].at[m]};
        report_plot(&page, &plot);
    }
    report_heading(&page, "The first face");
    report_image(&page, &b->sheet.image,
                 "Undisturbed and at rising strength; under each picture its character");
    result_page_close(&page, b->result);
    json_decref(rows);
}

static void print_figure(const char *format, double value)
{
    if (isfinite(value))
        printf(format, value);
    else
        fputs(" -", stdout);
}

static void tell(const Bench *b)
{
    const Options *o = b->options;

    puts("strength       parameters, at .2 .4 .6 .8 1; identity of the character at 1");
    for (int d = 0; d < o->n; d++) {
        printf("%-14s", disturbance_name(o->list[d]));
        for (int k = 1; k <= STRENGTHS; k++)
            print_figure(" %.4f", b->curve[d].at[PARAMETERS][k]);
        print_figure("  %.3f", b->curve[d].at[CHARACTER][STRENGTHS]);
        putchar('\n');
    }
    printf("between people");
    print_figure(" %.4f", b->between[PARAMETERS]);
    print_figure("  %.3f", b->between[CHARACTER]);
    putchar('\n');
}

int evaluate_robustness(int argc, char **argv)
{
    Options o = {.faces = 10, .seed = 1, .method = METHOD_ONE_SHOT};
    Bench b = {.options = &o};
    double each;
    Error err;

    app_parse(&parser, argc, argv, &o);
    catch_interrupt();
    StudioConfig config = o.studio;
    config.with_translators = method_translates(o.method);
    config.translator[0] = o.translator;
    config.translators = o.translator != NULL;
    if (!make_folder(o.out, &err) || !studio_open(&b.studio, &config, &err))
        die_error(&err);
    if (!o.photos && !engine_can(b.studio.engine[0], ENGINE_VIEW))
        die("%s draws no other views and light; give --photos", o.studio.engine[0]);
    json_t *list = json_array();
    for (int i = 0; i < o.n; i++)
        json_array_append_new(list, json_string(disturbance_name(o.list[i])));
    json_t *settings =
        json_pack("{ss si sI ss so}", "photos", o.photos ? o.photos : "", "faces", o.faces, "seed",
                  (json_int_t)o.seed, "method", method_name(o.method), "disturbances", list);
    config_add_searches(settings, &(MethodList){1, {o.method}}, -1);
    b.result = result_new("robustness", settings, &b.studio);
    make_pictures(&b);
    if (b.faces == 0)
        die("%s shows no face", o.photos);
    aligned_find(&b.studio, o.method, -1, &b.pictures, o.out, "robustness", &b.found, &each);
    measure(&b);
    draw_sheet(&b);
    tell(&b);
    report_result(&b, each);
    result_save(o.out, b.result);
    write_page(&b);
    found_close(&b.found);
    aligned_free(&b.pictures);
    sheet_free(&b.sheet);
    json_decref(b.result);
    studio_close(&b.studio);
    return 0;
}
