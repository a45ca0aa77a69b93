#include "config.h"

#include "apps/finder_options.h"

#include <math.h>
#include <string.h>

#include "apps/app.h"
#include "apps/engine_option.h"
#include "apps/paths.h"

enum {
    ENGINE = 256,
    SCHEDULE,
    STEPS,
    FIRST_STEPS,
    REFINEMENTS,
    STARTS,
    RATE,
    LAMBDA1,
    LAMBDA2,
    COLOUR,
    GEOMETRY,
    PRIOR_WEIGHT,
    LIGHT,
    IDENTITY,
    CONTENT,
    SEED,
    ASSETS,
    IMITATOR,
    SEGMENTER,
    DESCRIPTOR,
    PRIOR,
    INIT,
    QUIET
};

static const struct argp_option option[] = {
    {"engine", ENGINE, "NAME", 0,
     ENGINE_OPTION_HELP
     "; given several times, all are tried and the nearest character is kept (builtin:male and "
     "builtin:female)",
     0},
    {"schedule", SCHEDULE, "NAME", 0,
     "default, or paper: Eq. 9 at the paper's own rates and losses, nothing else", 0},
    {"steps", STEPS, "N", 0, "Steps of descent over all parameters (40; paper 50)", 1},
    {"first-steps", FIRST_STEPS, "N", 0, "Steps before, with the bones at rest (40)", 1},
    {"refinements", REFINEMENTS, "N", 0,
     "Least-squares iterations on the engine's renders at the end (5)", 1},
    {"starts", STARTS, "N", 0, "Starts side by side: the average face, then random people (1)", 1},
    {"init", INIT, "START", 0,
     "average: the average face; translator: what the pretrained translator makes of the photo; "
     "translator=FILE: another one, may be given for each engine (average)",
     1},
    {"prior", PRIOR, "FILE", 0,
     "Search inside the subspace of fit_prior's checkpoint; may be given for each engine. "
     "pretrained: the ones that come along; none (none)",
     1},
    {"rate", RATE, "R", 0, "Learning rate (0.02; paper 10)", 1},
    {"lambda1", LAMBDA1, "W", 0, "Weight of the identity loss (3; paper 0.01)", 2},
    {"lambda2", LAMBDA2, "W", 0, "Weight of the content loss (1)", 2},
    {"colour", COLOUR, "W", 0, "Weight of the mean colours (1; paper 0)", 2},
    {"geometry", GEOMETRY, "W", 0, "Weight of the landmarks (1; paper 0)", 2},
    {"prior-weight", PRIOR_WEIGHT, "W", 0, "Weight of staying plausible (3; paper 0)", 2},
    {"light", LIGHT, "T", 0,
     "How far the photo's skin colour is believed: 0 not at all, 1 as in the engine's own light "
     "(0.7; paper 1)",
     2},
    {"identity", IDENTITY, "KIND", 0,
     "own: the loss that the descriptor was trained for (the 128-d recogniser's squared distance, "
     "LightCNN's cosine), or cosine: Eq. 5 (own; paper cosine)",
     2},
    {"content", CONTENT, "KIND", 0, "maps, or features: Eq. 6 (maps; paper features)", 2},
    {"seed", SEED, "S", 0, "Of the random starts (1)", 3},
    {"assets", ASSETS, "DIR", 0, "Where engine.pack and the 128-d recogniser are", 3},
    {"imitator", IMITATOR, "FILE", 0,
     "Checkpoint instead of the pretrained one of its model; may be given for each engine", 3},
    {"segmenter", SEGMENTER, "FILE", 0, "Checkpoint instead of the pretrained one", 3},
    {"descriptor", DESCRIPTOR, "FILE", 0,
     "Checkpoint of LightCNN that measures identity instead of the 128-d recogniser", 3},
    {"quiet", QUIET, NULL, 0, "No progress", 3},
    {0}};

/* 0 for the first name, 1 for the second. */
static int choice(const char *arg, const char *option_name, const char *const names[2])
{
    for (int i = 0; i < 2; i++) {
        if (strcmp(arg, names[i]) == 0) {
            return i;
        }
    }
    die_usage("%s is %s or %s, not '%s'", option_name, names[0], names[1], arg);
}

static void begin(FinderOptions *o)
{
    *o = (FinderOptions){.first_steps = -1,
                         .steps = -1,
                         .refinements = -1,
                         .starts = -1,
                         .rate = -1,
                         .identity = -1,
                         .content = -1,
                         .colour = -1,
                         .geometry = -1,
                         .prior = -1,
                         .light = -1,
                         .cosine = -1,
                         .features = -1};
    o->finder.seed = 1;
}

static void take(int *to, int given)
{
    *to = given >= 0 ? given : *to;
}

static void take_real(double *to, double given)
{
    *to = given >= 0 ? given : *to;
}

