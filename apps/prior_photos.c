#include "config.h"

#include "apps/prior_photos.h"

#include <stdlib.h>

#include "apps/checkpoint.h"
#include "apps/paths.h"
#include "apps/photo_option.h"
#include "apps/progress.h"

/* Side of the pictures: the small imitators', so that their pools can be shared. */
enum { SIZE = 128 };

static bool translate_photo(const Studio *s, const PhotoPool *pool, int64_t i, uint8_t *rgb,
                            real *picture, float *x, Error *err)
{
    PoolPhoto photo;

    if (!photo_pool_get(pool, i, &photo, err)) {
        return false;
    }
    size_t values = 3 * (size_t)SIZE * (size_t)SIZE;
    for (size_t k = 0; k < values; k++) {
        rgb[k] = photo.rgb[k];
    }
    image_to_planar(picture, &(Image){SIZE, SIZE, rgb});
    one_shot_run(s->one_shot[0], picture, 1, x);
    return true;
}

static bool translate_all(const Studio *s, const PhotoPool *pool, const int64_t *index, int64_t n,
                          float *x, Error *err)
{
    size_t values = 3 * (size_t)SIZE * (size_t)SIZE;
    real *picture = malloc(values * sizeof *picture);
    uint8_t *rgb = malloc(values);
    bool ok = (picture && rgb) || error_set(err, "out of memory for a picture");
    Progress progress;

    progress_start(&progress, "translating", "faces", 0, n);
    for (int64_t i = 0; ok && i < n; i++) {
        ok = translate_photo(s, pool, index[i], rgb, picture, x + i * s->schema[0]->dim, err);
        progress_update(&progress, i + 1, NULL);
    }
    progress_end(&progress, n, NULL);
    free(picture);
    free(rgb);
    return ok;
}

static bool read_pool(const Studio *s, const char *photos, const char *out, float **x, int64_t *n,
                      Error *err)
{
    const PhotoPoolConfig config = {SIZE, s->reference};
    const PhotoQuality quality = photo_quality_default();
    const unsigned splits = 1u << PHOTO_TRAIN;
    int64_t *index = NULL;
    PhotoPool *pool;

    if (!photo_option_open(&pool, NULL, photos, out, &config, 0, err)) {
        return false;
    }
    bool ok = photo_pool_select(pool, splits, &quality, &index, n, err) &&
              (*n > 0 || error_set(err, "%.300s has no good frontal photo to learn from", photos));
    if (ok) {
        *x = malloc((size_t)*n * (size_t)s->schema[0]->dim * sizeof **x);
        ok = *x ? translate_all(s, pool, index, *n, *x, err)
                : error_set(err, "out of memory for %lld characters", (long long)*n);
        if (!ok) {
            free(*x);
        }
    }
    free(index);
    photo_pool_close(pool);
    return ok;
}

bool prior_photos_read(const StudioConfig *config, const char *photos, const char *out, float **x,
                       int64_t *n, Error *err)
{
    StudioConfig c = *config;
    Studio studio;

    c.face_size = SIZE;
    c.with_translators = true;
    if (!studio_open(&studio, &c, err)) {
        return false;
    }
    bool ok = read_pool(&studio, photos, out, x, n, err);
    studio_close(&studio);
    return ok;
}
