/* Renders a character: from its file, or a random one. */
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/paths.h"
#include "datasets/image.h"
#include "engine/character.h"
#include "engine/engine.h"

typedef struct Options {
    const char *model, *params, *save_params, *out, *labels;
    bool random;
    uint64_t seed;
    RenderOptions render;
} Options;

enum { KEY_SAVE_PARAMS = 256, KEY_LABELS, KEY_YAW, KEY_PITCH };

static const struct argp_option options[] = {
    {"out", 'o', "FILE.png", 0, "Picture to write", 0},
    {"params", 'p', "FILE.json", 0, "The character to draw (the average face)", 0},
    {"random", 'r', "SEED", 0, "Draw a random plausible character instead", 0},
    {"model", 'm', "NAME", 0,
     "Character model: male or female (that of the character's file; without one, male)", 0},
    {"save-params", KEY_SAVE_PARAMS, "FILE.json", 0, "Write the drawn character too", 0},
    {"labels", KEY_LABELS, "FILE.png", 0, "Write the label map too: 8-bit grey, classes 0 to 10",
     0},
    {"size", 'z', "N", 0, "Side of the square picture, 64 to 2048 (512)", 0},
    {"yaw", KEY_YAW, "DEG", 0, "Turn of the head to its left, -90 to 90 (0)", 0},
    {"pitch", KEY_PITCH, "DEG", 0, "Nod of the head upwards, -45 to 45 (0)", 0},
    {"assets", 'a', "DIR", 0, "Folder of engine.pack", 0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;
    switch (key) {
    case 'o':
        o->out = arg;
        break;
    case 'p':
        o->params = arg;
        break;
    case 'r':
        o->seed = (uint64_t)option_int(arg, "--random", 0, INT64_MAX);
        o->random = true;
        break;
    case 'm':
        o->model = arg;
        break;
    case KEY_SAVE_PARAMS:
        o->save_params = arg;
        break;
    case KEY_LABELS:
        o->labels = arg;
        break;
    case 'z':
        o->render.size = (int)option_int(arg, "--size", 64, 2048);
        break;
    case KEY_YAW:
        o->render.yaw = (float)option_real(arg, "--yaw", -90, 90);
        break;
    case KEY_PITCH:
        o->render.pitch = (float)option_real(arg, "--pitch", -45, 45);
        break;
    case 'a':
        path_set_assets(arg);
        break;
    case ARGP_KEY_END:
        if (!o->out)
            die_usage("--out FILE.png is missing: where shall the picture go?");
        if (o->params && o->random)
            die_usage("--params and --random exclude each other");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .doc =
        "Render a character of the embedded game engine.\v"
        "Example: render_character --model female --random 7 --save-params her.json --out her.png"};

int main(int argc, char **argv)
{
    Options o = {.render = render_options_default()};
    char model[32] = "male";
    Engine *engine;
    Error err;

    app_parse(&parser, argc, argv, &o);
    if (o.params && !character_schema_name(o.params, model, &err))
        die_error(&err);
    char *pack = path_asset("engine.pack"), *schema_path = path_schema(o.model ? o.model : model);
    if (!engine_open_builtin(&engine, pack, schema_path, &err))
        die_error(&err);
    const Schema *schema = engine_schema(engine);
    float *x = malloc((size_t)schema->dim * sizeof *x);
    uint8_t *labels = malloc((size_t)o.render.size * (size_t)o.render.size);
    Image image;
    if (!x || !labels)
        die("out of memory");
    if (!image_new(&image, o.render.size, o.render.size, &err))
        die_error(&err);
    schema_average(schema, x);
    if (o.random)
        schema_random_person(schema, o.seed, 0, x);
    if ((o.params && !character_load(o.params, schema, x, &err)) ||
        !engine_render(engine, x, &o.render, image.pixel, labels, &err) ||
        !image_save_png(o.out, &image, &err) ||
        (o.labels && !image_save_grey_png(o.labels, labels, o.render.size, o.render.size, &err)) ||
        (o.save_params && !character_save(o.save_params, schema, x, &err)))
        die_error(&err);
    image_free(&image);
    free(labels);
    free(x);
    engine_close(engine);
    free(schema_path);
    free(pack);
    return 0;
}
