/* evaluate ablation: what the parts of the translator's training are good for (the paper's Table
 * 8).
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "apps/app.h"
#include "apps/evaluate.h"
#include "apps/finder_report.h"
#include "apps/photo_option.h"
#include "apps/report.h"
#include "apps/training.h"
#include "apps/verifier.h"

extern char **environ;

enum { OUT = 'o', PHOTOS = 1000, PAIRS, STEPS, BATCH, SEED, PRESET };
enum { MAX_ARGS = 32 };

/* Table 8, after what it must be read against: even the first weights keep most of what tells the
 * descriptors apart. */
static const struct {
    const char *name, *what;
    bool content, identity, loopback, attention;
    double paper; /* accuracy on LFW; 0: none */
} part[] = {
    {"untrained", "untrained", false, false, false, true, 0},
    {"content", "content", true, false, false, true, .7880},
    {"identity", "+ identity", true, true, false, true, .8843},
    {"loopback", "+ loopback, without attention", true, true, true, false, .8870},
    {"all", "+ attention", true, true, true, true, .9243},
};
enum { ROWS = sizeof part / sizeof *part };

typedef struct Options {
    StudioConfig studio; /* first: the child parser's input */
    const char *photos, *pairs, *out, *steps, *batch, *seed, *preset;
} Options;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->studio;
        break;
    case PHOTOS:
        o->photos = arg;
        break;
    case PAIRS:
        o->pairs = arg;
        break;
    case OUT:
        o->out = arg;
        break;
    case STEPS:
        option_int(arg, "--steps", 1, INT32_MAX);
        o->steps = arg;
        break;
    case BATCH:
        option_int(arg, "--batch", 2, 4096);
        o->batch = arg;
        break;
    case SEED:
        option_int(arg, "--seed", 0, INT64_MAX);
        o->seed = arg;
        break;
    case PRESET:
        if (strcmp(arg, "small") != 0 && strcmp(arg, "paper") != 0)
            die_usage("--preset is small or paper, not '%s'", arg);
        o->preset = arg;
        break;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    case ARGP_KEY_END:
        if (!o->photos || !o->pairs || !o->out)
            die_usage("it wants --photos, --pairs TSV and --out DIR");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"photos", PHOTOS, "POOL", 0, "Faces to train on: " PHOTO_OPTION_HELP, 0},
    {"pairs", PAIRS, "TSV", 0, "Table of pairs to verify, as for evaluate verify", 0},
    {"out", OUT, "DIR", 0, "Folder of ablation.json, ablation.html and the runs", 0},
    {"steps", STEPS, "N", 0, "Steps of each run (the preset's epochs)", 0},
    {"batch", BATCH, "N", 0, "Faces per step (the preset's)", 0},
    {"seed", SEED, "N", 0, "Of every run (1)", 0},
    {"preset", PRESET, "small|paper", 0, "Of train_translator (small)", 0},
    {0}};
static const struct argp_child children[] = {{&studio_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "--photos POOL --pairs TSV --engine ENGINE --out DIR",
    "The ablation of Table 8: trains four translators on the same photos with the same seed, with "
    "the content loss alone, with the identity loss, with the loopback loss but without attention, "
    "and with everything, and verifies the faces of a table of pairs by the parameters that they, "
    "and an untrained one, find."
    "\vRuns train_translator, which stands beside this program. A run that was stopped goes on "
    "where "
    "it was; a finished one is not trained again.\n\n"
    "  evaluate ablation --photos PHOTOS --pairs pairs.tsv --engine builtin:female --out DIR",
    children,
    NULL,
    NULL};

/* ---- The trainer ---- */

/* The program train_translator beside this one, under the name it was installed with. */
static char *trainer_path(void)
{
    static const char own[] = "evaluate", trainer[] = "train_translator";
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof trainer);

    if (n < (ssize_t)sizeof own)
        die("where this program stands cannot be found out");
    path[n] = '\0';
    char *name = path + n - (sizeof own - 1);
    if (strcmp(name, own) != 0)
        die("%s is not called evaluate any more, so train_translator is not found beside it", path);
    strcpy(name, trainer);
    if (access(path, X_OK) != 0)
        die("%s is missing; it trains the translators", path);
    return strdup(path);
}

