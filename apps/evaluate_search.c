/* evaluate search: what the search finds, with any of its settings, of characters whose parameters
 * are known, or in photos. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/evaluate.h"
#include "apps/finder_options.h"
#include "apps/finder_report.h"
#include "apps/sheet.h"
#include "datasets/photo_list.h"
#include "engine/character.h"

enum { OUT = 'o', RECOVER = 1000, PHOTOS, LIMIT, CELL = 256, PAIRS = 4 };

typedef struct Options {
    FinderOptions finder; /* first: the child parser's input */
    const char *out, *photos;
    int recover, limit;
} Options;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->finder;
        break;
    case OUT:
        o->out = arg;
        break;
    case RECOVER:
        o->recover = (int)option_int(arg, "--recover", 1, 1000);
        break;
    case PHOTOS:
        o->photos = arg;
        break;
    case LIMIT:
        o->limit = (int)option_int(arg, "--limit", 1, 1000);
        break;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    case ARGP_KEY_END:
        if (!o->out || !o->recover == !o->photos) {
            die_usage("it wants --out DIR and either --recover N or --photos DIR");
        }
        if (o->limit && !o->photos) {
            die_usage("--limit belongs to --photos");
        }
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"out", OUT, "DIR", 0, "Folder of search.json, search.html, sheet.png and characters/", 0},
    {"recover", RECOVER, "N", 0,
     "Search N random characters (of the engines in turn) in the engine's own pictures of them", 0},
    {"photos", PHOTOS, "DIR", 0, "Search every face in the photos (.jpg, .png) of a folder", 0},
    {"limit", LIMIT, "N", 0, "Stop after N faces", 0},
    {0}};
