/* Cost against size: time and memory of the imitator's training step for sides and batches, and of
 * the search for several photos at once, each in a process of its own; a table, JSON, and a page
 * with plots that show whether the cost grows faster than the work.
 *
 *     make tests/bench_size && tests/bench_size --help */
#include "config.h"

#include <argp.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "apps/app.h"
#include "apps/report.h"
#include "tests/bench.h"

enum { RUNS = 1000, SIZE, BATCH, PHOTOS, OUT, MIN_SIZE = 64, MAX_POINTS = 64 };

typedef struct Options {
    int runs, size, batch, photos;
    const char *out;
} Options;

/* One measurement. Its work is `units`: pixels, or photos. */
typedef struct Point {
    const char *row;
    int size, batch, runs;
    double units, seconds, peak, plan; /* the last two in MB */
} Point;

/* Points of one row, by size, then by batch. */
typedef struct Sweep {
    const char *name, *unit;
    Point point[MAX_POINTS];
    int n;
} Sweep;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case RUNS:
        o->runs = (int)option_int(arg, "--runs", 1, 1000);
        return 0;
    case SIZE:
        o->size = (int)option_int(arg, "--size", MIN_SIZE, 512);
        return 0;
    case BATCH:
        o->batch = (int)option_int(arg, "--batch", 1, 1024);
        return 0;
    case PHOTOS:
        o->photos = (int)option_int(arg, "--photos", 0, 64);
        return 0;
    case OUT:
        o->out = arg;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option option[] = {
    {"runs", RUNS, "N", 0, "Timed steps of a point, after one that is not (3)", 0},
    {"size", SIZE, "N", 0, "Largest side of the imitator's pictures (512)", 0},
    {"batch", BATCH, "N", 0, "Largest batch (64)", 0},
    {"photos", PHOTOS, "N", 0, "Most photos searched at once; 0: no search (8)", 0},
    {"out", OUT, "STEM", 0, "Writes STEM.json and STEM.html (bench_size)", 0},
    {0}};
static const struct argp parser = {
    option,
    parse,
    NULL,
    "Measures cost against size on the CPU: the imitator's training step for sides from 64 and "
    "batches from 1, doubled each, and the search for 1, 2, 4 ... photos at once.\v"
    "Prints per point: side, batch, median seconds of a step, peak memory of a process that does "
    "nothing else, the plan's slab, and time and memory over the work.",
    NULL,
    NULL,
    NULL};

static json_t *run_point(const void *context)
{
    const Point *p = context;
    Work work;
    Backend *backend = backend_cpu_open();
    if (!backend)
        die("out of memory");
    work_open(&work, bench_row(p->row), backend, p->batch, p->size);
    json_t *json = bench_time(&work, 1, p->runs);
    work_close(&work);
    backend_close(backend);
    return json;
}

static double time_of_unit(const Point *p)
{
    return p->seconds / p->units;
}

static double memory_of_unit(const Point *p)
{
    return p->peak / p->units;
}

/* How much more a unit costs at most in a larger point than in one that is smaller or equal in side
 * and batch. 1 or less: the cost grows no faster than the work. */
static double growth(const Sweep *s, double (*cost)(const Point *))
{
    double most = 0;
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->n; k++)
            if (k != i && s->point[i].size <= s->point[k].size &&
                s->point[i].batch <= s->point[k].batch)
                most = fmax(most, cost(&s->point[k]) / cost(&s->point[i]));
    return most;
}

static void measure(Sweep *s, const char *row, int size, int batch, double units, int runs,
                    json_t *list)
{
    Point p = {.row = row, .size = size, .batch = batch, .units = units, .runs = runs};
    if (s->n == MAX_POINTS)
        die("these are more than %d points", MAX_POINTS);
    json_t *json = bench_apart(run_point, &p, row);
    p.seconds = bench_number(json, "median");
    p.peak = bench_number(json, "peak_mb");
    p.plan = bench_number(json, "plan_mb");
    json_object_set_new(json, "size", json_integer(size));
    json_array_append_new(list, json);
    printf("%5d %5d %9.4f %8.0f %8.0f %12.5g %12.5g\n", size, batch, p.seconds, p.peak, p.plan,
           time_of_unit(&p), memory_of_unit(&p));
    fflush(stdout);
    s->point[s->n++] = p;
}

static void growth_text(const Sweep *s, char *text, size_t size)
{
    snprintf(text, size,
             "From a point to a larger one, time a %s grows %.3f times at most, memory %.3f times.",
             s->unit, growth(s, time_of_unit), growth(s, memory_of_unit));
}

static json_t *sweep_json(const Sweep *s, json_t *points)
{
    char text[256];
    growth_text(s, text, sizeof text);
    puts(text);
    return json_pack("{ss so sf sf}", "unit", s->unit, "points", points, "time_growth",
                     growth(s, time_of_unit), "memory_growth", growth(s, memory_of_unit));
}

