/* Measures what the programs make: face verification, translators, the ablation of Table 8. */
#include "config.h"

#include "apps/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/engine_option.h"
#include "apps/studio_option.h"

static const struct {
    const char *name, *what;
    int (*run)(int argc, char **argv);
} command[] = {
    {"verify",
     "face verification, the paper's Table 6: by descriptors or by characters' parameters",
     evaluate_verify},
    {"recovery", "known characters, drawn in many ways and found again", evaluate_recovery},
    {"search", "the search with any of its settings, on known characters or on photos",
     evaluate_search},
    {"robustness", "how far characters drift when pictures get harder", evaluate_robustness},
    {"speed", "how long a face takes by each method", evaluate_speed},
    {"compare", "what changed between two results", evaluate_compare},
    {"translator", "a translator on renders and on photos, against the search",
     evaluate_translator},
    {"ablation", "Table 8: four translators with and without parts, verified", evaluate_ablation},
};
enum { COMMANDS = sizeof command / sizeof *command };

/* ---- The studio's options ---- */

static error_t studio_parse(int key, char *arg, struct argp_state *state)
{
    const StudioConfig *config = state->input;

    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = state->child_inputs[1] = state->input;
        return 0;
    case ARGP_KEY_END:
        if (config->models == 0)
            die_usage("--engine ENGINE is missing: " ENGINE_OPTION_HELP);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_child studio_children[] = {
    {&studio_engine_argp, 0, NULL, 0}, {&studio_imitator_argp, 0, NULL, 0}, {0}};
const struct argp studio_argp = {.parser = studio_parse, .children = studio_children};

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
        die_usage("it wants a command; --help lists them");
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
