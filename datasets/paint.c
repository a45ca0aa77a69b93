#include "datasets/paint.h"

#include <math.h>

static const float TURN = 6.28318531f;

void random_colour(Rng *rng, float rgb[3])
{
    float light = 255 * rng_uniform(rng), full = rng_uniform(rng);

    for (int c = 0; c < 3; c++)
        rgb[c] = (1 - full) * light + full * 255 * rng_uniform(rng);
}

Fill random_fill(Rng *rng, int side)
{
    float angle = TURN * rng_uniform(rng);
    Fill f = {.kind = (int)rng_below(rng, FILL_COUNT), .direction = {cosf(angle), sinf(angle)}};

    random_colour(rng, f.colour[0]);
    random_colour(rng, f.colour[1]);
    f.period = (float)side * rng_range(rng, .02f, .25f);
    if (f.kind == FILL_GRADIENT)
        f.period = (float)side * rng_range(rng, .5f, 2);
    f.key = (uint64_t)rng_u32(rng) << 32;
    f.key |= rng_u32(rng);
    return f;
}

static float lattice(uint64_t key, float x, float y)
{
    uint32_t word[4];

    philox(key, (uint32_t)(int32_t)x, 0, (uint32_t)(int32_t)y, word);
    return (float)(word[0] >> 8) * 0x1p-24f;
}

/* Value noise in [0, 1): random values on a grid, smoothly joined. */
static float noise(uint64_t key, float x, float y)
{
    float fx = floorf(x), fy = floorf(y), u = x - fx, v = y - fy;
    float top, bottom;

    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    top = lattice(key, fx, fy) * (1 - u) + lattice(key, fx + 1, fy) * u;
    bottom = lattice(key, fx, fy + 1) * (1 - u) + lattice(key, fx + 1, fy + 1) * u;
    return top * (1 - v) + bottom * v;
}

static float fill_share(const Fill *f, float x, float y)
{
    float along = (x * f->direction[0] + y * f->direction[1]) / f->period;

    switch (f->kind) {
    case FILL_GRADIENT:
        return fabsf(along - 2 * floorf(along / 2 + .5f)); /* there and back */
    case FILL_BLOTCHES:
        return .65f * noise(f->key, x / f->period, y / f->period) +
               .35f * noise(f->key + 1, 3 * x / f->period, 3 * y / f->period);
    case FILL_STRIPES:
        return along - floorf(along) < .5f ? 0 : 1;
    default:
        return 0;
    }
}

float blob_coverage(const void *blob, float x, float y)
{
    const Blob *b = blob;
    float c = cosf(b->angle), s = sinf(b->angle), dx = x - b->x, dy = y - b->y;
    float u = c * dx + s * dy, v = c * dy - s * dx, outside, soft;

    /* Signed distance to the edge in pixels, good enough near it. */
    if (b->box) {
        outside = fmaxf(fabsf(u) - b->rx, fabsf(v) - b->ry);
    } else {
        float r = hypotf(u / b->rx, v / b->ry);
        outside = (r - 1) * fminf(b->rx, b->ry);
    }
    if (b->rim > 0)
        outside = fabsf(outside) - b->rim / 2;
    soft = .5f - outside;
    return soft < 0 ? 0 : soft > 1 ? 1 : soft;
}

void paint(const PaintTarget *target, Coverage *coverage, const void *shape, const Fill *fill,
           float opacity)
{
    int width = target->image->width, height = target->image->height;

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            size_t at = (size_t)y * (size_t)width + (size_t)x;
            uint8_t *p = target->image->pixel + 3 * at;
            float px = (float)x + .5f, py = (float)y + .5f, cover, share;
            if (target->only >= 0 && target->label && target->label[at] != target->only)
                continue;
            cover = coverage(shape, px, py);
            if (cover <= 0)
                continue;
            share = fill_share(fill, px, py);
            for (int c = 0; c < 3; c++) {
                float colour = (1 - share) * fill->colour[0][c] + share * fill->colour[1][c];
                p[c] = (uint8_t)((float)p[c] + opacity * cover * (colour - (float)p[c]) + .5f);
            }
            if (target->label && cover >= .5f)
                target->label[at] = (uint8_t)target->value;
        }
}
