/* Photos become characters in one shot: x = T(F_recg(I)) (the paper's 3.4.1). */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/app.h"
#include "apps/checkpoint.h"
#include "apps/engine_option.h"
#include "apps/finder_report.h"
#include "apps/paths.h"
#include "apps/progress.h"
#include "apps/sheet.h"
#include "apps/studio_option.h"
#include "datasets/photo_list.h"
#include "engine/character.h"
#include "nets/one_shot.h"

enum {
    OUT = 'o',
    BATCH = 1000,
    CELL = 128,
    PAIRS = 6,             /* photo and character, side by side, in a row of the sheet */
    MAX_SHEET = 60 * PAIRS /* faces on it */
};

typedef struct Options {
    const char *out;
    StudioConfig studio;
    int batch, photos;
    char **photo; /* of the command line */
} Options;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->child_inputs[1] = &o->studio;
        return 0;
    case OUT:
        o->out = arg;
        return 0;
    case BATCH:
        o->batch = (int)option_int(arg, "--batch", 1, 1024);
        return 0;
    case ARGP_KEY_ARGS:
        o->photo = state->argv + state->next;
        o->photos = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        if (!o->photos || !o->out || !o->studio.models)
            die_usage("it wants photos, --engine ENGINE and --out DIR");
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option option[] = {
    {"out", OUT, "DIR", 0, "folder of the results; made if need be", 0},
    {"batch", BATCH, "N", 0, "photos at a time, at the most (16)", 0},
    {0}};
static const struct argp_child children[] = {
    {&studio_engine_argp, 0, NULL, 0}, {&studio_translator_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "PHOTO|DIR ... --engine ENGINE --out DIR",
    "Makes characters of photos in one shot, by the translator: quicker than search, and less "
    "alike.\v"
    "Of a folder all photos are taken, in its folders too. Writes into DIR: NAME/character.json "
    "and "
    "NAME/character.png per photo, and sheet.png (pairs: photo | character). Ctrl-C ends after the "
    "photos at hand.\n\n"
    "  translate --engine builtin:male --out DIR portrait.jpg\n"
    "  translate --engine builtin:female --out DIR holiday-photos/",
    children,
    NULL,
    NULL};

/* A photo to read, and what its folder of results is called. */
typedef struct Job {
    char *path, *name;
} Job;

typedef struct Jobs {
    Job *job;
    int n;
} Jobs;

static char *copy(const char *text)
{
    char *own = strdup(text);
    if (!own)
        die("out of memory");
    return own;
}

/* name without its extension. */
static void add_job(Jobs *jobs, const char *path, const char *name)
{
    if ((jobs->n & (jobs->n - 1)) == 0) { /* room for twice as many at every power of two */
        jobs->job = realloc(jobs->job, 2 * ((size_t)jobs->n + 1) * sizeof *jobs->job);
        if (!jobs->job)
            die("out of memory");
    }
    Job *job = &jobs->job[jobs->n++];
    *job = (Job){.path = copy(path), .name = copy(name)};
    char *slash = strrchr(job->name, '/'), *dot = strrchr(job->name, '.');
    if (dot && dot > job->name && (!slash || dot > slash + 1))
        *dot = '\0';
}

static void add_folder(Jobs *jobs, const char *dir)
{
    PhotoList list;
    Error err;
    if (!photo_list_folder(&list, dir, 0, &err))
        die_error(&err);
    for (int64_t i = 0; i < list.count; i++) {
        char *path = path_join(dir, list.entry[i].name);
        add_job(jobs, path, list.entry[i].name);
        free(path);
    }
    photo_list_free(&list);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Job *)a)->name, ((const Job *)b)->name);
}

