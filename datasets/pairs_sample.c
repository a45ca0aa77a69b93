#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/augment.h"
#include "datasets/background.h"
#include "datasets/pairs.h"

/* Streams of the random numbers of a sample, beside the schema's own. */
enum { STREAM_VIEW = 0x56494557, STREAM_AUGMENT = 0x41554744, STREAM_EXPRESSION = 0x45585052 };

static void random_light(RenderOptions *o, Rng *rng)
{
    o->light_yaw += rng_range(rng, -70, 70);
    o->light_pitch += rng_range(rng, -40, 35);
    o->light_warmth = rng_range(rng, -1, 1);
    o->light_gain *= rng_range(rng, .5f, 1.5f);
    o->ambient_gain *= rng_range(rng, .4f, 1.8f);
}

/* Mostly looking here, as people do who are photographed: a triangle of half width `most`. */
static float mostly_small(Rng *rng, float most)
{
    float a = rng_uniform(rng);

    return most * (a - rng_uniform(rng));
}

static void random_pose(RenderOptions *o, Rng *rng)
{
    float nearer = rng_range(rng, .6f, 1.7f), zoom = expf(rng_range(rng, -.06f, .44f));

    o->yaw = mostly_small(rng, 40);
    o->pitch = mostly_small(rng, 22);
    o->roll = mostly_small(rng, 15);
    o->distance *= nearer; /* another perspective, the same size of the face */
    o->focal *= nearer * zoom;
}

/* Portraits smile, laugh, talk and blink where plausible people of the schema look calm; by the
 * names of the controls, of those that the schema has. */
static void random_expression(const Schema *schema, Rng *rng, float *x)
{
    static const struct {
        const char *name;
        float least, most;
    } part[] = {
        {"smile", .3f, 1}, {"grin", .45f, 1}, {"mouth-open", .3f, 1}, {"eye-opening", 0, .6f}};

    for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
        int at = schema_find(schema, part[k].name);
        bool set = rng_uniform(rng) < .5f;
        float value = rng_range(rng, part[k].least, part[k].most);
        if (at >= 0 && set)
            x[at] = value;
    }
}

bool pairs_random_view(const Engine *engine, uint64_t seed, int64_t i, float *x, Image *picture,
                       uint8_t *label, Error *err)
{
    RenderOptions options = render_options_default();
    Rng rng = rng_make(seed, STREAM_VIEW, (uint64_t)i);
    Rng expression = rng_make(seed, STREAM_EXPRESSION, (uint64_t)i);
    Image background;
    bool ok;

    assert(picture->width == picture->height);
    options.size = picture->width;
    random_expression(engine_schema(engine), &expression, x);
    random_pose(&options, &rng);
    random_light(&options, &rng);
    if (!image_new(&background, options.size, options.size, err))
        return false;
    options.background_image = background.pixel;
    rng = rng_make(seed, STREAM_AUGMENT, (uint64_t)i);
    ok = background_random(&background, &rng, err) &&
         engine_render(engine, x, &options, picture->pixel, label, err) &&
         augment(picture, label, &rng, err);
    image_free(&background);
    return ok;
}

PairsDrawn pairs_drawn(const PairsInfo *info, int64_t i)
{
    return info->finished ? PAIRS_GIVEN : i % 4 == 0 ? PAIRS_UNIFORM : PAIRS_PEOPLE;
}

static void draw_character(const Schema *schema, const PairsInfo *info, int64_t i, float *x)
{
    uint64_t index = (uint64_t)i;

    if (pairs_drawn(info, i) == PAIRS_UNIFORM)
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
    ok = pairs_random_view(engine, info->seed, i, x, &picture, label, err);
    if (ok)
        memcpy(rgb, picture.pixel, 3 * (size_t)info->size * (size_t)info->size);
    image_free(&picture);
    return ok;
}
