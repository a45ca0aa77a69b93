#include "engine/look.h"

#include <math.h>
#include <string.h>

#include "engine/colour.h"

const char *const look_iris_name[LOOK_IRISES] = {"eyes-brown", "eyes-brownlight", "eyes-green",
                                                 "eyes-grey", "eyes-blue"};

typedef struct Srgb {
    unsigned char r, g, b;
} Srgb;

/* Measured human skin runs along a line like this one, fair to very dark. */
static const Srgb skin_ramp[] = {{214, 174, 157}, {205, 161, 141}, {193, 147, 124}, {173, 127, 104},
                                 {143, 100, 79},  {105, 70, 54},   {73, 48, 38}};
/* Black, brown, light brown, blond. */
static const Srgb hair_ramp[] = {{16, 14, 13},  {34, 26, 21},   {60, 43, 31},   {92, 66, 44},
                                 {128, 97, 63}, {163, 130, 87}, {193, 164, 121}};

static float clamp01(float v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static void ramp(const Srgb *stop, int n, float at, float out[3])
{
    float place = clamp01(at) * (float)(n - 1);
    int i = (int)place < n - 1 ? (int)place : n - 2;
    float f = place - (float)i;
    const Srgb a = stop[i], b = stop[i + 1];
    out[0] = (1 - f) * linear_of_byte(a.r) + f * linear_of_byte(b.r);
    out[1] = (1 - f) * linear_of_byte(a.g) + f * linear_of_byte(b.g);
    out[2] = (1 - f) * linear_of_byte(a.b) + f * linear_of_byte(b.b);
}

static void mix(float c[3], const float with[3], float amount)
{
    for (int k = 0; k < 3; k++)
        c[k] += amount * (with[k] - c[k]);
}

static float smooth(float lo, float hi, float v)
{
    float t = clamp01((v - lo) / (hi - lo));
    return t * t * (3 - 2 * t);
}

static void skin_look(Look *look, const float *trait)
{
    float tone = trait[TRAIT_SKIN_TONE], warmth = trait[TRAIT_SKIN_WARMTH], age = trait[TRAIT_AGE];
    ramp(skin_ramp, sizeof skin_ramp / sizeof *skin_ramp, tone, look->skin);
    /* Cool is pink, warm is golden: blue against red at equal green. */
    look->skin[0] *= 1 + 0.02f * warmth;
    look->skin[2] *= 1 - 0.12f * warmth;
    float dark = smooth(0.45f, 0.85f, tone);
    float asian = clamp01(trait[TRAIT_RACE_ASIAN]), other = 1 - asian;
    look->skin_race[0] = dark;
    look->skin_race[1] = (1 - dark) * asian;
    look->skin_race[2] = (1 - dark) * other;
    float a = clamp01(age);
    look->skin_age[0] = clamp01(1 - 2 * a);
    look->skin_age[2] = clamp01(2 * a - 1);
    look->skin_age[1] = 1 - look->skin_age[0] - look->skin_age[2];
    look->detail = clamp01(0.3f + 0.7f * age);
}

/* Paints by group and name. The colour comes from the character. */
static const struct {
    const char *group, *name;
    HairPaint paint;
} hair_paints[] = {
    {"hair",
     "buzz",
     {HAIR_SHAPE_SCALP, .cover = 0.94f, .grain = 0.75f, .length = 0.4f, .edge = 0.20f}},
    {"hair",
     "stubble-scalp",
     {HAIR_SHAPE_SCALP, .cover = 0.50f, .grain = 0.35f, .length = 0, .edge = 0.20f}},
    {"hair",
     "receding",
     {HAIR_SHAPE_HORSESHOE, .cover = 0.95f, .grain = 0.8f, .length = 0.8f, .edge = 0.26f}},
    {"beard",
     "stubble",
     {HAIR_SHAPE_BEARD, .cover = 0.60f, .grain = 0.6f, .length = 0, .edge = 0.20f}},
    {"beard",
     "short-full",
     {HAIR_SHAPE_BEARD, .cover = 0.95f, .grain = 0.8f, .length = 0.9f, .edge = 0.17f}},
    {"beard",
     "goatee",
     {HAIR_SHAPE_GOATEE, .cover = 0.94f, .grain = 0.8f, .length = 0.9f, .edge = 0.09f}},
    {"beard",
     "chin-strap",
     {HAIR_SHAPE_STRAP, .cover = 0.92f, .grain = 0.8f, .length = 0.7f, .edge = 0.05f}},
};

/* A clean outline at the border of the lips. */
#define OUTLINED .begin = -0.15f, .full = 0.35f
#define BOTH_LIPS .upper = 1, .lower = 1

static const struct {
    const char *name;
    LipPaint paint;
} lip_paints[] = {
    {"none", {.roughness = 0.38f, .shine = 1}},
    {"sheer", {OUTLINED, BOTH_LIPS, .cover = 0.25f, .roughness = 0.34f, .shine = 1.4f}},
    {"natural", {OUTLINED, BOTH_LIPS, .cover = 0.45f, .roughness = 0.40f, .shine = 0.8f}},
    {"satin", {OUTLINED, BOTH_LIPS, .cover = 0.94f, .roughness = 0.34f, .shine = 1.5f}},
    {"matte",
     {OUTLINED, BOTH_LIPS, .cover = 0.97f, .roughness = 0.60f, .shine = 0.1f, .inner = -0.2f}},
    {"velvet",
     {.begin = -0.15f,
      BOTH_LIPS,
      .cover = 0.80f,
      .full = 1.6f,
      .roughness = 0.55f,
      .shine = 0.25f,
      .inner = 0.35f}},
    {"gloss", {OUTLINED, BOTH_LIPS, .cover = 0.68f, .roughness = 0.22f, .shine = 4.0f}},
    {"glass",
     {OUTLINED, BOTH_LIPS, .cover = 0.90f, .roughness = 0.15f, .shine = 7.0f, .inner = 0.15f}},
    {"shimmer",
     {OUTLINED, BOTH_LIPS, .cover = 0.80f, .roughness = 0.36f, .shine = 1.5f, .sparkle = 1}},
    {"metallic",
     {OUTLINED, BOTH_LIPS, .cover = 0.95f, .roughness = 0.42f, .shine = 9.0f, .metal = 1}},
    {"stain",
     {.begin = -0.15f,
      BOTH_LIPS,
      .cover = 0.75f,
      .full = 2.2f,
      .roughness = 0.5f,
      .shine = 0.35f,
      .patches = 1}},
    {"blurred",
     {BOTH_LIPS, .cover = 0.85f, .begin = -0.9f, .full = 3.8f, .roughness = 0.5f, .shine = 0.4f}},
    {"ombre",
     {OUTLINED, BOTH_LIPS, .cover = 0.93f, .roughness = 0.38f, .shine = 1, .liner = 0.6f,
      .inner = 0.9f}},
    {"reverse-ombre",
     {OUTLINED, BOTH_LIPS, .cover = 0.90f, .roughness = 0.38f, .shine = 1, .inner = -1}},
    {"lined", {OUTLINED, BOTH_LIPS, .cover = 0.80f, .roughness = 0.38f, .shine = 1, .liner = 1}},
    {"overlined",
     {BOTH_LIPS, .cover = 0.94f, .begin = -0.75f, .full = -0.45f, .roughness = 0.36f,
      .shine = 1.2f}},
    {"centre", {OUTLINED, BOTH_LIPS, .cover = 0.90f, .roughness = 0.32f, .shine = 1.6f, .dab = 1}},
    {"upper-only", {OUTLINED, .cover = 0.90f, .upper = 1, .roughness = 0.36f, .shine = 1}},
    {"lower-only", {OUTLINED, .cover = 0.90f, .lower = 1, .roughness = 0.36f, .shine = 1}},
};

enum {
    HAIR_PAINTS = sizeof hair_paints / sizeof *hair_paints,
    LIP_PAINTS = sizeof lip_paints / sizeof *lip_paints
};

static const HairPaint *hair_paint(const char *group, const char *name)
{
    for (int i = 0; i < HAIR_PAINTS; i++)
        if (strcmp(hair_paints[i].group, group) == 0 && strcmp(hair_paints[i].name, name) == 0)
            return &hair_paints[i].paint;
    return NULL;
}

static const LipPaint *lip_paint(const char *name)
{
    for (int i = 0; i < LIP_PAINTS; i++)
        if (strcmp(lip_paints[i].name, name) == 0)
            return &lip_paints[i].paint;
    return NULL;
}

bool look_has_paint(const char *group, const char *paint)
{
    return !*paint || hair_paint(group, paint) ||
           (strcmp(group, "lipstick-style") == 0 && lip_paint(paint));
}

/* The option of a group that x chooses; an empty one when the schema has no such group. */
static const ControlOption *chosen(const Schema *schema, const float *x, const char *group)
{
    static const ControlOption nothing;
    int g = schema_find_group(schema, group);
    return g < 0 ? &nothing : &schema->group[g].option[schema_choice(schema, g, x)];
}

static void option_colour(const ControlOption *option, float colour[3])
{
    for (int k = 0; option->has_colour && k < 3; k++)
        colour[k] = linear_of_byte(option->colour[k]);
}

static void set_hair_paint(HairPaint *paint, const char *group, const char *name,
                           const float colour[3])
{
    const HairPaint *found = hair_paint(group, name);
    if (found)
        *paint = *found;
    memcpy(paint->colour, colour, sizeof paint->colour);
}

/* -1 nearly black .. 1 much lighter. */
static void lighten(float c[3], float by)
{
    const float darkest[3] = {0.011f, 0.008f, 0.006f};
    if (by < 0)
        mix(c, darkest, -0.85f * by);
    for (int k = 0; by > 0 && k < 3; k++)
        c[k] = fminf(c[k] * exp2f(1.3f * by) + 0.015f * by, 0.28f);
}

/* Auburn or ash of the same brightness, then grey. */
static void hair_look(Look *look, const Schema *schema, const float *x, const float *trait)
{
    const ControlOption *hair = chosen(schema, x, "hair"), *beard = chosen(schema, x, "beard");
    ramp(hair_ramp, sizeof hair_ramp / sizeof *hair_ramp, trait[TRAIT_HAIR_LIGHTNESS], look->hair);
    float warmth = trait[TRAIT_HAIR_WARMTH], grey = clamp01(trait[TRAIT_HAIR_GREY]);
    float y = luminance(look->hair);
    const float red[3] = {2.05f * y, 0.74f * y, 0.42f * y}, ash[3] = {y, y, y};
    mix(look->hair, warmth > 0 ? red : ash, warmth > 0 ? 0.8f * warmth : -0.5f * warmth);
    const float silver[3] = {0.24f, 0.235f, 0.23f};
    mix(look->hair, silver, 0.85f * grey);
    option_colour(hair, look->hair);
    const float darkest[3] = {0.011f, 0.008f, 0.006f};
    memcpy(look->brow, look->hair, sizeof look->brow);
    mix(look->brow, darkest, 0.5f);
    memcpy(look->lash, look->brow, sizeof look->lash);
    mix(look->lash, darkest, 0.7f);
    lighten(look->brow, trait[TRAIT_BROW_LIGHTNESS]);
    option_colour(chosen(schema, x, "brows"), look->brow);
    memcpy(look->beard, look->hair, sizeof look->beard);
    mix(look->beard, darkest, 0.25f);
    lighten(look->beard, trait[TRAIT_BEARD_LIGHTNESS]);
    option_colour(beard, look->beard);
    set_hair_paint(&look->scalp, "hair", hair->paint, look->hair);
    set_hair_paint(&look->painted_beard, "beard", beard->paint, look->beard);
    set_hair_paint(&look->stubble, "beard", "stubble", look->beard);
    look->stubble.cover *= 1.3f * clamp01(trait[TRAIT_STUBBLE]);
}

static void lip_look(Look *look, const Schema *schema, const float *x, const float *trait)
{
    float red = trait[TRAIT_LIP_REDNESS];
    const float rose[3] = {1.05f * look->skin[0], 0.42f * look->skin[1], 0.52f * look->skin[2]};
    memcpy(look->lip, red > 0 ? rose : look->skin, 3 * sizeof *look->lip);
    look->lip[3] = red > 0 ? 0.75f * red : -0.6f * red;
    const LipPaint *paint = lip_paint(chosen(schema, x, "lipstick-style")->paint);
    look->lipstick = paint ? *paint : *lip_paint("none");
    const float lipstick_red[3] = {0.45f, 0.02f, 0.03f};
    memcpy(look->lipstick.colour, lipstick_red, sizeof lipstick_red);
    option_colour(chosen(schema, x, "lipstick-colour"), look->lipstick.colour);
}

static void eye_look(Look *look, const float *trait)
{
    float place = clamp01(trait[TRAIT_EYE_HUE]) * (LOOK_IRISES - 1);
    int i = (int)place < LOOK_IRISES - 1 ? (int)place : LOOK_IRISES - 2;
    look->iris_texture[0] = i;
    look->iris_texture[1] = i + 1;
    look->iris_weight[1] = place - (float)i;
    look->iris_weight[0] = 1 - look->iris_weight[1];
    float light = exp2f(trait[TRAIT_EYE_LIGHTNESS]);
    for (int k = 0; k < 3; k++)
        look->iris[k] = light;
}

Look look_at(const Schema *schema, const float *x, const float trait[static TRAIT_COUNT])
{
    Look look = {0};
    skin_look(&look, trait);
    hair_look(&look, schema, x, trait);
    lip_look(&look, schema, x, trait);
    eye_look(&look, trait);
    look.freckles = clamp01(trait[TRAIT_FRECKLES]);
    look.blush = trait[TRAIT_BLUSH];
    return look;
}