static Jobs find_jobs(const Options *o)
{
    Jobs jobs = {NULL, 0};
    for (int i = 0; i < o->photos; i++) {
        struct stat info;
        const char *slash = strrchr(o->photo[i], '/');
        if (stat(o->photo[i], &info) == 0 && S_ISDIR(info.st_mode))
            add_folder(&jobs, o->photo[i]);
        else
            add_job(&jobs, o->photo[i], slash ? slash + 1 : o->photo[i]);
    }
    qsort(jobs.job, (size_t)jobs.n, sizeof *jobs.job, by_name);
    for (int i = 1; i < jobs.n; i++)
        if (strcmp(jobs.job[i - 1].name, jobs.job[i].name) == 0)
            die("%s and %s would both go to %s/%s: rename one, or use two folders",
                jobs.job[i - 1].path, jobs.job[i].path, o->out, jobs.job[i].name);
    return jobs;
}

static void jobs_free(Jobs *jobs)
{
    for (int i = 0; i < jobs->n; i++) {
        free(jobs->job[i].path);
        free(jobs->job[i].name);
    }
    free(jobs->job);
}

typedef struct Run {
    const Options *options;
    Studio studio;
    Translator translator;
    OneShot *one_shot;
    Sheet sheet;
    Job **waiting;  /* of the batch: its photos */
    real *picture;  /* batch x 3 x size x size */
    float *x;       /* batch x dim */
    int n;          /* in the batch */
    int done;       /* characters made */
    int unreadable; /* photos */
    double seconds; /* of F_recg and T */
} Run;

static bool draw(Run *run, const Job *job, const real *aligned, const float *x, Error *err)
{
    const Studio *s = &run->studio;
    char *dir = path_join(run->options->out, job->name);
    char *character = path_join(dir, "character.json"), *render = path_join(dir, "character.png");
    Image portrait = {0};
    int column = 2 * (run->done % PAIRS), row = run->done / PAIRS;
    bool ok = make_folder(dir, err) && draw_portrait(s, 0, x, &portrait, err) &&
              character_save(character, s->schema[0], x, err) &&
              image_save_png(render, &portrait, err);
    if (ok && run->done < MAX_SHEET)
        ok = sheet_put_planar(&run->sheet, column, row, aligned, s->size, err) &&
             sheet_put(&run->sheet, column + 1, row, &portrait, err);
    image_free(&portrait);
    free(dir);
    free(character);
    free(render);
    return ok;
}

/* What waits becomes characters. */
static void flush_batch(Run *run)
{
    size_t pixels = 3 * (size_t)run->studio.size * (size_t)run->studio.size;
    int dim = run->studio.schema[0]->dim;
    Error err;
    if (run->n == 0)
        return;
    double start = seconds();
    one_shot_run(run->one_shot, run->picture, run->n, run->x);
    run->seconds += seconds() - start;
    for (int i = 0; i < run->n; i++, run->done++)
        if (!draw(run, run->waiting[i], run->picture + (size_t)i * pixels, run->x + i * dim, &err))
            die_error(&err);
    run->n = 0;
}

/* Puts the photo's face into the batch; what is wrong with a photo is told, and the others go on.
 */
static void take(Run *run, Job *job)
{
    size_t pixels = 3 * (size_t)run->studio.size * (size_t)run->studio.size;
    Image photo = {0}, aligned = {0};
    char note[PHOTO_NOTE] = "";
    Error err;
    bool readable = image_load(&photo, job->path, &err);
    run->unreadable += !readable;
    if (readable &&
        photo_align(run->studio.detector, &photo, job->path, 0, run->studio.reference.landmark,
                    run->studio.size, &aligned, NULL, note, &err)) {
        image_to_planar(run->picture + (size_t)run->n * pixels, &aligned);
        run->waiting[run->n++] = job;
        if (note[0])
            fprintf(stderr, "translate: %s: %s\n", job->path, note);
    } else {
        fprintf(stderr, "translate: %s\n", err.text);
    }
    image_free(&photo);
    image_free(&aligned);
    if (run->n == run->options->batch)
        flush_batch(run);
}

