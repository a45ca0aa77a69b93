#include "config.h"

#include "apps/studio_option.h"

#include <stdlib.h>

#include "apps/engine_option.h"
#include "apps/paths.h"

enum { ENGINE = 'e', IMITATOR = 512, SEGMENTER, TRANSLATOR, DESCRIPTOR, ASSETS };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    StudioConfig *config = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        if (state->child_inputs) /* of studio_engine_argp */
            state->child_inputs[0] = &config->device;
        return 0;
    case ENGINE:
        config->engine[0] = arg;
        config->models = 1;
        return 0;
    case IMITATOR:
        config->imitator[0] = arg;
        config->imitators = 1;
        return 0;
    case SEGMENTER:
        config->segmenter = arg;
        return 0;
    case TRANSLATOR:
        config->translator[0] = arg;
        config->translators = 1;
        return 0;
    case DESCRIPTOR:
        config->descriptor = arg;
        return 0;
    case ASSETS:
        path_set_assets(arg);
        setenv("VISAGIST_DATA", arg, 1); /* of the programs that this one runs */
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option option[] = {
    {"engine", ENGINE, "ENGINE", 0, "Whose characters: " ENGINE_OPTION_HELP, 1},
    {"descriptor", DESCRIPTOR, "FILE", 0,
     "F_recg: a checkpoint of LightCNN (default: the 128-d recogniser of the assets)", 3},
    {"assets", ASSETS, "DIR", 0, "Folder of the engine's files, if not the usual one", 5},
    {0}};
static const struct argp_option imitator_option[] = {
    {"imitator", IMITATOR, "FILE", 0, "The engine's imitator, if not the pretrained one", 3},
    {"segmenter", SEGMENTER, "FILE", 0, "F_seg, if not the pretrained one", 3},
    {0}};
static const struct argp_option translator_option[] = {
    {"translator", TRANSLATOR, "FILE", 0, "The engine's translator, if not the pretrained one", 3},
    {0}};

static const struct argp_child device[] = {{&device_argp, 0, NULL, 0}, {0}};

const struct argp studio_engine_argp = {.options = option, .parser = parse, .children = device};
const struct argp studio_imitator_argp = {.options = imitator_option, .parser = parse};
const struct argp studio_translator_argp = {.options = translator_option, .parser = parse};
