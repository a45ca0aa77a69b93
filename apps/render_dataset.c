/* Renders random characters: the sets that train_imitator and train_segmenter read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "apps/app.h"
#include "apps/characters.h"
#include "apps/engine_option.h"
#include "apps/paths.h"
#include "apps/progress.h"
#include "datasets/pairs.h"

enum { DEFAULT_COUNT = 2000, NEAR = 256 };

/* Bytes of a shard, about. */
static const int64_t SHARD_BYTES = (int64_t)64 << 20;

typedef struct Options {
    const char *engine, *out, *near;
    PairsInfo info;
    int threads;
} Options;

static const struct argp_option options[] = {
    {"out", 'o', "DIR", 0,
     "Folder to write (made if it is not there; one that a run left unfinished is finished)", 0},
    {"engine", 'e', "ENGINE", 0, ENGINE_OPTION_HELP " (builtin:male)", 0},
    {"kind", 'k', "KIND", 0,
     "imitator: fixed view and light; segmenter: random pose, light, background, things in front, "
     "noise "
     "(imitator)",
     0},
    {"near", NEAR, "PATHS", 0,
     "Draw every fourth sample near one of these characters, commas between: folders with "
     "character.json files, fit_prior's draws, .npy arrays [n,dim]",
     0},
    {"count", 'n', "N", 0, "Samples (2000, or all that the engine's folder has)", 0},
    {"seed", 's', "S", 0, "Seed: the same seed gives the same bytes (0)", 0},
    {"size", 'z', "N", 0, "Side of the square pictures, 64 to 1024 (128)", 0},
    {"threads", 't', "N", 0, "Threads (all cores)", 0},
    {"assets", 'a', "DIR", 0, "Folder of engine.pack", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;
    switch (key) {
    case 'o':
        o->out = arg;
        break;
    case 'e':
        o->engine = arg;
        break;
    case 'k':
        if (strcmp(arg, "imitator") == 0)
            o->info.kind = PAIRS_IMITATOR;
        else if (strcmp(arg, "segmenter") == 0)
            o->info.kind = PAIRS_SEGMENTER;
        else
            die_usage("--kind is imitator or segmenter, not '%s'", arg);
        break;
    case NEAR:
        o->near = arg;
        break;
    case 'n':
        o->info.count = option_int(arg, "--count", 1, 100000000);
        break;
    case 's':
        o->info.seed = (uint64_t)option_int(arg, "--seed", 0, INT64_MAX);
        break;
    case 'z':
        o->info.size = (int)option_int(arg, "--size", 64, 1024);
        break;
    case 't':
        o->threads = (int)option_int(arg, "--threads", 1, 1024);
        break;
    case 'a':
        path_set_assets(arg);
        break;
    case ARGP_KEY_END:
        if (!o->out)
            die_usage("--out DIR is missing: where shall the renders go?");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp parser = {
    options,
    parse,
    NULL,
    "Render random characters with their parameters and label maps: a quarter uniform over all "
    "parameters, the others plausible people.\v"
    "A run that was interrupted, in whatever way, goes on when the same command is given again.",
    NULL,
    NULL,
    NULL};

typedef struct Report {
    Progress progress;
    bool started;
    int64_t done;
} Report;

static bool report(void *context, int64_t done, int64_t total)
{
    Report *r = context;
    if (!r->started)
        progress_start(&r->progress, "rendering", "faces", done, total);
    r->started = true;
    r->done = done;
    progress_update(&r->progress, done, NULL);
    return !interrupted();
}

int main(int argc, char **argv)
{
    Options o = {.engine = "builtin:male", .info = {.kind = PAIRS_IMITATOR, .size = 128}};
    Report r = {.started = false};
    Engine *engine;
    float *near = NULL;
    int64_t n_near;
    Error err;

    app_parse(&parser, argc, argv, &o);
#ifdef _OPENMP
    if (o.threads > 0)
        omp_set_num_threads(o.threads);
#endif
    if (!engine_option_open(&engine, o.engine, &err))
        die_error(&err);
    if (o.info.count == 0)
        o.info.count = engine_sample_count(engine) ? engine_sample_count(engine) : DEFAULT_COUNT;
    if (!pairs_info_set_engine(&o.info, engine, &err))
        die_error(&err);
    o.info.shard = SHARD_BYTES / (4 * o.info.size * o.info.size);
    if (o.near) {
        if (!characters_read(o.near, engine_schema(engine), &near, &n_near, &err))
            die_error(&err);
        pairs_info_set_near(&o.info, near, n_near);
    }
    if (!make_folder(o.out, &err))
        die_error(&err);
    catch_interrupt();
    bool ok = pairs_write(o.out, engine, &o.info, report, &r, &err);
    if (r.started)
        progress_end(&r.progress, r.done, NULL);
    if (!ok)
        die_error(&err);
    printf("%s: %" PRId64 " samples of %s, %dx%d\n", o.out, o.info.count, o.info.schema,
           o.info.size, o.info.size);
    engine_close(engine);
    free(near);
    return 0;
}