static const struct argp_child children[] = {{&finder_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "--out DIR (--recover N | --photos DIR)",
    "What the search finds, with any of its settings, in the engine's own pictures of random "
    "characters, or in photos."
    "\vOf known characters the networks are given the very render, in the engine's light, so that "
    "--light is 1 unless it is given, and the model is the true one (evaluate recovery gives "
    "them photos). A run that is stopped leaves what it has.\n\n"
    "  evaluate search --recover 20 --out DIR\n"
    "  evaluate search --photos assets/samples --init translator --out DIR",
    children,
    NULL,
    NULL};

/* What all faces of a run share. */
typedef struct Bench {
    const Options *options;
    Studio studio;
    json_t *result, *faces, *left_out; /* the result's */
    Sheet sheet;
    int done, total;
    View target, found;
    Parts *parts;        /* of known characters */
    double *pixel_ratio; /* of them: pixel error of the result over the average character's */
} Bench;

static const char *shown_as(const char *path)
{
    return path ? path : "";
}

static void bench_open(Bench *b, const Options *o)
{
    Error err;

    *b = (Bench){.options = o};
    if (!make_folder(o->out, &err) || !studio_open(&b->studio, &o->finder.studio, &err)) {
        die_error(&err);
    }
    json_t *config = json_pack("{si ss si}", "recover", o->recover, "photos", shown_as(o->photos),
                               "limit", o->limit);
    json_object_set_new(config, "schedule", json_string(o->finder.paper ? "paper" : "default"));
    json_object_set_new(config, "from the translator", json_boolean(o->finder.finder.translate));
    json_object_set_new(config, "search", finder_json(&o->finder.finder));
    b->result = result_new("search", config, &b->studio);
    b->faces = json_array();
    json_object_set_new(b->result, "summary", json_object());
    b->left_out = json_pack("[[ss]]", "photo", "why");
    json_object_set_new(b->result, "faces", b->faces);
    json_object_set_new(b->result, "left_out", b->left_out);
}

static void bench_begin(Bench *b, int total)
{
    Error err;

    b->total = total;
    if (!sheet_new(&b->sheet, 2 * PAIRS, (total + PAIRS - 1) / PAIRS, CELL, 2, &err) ||
        !view_new(&b->target, &b->studio.eyes, &err) ||
        !view_new(&b->found, &b->studio.eyes, &err)) {
        die_error(&err);
    }
}

static void bench_close(Bench *b)
{
    json_decref(b->result);
    sheet_free(&b->sheet);
    view_free(&b->target);
    view_free(&b->found);
    if (b->parts) {
        parts_free(b->parts);
    }
    free(b->pixel_ratio);
    studio_close(&b->studio);
}

/* The class that a map's pixel most likely has. */
static int class_at(const View *view, const Eyes *eyes, int pixel)
{
    int best = 0, area = eyes_map_size(eyes) * eyes_map_size(eyes);

    for (int k = 1; k < eyes_classes(eyes); k++) {
        if (view->maps[k * area + pixel] > view->maps[best * area + pixel]) {
            best = k;
        }
    }
    return best;
}

/* Mean over the facial classes that either picture shows of intersection over union. */
static double parts_iou(const View *a, const View *b, const Eyes *eyes)
{
    int both[LABEL_COUNT] = {0}, either[LABEL_COUNT] = {0}, n = 0;
    double sum = 0;

    for (int i = 0; i < eyes_map_size(eyes) * eyes_map_size(eyes); i++) {
        int p = class_at(a, eyes, i), q = class_at(b, eyes, i);
        if (p == q) {
            both[p]++;
            either[p]++;
        } else {
            either[p]++;
            either[q]++;
        }
    }
    for (int k = LABEL_BACKGROUND + 1; k < LABEL_COUNT; k++) {
        if (either[k] > 0) {
            sum += (double)both[k] / either[k];
            n++;
        }
    }
    return n > 0 ? sum / n : 0;
}

static double number(const json_t *face, const char *key)
{
    return json_number_value(json_object_get(face, key));
}

static double distance(const json_t *face, const char *key)
{
    return number(json_object_get(face, "identity_distance"), key);
}

static double mean_of(const json_t *faces, double (*get)(const json_t *, const char *),
                      const char *key)
{
    double sum = 0;
    size_t i, n = json_array_size(faces);
    json_t *face;

    json_array_foreach(faces, i, face)
    {
        sum += get(face, key) / (double)n;
    }
    return sum;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *value, int n)
{
    double *sorted = need((size_t)n, sizeof *sorted);

    memcpy(sorted, value, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, compare_doubles);
    double middle = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    free(sorted);
    return middle;
}

static json_t *summary(const Bench *b)
{
    const json_t *faces = b->faces;
    int closer = 0;
    size_t i;
    json_t *face;

    json_array_foreach(faces, i, face)
    {
        closer += distance(face, "result") < distance(face, "start");
    }
    json_t *all = json_pack(
        "{s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "faces", (int)json_array_size(faces),
        "closer_than_average_face", closer, "start", mean_of(faces, distance, "start"), "result",
        mean_of(faces, distance, "result"), "imitator", mean_of(faces, distance, "imitator"),
        "saturated", mean_of(faces, number, "saturated"), "imitator_engine_difference",
        mean_of(faces, number, "imitator_engine_difference"), "parts_iou",
        mean_of(faces, number, "parts_iou"), "seconds", mean_of(faces, number, "seconds"));
    if (b->parts) {
        json_object_set_new(all, "median_pixel_error_ratio",
                            json_real(median(b->pixel_ratio, b->done)));
        json_object_update_new(all, parts_json(b->parts));
    }
    return all;
}

/* ---- What is told ---- */

/* Of the faces: [[...], ...] */
static json_t *faces_table(const Bench *b)
{
    json_t *rows = json_pack("[[sssssssss]]", "face", "model", "average face", "result",
                             "in the imitator", "parts IoU", "sliders at an end",
                             "imitator - engine", "seconds"),
           *face;
    size_t i;

    json_array_foreach(b->faces, i, face)
    {
        json_array_append_new(
            rows,
            json_pack("[OOfffffff]", json_object_get(face, "face"), json_object_get(face, "model"),
                      distance(face, "start"), distance(face, "result"), distance(face, "imitator"),
                      number(face, "parts_iou"), number(face, "saturated"),
                      number(face, "imitator_engine_difference"), number(face, "seconds")));
    }
    return rows;
}

static void write_page(const Bench *b, const char *sheet)
{
    const json_t *all = json_object_get(b->result, "summary");
    json_t *rows = faces_table(b);
    Report page;

    result_page_open(&page, b->options->out,
                     b->options->photos ? "The search, in photos"
                                        : "The search, on known characters",
                     b->result);
    json_t *figures = json_pack(
        "[[si] [sO] [sO] [sO] [sO]]", "faces", b->done, "identity distance, average face",
        json_object_get(all, "start"), "of the result", json_object_get(all, "result"),
        "nearer than the average face", json_object_get(all, "closer_than_average_face"),
        "|imitator - engine| at the results", json_object_get(all, "imitator_engine_difference"));
    if (b->parts) {
        json_array_append_new(figures, json_pack("[sO]", "pixel error over the average face's",
                                                 json_object_get(all, "median_pixel_error_ratio")));
    }
    report_figures(&page, figures);
    report_text(&page, "Means over the faces (of pixel errors, the median). Identity distances are "
                       "the descriptor's, of the given picture and the engine's of the character.");
    report_png(&page, sheet, "Pairs: as it was given, and the character that was found");
    report_heading(&page, "Faces");
    report_table(&page, rows);
    if (b->parts) {
        page_bars(&page, "Correlation of true and found parameters",
                  json_object_get(all, "correlation"));
    }
    if (json_array_size(b->left_out) > 1) {
        report_heading(&page, "Left out");
        report_table(&page, b->left_out);
    }
    result_page_close(&page, b->result);
    json_decref(figures);
    json_decref(rows);
}

/* All files, so far. */
static void bench_save(Bench *b)
{
    Error err;
    char *sheet = path_join(b->options->out, "sheet.png");

    json_object_set_new(b->result, "summary", summary(b));
    if (!sheet_save(&b->sheet, sheet, &err)) {
        die_error(&err);
    }
    result_save(b->options->out, b->result);
    write_page(b, sheet);
    free(sheet);
}

/* ---- A face ---- */

/* characters/MODEL/NNN/character.json, for who wants what searches find (characters.h). */
static void save_character(const Bench *b, const Finding *finding)
{
    Error err;
    const Schema *schema = b->studio.schema[finding->model];
    char name[80];

    snprintf(name, sizeof name, "characters/%.31s/%03d", schema->name, b->done);
    char *folder = path_join(b->options->out, name);
    char *path = path_join(folder, "character.json");
    if (!make_folder(folder, &err) || !character_save(path, schema, finding->x, &err)) {
        die_error(&err);
    }
    free(folder);
    free(path);
}

/* One search, of one model only or (-1) of all; its row of the report (borrowed) and its pair of
 * the sheet. */
static json_t *bench_face(Bench *b, const char *name, const real *picture, const Image *shown,
                          int only, Finding *finding)
{
    Error err;
    Image portrait;
    Studio *s = &b->studio;
    int column = 2 * (b->done % PAIRS), row = b->done / PAIRS;
    double begin = seconds();

    FinderConfig config = b->options->finder.finder;
    config.only = only;
    if (!finder_run(s, picture, &config, NULL, NULL, finding, &err) ||
        !draw_portrait(s, finding->model, finding->x, &portrait, &err) ||
        !sheet_put(&b->sheet, column, row, shown, &err) ||
        !sheet_put(&b->sheet, column + 1, row, &portrait, &err)) {
        die_error(&err);
    }
    sheet_caption(&b->sheet, column, row, name);
    image_free(&portrait);
    save_character(b, finding);
    measure_view(s->measure, picture, &b->target);
    measure_view(s->measure, finding->render, &b->found);
    json_t *face = finding_json(s, finding);
    json_object_set_new(face, "face", json_string(name));
    json_object_set_new(face, "parts_iou", json_real(parts_iou(&b->target, &b->found, &s->eyes)));
    json_object_set_new(face, "seconds", json_real(seconds() - begin));
    json_array_append_new(b->faces, face);
    b->done++;
    return face;
}

static void tell(const Bench *b, const json_t *face)
{
    printf("%3d/%d %-24s %-6s identity %.3f -> %.3f (imitator %.3f)  parts %.3f  saturated %.1f%%  "
           "gap %.3f  %.1f s\n",
           b->done, b->total, json_string_value(json_object_get(face, "face")),
           json_string_value(json_object_get(face, "model")), distance(face, "start"),
           distance(face, "result"), distance(face, "imitator"), number(face, "parts_iou"),
           100 * number(face, "saturated"), number(face, "imitator_engine_difference"),
           number(face, "seconds"));
    fflush(stdout);
}

/* ---- Known characters ---- */

static void recover_one(Bench *b, int i)
{
    Studio *s = &b->studio;
    int model = i % s->models;
    size_t pixels = 3 * (size_t)s->size * (size_t)s->size;
    const Schema *schema = s->schema[model];
    float *truth = need((size_t)schema->dim, sizeof *truth);
    real *picture = need(2 * pixels, sizeof *picture), *average = picture + pixels;
    Finding finding;
    Image shown;
    Error err;
    char name[32];

    schema_average(schema, truth);
    if (!studio_render(s, model, truth, average, &err)) {
        die_error(&err);
    }
    schema_random_person(schema, b->options->finder.finder.seed, (uint64_t)i, truth);
    if (!studio_render(s, model, truth, picture, &err) ||
        !draw_portrait(s, model, truth, &shown, &err)) {
        die_error(&err);
    }
    snprintf(name, sizeof name, "character %d", i);
    json_t *face = bench_face(b, name, picture, &shown, model, &finding);

    double before = pixel_error(average, picture, pixels);
    double after = pixel_error(finding.render, picture, pixels);
    b->pixel_ratio[i] = after / before;
    json_object_set_new(face, "pixel_error_start", json_real(before));
    json_object_set_new(face, "pixel_error_result", json_real(after));
    parts_add(b->parts, schema, true, truth, finding.x);
    bench_save(b);
    tell(b, face);
    printf("        pixel error %.4f -> %.4f\n", before, after);
    image_free(&shown);
    finding_free(&finding);
    free(truth);
    free(picture);
}

static void recover(Bench *b)
{
    int n = b->options->recover;

    b->parts = parts_new();
    b->pixel_ratio = need((size_t)n, sizeof *b->pixel_ratio);
    bench_begin(b, n);
    for (int i = 0; i < n && !interrupted(); i++) {
        recover_one(b, i);
    }
}

/* ---- Photos ---- */

/* Their number; 0, and a line of the list of those left out, where there are none. */
static int count_faces(Bench *b, const char *path, const char *name)
{
    Face face[PHOTO_MAX_FACES];
    Image photo;
    int n = 0;
    Error err;

    bool ok = image_load(&photo, path, &err);
    if (ok) {
        if (!face_detect(b->studio.detector, &photo, face, PHOTO_MAX_FACES, &n, &err)) {
            die_error(&err);
        }
        image_free(&photo);
    }
    if (n == 0) {
        fprintf(stderr, "left out: %s\n", ok ? path : err.text);
        json_array_append_new(
            b->left_out, json_pack("[ss]", name, ok ? "no face was found" : "it cannot be read"));
    }
    return n;
}

static void search_face(Bench *b, const Image *photo, const char *path, const char *name, int i)
{
    char note[PHOTO_NOTE], shown[64];
    const char *slash = strrchr(name, '/');
    Image aligned;
    real *picture;
    Finding finding;
    Error err;

    if (!align_photo(&b->studio, photo, path, i, &aligned, &picture, note, &err)) {
        die_error(&err);
    }
    snprintf(shown, sizeof shown, "%.40s face %d", slash ? slash + 1 : name, i);
    json_t *face = bench_face(b, shown, picture, &aligned, -1, &finding);
    bench_save(b);
    tell(b, face);
    finding_free(&finding);
    image_free(&aligned);
    free(picture);
}

static void search_photos(Bench *b)
{
    int limit = b->options->limit, total = 0;
    PhotoList list;
    Image photo;
    Error err;

    if (!photo_list_folder(&list, b->options->photos, 0, &err)) {
        die_error(&err);
    }
    char **path = need((size_t)list.count + 1, sizeof *path);
    int *faces = need((size_t)list.count + 1, sizeof *faces);
    for (int64_t i = 0; i < list.count && !interrupted(); i++) {
        path[i] = path_join(list.dir, list.entry[i].name);
        faces[i] = count_faces(b, path[i], list.entry[i].name);
        total += faces[i];
    }
    total = limit > 0 && limit < total ? limit : total;
    if (total == 0) {
        die("no picture of %s shows a face", b->options->photos);
    }
    bench_begin(b, total);
    for (int64_t i = 0; i < list.count && b->done < total; i++) {
        if (faces[i] > 0 && !image_load(&photo, path[i], &err)) {
            die_error(&err);
        }
        for (int k = 1; k <= faces[i] && b->done < total && !interrupted(); k++) {
            search_face(b, &photo, path[i], list.entry[i].name, k);
        }
        if (faces[i] > 0) {
            image_free(&photo);
        }
    }
    for (int64_t i = 0; i < list.count; i++) {
        free(path[i]);
    }
    free(path);
    free(faces);
    photo_list_free(&list);
}

int evaluate_search(int argc, char **argv)
{
    Options o = {.limit = 0};
    Bench b;

    app_parse(&parser, argc, argv, &o);
    catch_interrupt();
    if (o.recover && o.finder.light < 0) {
        o.finder.finder.light_trust = 1;
    }
    bench_open(&b, &o);
    if (o.recover) {
        recover(&b);
    } else {
        search_photos(&b);
    }
    if (b.done == 0) {
        die("stopped before the first face was done");
    }
    if (b.done < b.total) {
        sheet_cut(&b.sheet, (b.done + PAIRS - 1) / PAIRS);
        bench_save(&b);
    }
    json_t *all = json_copy(json_object_get(b.result, "summary"));
    json_object_del(all, "error"); /* of each parameter: in the file */
    json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(4));
    putchar('\n');
    json_decref(all);
    bench_close(&b);
    return 0;
}
