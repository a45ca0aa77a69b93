#include "datasets/disturb.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "datasets/background.h"
#include "libtensor/rng.h"

enum { STREAM = 0x44495354 };

static const char *const name[DISTURBANCES] = {
    [DISTURB_NONE] = "plain",  [DISTURB_POSE] = "pose",
    [DISTURB_LIGHT] = "light", [DISTURB_BACKGROUND] = "background",
    [DISTURB_HAIR] = "hair",   [DISTURB_BLUR] = "blur",
    [DISTURB_NOISE] = "noise", [DISTURB_OCCLUSION] = "occlusion",
    [DISTURB_GREY] = "grey",   [DISTURB_SKETCH] = "sketch",
};

const char *disturbance_name(Disturbance d)
{
    return name[d];
}

bool disturbance_of_scene(Disturbance d)
{
    return d == DISTURB_POSE || d == DISTURB_BACKGROUND || d == DISTURB_HAIR;
}

static uint8_t to_byte(float v)
{
    return (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v + .5f);
}

/* -1 or 1. */
static float side(Rng *rng)
{
    return rng_below(rng, 2) ? 1 : -1;
}

/* ---- Of pictures ---- */

static float luminance(const uint8_t *p)
{
    return .299f * p[0] + .587f * p[1] + .114f * p[2];
}

/* One half ever darker, the other a little brighter. */
static void shade(Image *photo, float strength, Rng *rng)
{
    float towards = side(rng);

    for (int y = 0; y < photo->height; y++)
        for (int x = 0; x < photo->width; x++) {
            uint8_t *p = photo->pixel + 3 * ((size_t)y * (size_t)photo->width + (size_t)x);
            float across = towards * (2 * ((float)x + .5f) / (float)photo->width - 1);
            float gain = 1 - strength * (.35f + .55f * tanhf(3 * across));
            for (int c = 0; c < 3; c++)
                p[c] = to_byte(gain * p[c]);
        }
}

static void add_noise(Image *photo, float strength, Rng *rng)
{
    size_t n = 3 * (size_t)photo->width * (size_t)photo->height;

    for (size_t i = 0; i < n; i++)
        photo->pixel[i] = to_byte((float)photo->pixel[i] + 64 * strength * rng_normal(rng));
}

static void occlude(Image *photo, float strength, Rng *rng)
{
    float width = (float)photo->width, height = (float)photo->height;
    float reach = .18f * strength * fminf(width, height);
    float x = rng_range(rng, .4f, .6f) * width, y = rng_range(rng, .4f, .65f) * height;
    uint8_t colour[3];

    for (int c = 0; c < 3; c++)
        colour[c] = (uint8_t)rng_below(rng, 256);
    for (int j = 0; j < photo->height; j++)
        for (int i = 0; i < photo->width; i++)
            if (fabsf((float)i + .5f - x) < reach && fabsf((float)j + .5f - y) < reach)
                memcpy(photo->pixel + 3 * ((size_t)j * (size_t)photo->width + (size_t)i), colour,
                       3);
}

static void fade(Image *photo, float strength)
{
    size_t n = (size_t)photo->width * (size_t)photo->height;

    for (size_t i = 0; i < n; i++) {
        uint8_t *p = photo->pixel + 3 * i;
        float grey = luminance(p);
        for (int c = 0; c < 3; c++)
            p[c] = to_byte((float)p[c] + strength * (grey - (float)p[c]));
    }
}

/* A pencil drawing: the grey picture divided by a blurred one, which leaves its edges. */
static bool sketch(Image *photo, float strength, Error *err)
{
    size_t n = (size_t)photo->width * (size_t)photo->height;
    Image soft;

    if (!image_new(&soft, photo->width, photo->height, err))
        return false;
    for (size_t i = 0; i < n; i++)
        memset(soft.pixel + 3 * i, to_byte(luminance(photo->pixel + 3 * i)), 3);
    bool ok = image_blur(&soft, (float)photo->width / 50, err);
    for (size_t i = 0; ok && i < n; i++) {
        uint8_t *p = photo->pixel + 3 * i;
        float line = fminf(255 * (luminance(p) + 1) / ((float)soft.pixel[3 * i] + 1), 255);
        for (int c = 0; c < 3; c++)
            p[c] = to_byte((float)p[c] + strength * (line - (float)p[c]));
    }
    image_free(&soft);
    return ok;
}

bool disturb_photo(Disturbance d, float strength, uint64_t seed, uint64_t index, Image *photo,
                   Error *err)
{
    Rng rng = rng_make(seed, STREAM + (uint32_t)d, index);

    assert(!disturbance_of_scene(d));
    switch (d) {
    case DISTURB_LIGHT:
        shade(photo, strength, &rng);
        return true;
    case DISTURB_BLUR:
        return image_blur(photo, strength * (float)photo->width / 40, err);
    case DISTURB_NOISE:
        add_noise(photo, strength, &rng);
        return true;
    case DISTURB_OCCLUSION:
        occlude(photo, strength, &rng);
        return true;
    case DISTURB_GREY:
        fade(photo, strength);
        return true;
    case DISTURB_SKETCH:
        return sketch(photo, strength, err);
    default:
        return true;
    }
}

/* ---- Of scenes ---- */

static bool change_hair(const Schema *schema, Rng *rng, float *x, Error *err)
{
    int g = schema_find_group(schema, "hair");

    if (g < 0 || schema->group[g].count < 2)
        return error_set(err, "the schema %s has no other hairstyles", schema->name);
    const ControlGroup *hair = &schema->group[g];
    int was = schema_choice(schema, g, x);
    int now = (was + 1 + (int)rng_below(rng, (uint32_t)hair->count - 1)) % hair->count;
    x[hair->begin + was] = 0;
    x[hair->begin + now] = 1;
    return true;
}

static void change_light(RenderOptions *o, float strength, Rng *rng)
{
    o->light_yaw += side(rng) * 80 * strength;
    o->light_pitch -= 25 * strength;
    o->light_warmth += side(rng) * .7f * strength;
    o->light_gain *= 1 - .3f * strength;
    o->ambient_gain *= 1 - .7f * strength;
}

bool disturb_render(const Engine *engine, Disturbance d, float strength, uint64_t seed,
                    uint64_t index, float *x, Image *picture, Error *err)
{
    RenderOptions options = render_options_default();
    Rng rng = rng_make(seed, STREAM + (uint32_t)d, index);
    Image background = {0};
    bool ok = true;

    assert(picture->width == picture->height);
    options.size = picture->width;
    if (d == DISTURB_POSE) {
        options.yaw = side(&rng) * 40 * strength;
    } else if (d == DISTURB_LIGHT) {
        change_light(&options, strength, &rng);
    } else if (d == DISTURB_HAIR) {
        ok = change_hair(engine_schema(engine), &rng, x, err);
    } else if (d == DISTURB_BACKGROUND) {
        ok = image_new(&background, options.size, options.size, err) &&
             background_random(&background, &rng, err);
        options.background_image = background.pixel;
    }
    ok = ok && engine_render(engine, x, &options, picture->pixel, NULL, err);
    if (ok && d != DISTURB_LIGHT && !disturbance_of_scene(d))
        ok = disturb_photo(d, strength, seed, index, picture, err);
    image_free(&background);
    return ok;
}
