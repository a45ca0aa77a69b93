/* The page of a run (--report), made of its log and its settings. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/report.h"
#include "apps/training_internal.h"

enum { MAX_CURVES = 96, NAME = 64 };

/* A figure of the log over the steps. */
typedef struct Curve {
    char name[NAME];
    bool validation; /* a figure of the validation, else of the training */
    bool whole;      /* whole numbers, such as counts: not drawn */
    int n, best;     /* best: the point of the best checkpoint, -1: none yet */
    double *step, *value;
} Curve;

typedef struct Log {
    int n;
    Curve curve[MAX_CURVES];
    bool validated; /* at least once */
    double time;    /* trained, in seconds, over all the run's parts */
} Log;

static void log_free(Log *log)
{
    for (int i = 0; i < log->n; i++) {
        free(log->curve[i].step);
        free(log->curve[i].value);
    }
}

static Curve *curve_of(Log *log, const char *name, bool validation)
{
    for (int i = 0; i < log->n; i++)
        if (log->curve[i].validation == validation && strcmp(log->curve[i].name, name) == 0)
            return &log->curve[i];
    if (log->n == MAX_CURVES)
        return NULL;
    Curve *c = &log->curve[log->n++];
    *c = (Curve){.validation = validation, .whole = true, .best = -1};
    snprintf(c->name, sizeof c->name, "%s", name);
    return c;
}

static void append(Curve *c, double step, double value, bool best)
{
    if ((c->n & (c->n - 1)) == 0) { /* at every power of two */
        size_t bytes = (c->n ? 2 * (size_t)c->n : 1) * sizeof(double);
        c->step = realloc(c->step, bytes);
        c->value = realloc(c->value, bytes);
        if (!c->step || !c->value)
            die("out of memory");
    }
    if (best)
        c->best = c->n;
    c->step[c->n] = step;
    c->value[c->n++] = value;
}

/* The numbers of an object; those of an object inside it as "object name". */
static void add_figures(Log *log, const json_t *object, const char *group, bool validation,
                        double step, bool best)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        char full[NAME];
        snprintf(full, sizeof full, "%s%s%s", group, *group ? " " : "", name);
        if (json_is_object(value) && !*group && validation)
            add_figures(log, value, name, true, step, best);
        else if (json_is_number(value) && strcmp(full, "step") != 0 &&
                 strcmp(full, "seconds") != 0) {
            Curve *c = curve_of(log, full, validation);
            if (!c)
                continue;
            c->whole = c->whole && json_is_integer(value);
            append(c, step, json_number_value(value), best);
        }
    }
}

static bool log_read(Log *log, const char *path, Error *err)
{
    char *line = NULL;
    size_t size = 0;
    double part = 0; /* seconds so far of this part of the run */
    FILE *file = fopen(path, "r");
    *log = (Log){0};
    if (!file)
        return error_set(err, "%.400s cannot be read", path);
    while (getline(&line, &size, file) > 0) {
        json_t *object = json_loads(line, 0, NULL),
               *figures = json_object_get(object, "validation"),
               *spent = json_object_get(object, "seconds");
        log->validated = log->validated || figures;
        double step = json_number_value(json_object_get(object, "step"));
        add_figures(log, figures ? figures : object, "", figures != NULL, step,
                    json_is_true(json_object_get(object, "best")));
        if (json_is_number(spent)) {
            double now = json_number_value(spent);
            log->time += now >= part ? now - part : now;
            part = now;
        }
        json_decref(object);
    }
    free(line);
    fclose(file);
    return true;
}

/* A figure's name as people write it. */
static void spaced(char name[static NAME])
{
    for (; *name; name++)
        if (*name == '_')
            *name = ' ';
}

static void draw(Report *page, const Log *log, bool validation)
{
    for (int i = 0; i < log->n; i++) {
        const Curve *c = &log->curve[i];
        if (c->validation != validation || c->whole || strchr(c->name, ' '))
            continue;
        bool rate = strcmp(c->name, "learning_rate") == 0;
        char title[NAME];
        snprintf(title, sizeof title, "%s", c->name);
        spaced(title);
        ReportPlot plot = {.title = title,
                           .x_label = "step",
                           .log_y = !validation && !rate,
                           .noisy = !validation && !rate,
                           .n = 1,
                           .series = {{"", c->n, c->step, c->value}}};
        report_plot(page, &plot);
    }
}