static void finish(FinderOptions *o)
{
    uint64_t seed = o->finder.seed;

    o->finder = o->paper ? finder_paper() : finder_default();
    o->finder.seed = seed;
    o->finder.translate = o->studio.with_translators;
    take(&o->finder.first_steps, o->first_steps);
    take(&o->finder.steps, o->steps);
    take(&o->finder.refinements, o->refinements);
    take(&o->finder.starts, o->starts);
    take_real(&o->finder.rate, o->rate);
    take_real(&o->finder.weight.identity, o->identity);
    take_real(&o->finder.weight.content, o->content);
    take_real(&o->finder.weight.colour, o->colour);
    take_real(&o->finder.weight.geometry, o->geometry);
    take_real(&o->finder.weight.prior, o->prior);
    take_real(&o->finder.light_trust, o->light);
    o->finder.cosine = o->cosine >= 0 ? o->cosine : o->finder.cosine;
    o->finder.features = o->features >= 0 ? o->features : o->finder.features;
    if (o->studio.models == 0) {
        o->studio.models = 2;
        o->studio.engine[0] = "builtin:male";
        o->studio.engine[1] = "builtin:female";
    }
}

/* Adds a file to a list of them, one for each engine. */
static void add_file(const char **list, int *n, const char *file, const char *option_name)
{
    if (*n == MAX_MODELS) {
        die_usage("%s was given more than %d times", option_name, MAX_MODELS);
    }
    list[(*n)++] = file;
}

static void take_prior(StudioConfig *studio, const char *arg)
{
    studio->with_priors = strcmp(arg, "none") != 0;
    if (studio->with_priors && strcmp(arg, "pretrained") != 0) {
        add_file(studio->prior, &studio->priors, arg, "--prior");
    }
}

static void take_init(StudioConfig *studio, const char *arg)
{
    static const char translator[] = "translator";
    const char *file = strchr(arg, '=');
    size_t name = file ? (size_t)(file - arg) : strlen(arg);

    studio->with_translators = name == strlen(translator) && strncmp(arg, translator, name) == 0;
    if (studio->with_translators && file && file[1] != '\0') {
        add_file(studio->translator, &studio->translators, file + 1, "--init");
    } else if (studio->with_translators ? file != NULL : strcmp(arg, "average") != 0) {
        die_usage("--init is average, translator or translator=FILE, not '%s'", arg);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    static const char *const schedules[] = {"default", "paper"};
    static const char *const identities[] = {"own", "cosine"};
    static const char *const contents[] = {"maps", "features"};
    FinderOptions *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        begin(o);
        state->child_inputs[0] = &o->studio.device;
        break;
    case ARGP_KEY_END:
        finish(o);
        break;
    case ENGINE:
        add_file(o->studio.engine, &o->studio.models, arg, "--engine");
        break;
    case SCHEDULE:
        o->paper = choice(arg, "--schedule", schedules) == 1;
        break;
    case STEPS:
        o->steps = (int)option_int(arg, "--steps", 0, 1000);
        break;
    case FIRST_STEPS:
        o->first_steps = (int)option_int(arg, "--first-steps", 0, 1000);
        break;
    case REFINEMENTS:
        o->refinements = (int)option_int(arg, "--refinements", 0, 100);
        break;
    case STARTS:
        o->starts = (int)option_int(arg, "--starts", 1, 4);
        break;
    case RATE:
        o->rate = option_real(arg, "--rate", 0, 1e6);
        break;
    case LAMBDA1:
        o->identity = option_real(arg, "--lambda1", 0, 1e6);
        break;
    case LAMBDA2:
        o->content = option_real(arg, "--lambda2", 0, 1e6);
        break;
    case COLOUR:
        o->colour = option_real(arg, "--colour", 0, 1e6);
        break;
    case GEOMETRY:
        o->geometry = option_real(arg, "--geometry", 0, 1e6);
        break;
    case PRIOR_WEIGHT:
        o->prior = option_real(arg, "--prior-weight", 0, 1e6);
        break;
    case PRIOR:
        take_prior(&o->studio, arg);
        break;
    case INIT:
        take_init(&o->studio, arg);
        break;
    case LIGHT:
        o->light = option_real(arg, "--light", 0, 1);
        break;
    case IDENTITY:
        o->cosine = choice(arg, "--identity", identities);
        break;
    case CONTENT:
        o->features = choice(arg, "--content", contents);
        break;
    case SEED:
        o->finder.seed = (uint64_t)option_int(arg, "--seed", 0, INT64_MAX);
        break;
    case ASSETS:
        path_set_assets(arg);
        break;
    case IMITATOR:
        add_file(o->studio.imitator, &o->studio.imitators, arg, "--imitator");
        break;
    case SEGMENTER:
        o->studio.segmenter = arg;
        break;
    case DESCRIPTOR:
        o->studio.descriptor = arg;
        break;
    case QUIET:
        o->quiet = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_child device[] = {{&device_argp, 0, NULL, 0}, {0}};
const struct argp finder_argp = {.options = option, .parser = parse, .children = device};
