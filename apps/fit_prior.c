/* Learns the facial prior of the paper's 3.5 from characters, and draws people from it. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/characters.h"
#include "apps/engine_option.h"
#include "apps/photo_option.h"
#include "apps/prior_file.h"
#include "apps/prior_photos.h"
#include "apps/report.h"
#include "apps/sheet.h"
#include "apps/studio_option.h"

enum { CHARACTERS = 1000, PHOTOS, ENERGY, REPORT, DRAW, PRIOR, SEED };
enum { COLUMNS = 6, ROWS = 2, CELL = 192, GROUPS_A_PLOT = 7 /* the paper's */ };

typedef struct Options {
    StudioConfig studio; /* engine, translator, descriptor */
    const char *characters, *photos, *prior, *out, *report;
    double energy;
    int64_t draw;
    uint64_t seed;
} Options;

static const struct argp_option option[] = {
    {"out", 'o', "FILE", 0, "The prior to write; with --draw, the people", 0},
    {"characters", CHARACTERS, "LIST", 0,
     "What to learn from, with commas between: character files, folders with character.json files "
     "as search and translate write them, arrays [n,dim] (.npy, .safetensors)",
     1},
    {"photos", PHOTOS, "POOL", 0,
     "What to learn from, also or instead: what the translator makes of good frontal photos "
     "of " PHOTO_OPTION_HELP,
     1},
    {"energy", ENERGY, "E", 0,
     "Keep the fewest components of every group that have this share of its variance (0.95)", 1},
    {"report", REPORT, "FILE.html", 0,
     "A page with the energy curves, and characters drawn with and without the prior", 1},
    {"prior", PRIOR, "FILE", 0, "Draw from this prior", 2},
    {"draw", DRAW, "N", 0, "Write N random people of the prior, for render_dataset --near", 2},
    {"seed", SEED, "S", 0, "Of the random people (1)", 2},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->child_inputs[1] = &o->studio;
        break;
    case 'o':
        o->out = arg;
        break;
    case CHARACTERS:
        o->characters = arg;
        break;
    case PHOTOS:
        o->photos = arg;
        break;
    case ENERGY:
        o->energy = option_real(arg, "--energy", 0.01, 1);
        break;
    case REPORT:
        o->report = arg;
        break;
    case PRIOR:
        o->prior = arg;
        break;
    case DRAW:
        o->draw = option_int(arg, "--draw", 1, 10000000);
        break;
    case SEED:
        o->seed = (uint64_t)option_int(arg, "--seed", 0, INT64_MAX);
        break;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    case ARGP_KEY_END:
        if (!o->studio.models || !o->out || !(o->characters || o->photos) == !o->prior ||
            !o->draw != !o->prior) {
            die_usage("it wants --engine ENGINE, --out FILE, and either --characters LIST or "
                      "--photos POOL, or --prior FILE --draw N");
        }
        if (o->prior &&
            (o->report || o->energy > 0 || o->studio.translators > 0 || o->studio.descriptor)) {
            die_usage("--report, --energy, --translator and --descriptor are of learning; leave "
                      "them out with --draw");
        }
        o->energy = o->energy > 0 ? o->energy : 0.95;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_child children[] = {
    {&studio_engine_argp, 0, NULL, 0}, {&studio_translator_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "--engine ENGINE --out FILE (--characters LIST | --photos POOL | --prior FILE --draw N)",
    "Learns which faces there are: the principal components of every group of parameters, from "
    "characters that searches or the translator found (the paper's Eq. 11, 12). search --prior "
    "stays among them.\v"
    "Prints how much of each group's variance its first components have. What the networks see in "
    "a pool of photos is kept beside it for the next time; Ctrl-C before that is done loses it.\n\n"
    "  fit_prior --engine builtin:male --photos renders --out prior.safetensors --report "
    "prior.html\n"
    "  search --engine builtin:male --prior prior.safetensors --out DIR portrait.jpg",
    children,
    NULL,
    NULL};

static const double level[] = {0.8, 0.9, 0.95, 0.99};
enum { LEVELS = sizeof level / sizeof *level };

/* Rows of cells, the first of them the heads. */
static json_t *energy_table(const Prior *p)
{
    json_t *rows = json_pack("[[s, s, s, s, s, s, s, s]]", "group", "parameters", "kept", "energy",
                             "for 80%", "for 90%", "for 95%", "for 99%");

    for (int g = 0; g < p->n_groups; g++) {
        const PriorGroup *group = &p->group[g];
        json_t *row = json_pack("[s, i, i, f]", group->name, group->n, group->kept,
                                prior_energy(group, group->kept));
        for (int i = 0; i < LEVELS; i++) {
            json_array_append_new(row, json_integer(prior_needed(group, level[i])));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}

static void print_cell(const json_t *cell)
{
    if (json_is_string(cell)) {
        printf("%-12s", json_string_value(cell));
    } else if (json_is_integer(cell)) {
        printf("%-12" JSON_INTEGER_FORMAT, json_integer_value(cell));
    } else {
        printf("%-12.4f", json_real_value(cell));
    }
}

static void print_table(const json_t *rows)
{
    size_t i, k;
    json_t *row, *cell;

    json_array_foreach(rows, i, row)
    {
        json_array_foreach(row, k, cell)
        {
            print_cell(cell);
        }
        putchar('\n');
    }
}

/* Energy against components, as the paper's Fig. 6 (a). */
static void plot_energy(Report *report, const Prior *p)
{
    double *x = malloc(2 * (size_t)p->n_continuous * sizeof *x);

    if (!x) {
        die("out of memory");
    }
    double *y = x + p->n_continuous;
    for (int begin = 0; begin < p->n_groups; begin += GROUPS_A_PLOT) {
        ReportPlot plot = {.title = "Share of the variance", .x_label = "principal components"};
        for (int g = begin, at = 0; g < p->n_groups && g < begin + GROUPS_A_PLOT; g++) {
            const PriorGroup *group = &p->group[g];
            plot.series[plot.n++] = (ReportSeries){group->name, group->n, x + at, y + at};
            for (int k = 1; k <= group->n; k++, at++) {
                x[at] = k;
                y[at] = prior_energy(group, k);
            }
        }
        report_plot(report, &plot);
    }
    free(x);
}

/* Random characters: of the prior, or (NULL) with every parameter uniform. */
static void draw_sheet(Report *report, const Engine *engine, const Prior *p, const Options *o,
                       const char *caption)
{
    const Schema *schema = engine_schema(engine);
    RenderOptions options = render_options_default();
    float *x = malloc((size_t)schema->dim * sizeof *x);
    Image cell = {0};
    Sheet sheet;
    Error err;

    options.size = CELL;
    if (!x) {
        die("out of memory");
    }
    if (!image_new(&cell, CELL, CELL, &err) || !sheet_new(&sheet, COLUMNS, ROWS, CELL, 2, &err)) {
        die_error(&err);
    }
    for (int i = 0; i < COLUMNS * ROWS; i++) {
        if (p) {
            prior_draw(p, o->seed, (uint64_t)i, x);
        } else {
            schema_random_uniform(schema, o->seed, (uint64_t)i, x);
        }
        if (!engine_render(engine, x, &options, cell.pixel, NULL, &err) ||
            !sheet_put(&sheet, i % COLUMNS, i / COLUMNS, &cell, &err)) {
            die_error(&err);
        }
    }
    report_image(report, &sheet.image, caption);
    sheet_free(&sheet);
    image_free(&cell);
    free(x);
}

static void write_report(const Options *o, const Engine *engine, const Prior *p,
                         const json_t *table, int64_t count)
{
    Report report;
    Error err;

    if (!report_open(&report, o->report, "Facial prior", &err)) {
        die_error(&err);
    }
    report_text(&report,
                "Principal components of %" PRId64 " characters of the schema %s; kept are the "
                "fewest of each group that have %g of its variance.",
                count, engine_schema(engine)->name, o->energy);
    report_table(&report, table);
    report_heading(&report, "Energy");
    plot_energy(&report, p);
    if (engine_sample_count(engine) == 0) {
        report_heading(&report, "Random characters");
        draw_sheet(&report, engine, p, o, "With the prior");
        draw_sheet(&report, engine, NULL, o, "Without: every parameter uniform");
    }
    if (!report_close(&report, &err)) {
        die_error(&err);
    }
}

/* "DIR" of "DIR/NAME", allocated; "." of "NAME". */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");

    if (!folder) {
        die("out of memory");
    }
    return folder;
}

/* What the prior was learned from, as metadata. */
static char *training_text(const Options *o, int64_t count)
{
    json_t *json = json_pack("{s:s?, s:s?, s:s?, s:I, s:f}", "characters", o->characters, "photos",
                             o->photos, "translator", o->studio.translator[0], "count",
                             (json_int_t)count, "energy", o->energy);
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6));

    json_decref(json);
    if (!text) {
        die("out of memory");
    }
    return text;
}

/* The characters of --characters, then those of --photos. */
static float *read_people(const Options *o, const Studio *studio, int64_t *count)
{
    const Schema *schema = studio->schema[0];
    float *x = NULL, *more = NULL;
    int64_t n = 0;
    Error err;

    *count = 0;
    if (o->characters && !characters_read(o->characters, schema, &x, count, &err)) {
        die_error(&err);
    }
    if (o->photos) {
        char *folder = folder_of(o->out);
        if (!prior_photos_read(studio, o->photos, folder, &more, &n, &err)) {
            die_error(&err);
        }
        free(folder);
        x = realloc(x, (size_t)((*count + n) * schema->dim) * sizeof *x);
        if (!x) {
            die("out of memory");
        }
        memcpy(x + *count * schema->dim, more, (size_t)(n * schema->dim) * sizeof *x);
        free(more);
        *count += n;
    }
    return x;
}

/* A place that cannot be written to costs no work. */
static void check_writable(const char *path)
{
    AtomicFile file;
    Error err;

    if (!atomic_file_open(&file, path, &err)) {
        die_error(&err);
    }
    atomic_file_abort(&file);
}

/* Of a studio only what is wanted: photos want its networks, all else the engine. */
static void open_studio(Studio *studio, const Options *o)
{
    StudioConfig config = o->studio;
    Error err;
    bool ok;

    config.with_translators = true;
    if (o->photos) {
        ok = studio_open(studio, &config, &err);
    } else {
        ok = engine_option_open(&studio->engine[0], config.engine[0], &err);
        studio->schema[0] = ok ? engine_schema(studio->engine[0]) : NULL;
    }
    if (!ok) {
        die_error(&err);
    }
}

static void fit(const Options *o, const Studio *studio)
{
    const Schema *schema = studio->schema[0];
    Prior *p;
    int64_t count;
    Error err;

    float *x = read_people(o, studio, &count);

    if (!prior_for_schema(&p, schema, &err) || !prior_fit(p, x, count, o->energy, &err)) {
        die_error(&err);
    }
    char *training = training_text(o, count);
    if (!prior_save(o->out, p, schema, training, &err)) {
        die_error(&err);
    }
    json_t *table = energy_table(p);
    printf("%s: %d components of %d parameters, learned from %" PRId64 " characters\n", o->out,
           prior_components(p), p->n_continuous, count);
    print_table(table);
    if (o->report) {
        write_report(o, studio->engine[0], p, table, count);
    }
    json_decref(table);
    free(training);
    prior_free(p);
    free(x);
}

static void draw(const Options *o, const Schema *schema)
{
    Prior *p;
    Error err;
    float *x = malloc((size_t)o->draw * (size_t)schema->dim * sizeof *x);

    if (!x) {
        die("out of memory for %" PRId64 " people", o->draw);
    }
    if (!prior_open(&p, o->prior, schema, &err)) {
        die_error(&err);
    }
    for (int64_t i = 0; i < o->draw; i++) {
        prior_draw(p, o->seed, (uint64_t)i, x + i * schema->dim);
    }
    if (!characters_write(o->out, schema, x, o->draw, &err)) {
        die_error(&err);
    }
    printf("%s: %" PRId64 " people of %s\n", o->out, o->draw, o->prior);
    prior_free(p);
    free(x);
}

int main(int argc, char **argv)
{
    Options o = {.seed = 1};
    Studio studio = {.models = 0};

    app_parse(&parser, argc, argv, &o);
    check_writable(o.out);
    if (o.report) {
        check_writable(o.report);
    }
    open_studio(&studio, &o);
    if (!o.prior) {
        fit(&o, &studio);
    } else {
        draw(&o, studio.schema[0]);
    }
    studio_close(&studio);
    return 0;
}
