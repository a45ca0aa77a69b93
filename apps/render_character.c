/* Renders a character: from its file, or a random one; as a picture, from all sides, as a mesh. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/engine_option.h"
#include "apps/paths.h"
#include "datasets/image.h"
#include "engine/character.h"
#include "engine/colour.h"
#include "engine/engine.h"
#include "engine/gltf.h"

typedef struct Options {
    const char *engine, *params, *save_params, *out, *labels, *mesh, *turntable, *background;
    bool random, uniform;
    uint64_t seed;
    int views;
    float field_of_view; /* 0: the default */
    RenderOptions render;
} Options;

enum {
    KEY_SAVE_PARAMS = 256,
    KEY_LABELS,
    KEY_UNIFORM,
    KEY_YAW,
    KEY_PITCH,
    KEY_ROLL,
    KEY_FOV,
    KEY_MESH,
    KEY_TURNTABLE,
    KEY_VIEWS,
    KEY_TRANSPARENT,
    KEY_BACKGROUND,
    KEY_LIGHT_YAW,
    KEY_LIGHT_PITCH,
    KEY_LIGHT_COLOUR,
    KEY_WARMTH
};

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The character:", 1},
    {"engine", 'e', "ENGINE", 0,
     "Whose character: " ENGINE_OPTION_HELP
     " (the embedded engine with the schema of the character's file; without one, builtin:male)",
     0},
    {"params", 'p', "FILE.json", 0, "The character to draw (the average face)", 0},
    {"random", 'r', "SEED", 0, "Draw a random plausible character instead", 0},
    {"uniform", KEY_UNIFORM, "SEED", 0, "Draw one with every parameter uniform instead", 0},
    {"assets", 'a', "DIR", 0, "Folder of engine.pack", 0},
    {0, 0, 0, 0, "What to write, one or several:", 2},
    {"out", 'o', "FILE.png", 0, "A picture", 0},
    {"labels", KEY_LABELS, "FILE.png", 0, "Its label map: 8-bit grey, classes 0 to 10", 0},
    {"turntable", KEY_TURNTABLE, "DIR", 0,
     "Pictures from all around, view-000.png .., from the front leftwards", 0},
    {"views", KEY_VIEWS, "N", 0, "How many pictures a turntable has (24)", 0},
    {"mesh", KEY_MESH, "FILE.glb", 0, "The character as binary glTF 2.0, with its textures", 0},
    {"save-params", KEY_SAVE_PARAMS, "FILE.json", 0, "The character itself", 0},
    {0, 0, 0, 0, "The view:", 3},
    {"size", 'z', "N", 0, "Side of the square picture, 64 to 2048 (512)", 0},
    {"yaw", KEY_YAW, "DEG", 0, "Turn of the head to its left, -180 to 180 (0)", 0},
    {"pitch", KEY_PITCH, "DEG", 0, "Nod of the head upwards, -90 to 90 (0)", 0},
    {"roll", KEY_ROLL, "DEG", 0, "Lean of the head to its left shoulder, -180 to 180 (0)", 0},
    {"fov", KEY_FOV, "DEG", 0,
     "Field of view, 5 to 40 (19.4): a wide one comes nearer, so that the head keeps its size", 0},
    {"background", KEY_BACKGROUND, "#rrggbb|FILE", 0,
     "A colour, or the middle of a JPEG or PNG picture (a grey gradient)", 0},
    {"transparent", KEY_TRANSPARENT, 0, 0, "No background: PNGs with alpha", 0},
    {0, 0, 0, 0, "The light:", 4},
    {"light-yaw", KEY_LIGHT_YAW, "DEG", 0,
     "Where the key light stands, to the right of the picture, -180 to 180 (-32)", 0},
    {"light-pitch", KEY_LIGHT_PITCH, "DEG", 0, "Its height, -90 to 90 (30)", 0},
    {"light-colour", KEY_LIGHT_COLOUR, "#rrggbb", 0, "Colour of all light (#ffffff)", 0},
    {"warmth", KEY_WARMTH, "X", 0, "-1 cool to 1 warm (0.25)", 0},
    {0}};

