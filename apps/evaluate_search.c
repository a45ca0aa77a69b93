/* Measures the search: on characters whose parameters are known, and on real photos. */
#include "config.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/finder_options.h"
#include "apps/finder_report.h"
#include "apps/progress.h"
#include "apps/sheet.h"
#include "engine/character.h"

enum { OUT = 'o', RECOVER = 1000, PHOTOS, LIMIT, CELL = 256, PAIRS = 4, MAX_FILES = 1024 };

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
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"out", OUT, "DIR", 0, "Folder of report.json, sheet.png and characters/", 0},
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
    "Measures the search on characters that are known, or on real photos.\v"
    "sheet.png shows pairs: target | character. In --recover the light is the engine's, so that "
    "--light is 1 unless it is given, and the model is the true one.",
    children,
    NULL,
    NULL};

/* What all faces of a run share. */
typedef struct Bench {
    const Options *options;
    Studio *studio;
    json_t *faces;
    Sheet sheet;
    int done, total;
    View target, found;
} Bench;

static void bench_open(Bench *b, const Options *o, Studio *studio, int total)
{
    Error err;

    *b = (Bench){.options = o, .studio = studio, .faces = json_array(), .total = total};
    if (!sheet_new(&b->sheet, 2 * PAIRS, (total + PAIRS - 1) / PAIRS, CELL, 2, &err) ||
        !view_new(&b->target, &studio->eyes, &err) || !view_new(&b->found, &studio->eyes, &err)) {
        die_error(&err);
    }
}

/* Writes the sheet and the report so far; summary's reference is taken. */
static void bench_save(Bench *b, json_t *summary)
{
    Error err;
    char *sheet = path_join(b->options->out, "sheet.png");
    char *report = path_join(b->options->out, "report.json");
    json_t *all = json_pack("{s:o, s:O}", "summary", summary, "faces", b->faces);

    if (!sheet_save(&b->sheet, sheet, &err) || !json_save(report, all, &err)) {
        die_error(&err);
    }
    free(sheet);
    free(report);
}

