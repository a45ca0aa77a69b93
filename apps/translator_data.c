#include "apps/translator_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/photo_option.h"
#include "libtensor/rng.h"

enum {
    CYCLE = 4, /* steps, the last of which is of all photos */
    STREAM_ALL = 0x54414c4c,
    STREAM_FRONTAL = 0x5446524f,
    STREAM_NOISE = 0x544e4f49,
    ALL_SPLITS = (1 << PHOTO_SPLITS) - 1
};

bool order_new(Order *order, int64_t n, uint64_t seed, uint32_t stream, Error *err)
{
    *order = (Order){.seed = seed,
                     .stream = stream,
                     .round = UINT64_MAX,
                     .n = n,
                     .at = malloc((size_t)n * sizeof *order->at)};
    return order->at || error_set(err, "out of memory for the order of samples");
}

void order_free(Order *order)
{
    free(order->at);
    order->at = NULL;
}

/* Fisher and Yates. */
static void shuffle(Order *o, uint64_t round)
{
    Rng rng = rng_make(o->seed, o->stream, round);
    for (int64_t i = 0; i < o->n; i++)
        o->at[i] = i;
    for (int64_t i = o->n - 1; i > 0; i--) {
        int64_t k = rng_below(&rng, (uint32_t)i + 1), t = o->at[i];
        o->at[i] = o->at[k];
        o->at[k] = t;
    }
    o->round = round;
}

int64_t order_at(Order *o, uint64_t position)
{
    uint64_t round = position / (uint64_t)o->n;
    if (round != o->round)
        shuffle(o, round);
    return o->at[position % (uint64_t)o->n];
}

/* Opens a pool and looks at it: the next of data->sights. */
static bool open_pool(TranslatorData *d, const char *name, const char *out, const Studio *studio,
                      Error *err)
{
    PhotoPoolConfig config = {.size = studio->size, .reference = studio->reference};
    char *file, *cache;
    PhotoPool **pool = &d->pool[d->n_pools];
    if (!photo_option_open(pool, &file, name, out, &config, studio->schema[0], 0, err))
        return false;
    size_t room = strlen(file) + sizeof ".sights";
    cache = malloc(room);
    if (!cache)
        die("out of memory for the translator");
    snprintf(cache, room, "%s.sights", file);
    bool ok = sights_open(&d->sights[d->n_pools], *pool, &studio->eyes, d->arrays.maps, cache,
                          studio->backend, err);
    if (ok)
        d->n_pools++;
    else
        photo_pool_close(*pool);
    free(cache);
    free(file);
    return ok;
}

static bool select_faces(Faces *faces, const Sights *sights, unsigned splits, bool frontal,
                         const char *name, Error *err)
{
    PhotoQuality quality = photo_quality_default();
    if (photo_pool_info(sights->pool)->dim > 0)
        quality.side = 0; /* renders are as sharp at any size */
    faces->sights = sights;
    if (!sights_select(sights, splits, frontal ? &quality : NULL, &faces->face, &faces->count, err))
        return false;
    return faces->count > 0 ||
           error_set(err, "%.300s has no %s faces to %s", name, frontal ? "good frontal" : "usable",
                     splits == 1 << PHOTO_VALIDATION ? "measure with; give some by --val"
                                                     : "train on");
}

static bool open_all(TranslatorData *d, const TranslatorDataConfig *c, const Studio *studio,
                     Error *err)
{
    const unsigned train = 1 << PHOTO_TRAIN, val = 1 << PHOTO_VALIDATION;
    const Sights *all = &d->sights[0], *frontal = all, *held_out = all;

    if (!open_pool(d, c->data, c->out, studio, err))
        return false;
    if (c->measure)
        return select_faces(&d->all, all, ALL_SPLITS, false, c->data, err) &&
               select_faces(&d->val, all, ALL_SPLITS, false, c->data, err);
    if (c->frontal) {
        frontal = &d->sights[d->n_pools];
        if (!open_pool(d, c->frontal, c->out, studio, err))
            return false;
    }
    if (c->val) {
        held_out = &d->sights[d->n_pools];
        if (!open_pool(d, c->val, c->out, studio, err))
            return false;
    }
    return select_faces(&d->all, all, train, false, c->data, err) &&
           (!d->alternate || select_faces(&d->frontal, frontal, train, true,
                                          c->frontal ? c->frontal : c->data, err)) &&
           select_faces(&d->val, held_out, c->val ? ALL_SPLITS : val, false,
                        c->val ? c->val : c->data, err);
}

