/* Measures what the programs make: face verification, translators, the ablation of Table 8. */
#include "config.h"

#include "apps/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/engine_option.h"
#include "apps/paths.h"

static const struct {
    const char *name, *what;
    int (*run)(int argc, char **argv);
} command[] = {
    {"verify", "face verification of a table of pairs, by descriptors or one-shot parameters",
     evaluate_verify},
    {"translator", "a translator on renders and on photos, against the search",
     evaluate_translator},
    {"ablation", "Table 8: four translators with and without parts, verified", evaluate_ablation},
};
enum { COMMANDS = sizeof command / sizeof *command };

/* ---- The studio's options ---- */

enum { ENGINE = 512, IMITATOR, SEGMENTER, DESCRIPTOR, ASSETS };

static const struct argp_option studio_option[] = {
    {"engine", ENGINE, "ENGINE", 0, "Whose characters: " ENGINE_OPTION_HELP, 1},
    {"imitator", IMITATOR, "FILE", 0, "The engine's imitator, if not the pretrained one", 3},
    {"segmenter", SEGMENTER, "FILE", 0, "F_seg, if not the pretrained one", 3},
    {"descriptor", DESCRIPTOR, "FILE", 0,
     "F_recg: a checkpoint of LightCNN (default: the 128-d recogniser of the assets)", 3},
    {"assets", ASSETS, "DIR", 0, "Folder of the engine's files, if not the usual one", 5},
    {0}};

static error_t studio_parse(int key, char *arg, struct argp_state *state)
{
    StudioConfig *config = state->input;

    switch (key) {
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
    case DESCRIPTOR:
        config->descriptor = arg;
        return 0;
    case ASSETS:
        path_set_assets(arg);
        setenv("VISAGIST_DATA", arg, 1); /* of the programs that a command runs */
        return 0;
    case ARGP_KEY_END:
        if (config->models == 0)
            die_usage("--engine ENGINE is missing: " ENGINE_OPTION_HELP);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

const struct argp studio_argp = {.options = studio_option, .parser = studio_parse};

/* ---- The commands ---- */

char *evaluate_command(void)
{
    char *text = strdup(app_command());

    if (!text)
        die("out of memory");
    if (*text == '\'') {
        char *end = strchr(text + 1, '\'');
        memmove(end, end + 1, strlen(end));
        memmove(text, text + 1, strlen(text));
    }
    return text;
}

static void help(void)
{
    puts("Usage: evaluate COMMAND [OPTION...]\n"
         "Measures what the programs make.\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-11s %s\n", command[i].name, command[i].what);
    puts("\nevaluate COMMAND --help tells a command's options.");
}

int main(int argc, char **argv)
{
    char name[64];

    if (argc < 2)
        die_usage("it wants a command: verify, translator or ablation");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
        help();
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts(argp_program_version);
        return 0;
    }
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], command[i].name) == 0) {
            snprintf(name, sizeof name, "evaluate %s", command[i].name);
            argv[1] = name;
            return command[i].run(argc - 1, argv + 1);
        }
    }
    die_usage("there is no command '%s'", argv[1]);
}