/* The size of the pictures that the translator knows, which the studio is opened with. */
static int translator_size(const char *path)
{
    TensorFile *file;
    CheckpointInfo info;
    TranslatorConfig config;
    Error err;
    if (!checkpoint_open(&file, &info, path, NET_TRANSLATOR, &err) ||
        !translator_from_json(&config, info.config, &err))
        die_error(&err);
    tensor_file_free(file);
    return config.size;
}

static void run_open(Run *run, const Options *o, int photos)
{
    Error err;
    Studio *s = &run->studio;
    StudioConfig config = o->studio;
    char name[64], *shipped = NULL;
    const char *path = config.translator[0];
    *run = (Run){.options = o};
    if (!path) {
        Engine *engine;
        if (!engine_option_open(&engine, config.engine[0], &err))
            die_error(&err);
        snprintf(name, sizeof name, "translator-%s.safetensors", engine_schema(engine)->name);
        engine_close(engine);
        path = shipped = path_pretrained(name);
    }
    config.face_size = translator_size(path);
    if (!studio_open(s, &config, &err) ||
        !translator_open(&run->translator, path, s->schema[0], &s->descriptor, s->backend, &err) ||
        !one_shot_new(&run->one_shot, &run->translator, &s->descriptor, s->eyes.chip, s->size,
                      o->batch, s->backend, &err))
        die_error(&err);
    int shown = photos < MAX_SHEET ? photos : MAX_SHEET;
    if (!make_folder(o->out, &err) || !sheet_new(&run->sheet, 2 * (shown < PAIRS ? shown : PAIRS),
                                                 (shown + PAIRS - 1) / PAIRS, CELL, 2, &err))
        die_error(&err);
    size_t batch = (size_t)o->batch, pixels = 3 * (size_t)s->size * (size_t)s->size;
    run->waiting = malloc(batch * sizeof *run->waiting);
    run->picture = malloc(batch * pixels * sizeof *run->picture);
    run->x = malloc(batch * (size_t)s->schema[0]->dim * sizeof *run->x);
    if (!run->waiting || !run->picture || !run->x)
        die("out of memory");
    free(shipped);
}

static void run_close(Run *run)
{
    sheet_free(&run->sheet);
    one_shot_free(run->one_shot);
    params_free(run->translator.set);
    studio_close(&run->studio);
    free(run->waiting);
    free(run->picture);
    free(run->x);
}

/* The sheet of what was made, and how fast it was. */
static void finish(Run *run, int photos)
{
    Error err;
    char *path = path_join(run->options->out, "sheet.png");
    int shown = run->done < MAX_SHEET ? run->done : MAX_SHEET;
    sheet_cut(&run->sheet, (shown + PAIRS - 1) / PAIRS);
    if (!sheet_save(&run->sheet, path, &err))
        die_error(&err);
    printf("%s: %d characters of %d photos, %.1f photos/s without alignment and drawing\n", path,
           run->done, photos, run->done / run->seconds);
    free(path);
}

int main(int argc, char **argv)
{
    Options o = {.batch = 16};
    Run run;
    Progress progress;
    app_parse(&parser, argc, argv, &o);
    Jobs jobs = find_jobs(&o);
    o.batch = jobs.n < o.batch ? jobs.n : o.batch;
    run_open(&run, &o, jobs.n);
    progress_start(&progress, "translating", "photos", 0, jobs.n);
    catch_interrupt();
    int seen = 0;
    while (seen < jobs.n && !interrupted()) {
        take(&run, &jobs.job[seen++]);
        progress_update(&progress, seen, NULL);
    }
    flush_batch(&run);
    progress_end(&progress, seen, NULL);
    if (run.done > 0)
        finish(&run, seen);
    if (run.unreadable > 0)
        die("%d of %d photos could not be read", run.unreadable, seen);
    if (run.done == 0 && seen == jobs.n)
        die("no face was found in any of the photos");
    run_close(&run);
    jobs_free(&jobs);
    return 0;
}
