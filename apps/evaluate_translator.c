/* evaluate translator: how right it is where the parameters are known, and how near its characters
 * are to photos, beside those of the search. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/evaluate.h"
#include "apps/photo_option.h"
#include "apps/sheet.h"
#include "apps/translator_eval.h"

enum {
    OUT = 'o',
    TRANSLATOR = 1000,
    RENDERS,
    PHOTOS,
    LIMIT,
    WITH_SEARCH,
    FRONTAL_SHARE = 3, /* so many times the wanted photos are looked at for good frontal ones */
    SHEET_ROWS = 24
};

/* How a character is made of a photo, in the table's order. */
static const struct {
    Method method;
    const char *name;
} compared[] = {
    {METHOD_AVERAGE, "average character"},
    {METHOD_ONE_SHOT, "translator"},
    {METHOD_ITERATIVE_PAPER, "50 iterations"},
    {METHOD_COMBINED_PAPER, "50 iterations from the translator"},
    {METHOD_ITERATIVE, "search"},
    {METHOD_COMBINED, "search from the translator"},
};
enum { SEARCH = 4 }; /* from here on with --search alone */

typedef struct Options {
    StudioConfig studio; /* first: the child parser's input */
    const char *translator, *renders, *photos, *out;
    int limit;
    bool search;
} Options;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->studio;
        break;
    case TRANSLATOR:
        o->translator = arg;
        break;
    case RENDERS:
        o->renders = arg;
        break;
    case PHOTOS:
        o->photos = arg;
        break;
    case LIMIT:
        o->limit = (int)option_int(arg, "--limit", 1, 10000);
        break;
    case WITH_SEARCH:
        o->search = true;
        break;
    case OUT:
        o->out = arg;
        break;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    case ARGP_KEY_END:
        if (!o->out || (!o->renders && !o->photos))
            die_usage("it wants --out DIR and --renders, --photos or both");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"translator", TRANSLATOR, "FILE", 0, "The translator, if not the pretrained one", 0},
    {"renders", RENDERS, "DIR", 0,
     "Held-out renders: correlation of the true and the found parameters", 0},
    {"photos", PHOTOS, "DIR", 0,
     "Photos: identity distances of the translator's characters, of the average character's and of "
     "the search's; " PHOTO_OPTION_HELP,
     0},
    {"limit", LIMIT, "N", 0, "Take N good frontal photos (50)", 0},
    {"search", WITH_SEARCH, NULL, 0,
     "Compare with the default search too, from the average character and from the translator's: "
     "half a minute a photo",
     0},
    {"out", OUT, "DIR", 0, "Folder of translator.json, translator.html and sheet.png", 0},
    {0}};