static void head(const Sweep *s)
{
    printf("%s\n%5s %5s %9s %8s %8s %12s %12s\n", s->name, "side", "batch", "s", "peak MB",
           "plan MB", "s/unit", "MB/unit");
}

static json_t *imitator_sweep(Sweep *s, const Options *o)
{
    json_t *list = json_array();
    head(s);
    for (int size = MIN_SIZE; size <= o->size; size *= 2)
        for (int batch = 1; batch <= o->batch; batch *= 2)
            measure(s, "imitator_train", size, batch, 1e-6 * size * size * batch, o->runs, list);
    return sweep_json(s, list);
}

static json_t *search_sweep(Sweep *s, const Options *o)
{
    json_t *list = json_array();
    head(s);
    for (int batch = 1; batch <= o->photos; batch *= 2)
        measure(s, "search_step", 512, batch, batch, o->runs, list);
    return sweep_json(s, list);
}

/* ---- Page ---- */

static json_t *table(const Sweep *s)
{
    json_t *rows = json_array();
    json_array_append_new(rows, json_pack("[s s s s s s s]", "side", "batch", "seconds", "peak MB",
                                          "plan MB", "s/unit", "MB/unit"));
    for (int i = 0; i < s->n; i++) {
        const Point *p = &s->point[i];
        json_array_append_new(rows,
                              json_pack("[i i f f f f f]", p->size, p->batch, p->seconds, p->peak,
                                        p->plan, time_of_unit(p), memory_of_unit(p)));
    }
    return rows;
}

/* A line per side, over the batch. */
static void plot(Report *page, const Sweep *s, const char *title, const char *x_label,
                 double (*cost)(const Point *))
{
    double x[MAX_POINTS], y[MAX_POINTS];
    char name[REPORT_MAX_SERIES][16];
    ReportPlot p = {.title = title, .x_label = x_label, .log_x = true, .log_y = true};
    for (int i = 0; i < s->n; i++) {
        if (i == 0 || s->point[i].size != s->point[i - 1].size) {
            snprintf(name[p.n], sizeof name[p.n], "%d", s->point[i].size);
            p.series[p.n] = (ReportSeries){.name = name[p.n], .x = x + i, .y = y + i};
            p.n++;
        }
        x[i] = s->point[i].batch;
        y[i] = cost(&s->point[i]);
        p.series[p.n - 1].n++;
    }
    report_plot(page, &p);
}

static void write_page(const char *path, const Sweep *imitator, const Sweep *search)
{
    Report page;
    Error err;
    char text[256];
    if (!report_open(&page, path, "Cost against size", &err))
        die_error(&err);
    report_code(&page, app_command());
    report_text(&page,
                "%d threads. Medians of %d steps, each point in a process of its own. A cost that "
                "grows no faster than the work has no rising line.",
                omp_get_max_threads(), imitator->point[0].runs);
    report_heading(&page, imitator->name);
    growth_text(imitator, text, sizeof text);
    report_text(&page, "%s", text);
    plot(&page, imitator, "Seconds a megapixel, by side", "batch", time_of_unit);
    plot(&page, imitator, "Peak MB a megapixel, by side", "batch", memory_of_unit);
    json_t *rows = table(imitator);
    report_table(&page, rows);
    json_decref(rows);
    if (search->n > 0) {
        report_heading(&page, search->name);
        growth_text(search, text, sizeof text);
        report_text(&page, "%s", text);
        plot(&page, search, "Seconds a photo", "photos at once", time_of_unit);
        plot(&page, search, "Peak MB a photo", "photos at once", memory_of_unit);
        rows = table(search);
        report_table(&page, rows);
        json_decref(rows);
    }
    if (!report_close(&page, &err))
        die_error(&err);
}

int main(int argc, char **argv)
{
    Options o = {.runs = 3, .size = 512, .batch = 64, .photos = 8, .out = "bench_size"};
    static Sweep imitator = {.name = "Imitator's training step", .unit = "megapixel"};
    static Sweep search = {.name = "Search step", .unit = "photo"};
    char path[4096];

    app_parse(&parser, argc, argv, &o);
    json_t *all = json_pack("{ss si}", "command", app_command(), "threads", omp_get_max_threads());
    json_object_set_new(all, "imitator_train", imitator_sweep(&imitator, &o));
    if (o.photos > 0)
        json_object_set_new(all, "search_step", search_sweep(&search, &o));
    snprintf(path, sizeof path, "%s.json", o.out);
    bench_save(path, all);
    snprintf(path, sizeof path, "%s.html", o.out);
    write_page(path, &imitator, &search);
    json_decref(all);
    return 0;
}
