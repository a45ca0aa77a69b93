#include "engine/look.h"

#include <math.h>
#include <string.h>

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

static float to_linear(unsigned char v)
{
    float s = (float)v / 255;
    return s <= 0.04045f ? s / 12.92f : powf((s + 0.055f) / 1.055f, 2.4f);
}

static void ramp(const Srgb *stop, int n, float at, float out[3])
{
    float place = clamp01(at) * (float)(n - 1);
    int i = (int)place < n - 1 ? (int)place : n - 2;
    float f = place - (float)i;
    const Srgb a = stop[i], b = stop[i + 1];
    out[0] = (1 - f) * to_linear(a.r) + f * to_linear(b.r);
    out[1] = (1 - f) * to_linear(a.g) + f * to_linear(b.g);
    out[2] = (1 - f) * to_linear(a.b) + f * to_linear(b.b);
}

static float luminance(const float c[3])
{
    return 0.2126f * c[0] + 0.7152f * c[1] + 0.0722f * c[2];
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

/* Auburn or ash of the same brightness, then grey. */
static void hair_look(Look *look, const float *trait)
{
    ramp(hair_ramp, sizeof hair_ramp / sizeof *hair_ramp, trait[TRAIT_HAIR_LIGHTNESS], look->hair);
    float warmth = trait[TRAIT_HAIR_WARMTH], grey = clamp01(trait[TRAIT_HAIR_GREY]);
    float y = luminance(look->hair);
    const float red[3] = {2.05f * y, 0.74f * y, 0.42f * y}, ash[3] = {y, y, y};
    mix(look->hair, warmth > 0 ? red : ash, warmth > 0 ? 0.8f * warmth : -0.5f * warmth);
    const float silver[3] = {0.24f, 0.235f, 0.23f};
    mix(look->hair, silver, 0.85f * grey);
    const float darkest[3] = {0.011f, 0.008f, 0.006f};
    memcpy(look->brow, look->hair, sizeof look->brow);
    mix(look->brow, darkest, 0.5f);
    memcpy(look->beard, look->hair, sizeof look->beard);
    mix(look->beard, darkest, 0.25f);
    memcpy(look->lash, look->brow, sizeof look->lash);
    mix(look->lash, darkest, 0.7f);
    memcpy(look->stubble, look->beard, 3 * sizeof *look->stubble);
    look->stubble[3] = clamp01(trait[TRAIT_STUBBLE]);
}

static void lip_look(Look *look, const float *trait)
{
    float red = trait[TRAIT_LIP_REDNESS];
    const float rose[3] = {1.05f * look->skin[0], 0.42f * look->skin[1], 0.52f * look->skin[2]};
    memcpy(look->lip, red > 0 ? rose : look->skin, 3 * sizeof *look->lip);
    look->lip[3] = red > 0 ? 0.75f * red : -0.6f * red;
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

Look look_from_traits(const float trait[static TRAIT_COUNT])
{
    Look look = {0};
    skin_look(&look, trait);
    hair_look(&look, trait);
    lip_look(&look, trait);
    eye_look(&look, trait);
    return look;
}