static const struct argp_child children[] = {{&studio_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "--engine ENGINE --out DIR [--renders DIR] [--photos DIR]",
    "Measures a translator on renders whose parameters are known, and on photos against the search."
    "\v50 iterations are the paper's search (Eq. 9), from the average character or from the "
    "translator's. Distances are the descriptor's own, of the photo and the engine's picture of "
    "the character. "
    "sheet.png shows per photo: the photo, and the characters in the table's order.\n\n"
    "  evaluate translator --engine builtin:male --renders HELDOUT --photos PHOTOS --out DIR",
    children,
    NULL,
    NULL};

typedef struct Bench {
    const Options *options;
    Studio studio;
    json_t *report;
} Bench;

static void open_bench(Bench *b, const Options *o)
{
    StudioConfig config = o->studio;
    Error err;

    *b = (Bench){.options = o};
    config.with_translators = true;
    config.translator[0] = o->translator;
    config.translators = o->translator != NULL;
    if (!make_folder(o->out, &err) || !studio_open(&b->studio, &config, &err))
        die_error(&err);
    MethodList methods = {.n = 0};
    for (int m = 0; m < (o->search ? METHODS : SEARCH); m++)
        methods.method[methods.n++] = compared[m].method;
    json_t *settings =
        json_pack("{ss ss si sb}", "renders", o->renders ? o->renders : "", "photos",
                  o->photos ? o->photos : "", "limit", o->limit, "search", o->search);
    if (o->photos)
        config_add_searches(settings, &methods, -1);
    b->report = result_new("translator", settings, &b->studio);
}

static void close_bench(Bench *b)
{
    studio_close(&b->studio);
    json_decref(b->report);
}

/* schema: of what must be renders; NULL: anything. */
static PhotoPool *open_pool(Bench *b, const char *from, const Schema *schema, int64_t limit)
{
    const PhotoPoolConfig config = {.size = b->studio.size, .reference = b->studio.reference};
    PhotoPool *pool;
    Error err;

    if (!photo_option_open(&pool, NULL, from, b->options->out, &config, schema, limit, &err))
        die_error(&err);
    return pool;
}

static PoolPhoto get_photo(const Bench *b, const PhotoPool *pool, int64_t i, real *picture)
{
    int size = b->studio.size;
    PoolPhoto photo;
    Error err;

    if (!photo_pool_get(pool, i, &photo, &err))
        die_error(&err);
    image_to_planar(picture, &(Image){size, size, (uint8_t *)(uintptr_t)photo.rgb}); /* only read */
    return photo;
}

/* ---- Renders ---- */

static void measure_renders(Bench *b)
{
    const Schema *schema = b->studio.schema[0];
    PhotoPool *pool = open_pool(b, b->options->renders, schema, 0);
    size_t pixels = 3 * (size_t)b->studio.size * (size_t)b->studio.size;
    int64_t n, *index, dim = schema->dim;
    Error err;

    if (photo_pool_info(pool)->dim != schema->dim)
        die("%s holds photos; name a set of render_dataset", b->options->renders);
    if (!photo_pool_select(pool, (1 << PHOTO_SPLITS) - 1, NULL, &index, &n, &err))
        die_error(&err);
    if (n == 0)
        die("no face was found in the renders of %s", b->options->renders);
    float *truth = need((size_t)(n * dim), sizeof *truth);
    float *found = need((size_t)(n * dim), sizeof *found);
    real *picture = need(pixels, sizeof *picture);
    for (int64_t i = 0; i < n; i++) {
        PoolPhoto photo = get_photo(b, pool, index[i], picture);
        memcpy(truth + i * dim, photo.x, (size_t)dim * sizeof *truth);
        one_shot_run(b->studio.one_shot[0], picture, 1, found + i * dim);
    }
    json_t *agreement = translator_agreement(schema, truth, found, n);
    json_object_set_new(agreement, "renders", json_integer(n));
    json_object_set_new(b->report, "renders", agreement);
    free(truth);
    free(found);
    free(picture);
    free(index);
    photo_pool_close(pool);
}

/* ---- Photos ---- */

typedef struct PhotoBench {
    Bench *bench;
    int done, total;
    int methods; /* how many are compared */
    double sum[METHODS], time[METHODS];
    int closer[METHODS]; /* than the average character */
    json_t *photos;
    Sheet sheet;
    View photo, view;
    float *x;
    real *picture, *render;
} PhotoBench;

/* The engine's picture of x and its distance to the photo. */
static double draw(PhotoBench *p, const float *x)
{
    const Studio *s = &p->bench->studio;
    Error err;

    if (!studio_render(s, 0, x, p->render, &err))
        die_error(&err);
    measure_view(s->measure, p->render, &p->view);
    return view_distance(&p->photo, &p->view, &s->eyes);
}

/* The distance of the method's character; its picture comes to p->render. */
static double make_character(PhotoBench *p, Method method)
{
    Error err;

    if (!method_run(&p->bench->studio, 0, method, -1, p->picture, p->x, &err))
        die_error(&err);
    return draw(p, p->x);
}

/* name: what the sheet's column shows. */
static void put(PhotoBench *p, int column, const char *name, const real *picture)
{
    Error err;
    if (p->done < SHEET_ROWS &&
        !sheet_put_planar(&p->sheet, column, p->done, picture, p->bench->studio.size, &err))
        die_error(&err);
    if (p->done == 0)
        sheet_caption(&p->sheet, column, 0, name);
}

static json_t *photos_json(const PhotoBench *p)
{
    json_t *methods = json_array();

    for (int m = 0; m < p->methods; m++)
        json_array_append_new(
            methods, json_pack("{ss sf sf sf}", "method", compared[m].name, "distance",
                               p->sum[m] / p->done, "closer_than_average",
                               (double)p->closer[m] / p->done, "seconds", p->time[m] / p->done));
    return json_pack("{si so sO}", "photos", p->done, "methods", methods, "each", p->photos);
}

static void save(Bench *b);

static void save_sheet(const PhotoBench *p)
{
    char *path = path_join(p->bench->options->out, "sheet.png");
    Error err;

    if (!sheet_save(&p->sheet, path, &err))
        die_error(&err);
    free(path);
}

/* A photo by every method; what there is so far is saved. */
static void measure_photo(PhotoBench *p, const PhotoPool *pool, int64_t i)
{
    Bench *b = p->bench;
    PoolPhoto photo = get_photo(b, pool, i, p->picture);
    json_t *distances = json_array();
    double distance[METHODS];

    measure_view(b->studio.measure, p->picture, &p->photo);
    put(p, 0, "photo", p->picture);
    for (int m = 0; m < p->methods; m++) {
        double begin = seconds();
        distance[m] = make_character(p, compared[m].method);
        p->time[m] += seconds() - begin;
        p->sum[m] += distance[m];
        p->closer[m] += distance[m] < distance[0];
        put(p, 1 + m, compared[m].name, p->render);
        json_array_append_new(distances, json_real(distance[m]));
    }
    p->done++;
    printf("%3d/%d %-32s", p->done, p->total, photo.name);
    for (int m = 0; m < p->methods; m++)
        printf(" %.3f", distance[m]);
    putchar('\n');
    fflush(stdout);
    json_array_append_new(p->photos,
                          json_pack("{ss so}", "photo", photo.name, "distances", distances));
    json_object_set_new(b->report, "photos", photos_json(p));
    save_sheet(p);
    save(b);
}

static void measure_photos(Bench *b)
{
    const PhotoQuality quality = photo_quality_default();
    int limit = b->options->limit;
    PhotoPool *pool = open_pool(b, b->options->photos, NULL, (int64_t)FRONTAL_SHARE * limit);
    Studio *s = &b->studio;
    size_t pixels = 3 * (size_t)s->size * (size_t)s->size;
    PhotoBench p = {
        .bench = b, .methods = b->options->search ? METHODS : SEARCH, .photos = json_array()};
    int64_t *index, n;
    Error err;

    if (!photo_pool_select(pool, (1 << PHOTO_SPLITS) - 1, &quality, &index, &n, &err))
        die_error(&err);
    if (n == 0)
        die("%s has no good frontal photos", b->options->photos);
    p.total = n < limit ? (int)n : limit;
    p.x = need((size_t)s->schema[0]->dim, sizeof *p.x);
    p.picture = need(pixels, sizeof *p.picture);
    p.render = need(pixels, sizeof *p.render);
    int rows = p.total < SHEET_ROWS ? p.total : SHEET_ROWS;
    if (!view_new(&p.photo, &s->eyes, &err) || !view_new(&p.view, &s->eyes, &err) ||
        !sheet_new(&p.sheet, 1 + p.methods, rows, s->size, 2, &err))
        die_error(&err);
    for (int k = 0; k < p.total && !interrupted(); k++)
        measure_photo(&p, pool, index[k * n / p.total]);
    if (p.done == 0)
        die("stopped before the first photo was done");
    if (p.done < p.sheet.rows) {
        sheet_cut(&p.sheet, p.done);
        save_sheet(&p);
    }
    view_free(&p.photo);
    view_free(&p.view);
    sheet_free(&p.sheet);
    json_decref(p.photos);
    free(p.x);
    free(p.picture);
    free(p.render);
    free(index);
    photo_pool_close(pool);
}

/* ---- What is told ---- */

static json_t *methods_table(const json_t *photos)
{
    json_t *rows = json_pack("[[ssss]]", "character", "identity distance", "nearer than average",
                             "seconds"),
           *m;
    size_t i;

    json_array_foreach(json_object_get(photos, "methods"), i, m) json_array_append_new(
        rows, json_pack("[OOOO]", json_object_get(m, "method"), json_object_get(m, "distance"),
                        json_object_get(m, "closer_than_average"), json_object_get(m, "seconds")));
    return rows;
}

static void write_page(const Bench *b)
{
    const json_t *renders = json_object_get(b->report, "renders");
    const json_t *photos = json_object_get(b->report, "photos");
    char title[80];
    Report page;

    snprintf(title, sizeof title, "Translator, %.40s", b->studio.schema[0]->name);
    result_page_open(&page, b->options->out, title, b->report);
    if (photos) {
        json_t *rows = methods_table(photos);
        char *sheet = path_join(b->options->out, "sheet.png");
        report_heading(&page, "Photos");
        report_text(&page,
                    "Mean over %d good frontal photos of the descriptor's distance between the "
                    "photo and the engine's picture of the character.",
                    (int)json_integer_value(json_object_get(photos, "photos")));
        report_table(&page, rows);
        report_png(&page, sheet, "A photo a row, and its characters in the table's order");
        free(sheet);
        json_decref(rows);
    }
    if (renders) {
        report_heading(&page, "Renders");
        report_text(&page,
                    "%d pictures of known characters; mean absolute error of the parameters %.4f.",
                    (int)json_integer_value(json_object_get(renders, "renders")),
                    json_number_value(json_object_get(renders, "error")));
        page_bars(&page, "Correlation of true and found parameters",
                  json_object_get(renders, "correlation"));
        page_bars(&page, "Share of right choices", json_object_get(renders, "choice"));
    }
    result_page_close(&page, b->report);
}

static void save(Bench *b)
{
    result_save(b->options->out, b->report);
    write_page(b);
}

static void tell(const Bench *b)
{
    const json_t *renders = json_object_get(b->report, "renders");
    const json_t *photos = json_object_get(b->report, "photos"), *value, *m;
    const char *name;
    size_t i;

    if (renders) {
        json_t *correlation = json_object_get(renders, "correlation");
        printf("%" JSON_INTEGER_FORMAT " renders, mean |x - T| %.4f; correlation:\n",
               json_integer_value(json_object_get(renders, "renders")),
               json_number_value(json_object_get(renders, "error")));
        json_object_foreach(correlation, name, value)
            printf("  %-24s %6.3f\n", name, json_number_value(value));
    }
    if (photos) {
        printf("%-34s identity distance, nearer than the average character, seconds\n", "");
        json_array_foreach(json_object_get(photos, "methods"), i, m)
            printf("%-34s %.4f  %3.0f %%  %.2f\n", json_string_value(json_object_get(m, "method")),
                   json_number_value(json_object_get(m, "distance")),
                   100 * json_number_value(json_object_get(m, "closer_than_average")),
                   json_number_value(json_object_get(m, "seconds")));
    }
}

int evaluate_translator(int argc, char **argv)
{
    Options o = {.limit = 50};
    Bench b;

    app_parse(&parser, argc, argv, &o);
    catch_interrupt();
    open_bench(&b, &o);
    if (o.renders)
        measure_renders(&b);
    if (o.photos)
        measure_photos(&b);
    save(&b);
    tell(&b);
    close_bench(&b);
    return 0;
}
