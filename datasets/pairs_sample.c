#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/augment.h"
#include "datasets/background.h"
#include "datasets/pairs.h"

/* Streams of the random numbers of a sample, beside the schema's own. */
enum { STREAM_VIEW = 0x56494557, STREAM_AUGMENT = 0x41554744 };

static void random_light(RenderOptions *o, Rng *rng)
{
    o->light_yaw += rng_range(rng, -70, 70);
    o->light_pitch += rng_range(rng, -40, 35);
    o->light_warmth = rng_range(rng, -1, 1);
    o->light_gain *= rng_range(rng, .5f, 1.5f);
    o->ambient_gain *= rng_range(rng, .4f, 1.8f);
}

static void random_pose(RenderOptions *o, Rng *rng)
{
    float nearer = rng_range(rng, .6f, 1.7f);

    o->yaw = rng_range(rng, -25, 25);
    o->pitch = rng_range(rng, -15, 15);
    o->roll = rng_range(rng, -12, 12);
    o->distance *= nearer; /* another perspective, the same size of the face */
    o->focal *= nearer;
}

static bool render_varied(const Engine *engine, const PairsInfo *info, int64_t i, const float *x,
                          Image *picture, uint8_t *label, Error *err)
{
    RenderOptions options = render_options_default();
    Rng rng = rng_make(info->seed, STREAM_VIEW, (uint64_t)i);
    Image background;
    bool ok;

    options.size = info->size;
    random_pose(&options, &rng);
    random_light(&options, &rng);
    if (!image_new(&background, info->size, info->size, err))
        return false;
    options.background_image = background.pixel;
    rng = rng_make(info->seed, STREAM_AUGMENT, (uint64_t)i);
    ok = background_random(&background, &rng, err) &&
         engine_render(engine, x, &options, picture->pixel, label, err) &&
         augment(picture, label, &rng, err);
    image_free(&background);
    return ok;
}

static void draw_character(const Schema *schema, const PairsInfo *info, int64_t i, float *x)
{
    uint64_t index = (uint64_t)i;

    if (i % 4 == 0)
        schema_random_uniform(schema, info->seed, index, x);
    else if (i % 4 == 2 && info->n_near > 0)
        schema_random_near(schema, info->character + i / 4 % info->n_near * info->dim, info->seed,
                           index, x);
    else
        schema_random_person(schema, info->seed, index, x);
}

bool pairs_render(const Engine *engine, const PairsInfo *info, int64_t i, float *x, uint8_t *rgb,
                  uint8_t *label, Error *err)
{
    const Schema *schema = engine_schema(engine);
    Image picture;
    bool ok;

    assert(schema->dim == info->dim && (label || !info->labels));
    if (engine_sample_count(engine) > 0)
        return engine_sample(engine, i, info->size, x, rgb, label, err);
    draw_character(schema, info, i, x);
    if (info->kind == PAIRS_IMITATOR) {
        RenderOptions options = render_options_default();
        options.size = info->size;
        return engine_render(engine, x, &options, rgb, label, err);
    }
    if (!image_new(&picture, info->size, info->size, err))
        return false;
    ok = render_varied(engine, info, i, x, &picture, label, err);
    if (ok)
        memcpy(rgb, picture.pixel, 3 * (size_t)info->size * (size_t)info->size);
    image_free(&picture);
    return ok;
}
