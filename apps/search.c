/* A photo becomes a character. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/finder_options.h"
#include "apps/finder_report.h"
#include "apps/progress.h"
#include "apps/sheet.h"
#include "engine/character.h"

enum { OUT = 'o', FACE = 1000 };

typedef struct Options {
    FinderOptions finder; /* first: the child parser's input */
    const char *photo, *out;
    int face;
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
    case FACE:
        o->face = (int)option_int(arg, "--face", 1, PHOTO_MAX_FACES);
        break;
    case ARGP_KEY_ARG:
        if (o->photo) {
            die_usage("one photo at a time: '%s' is a second one", arg);
        }
        o->photo = arg;
        break;
    case ARGP_KEY_END:
        if (!o->photo || !o->out) {
            die_usage("it wants a photo and --out DIR");
        }
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"out", OUT, "DIR", 0, "Folder of the results; made if need be", 0},
    {"face", FACE, "N", 0, "Of several faces the N-th largest (1)", 0},
    {0}};
static const struct argp_child children[] = {{&finder_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "PHOTO --out DIR",
    "Finds the game character that looks like the person of a photo.\v"
    "Writes into DIR: character.json (every parameter by name), character.png (drawn by the "
    "engine), "
    "aligned.png, comparison.png (photo | imitator | engine) and trace.json (losses per iteration, "
    "identity distances, what the search cost).",
    children,
    NULL,
    NULL};

typedef struct Times {
    double begin, opened, found;
} Times;

static void show(void *context, double done)
{
    progress_update(context, (int64_t)(done * 100), NULL);
}

static bool write_comparison(const char *path, const Image *aligned, const Finding *finding,
                             int size, const Image *portrait, Error *err)
{
    Sheet sheet;

    if (!sheet_new(&sheet, 3, 1, PORTRAIT_SIZE, 4, err)) {
        return false;
    }
    bool ok = sheet_put(&sheet, 0, 0, aligned, err) &&
              sheet_put_planar(&sheet, 1, 0, finding->imitation, size, err) &&
              sheet_put(&sheet, 2, 0, portrait, err) && sheet_save(&sheet, path, err);
    sheet_free(&sheet);
    return ok;
}

static json_t *report(const Options *o, const Studio *studio, const Finding *finding,
                      const char *note, const Times *t)
{
    json_t *json = finding_json(studio, finding);

    json_object_set_new(json, "photo", json_string(o->photo));
    json_object_set_new(json, "note", json_string(note));
    json_object_set_new(json, "schedule", json_string(o->finder.paper ? "paper" : "default"));
    json_object_set_new(json, "seed", json_integer((json_int_t)o->finder.finder.seed));
    json_object_set_new(json, "device", json_string(studio->backend->name));
    json_object_set_new(json, "precision", json_string(studio->precision));
    json_object_set_new(json, "seconds",
                        json_pack("{s:f, s:f, s:f}", "open", t->opened - t->begin, "search",
                                  t->found - t->opened, "total", seconds() - t->begin));
    json_object_set_new(json, "iterations", trace_json(studio, finding));
    return json;
}

static bool write_results(const Options *o, const Studio *studio, const Image *aligned,
                          const Finding *finding, const char *note, const Times *times, Error *err)
{
    char *character = path_join(o->out, "character.json");
    char *render = path_join(o->out, "character.png");
    char *photo = path_join(o->out, "aligned.png");
    char *comparison = path_join(o->out, "comparison.png");
    char *trace = path_join(o->out, "trace.json");
    Image portrait = {0};
    bool ok = draw_portrait(studio, finding->model, finding->x, &portrait, err) &&
              character_save(character, studio->schema[finding->model], finding->x, err) &&
              image_save_png(render, &portrait, err) && image_save_png(photo, aligned, err) &&
              write_comparison(comparison, aligned, finding, studio->size, &portrait, err) &&
              json_save(trace, report(o, studio, finding, note, times), err);

    image_free(&portrait);
    free(character);
    free(render);
    free(photo);
    free(comparison);
    free(trace);
    return ok;
}

static void tell(const Options *o, const Studio *studio, const Finding *f, double took)
{
    printf("%s/character.png: a %s character, found in %.1f s\n"
           "identity distance to the photo: %.3f, from the average face's %.3f\n",
           o->out, studio->schema[f->model]->name, took, f->result_distance,
           f->start_distance[f->model]);
}

static bool run(const Options *o, Studio *studio, const Image *photo, Times *times, Error *err)
{
    char note[PHOTO_NOTE];
    Image aligned;
    real *picture;
    Finding finding;
    Progress progress;

    if (!align_photo(studio, photo, o->photo, o->face, &aligned, &picture, note, err)) {
        return false;
    }
    /* The folder is made before the work, so that an unwritable one costs no minute. */
    bool ok = make_folder(o->out, err);
    if (ok && *note) {
        fprintf(stderr, "search: %s\n", note);
    }
    times->opened = seconds();
    if (ok && !o->finder.quiet) {
        progress_start(&progress, "searching", "%", 0, 100);
    }
    ok = ok && finder_run(studio, picture, &o->finder.finder, o->finder.quiet ? NULL : show,
                          &progress, &finding, err);
    if (ok) {
        times->found = seconds();
        if (!o->finder.quiet) {
            progress_end(&progress, 100, NULL);
        }
        ok = write_results(o, studio, &aligned, &finding, note, times, err);
        if (ok) {
            tell(o, studio, &finding, seconds() - times->begin);
        }
        finding_free(&finding);
    }
    image_free(&aligned);
    free(picture);
    return ok;
}

int main(int argc, char **argv)
{
    Options o = {0};
    Studio studio;
    Image photo;
    Error err;
    Times times = {.begin = seconds()};

    app_parse(&parser, argc, argv, &o);
    if (!image_load(&photo, o.photo, &err) || !studio_open(&studio, &o.finder.studio, &err)) {
        die_error(&err);
    }
    bool ok = run(&o, &studio, &photo, &times, &err);
    image_free(&photo);
    studio_close(&studio);
    if (!ok) {
        die_error(&err);
    }
    return 0;
}
