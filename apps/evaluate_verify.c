/* evaluate verify: face verification. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/evaluate.h"
#include "apps/finder_report.h"
#include "apps/paths.h"
#include "apps/verifier.h"

enum { OUT = 'o', PAIRS = 1000, MODE, TRANSLATOR, SIZE, COMPONENTS, CENTRE };

typedef struct Options {
    StudioConfig studio; /* first: the child parser's input */
    const char *pairs, *out, *translator;
    bool one_shot, mode_given;
    int size, components;
    bool centre;
} Options;

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->studio;
        break;
    case PAIRS:
        o->pairs = arg;
        break;
    case OUT:
        o->out = arg;
        break;
    case MODE:
        o->one_shot = strcmp(arg, "one-shot") == 0;
        if (!o->one_shot && strcmp(arg, "descriptor") != 0)
            die_usage("--mode is descriptor or one-shot, not '%s'", arg);
        o->mode_given = true;
        break;
    case TRANSLATOR:
        o->translator = arg;
        break;
    case SIZE:
        o->size = (int)option_int(arg, "--size", 32, 1024);
        break;
    case COMPONENTS:
        o->components = (int)option_int(arg, "--components", 1, 4096);
        break;
    case CENTRE:
        o->centre = true;
        break;
    case ARGP_KEY_ARG:
        die_usage("'%s' is no option", arg);
    case ARGP_KEY_END:
        if (!o->pairs || !o->out || !o->mode_given)
            die_usage("it wants --pairs TSV, --mode descriptor|one-shot and --out DIR");
        if (o->translator && !o->one_shot)
            die_usage("--translator belongs to --mode one-shot");
        if (o->size && o->one_shot)
            die_usage("--size belongs to --mode descriptor: a translator has its own");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option option[] = {
    {"pairs", PAIRS, "TSV", 0,
     "Table of pairs: path, path, same (1 or 0) and, if there are other folds than ten contiguous "
     "ones, fold; paths relative to it",
     0},
    {"mode", MODE, "MODE", 0,
     "descriptor: what F_recg tells of the photos; one-shot: the facial parameters that a "
     "translator finds, centred",
     0},
    {"translator", TRANSLATOR, "FILE", 0, "The translator, if not the pretrained one", 0},
    {"out", OUT, "DIR", 0, "Folder of verify.json, and of the aligned faces", 0},
    {"size", SIZE, "N", 0, "Side of the aligned photos for --mode descriptor (the imitator's)", 0},
    {"centre", CENTRE, NULL, 0, "Subtract the mean of the other folds (one-shot: always)", 2},
    {"components", COMPONENTS, "N", 0, "Project onto N principal components of the other folds", 2},
    {0}};
static const struct argp_child children[] = {{&studio_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "--pairs TSV --mode MODE --engine ENGINE --out DIR",
    "Face verification by face.evoLVe's protocol.\vPairs with a photo that shows no face are "
    "left out and counted. The engine's average face is what photos are aligned onto.\n\n"
    "  evaluate verify --pairs pairs.tsv --mode one-shot --engine builtin:female --out DIR",
    children,
    NULL,
    NULL};

static bool run(const Options *o, const Verifier *verifier, const VerificationConfig *config,
                Verification *result, Error *err)
{
    char name[64];

    if (!o->one_shot)
        return verifier_descriptors(verifier, config, result, err);
    snprintf(name, sizeof name, "translator-%.40s.safetensors", verifier->studio->schema[0]->name);
    char *shipped = o->translator ? NULL : path_pretrained(name);
    bool ok =
        verifier_translator(verifier, o->translator ? o->translator : shipped, config, result, err);
    free(shipped);
    return ok;
}

static void tell(const Verifier *v, const Verification *r)
{
    printf("accuracy %.4f +- %.4f over %d folds, threshold %.3f, area under ROC %.4f, TAR",
           r->accuracy, r->deviation, r->folds, r->threshold, r->area);
    for (int k = 0; k < VERIFICATION_RATES; k++)
        printf(" %.4f at FAR %g%s", r->tar[k], VERIFICATION_FAR[k],
               k + 1 < VERIFICATION_RATES ? "," : "\n");
    printf("%" PRId64 " pairs of %" PRId64 " photos; left out: %" PRId64 " pairs, %" PRId64
           " photos without a face\n",
           v->pairs, v->table.names, v->table.pairs - v->pairs, v->table.names - v->sights.count);
}

int evaluate_verify(int argc, char **argv)
{
    Options o = {.pairs = NULL};
    Studio studio;
    PairTable table;
    Verifier verifier;
    Verification result;
    Error err;

    app_parse(&parser, argc, argv, &o);
    catch_interrupt();
    const VerificationConfig config = {.centre = o.centre || o.one_shot,
                                       .components = o.components};
    if (!pair_table_read(&table, o.pairs, &err) || !make_folder(o.out, &err) ||
        !studio_open(&studio, &o.studio, &err) ||
        !verifier_open(&verifier, &table, &studio, o.size ? o.size : studio.size, o.out, &err) ||
        !run(&o, &verifier, &config, &result, &err))
        die_error(&err);
    json_t *json = verification_json(&verifier, &result);
    json_object_set_new(json, "mode", json_string(o.one_shot ? "one-shot" : "descriptor"));
    char *path = path_join(o.out, "verify.json");
    tell(&verifier, &result);
    if (!json_save(path, json, &err))
        die_error(&err);
    free(path);
    verifier_close(&verifier);
    studio_close(&studio);
    return 0;
}