typedef struct Command {
    int n;
    char *arg[MAX_ARGS];
} Command;

static void add(Command *c, const char *name, const char *value)
{
    if (!value)
        return;
    if (c->n + 2 >= MAX_ARGS)
        die("too many arguments for train_translator");
    c->arg[c->n++] = (char *)(uintptr_t)name; /* posix_spawn reads only */
    if (*value)
        c->arg[c->n++] = (char *)(uintptr_t)value;
}

/* Runs it to its end. It has a process group of its own: Ctrl-C is ours, and we hand it on once, so
 * that it saves what it has. */
static void run_command(const Command *c, const char *what)
{
    posix_spawnattr_t attributes;
    pid_t child, ended;
    bool told = false;
    int status, failed = posix_spawnattr_init(&attributes);

    if (!failed) {
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        failed = posix_spawn(&child, c->arg[0], NULL, &attributes, c->arg, environ);
        posix_spawnattr_destroy(&attributes);
    }
    if (failed)
        die("%s cannot be run: %s", c->arg[0], strerror(failed));
    while ((ended = waitpid(child, &status, WNOHANG)) == 0) {
        if (interrupted() && !told) {
            kill(child, SIGINT);
            told = true;
        }
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    if (ended < 0)
        die("waiting for %s failed: %s", c->arg[0], strerror(errno));
    if (interrupted())
        die("stopped while training '%s'; run again to go on", what);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("%s failed on '%s' (above is why)", c->arg[0], what);
}

/* ---- A row ---- */

static char *row_file(const Options *o, int row, const char *name)
{
    char *dir = path_join(o->out, part[row].name), *path = path_join(dir, name);
    free(dir);
    return path;
}

static void save_json(const char *path, json_t *json)
{
    Error err;
    if (!json_save(path, json, &err))
        die_error(&err);
}

/* What the row changes of the preset. Parameters that only renders have are no part of the paper's
 * loss. */
static json_t *row_config(int row)
{
    json_t *training = json_pack("{sf}", "lambda_x", 0.);

    if (!part[row].identity)
        json_object_set_new(training, "lambda1", json_real(0));
    if (!part[row].loopback)
        json_object_set_new(training, "lambda3", json_real(0));
    return json_pack("{s{sb} so}", "net", "attention", part[row].attention, "training", training);
}

static void train_row(const Options *o, int row, const char *trainer)
{
    Error err;
    char *dir = path_join(o->out, part[row].name), *config = row_file(o, row, "config.json");
    char *last = training_last(dir), *report = row_file(o, row, "report.html");
    bool begun = access(last, F_OK) == 0;
    Command c = {.n = 0};

    if (!make_folder(dir, &err))
        die_error(&err);
    add(&c, trainer, "");
    add(&c, "--engine", o->studio.engine[0]);
    add(&c, "--data", o->photos);
    add(&c, "--out", dir);
    add(&c, "--report", report);
    add(&c, "--imitator", o->studio.imitator[0]);
    add(&c, "--segmenter", o->studio.segmenter);
    add(&c, "--descriptor", o->studio.descriptor);
    if (begun) {
        add(&c, "--resume", "");
    } else {
        save_json(config, row_config(row));
        add(&c, "--preset", o->preset);
        add(&c, "--config", config);
        add(&c, "--seed", o->seed);
        add(&c, "--steps", part[row].content ? o->steps : "1");
        add(&c, "--lr", part[row].content ? NULL : "1e-9"); /* one step that moves nothing */
        add(&c, "--batch", o->batch);
    }
    run_command(&c, part[row].what);
    free(report);
    free(last);
    free(config);
    free(dir);
}

/* The row's figures: from its file if it was finished before. */
static json_t *do_row(const Options *o, int row, const char *trainer, const Verifier *verifier)
{
    char *path = row_file(o, row, "verify.json"), *dir = path_join(o->out, part[row].name);
    char *last = training_last(dir);
    json_t *json = json_load_file(path, 0, NULL);
    Error err;

    if (!json) {
        const VerificationConfig config = {.centre = true};
        Verification result;
        uint64_t hash;
        char text[20];
        fprintf(stderr, "row %d of %d: %s\n", row + 1, ROWS, part[row].what);
        train_row(o, row, trainer);
        if (!verifier_translator(verifier, last, &config, &result, &hash, &err))
            die_error(&err);
        json = verification_json(verifier, &result);
        snprintf(text, sizeof text, "%016" PRIx64, hash);
        json_object_set_new(json, "weights", json_string(text));
        save_json(path, json_incref(json));
    }
    free(last);
    free(dir);
    free(path);
    return json;
}

/* ---- The table ---- */

static bool any_row_begun(const Options *o)
{
    bool begun = false;

    for (int i = 0; i < ROWS; i++) {
        char *figures = row_file(o, i, "verify.json"), *last = row_file(o, i, "last.safetensors");
        begun = begun || access(figures, F_OK) == 0 || access(last, F_OK) == 0;
        free(figures);
        free(last);
    }
    return begun;
}

static const char *text(const char *option)
{
    return option ? option : "";
}

/* What all rows depend on. */
static json_t *settings(const Options *o)
{
    const StudioConfig *s = &o->studio;

    return json_pack("{ss ss ss ss ss ss ss ss ss ss}", "photos", o->photos, "pairs", o->pairs,
                     "engine", s->engine[0], "imitator", text(s->imitator[0]), "segmenter",
                     text(s->segmenter), "descriptor", text(s->descriptor), "preset", o->preset,
                     "seed", o->seed, "steps", text(o->steps), "batch", text(o->batch));
}

/* A folder with rows of another ablation is refused. */
static void check_folder(const Options *o)
{
    char *path = path_join(o->out, "settings.json");
    json_t *now = settings(o), *before = json_load_file(path, 0, NULL);

    if (!json_equal(before, now)) {
        if (any_row_begun(o))
            die("%s has rows of an ablation with other options; name another folder, or delete it",
                o->out);
        save_json(path, json_incref(now));
    }
    json_decref(before);
    json_decref(now);
    free(path);
}

static double figure(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static const char *yes(bool part)
{
    return part ? "yes" : "no";
}

static json_t *table(json_t *const *row, const json_t *descriptor)
{
    json_t *rows = json_pack("[[ssssssss]]", "content", "identity", "loopback", "attention",
                             "accuracy", "deviation", "area under ROC", "paper, LFW");

    for (int i = 0; i < ROWS; i++)
        json_array_append_new(
            rows,
            json_pack("[ssssfffo]", yes(part[i].content), yes(part[i].identity),
                      yes(part[i].loopback), yes(part[i].attention), figure(row[i], "accuracy"),
                      figure(row[i], "deviation"), figure(row[i], "area"),
                      part[i].paper > 0 ? json_real(part[i].paper) : json_null()));
    json_array_append_new(rows,
                          json_pack("[ssssfffn]", "the photos' own descriptors", "", "", "",
                                    figure(descriptor, "accuracy"), figure(descriptor, "deviation"),
                                    figure(descriptor, "area")));
    return rows;
}

static void print_table(json_t *const *row, const json_t *descriptor)
{
    printf("content identity loopback attention  accuracy          area    paper, LFW\n");
    for (int i = 0; i < ROWS; i++) {
        printf("%-7s %-8s %-8s %-9s  %.4f +- %.4f  %.4f", yes(part[i].content),
               yes(part[i].identity), yes(part[i].loopback), yes(part[i].attention),
               figure(row[i], "accuracy"), figure(row[i], "deviation"), figure(row[i], "area"));
        if (part[i].paper > 0)
            printf("  %.4f", part[i].paper);
        putchar('\n');
    }
    printf("the photos' own descriptors          %.4f +- %.4f  %.4f\n",
           figure(descriptor, "accuracy"), figure(descriptor, "deviation"),
           figure(descriptor, "area"));
}

/* A checkpoint that was not named. */
static void name_pretrained(json_t *config, const char *net)
{
    if (json_string_length(json_object_get(config, net)) == 0)
        json_object_set_new(config, net, json_string("the pretrained one"));
}

/* The rows' figures, and the hashes of their weights among the studio's. */
static json_t *result_of(const Options *o, const Studio *studio, json_t *const *row,
                         json_t *descriptor)
{
    json_t *config = settings(o), *rows = json_array();

    if (!o->steps)
        json_object_set_new(config, "steps", json_string("the preset's"));
    if (!o->batch)
        json_object_set_new(config, "batch", json_string("the preset's"));
    name_pretrained(config, "imitator");
    name_pretrained(config, "segmenter");
    name_pretrained(config, "descriptor");
    json_t *result = result_new("ablation", config, studio);
    json_t *weights = json_object_get(json_object_get(result, "studio"), "weights");

    for (int i = 0; i < ROWS; i++) {
        char name[64];
        json_t *hash = json_object_get(row[i], "weights");
        snprintf(name, sizeof name, "translator, %.40s", part[i].what);
        if (hash)
            json_object_set(weights, name, hash);
        json_array_append_new(rows,
                              json_pack("{ss sO}", "row", part[i].what, "verification", row[i]));
    }
    json_object_set_new(result, "rows", rows);
    json_object_set(result, "descriptor", descriptor);
    return result;
}

/* Accuracies of the rows, beside the paper's. */
static void draw_bars(Report *page, json_t *const *row)
{
    const char *group[ROWS], *series[] = {"here", "the paper, on LFW"};
    double value[2 * ROWS];
    ReportBars bars = {.title = "Accuracy",
                       .groups = ROWS,
                       .n = 2,
                       .group = group,
                       .series = series,
                       .value = value};

    for (int i = 0; i < ROWS; i++) {
        group[i] = part[i].what;
        value[2 * i] = figure(row[i], "accuracy");
        value[2 * i + 1] = part[i].paper > 0 ? part[i].paper : NAN;
    }
    report_bars(page, &bars);
}

static void write_page(const Options *o, const json_t *result, json_t *const *row,
                       const json_t *rows, const Verifier *v)
{
    Report page;

    result_page_open(&page, o->out, "Ablation of the translator (Table 8)", result);
    report_text(&page,
                "Four translators, trained on the same faces with the same seed and number of "
                "steps, and one that is not trained; accuracy of face verification by the "
                "parameters they find, over %" PRId64 " pairs (%" PRId64
                " left out for a photo without a face).",
                v->pairs, v->table.pairs - v->pairs);
    report_table(&page, rows);
    draw_bars(&page, row);
    for (int i = 0; i < ROWS; i++) {
        char *sheet = row_file(o, i, "sheet.png");
        if (access(sheet, R_OK) == 0)
            report_png(&page, sheet, part[i].what);
        free(sheet);
    }
    result_page_close(&page, result);
}

int evaluate_ablation(int argc, char **argv)
{
    Options o = {.seed = "1", .preset = "small"};
    json_t *row[ROWS];
    Studio studio;
    PairTable pairs;
    Verifier verifier;
    Verification bound;
    Error err;

    app_parse(&parser, argc, argv, &o);
    catch_interrupt();
    char *trainer = trainer_path();
    if (!pair_table_read(&pairs, o.pairs, &err) || !make_folder(o.out, &err))
        die_error(&err);
    check_folder(&o);
    if (!studio_open(&studio, &o.studio, &err) ||
        !verifier_open(&verifier, &pairs, &studio, studio.size, o.out, &err) ||
        !verifier_descriptors(&verifier, &(VerificationConfig){.centre = false}, &bound, &err))
        die_error(&err);
    json_t *descriptor = verification_json(&verifier, &bound);
    for (int i = 0; i < ROWS; i++)
        row[i] = do_row(&o, i, trainer, &verifier);
    json_t *rows = table(row, descriptor);
    print_table(row, descriptor);
    json_t *result = result_of(&o, &studio, row, descriptor);
    result_save(o.out, result);
    write_page(&o, result, row, rows, &verifier);
    json_decref(result);
    free(trainer);
    for (int i = 0; i < ROWS; i++)
        json_decref(row[i]);
    json_decref(rows);
    json_decref(descriptor);
    verifier_close(&verifier);
    studio_close(&studio);
    return 0;
}