static void set_light_colour(RenderOptions *render, const char *text)
{
    uint8_t colour[3];
    if (!colour_parse(text, colour))
        die_usage("--light-colour wants #rrggbb, not '%s'", text);
    for (int c = 0; c < 3; c++)
        render->light_colour[c] = linear_of_byte(colour[c]);
}

static float degrees(const char *arg, const char *option, int most)
{
    return (float)option_real(arg, option, -most, most);
}

/* The options of the view and of the light. */
static error_t parse_view(int key, char *arg, Options *o)
{
    RenderOptions *r = &o->render;
    switch (key) {
    case 'z':
        r->size = (int)option_int(arg, "--size", 64, 2048);
        break;
    case KEY_YAW:
        r->yaw = degrees(arg, "--yaw", 180);
        break;
    case KEY_PITCH:
        r->pitch = degrees(arg, "--pitch", 90);
        break;
    case KEY_ROLL:
        r->roll = degrees(arg, "--roll", 180);
        break;
    case KEY_FOV:
        o->field_of_view = (float)option_real(arg, "--fov", 5, 40);
        break;
    case KEY_BACKGROUND:
        o->background = arg;
        break;
    case KEY_TRANSPARENT:
        r->transparent = true;
        break;
    case KEY_LIGHT_YAW:
        r->light_yaw = degrees(arg, "--light-yaw", 180);
        break;
    case KEY_LIGHT_PITCH:
        r->light_pitch = degrees(arg, "--light-pitch", 90);
        break;
    case KEY_LIGHT_COLOUR:
        set_light_colour(r, arg);
        break;
    case KEY_WARMTH:
        r->light_warmth = (float)option_real(arg, "--warmth", -1, 1);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static void check(const Options *o)
{
    if (!o->out && !o->mesh && !o->turntable && !o->save_params && !o->labels)
        die_usage("nothing to write: give --out FILE.png, --turntable DIR or --mesh FILE.glb");
    if (!!o->params + o->random + o->uniform > 1)
        die_usage("--params, --random and --uniform exclude each other");
    if (o->background && o->render.transparent)
        die_usage("--background and --transparent exclude each other");
    if (o->views && !o->turntable)
        die_usage("--views says how many pictures --turntable DIR has; that option is missing");
}

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
    case KEY_UNIFORM:
        o->seed = (uint64_t)option_int(arg, "--uniform", 0, INT64_MAX);
        o->uniform = true;
        break;
    case 'e':
        o->engine = arg;
        break;
    case 'a':
        path_set_assets(arg);
        break;
    case KEY_SAVE_PARAMS:
        o->save_params = arg;
        break;
    case KEY_LABELS:
        o->labels = arg;
        break;
    case KEY_MESH:
        o->mesh = arg;
        break;
    case KEY_TURNTABLE:
        o->turntable = arg;
        break;
    case KEY_VIEWS:
        o->views = (int)option_int(arg, "--views", 1, 999);
        break;
    case ARGP_KEY_END:
        check(o);
        break;
    default:
        return parse_view(key, arg, o);
    }
    return 0;
}

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .doc = "Render a character of a game engine, or export it as a mesh.\v"
           "Examples:\n"
           "  render_character --engine builtin:female --random 7 --save-params her.json --out "
           "her.png\n"
           "  render_character --params her.json --mesh her.glb --turntable her/"};

static Engine *open_engine(const Options *o)
{
    char schema[32], name[48] = "builtin:male";
    Engine *engine;
    Error err;
    if (!o->engine && o->params) {
        if (!character_schema_name(o->params, schema, &err))
            die_error(&err);
        snprintf(name, sizeof name, "builtin:%s", schema);
    }
    if (!engine_option_open(&engine, o->engine ? o->engine : name, &err))
        die_error(&err);
    return engine;
}

static float *make_character(const Options *o, const Schema *schema)
{
    Error err;
    float *x = malloc((size_t)schema->dim * sizeof *x);
    if (!x)
        die("out of memory");
    schema_average(schema, x);
    if (o->random)
        schema_random_person(schema, o->seed, 0, x);
    if (o->uniform)
        schema_random_uniform(schema, o->seed, 0, x);
    if (o->params && !character_load(o->params, schema, x, &err))
        die_error(&err);
    return x;
}

