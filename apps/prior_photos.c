#include "config.h"

#include "apps/prior_photos.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/photo_option.h"
#include "apps/sights.h"

static bool translate_all(const Studio *s, const Sights *sights, const int64_t *face, int64_t n,
                          float **x, Error *err)
{
    *x = malloc((size_t)n * (size_t)s->schema[0]->dim * sizeof **x);
    if (!*x) {
        return error_set(err, "out of memory for %lld characters", (long long)n);
    }
    if (sights_translate(sights, &s->translator[0], face, n, *x, s->backend, err)) {
        return true;
    }
    free(*x);
    return false;
}

/* A quarter of what render_dataset draws has every parameter uniform: no people. */
static bool is_plausible(const Schema *schema, const float *x)
{
    const double most = 2; /* mean of squared deviations: 1 of people, 5 of uniform ones */
    double sum = 0;

    for (int i = 0; i < schema->n_continuous; i++) {
        const Control *c = &schema->control[i];
        double d = ((double)x[i] - (double)c->mean) / fmax((double)c->deviation, 1e-3);
        sum += d * d;
    }
    return sum <= most * schema->n_continuous;
}

/* Of renders the plausible people, in place. */
static bool keep_plausible(const Studio *s, const Sights *sights, int64_t *face, int64_t *n,
                           Error *err)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < *n; i++) {
        const float *x;
        if (!sights_get(sights, face[i], NULL, &x, err)) {
            return false;
        }
        if (is_plausible(s->schema[0], x)) {
            face[kept++] = face[i];
        }
    }
    *n = kept;
    return true;
}

/* The faces of an open pool. What the networks see in them is kept beside it, as the translator's
 * training keeps it. */
static bool read_pool(const Studio *s, const PhotoPool *pool, const char *file, float **x,
                      int64_t *n, Error *err)
{
    const PhotoQuality quality = photo_quality_default();
    const bool renders = photo_pool_info(pool)->dim > 0; /* as small as they are, they are good */
    int64_t *face;
    Sights sights;
    char cache[4096];

    snprintf(cache, sizeof cache, "%s.sights", file);
    if (!sights_open(&sights, pool, &s->eyes, false, cache, s->backend, err)) {
        return false;
    }
    bool ok = sights_select(&sights, 1u << PHOTO_TRAIN, renders ? NULL : &quality, &face, n, err);
    if (ok) {
        ok = !renders || keep_plausible(s, &sights, face, n, err);
        if (ok) {
            ok = *n > 0 ? translate_all(s, &sights, face, *n, x, err)
                        : error_set(err, "%.300s has no good frontal face to learn from", file);
        }
        free(face);
    }
    sights_close(&sights);
    return ok;
}

bool prior_photos_read(const Studio *studio, const char *photos, const char *out, float **x,
                       int64_t *n, Error *err)
{
    const PhotoPoolConfig config = {studio->size, studio->reference};
    PhotoPool *pool;
    char *file;

    if (!photo_option_open(&pool, &file, photos, out, &config, studio->schema[0], 0, err)) {
        return false;
    }
    bool ok = read_pool(studio, pool, file, x, n, err);
    photo_pool_close(pool);
    free(file);
    return ok;
}