static void bench_close(Bench *b)
{
    json_decref(b->faces);
    sheet_free(&b->sheet);
    view_free(&b->target);
    view_free(&b->found);
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

/* What both kinds of run report. */
static json_t *summary(const json_t *faces)
{
    int closer = 0;
    size_t i;
    json_t *face;

    json_array_foreach(faces, i, face)
    {
        closer += distance(face, "result") < distance(face, "start");
    }
    return json_pack(
        "{s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "faces", (int)json_array_size(faces),
        "closer_than_average_face", closer, "start", mean_of(faces, distance, "start"), "result",
        mean_of(faces, distance, "result"), "imitator", mean_of(faces, distance, "imitator"),
        "saturated", mean_of(faces, number, "saturated"), "imitator_engine_difference",
        mean_of(faces, number, "imitator_engine_difference"), "parts_iou",
        mean_of(faces, number, "parts_iou"), "seconds", mean_of(faces, number, "seconds"));
}

/* characters/MODEL/NNN/character.json, for who wants what searches find (characters.h). */
static void save_character(const Bench *b, const Finding *finding)
{
    Error err;
    const Schema *schema = b->studio->schema[finding->model];
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

/* One search, of one model only or (-1) of all; its row of the report (json_incref to keep) and its
 * pair of the sheet. */
static json_t *bench_face(Bench *b, const real *picture, const Image *shown, int only,
                          Finding *finding)
{
    Error err;
    Image portrait;
    int column = 2 * (b->done % PAIRS), row = b->done / PAIRS;
    double begin = seconds();

    FinderConfig config = b->options->finder.finder;
    config.only = only;
    if (!finder_run(b->studio, picture, &config, NULL, NULL, finding, &err) ||
        !draw_portrait(b->studio, finding->model, finding->x, &portrait, &err) ||
        !sheet_put(&b->sheet, column, row, shown, &err) ||
        !sheet_put(&b->sheet, column + 1, row, &portrait, &err)) {
        die_error(&err);
    }
    image_free(&portrait);
    save_character(b, finding);
    measure_view(b->studio->measure, picture, &b->target);
    measure_view(b->studio->measure, finding->render, &b->found);
    json_t *face = finding_json(b->studio, finding);
    json_object_set_new(face, "parts_iou",
                        json_real(parts_iou(&b->target, &b->found, &b->studio->eyes)));
    json_object_set_new(face, "seconds", json_real(seconds() - begin));
    json_array_append_new(b->faces, face);
    b->done++;
    bench_save(b, summary(b->faces)); /* a run that is stopped leaves what it has */
    return face;
}

static void tell(const Bench *b, const char *name, const json_t *face)
{
    printf("%3d/%d %-24s %-6s identity %.3f -> %.3f (imitator %.3f)  parts %.3f  saturated %.1f%%  "
           "gap %.3f  %.1f s\n",
           b->done, b->total, name, json_string_value(json_object_get(face, "model")),
           distance(face, "start"), distance(face, "result"), distance(face, "imitator"),
           number(face, "parts_iou"), 100 * number(face, "saturated"),
           number(face, "imitator_engine_difference"), number(face, "seconds"));
    fflush(stdout);
}

/* ---- known characters ---- */

/* Sums of a correlation, of deviations from the schema's means. */
typedef struct Correlation {
    char name[32];
    double n, x, y, xx, yy, xy;
} Correlation;

typedef struct Correlations {
    Correlation all, part[160];
    int n;
} Correlations;

static void correlate(Correlation *c, double x, double y)
{
    c->n++;
    c->x += x;
    c->y += y;
    c->xx += x * x;
    c->yy += y * y;
    c->xy += x * y;
}

static double correlation(const Correlation *c)
{
    double xx = c->xx - c->x * c->x / c->n, yy = c->yy - c->y * c->y / c->n;
    return xx > 0 && yy > 0 ? (c->xy - c->x * c->y / c->n) / sqrt(xx * yy) : 0;
}

static Correlation *part(Correlations *c, const char *name)
{
    for (int i = 0; i < c->n; i++) {
        if (strcmp(c->part[i].name, name) == 0) {
            return &c->part[i];
        }
    }
    if (c->n == (int)(sizeof c->part / sizeof *c->part)) {
        die("more than %d components in a schema", c->n);
    }
    snprintf(c->part[c->n].name, sizeof c->part[c->n].name, "%s", name);
    return &c->part[c->n++];
}

/* Table 5's components, and every macro and appearance control by its own name. */
static void correlate_all(Correlations *c, const Schema *schema, const float *truth,
                          const float *found)
{
    for (int i = 0; i < schema->n_continuous; i++) {
        const Control *control = &schema->control[i];
        double x = truth[i] - control->mean, y = found[i] - control->mean;
        char name[32];
        snprintf(name, sizeof name, "%.31s",
                 control->kind == CONTROL_BONE ? control->component : control->name);
        correlate(&c->all, x, y);
        correlate(part(c, name), x, y);
    }
}

static json_t *correlations_json(const Correlations *c)
{
    json_t *parts = json_object();

    for (int i = 0; i < c->n; i++) {
        json_object_set_new(parts, c->part[i].name, json_real(correlation(&c->part[i])));
    }
    return json_pack("{s:f, s:o}", "all", correlation(&c->all), "parts", parts);
}

static double pixel_error(const real *a, const real *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += fabs((double)a[i] - b[i]);
    }
    return sum / (double)n;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *value, int n)
{
    qsort(value, (size_t)n, sizeof *value, compare_doubles);
    return n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

static void recover_one(Bench *b, int i, Correlations *correlations, double *ratio)
{
    Studio *s = b->studio;
    int model = i % s->models;
    size_t pixels = 3 * (size_t)s->size * (size_t)s->size;
    const Schema *schema = s->schema[model];
    float *truth = calloc((size_t)schema->dim, sizeof *truth);
    real *picture = malloc(2 * pixels * sizeof *picture);
    Finding finding;
    Image shown;
    Error err;
    char name[32];

    if (!truth || !picture) {
        die("out of memory");
    }
    schema_average(schema, truth);
    if (!studio_render(s, model, truth, picture + pixels, &err)) {
        die_error(&err);
    }
    schema_random_person(schema, b->options->finder.finder.seed, (uint64_t)i, truth);
    if (!studio_render(s, model, truth, picture, &err) ||
        !draw_portrait(s, model, truth, &shown, &err)) {
        die_error(&err);
    }
    json_t *face = bench_face(b, picture, &shown, model, &finding);

    double before = pixel_error(picture + pixels, picture, pixels);
    double after = pixel_error(finding.render, picture, pixels);
    *ratio = after / before;
    json_object_set_new(face, "pixel_error_start", json_real(before));
    json_object_set_new(face, "pixel_error_result", json_real(after));
    correlate_all(correlations, schema, truth, finding.x);
    snprintf(name, sizeof name, "character %d", i);
    tell(b, name, face);
    printf("        pixel error %.4f -> %.4f\n", before, after);
    image_free(&shown);
    finding_free(&finding);
    free(truth);
    free(picture);
}

static void recover(const Options *o, Studio *studio)
{
    Bench b;
    static Correlations correlations; /* too big for some stacks; main's alone */
    double *ratio = calloc((size_t)o->recover, sizeof *ratio);

    if (!ratio) {
        die("out of memory");
    }
    bench_open(&b, o, studio, o->recover);
    for (int i = 0; i < o->recover; i++) {
        recover_one(&b, i, &correlations, &ratio[i]);
    }
    json_t *all = summary(b.faces);
    json_object_set_new(all, "median_pixel_error_ratio", json_real(median(ratio, o->recover)));
    json_object_set_new(all, "correlation", correlations_json(&correlations));
    json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(4));
    putchar('\n');
    bench_save(&b, all);
    bench_close(&b);
    free(ratio);
}

/* ---- photos ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_picture(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".jpg") == 0 || strcmp(dot, ".png") == 0);
}

/* Paths of the pictures of a folder, sorted. */
static int list_pictures(const char *folder, char **path)
{
    int n = 0;
    struct dirent *entry;
    DIR *dir = opendir(folder);

    if (!dir) {
        die("the folder %s cannot be read", folder);
    }
    while ((entry = readdir(dir)) && n < MAX_FILES) {
        if (is_picture(entry->d_name)) {
            path[n++] = path_join(folder, entry->d_name);
        }
    }
    closedir(dir);
    qsort(path, (size_t)n, sizeof *path, compare_names);
    return n;
}

static int count_faces(Studio *studio, const char *path, Image *photo)
{
    Face face[PHOTO_MAX_FACES];
    int n = 0;
    Error err;

    if (!image_load(photo, path, &err) ||
        !face_detect(studio->detector, photo, face, PHOTO_MAX_FACES, &n, &err)) {
        die_error(&err);
    }
    return n;
}

static void search_photo(Bench *b, const char *path, const Image *photo, int faces)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

    for (int i = 1; i <= faces && b->done < b->total; i++) {
        char note[PHOTO_NOTE], name[64];
        Image aligned;
        real *picture;
        Finding finding;
        Error err;
        if (!align_photo(b->studio, photo, path, i, &aligned, &picture, note, &err)) {
            die_error(&err);
        }
        json_t *face = bench_face(b, picture, &aligned, -1, &finding);
        snprintf(name, sizeof name, "%.40s face %d", base, i);
        json_object_set_new(face, "photo", json_string(name));
        tell(b, name, face);
        finding_free(&finding);
        image_free(&aligned);
        free(picture);
    }
}