static json_t *number(const Curve *c, int i)
{
    return i < 0      ? json_null()
           : c->whole ? json_integer((json_int_t)c->value[i])
                      : json_real(c->value[i]);
}

/* The validation's figures: first, at the best checkpoint, last. */
static void table(Report *page, const Log *log)
{
    json_t *rows = json_pack("[[ssss]]", "figure", "first", "at the best checkpoint", "last");
    for (int i = 0; i < log->n; i++) {
        const Curve *c = &log->curve[i];
        if (c->validation)
            json_array_append_new(rows, json_pack("[sooo]", c->name, number(c, 0),
                                                  number(c, c->best), number(c, c->n - 1)));
    }
    report_table(page, rows);
    json_decref(rows);
}

static void figures(Report *page, const Training *t, const Log *log)
{
    const TrainSettings *s = &t->settings;
    char steps[64], epochs[64], spent[32];
    int64_t minutes = (int64_t)(log->time / 60);
    snprintf(steps, sizeof steps, "%" PRIu64 " of %" PRId64, t->info.step, s->steps);
    snprintf(epochs, sizeof epochs, "%.1f of %.1f", (double)t->info.step / (double)s->epoch,
             (double)s->steps / (double)s->epoch);
    snprintf(spent, sizeof spent, "%" PRId64 " h %02d min", minutes / 60, (int)(minutes % 60));
    if (log->time < 600)
        snprintf(spent, sizeof spent, "%.0f s", log->time);
    json_t *pairs = json_pack("[[ss][ss][ss]]", "steps", steps, "epochs", epochs, "time", spent);
    for (int validation = 0; validation < 2; validation++)
        for (int i = 0; i < log->n; i++) { /* the first figure of each */
            const Curve *c = &log->curve[i];
            if (c->validation != (validation == 1) || c->whole)
                continue;
            char name[NAME + 16];
            snprintf(name, sizeof name, "%s%s", c->name, validation ? ", best" : "");
            json_array_append_new(
                pairs, json_pack("[so]", name, number(c, validation ? c->best : c->n - 1)));
            break;
        }
    report_figures(page, pairs);
    json_decref(pairs);
}

static void settings(Report *page, const Training *t)
{
    const TrainSettings *s = &t->settings;
    json_t *facts = json_pack("{s{ss sI} so so}", "run", "preset", s->preset, "seed",
                              (json_int_t)s->seed, "training", training_config_json(s, t->own),
                              "net", json_loads(t->info.config, 0, NULL));
    report_heading(page, "Settings");
    report_facts(page, facts);
    json_decref(facts);
}

bool training_report_write(const Training *t, const char *state, Error *err)
{
    Log log;
    Report page;
    char *path = path_join(t->out, "log.jsonl");
    bool ok = log_read(&log, path, err) && report_open(&page, t->report, t->title, err);
    free(path);
    if (!ok) {
        log_free(&log);
        return false;
    }
    report_text(&page,
                "%s %" PRId64 " samples to train on, in batches of %d; %" PRId64
                " of the same set held out. %" PRId64 " weights.",
                state, t->settings.samples, t->settings.batch, t->settings.validation,
                params_elements(t->set));
    figures(&page, t, &log);
    report_heading(&page, "Training");
    draw(&page, &log, false);
    if (log.validated) {
        report_heading(&page, "On held-out data");
        draw(&page, &log, true);
        table(&page, &log);
    }
    char *picture = path_join(t->out, "sheet.png");
    if (access(picture, R_OK) == 0) {
        report_heading(&page, "Pictures");
        report_png(&page, picture, t->sheet_caption);
    }
    free(picture);
    settings(&page, t);
    report_heading(&page, "Command");
    report_code(&page, app_command());
    log_free(&log);
    return report_close(&page, err);
}