/* Sets the background in o->render; picture: to be freed after the last render. */
static void set_background(Options *o, Image *picture)
{
    Image whole;
    Error err;
    RenderOptions *r = &o->render;
    if (!o->background)
        return;
    if (colour_parse(o->background, r->background[0])) {
        memcpy(r->background[1], r->background[0], sizeof r->background[1]);
        return;
    }
    if (o->background[0] == '#')
        die_usage("--background wants #rrggbb or a picture's file, not '%s'", o->background);
    if (!image_load(&whole, o->background, &err) || !image_new(picture, r->size, r->size, &err))
        die_error(&err);
    float side = (float)(whole.width < whole.height ? whole.width : whole.height);
    float scale = (float)r->size / side, half = 0.5f * (float)r->size;
    image_warp(picture, &whole,
               (Similarity){.a = scale,
                            .tx = half - 0.5f * scale * (float)whole.width,
                            .ty = half - 0.5f * scale * (float)whole.height});
    image_free(&whole);
    r->background_image = picture->pixel;
}

static void set_field_of_view(Options *o)
{
    RenderOptions *r = &o->render;
    if (o->field_of_view <= 0)
        return;
    float focal = 256 / tanf(o->field_of_view * 0.5f * 3.14159265f / 180);
    r->distance *= focal / r->focal;
    r->focal = focal;
}

static bool save(const char *path, const RenderOptions *r, uint8_t *pixel, Error *err)
{
    const Image image = {.width = r->size, .height = r->size, .pixel = pixel};
    return r->transparent ? image_save_rgba_png(path, pixel, r->size, r->size, err)
                          : image_save_png(path, &image, err);
}

/* "DIR/view-007.png": the head turns once around. */
static bool render_turntable(const Options *o, const Engine *engine, const float *x, uint8_t *pixel,
                             Error *err)
{
    int views = o->views ? o->views : 24;
    if (!make_folder(o->turntable, err))
        return false;
    for (int i = 0; i < views; i++) {
        RenderOptions r = o->render;
        char name[32];
        r.yaw = remainderf(r.yaw + 360.0f * (float)i / (float)views, 360);
        snprintf(name, sizeof name, "view-%03d.png", i);
        char *path = path_join(o->turntable, name);
        bool ok = engine_render(engine, x, &r, pixel, NULL, err) && save(path, &r, pixel, err);
        free(path);
        if (!ok)
            return false;
    }
    return true;
}

static bool render_picture(const Options *o, const Engine *engine, const float *x, uint8_t *pixel,
                           uint8_t *labels, Error *err)
{
    return engine_render(engine, x, &o->render, pixel, labels, err) &&
           (!o->out || save(o->out, &o->render, pixel, err)) &&
           (!o->labels ||
            image_save_grey_png(o->labels, labels, o->render.size, o->render.size, err));
}

int main(int argc, char **argv)
{
    Options o = {.render = render_options_default()};
    Image background = {0};
    Error err;

    app_parse(&parser, argc, argv, &o);
    set_background(&o, &background);
    set_field_of_view(&o);
    Engine *engine = open_engine(&o);
    const Schema *schema = engine_schema(engine);
    float *x = make_character(&o, schema);
    size_t pixels = (size_t)o.render.size * (size_t)o.render.size;
    uint8_t *pixel = malloc(pixels * 4), *labels = malloc(pixels);
    if (!pixel || !labels)
        die("out of memory");
    if (((o.out || o.labels) && !render_picture(&o, engine, x, pixel, labels, &err)) ||
        (o.turntable && !render_turntable(&o, engine, x, pixel, &err)) ||
        (o.mesh && !engine_export_glb(engine, x, o.mesh, &err)) ||
        (o.save_params && !character_save(o.save_params, schema, x, &err)))
        die_error(&err);
    free(labels);
    free(pixel);
    free(x);
    image_free(&background);
    engine_close(engine);
    return 0;
}
