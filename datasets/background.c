#include "datasets/background.h"

#include "datasets/paint.h"

enum { MOST_SHAPES = 9, SOFTNESS = 4 };

static float everywhere(const void *shape, float x, float y)
{
    (void)shape;
    (void)x;
    (void)y;
    return 1;
}

static void draw(Image *image, Rng *rng)
{
    int side = image->width > image->height ? image->width : image->height;
    PaintTarget target = {.image = image, .only = -1};
    Fill fill = random_fill(rng, side);
    uint32_t shapes = rng_below(rng, MOST_SHAPES);

    paint(&target, everywhere, NULL, &fill, 1);
    for (uint32_t i = 0; i < shapes; i++) {
        Blob blob = {.box = rng_below(rng, 2) == 1};
        blob.x = (float)image->width * rng_uniform(rng);
        blob.y = (float)image->height * rng_uniform(rng);
        blob.rx = (float)side * rng_range(rng, .03f, .4f);
        blob.ry = (float)side * rng_range(rng, .03f, .4f);
        blob.angle = rng_range(rng, -1.6f, 1.6f);
        fill = random_fill(rng, side);
        paint(&target, blob_coverage, &blob, &fill, rng_range(rng, .5f, 1));
    }
}

bool background_random(Image *image, Rng *rng, Error *err)
{
    Image small = {0};

    /* Every second one is out of focus: drawn small and enlarged. */
    if (rng_below(rng, 2) == 0) {
        draw(image, rng);
        return true;
    }
    if (!image_new(&small, 1 + image->width / SOFTNESS, 1 + image->height / SOFTNESS, err))
        return false;
    draw(&small, rng);
    image_resize(image, &small);
    image_free(&small);
    return true;
}