bool translator_data_open(TranslatorData *data, const TranslatorDataConfig *config,
                          const Studio *studio, Error *err)
{
    *data = (TranslatorData){
        .arrays = config->arrays, .alternate = config->alternate, .dim = studio->schema[0]->dim};
    if (open_all(data, config, studio, err))
        return true;
    translator_data_close(data);
    return false;
}

void translator_data_close(TranslatorData *d)
{
    order_free(&d->order_all);
    order_free(&d->order_frontal);
    free(d->noise);
    free(d->all.face);
    free(d->frontal.face);
    free(d->val.face);
    for (int i = 0; i < d->n_pools; i++) {
        sights_close(&d->sights[i]);
        photo_pool_close(d->pool[i]);
    }
}

/* noise times the deviation of each value of the faces' descriptors. */
static bool measure_noise(TranslatorData *d, double noise, Error *err)
{
    const Sights *s = d->all.sights;
    d->noise = malloc((size_t)s->dim * sizeof *d->noise);
    if (!d->noise)
        return error_set(err, "out of memory for the translator");
    for (int k = 0; k < s->dim; k++) {
        double sum = 0, square = 0, n = (double)d->all.count;
        for (int64_t i = 0; i < d->all.count; i++)
            sum += (double)s->descriptor[d->all.face[i] * s->dim + k] / n;
        for (int64_t i = 0; i < d->all.count; i++) {
            double off = (double)s->descriptor[d->all.face[i] * s->dim + k] - sum;
            square += off * off / n;
        }
        d->noise[k] = (real)(noise * sqrt(square));
    }
    return true;
}

bool translator_data_start(TranslatorData *d, int batch, uint64_t seed, double noise, Error *err)
{
    d->batch = batch;
    d->seed = seed;
    return order_new(&d->order_all, d->all.count, seed, STREAM_ALL, err) &&
           (!d->alternate ||
            order_new(&d->order_frontal, d->frontal.count, seed, STREAM_FRONTAL, err)) &&
           (noise <= 0 || measure_noise(d, noise, err));
}

bool translator_step_of_all(const TranslatorData *d, uint64_t step)
{
    return !d->alternate || step % CYCLE == CYCLE - 1;
}

static const Faces *faces_of_step(const TranslatorData *d, uint64_t step)
{
    return translator_step_of_all(d, step) ? &d->all : &d->frontal;
}

bool translator_step_knows_x(const TranslatorData *d, uint64_t step)
{
    return photo_pool_info(faces_of_step(d, step)->sights->pool)->dim > 0;
}

bool translator_data_sample(TranslatorData *d, uint64_t step, int slot, void *const *array,
                            Error *err)
{
    /* How many batches of the same kind came before. */
    uint64_t of_all = d->alternate ? step / CYCLE : step;
    bool all = translator_step_of_all(d, step);
    uint64_t position = (all ? of_all : step - of_all) * (uint64_t)d->batch + (uint64_t)slot;
    if (!faces_get(faces_of_step(d, step),
                   order_at(all ? &d->order_all : &d->order_frontal, position), d->arrays, d->dim,
                   array, err))
        return false;
    Rng rng = rng_make(d->seed, STREAM_NOISE, step * (uint64_t)d->batch + (uint64_t)slot);
    for (int k = 0; d->noise && k < d->all.sights->dim; k++)
        ((real *)array[0])[k] += d->noise[k] * (real)rng_normal(&rng);
    return true;
}

bool faces_get(const Faces *faces, int64_t i, FaceArrays arrays, int dim, void *const *array,
               Error *err)
{
    const Sights *s = faces->sights;
    int64_t face = faces->face[i];
    const float *x = NULL, *descriptor = s->descriptor + face * s->dim;
    real *to = *array++;

    for (int k = 0; k < s->dim; k++)
        to[k] = (real)descriptor[k];
    if (arrays.maps) {
        const uint8_t *maps = s->maps + (size_t)face * s->area;
        to = *array++;
        for (size_t k = 0; k < s->area; k++)
            to[k] = (real)maps[k] / 255;
    }
    if (arrays.picture && !sights_get(s, face, *array++, NULL, err))
        return false;
    if (!arrays.x)
        return true;
    if (!sights_get(s, face, NULL, &x, err))
        return false;
    to = *array;
    for (int k = 0; k < dim; k++)
        to[k] = x ? (real)x[k] : 0;
    return true;
}