static void search_photos(const Options *o, Studio *studio)
{
    static char *path[MAX_FILES];
    static int faces[MAX_FILES];
    int n = list_pictures(o->photos, path), total = 0;
    Image photo;
    Bench b;

    for (int i = 0; i < n; i++) {
        faces[i] = count_faces(studio, path[i], &photo);
        total += faces[i];
        image_free(&photo);
    }
    total = o->limit > 0 && o->limit < total ? o->limit : total;
    if (total == 0) {
        die("no picture of %s shows a face", o->photos);
    }
    bench_open(&b, o, studio, total);
    for (int i = 0; i < n; i++) {
        Error err;
        if (!image_load(&photo, path[i], &err)) {
            die_error(&err);
        }
        search_photo(&b, path[i], &photo, faces[i]);
        image_free(&photo);
        free(path[i]);
    }
    json_t *all = summary(b.faces);
    json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(4));
    putchar('\n');
    bench_save(&b, all);
    bench_close(&b);
}

int main(int argc, char **argv)
{
    Options o = {0};
    Studio studio;
    Error err;

    app_parse(&parser, argc, argv, &o);
    if (o.recover && o.finder.light < 0) {
        o.finder.finder.light_trust = 1;
    }
    if (!make_folder(o.out, &err) || !studio_open(&studio, &o.finder.studio, &err)) {
        die_error(&err);
    }
    if (o.recover) {
        recover(&o, &studio);
    } else {
        search_photos(&o, &studio);
    }
    studio_close(&studio);
    return 0;
}
