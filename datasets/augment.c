#include "datasets/augment.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/paint.h"
#include "engine/engine.h"

static const float DEGREE = .0174532925f;

static bool chance(Rng *rng, float p)
{
    return rng_uniform(rng) < p;
}

/* ---- Geometry ---- */

static uint8_t mirrored_label(uint8_t label)
{
    switch (label) {
    case LABEL_LEFT_BROW:
        return LABEL_RIGHT_BROW;
    case LABEL_RIGHT_BROW:
        return LABEL_LEFT_BROW;
    case LABEL_LEFT_EYE:
        return LABEL_RIGHT_EYE;
    case LABEL_RIGHT_EYE:
        return LABEL_LEFT_EYE;
    default:
        return label;
    }
}

void augment_mirror(Image *image, uint8_t *label)
{
    size_t width = (size_t)image->width;

    for (int y = 0; y < image->height; y++) {
        uint8_t *row = image->pixel + 3 * (size_t)y * width, *classes = label + (size_t)y * width;
        for (size_t i = 0, j = width - 1; i < j; i++, j--)
            for (size_t c = 0; c < 3; c++) {
                uint8_t t = row[3 * i + c];
                row[3 * i + c] = row[3 * j + c];
                row[3 * j + c] = t;
            }
        for (size_t i = 0, j = width - 1; i <= j && j < width; i++, j--) {
            uint8_t t = mirrored_label(classes[i]);
            classes[i] = mirrored_label(classes[j]);
            classes[j] = t;
        }
    }
}

bool augment_warp(Image *image, uint8_t *label, Similarity s, Error *err)
{
    Image warped, classes;
    int width = image->width, height = image->height;

    if (!image_new(&warped, width, height, err))
        return false;
    if (!image_new(&classes, width, height, err)) { /* more than is needed */
        image_free(&warped);
        return false;
    }
    image_warp(&warped, image, s);
    label_warp(classes.pixel, width, height, label, width, height, s, LABEL_IGNORE);
    memcpy(label, classes.pixel, (size_t)width * (size_t)height);
    memcpy(image->pixel, warped.pixel, 3 * (size_t)width * (size_t)height);
    image_free(&classes);
    image_free(&warped);
    return true;
}

bool augment_geometry(Image *image, uint8_t *label, Rng *rng, Error *err)
{
    float zoom = expf(rng_range(rng, -.1f, .1f)), angle = rng_range(rng, -6, 6) * DEGREE;
    float cx = (float)image->width / 2, cy = (float)image->height / 2;
    Similarity s = {.a = zoom * cosf(angle), .b = zoom * sinf(angle)};

    s.tx = cx - s.a * cx + s.b * cy + rng_range(rng, -.08f, .08f) * (float)image->width;
    s.ty = cy - s.b * cx - s.a * cy + rng_range(rng, -.06f, .14f) * (float)image->height;
    if (chance(rng, .5f))
        augment_mirror(image, label);
    return augment_warp(image, label, s, err);
}

/* ---- Where things are ---- */

/* All but background and hair. */
static const unsigned FACE_PARTS = (1u << LABEL_HAIR) - 2;

/* Where a class of the label map lies. */
typedef struct Region {
    int n;
    float x, y;                     /* centre of mass */
    float left, top, right, bottom; /* box */
    float rgb[3];                   /* mean colour */
} Region;

/* Of the classes with their bit set in `classes`. */
static Region region_of(const Image *image, const uint8_t *label, unsigned classes)
{
    Region r = {.left = (float)image->width, .top = (float)image->height};

    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++) {
            size_t at = (size_t)y * (size_t)image->width + (size_t)x;
            if (label[at] >= LABEL_COUNT || !(classes >> label[at] & 1))
                continue;
            r.n++;
            r.x += (float)x + .5f;
            r.y += (float)y + .5f;
            r.left = fminf(r.left, (float)x);
            r.right = fmaxf(r.right, (float)x + 1);
            r.top = fminf(r.top, (float)y);
            r.bottom = fmaxf(r.bottom, (float)y + 1);
            for (size_t c = 0; c < 3; c++)
                r.rgb[c] += (float)image->pixel[3 * at + c];
        }
    if (r.n > 0) {
        r.x /= (float)r.n;
        r.y /= (float)r.n;
        for (int c = 0; c < 3; c++)
            r.rgb[c] /= (float)r.n;
    }
    return r;
}

/* ---- On the skin ---- */

/* A round patch that fades towards its edge. */
static float glow_coverage(const void *shape, float x, float y)
{
    const Blob *b = shape;
    float c = cosf(b->angle), s = sinf(b->angle), dx = x - b->x, dy = y - b->y;
    float u = (c * dx + s * dy) / b->rx, v = (c * dy - s * dx) / b->ry, r = u * u + v * v;

    return r < 1 ? (1 - r) * (1 - r) : 0;
}

static float region_coverage(const void *shape, float x, float y)
{
    (void)shape;
    (void)x;
    (void)y;
    return 1;
}

/* One side of a line in the dark, with a soft edge. */
typedef struct Shade {
    float x, y, nx, ny, soft;
} Shade;

static float shade_coverage(const void *shape, float x, float y)
{
    const Shade *s = shape;
    float d = .5f + ((x - s->x) * s->nx + (y - s->y) * s->ny) / s->soft;

    d = d < 0 ? 0 : d > 1 ? 1 : d;
    return d * d * (3 - 2 * d);
}

/* Shadow on the lids and below the eyes. */
static void put_eye_shadow(Image *image, uint8_t *label, const Region *eye, const Fill *fill,
                           float opacity, Rng *rng)
{
    float w = eye->right - eye->left;
    Blob b = {.x = eye->x, .y = eye->y - rng_range(rng, -.1f, .25f) * w, .rx = 1.1f * w};

    b.ry = rng_range(rng, .35f, .7f) * w;
    paint(&(PaintTarget){image, label, LABEL_SKIN, LABEL_SKIN}, glow_coverage, &b, fill, opacity);
}

static void put_make_up(Image *image, uint8_t *label, const Region eye[2], Rng *rng)
{
    Fill fill = {0};
    float opacity = rng_range(rng, .2f, .9f);

    random_colour(rng, fill.colour[0]);
    for (int c = 0; c < 3; c++)
        fill.colour[0][c] *= rng_range(rng, .1f, .6f);
    for (int i = 0; i < 2; i++)
        put_eye_shadow(image, label, &eye[i], &fill, opacity, rng);
}

/* Brows darkened, or of another brown. */
static void put_brow_colour(Image *image, uint8_t *label, Rng *rng)
{
    Fill fill = {0};
    float light = rng_range(rng, 5, 90), opacity = rng_range(rng, .2f, .8f);

    for (int c = 0; c < 3; c++)
        fill.colour[0][c] = light * (1.15f - .2f * (float)c);
    for (int k = LABEL_LEFT_BROW; k <= LABEL_RIGHT_BROW; k++)
        paint(&(PaintTarget){image, label, k, k}, region_coverage, NULL, &fill, opacity);
}

/* Shine, redness, spots: patches of light and colour on the face. */
static void put_patches(Image *image, uint8_t *label, const Region *face, Rng *rng)
{
    float w = face->right - face->left, h = face->bottom - face->top;
    int n = 1 + (int)rng_below(rng, 5);

    for (int i = 0; i < n; i++) {
        Blob b = {.x = face->left + w * rng_uniform(rng), .y = face->top + h * rng_uniform(rng)};
        Fill fill = {0};
        float light = rng_range(rng, -.6f, 1), opacity = rng_range(rng, .1f, .6f);
        b.rx = w * rng_range(rng, .05f, .35f);
        b.ry = w * rng_range(rng, .05f, .35f);
        b.angle = rng_range(rng, -1.5f, 1.5f);
        for (int c = 0; c < 3; c++) {
            float there = face->rgb[c], to = light > 0 ? 255 : 0;
            fill.colour[0][c] = there + fabsf(light) * (to - there);
        }
        for (int k = LABEL_SKIN; k <= LABEL_NOSE; k += LABEL_NOSE - LABEL_SKIN)
            paint(&(PaintTarget){image, label, k, k}, glow_coverage, &b, &fill, opacity);
    }
}

/* Uneven skin. */
static void put_texture(Image *image, uint8_t *label, const Region *face, Rng *rng)
{
    float opacity = rng_range(rng, .1f, .4f), w = face->right - face->left;
    Fill fill = {.kind = FILL_BLOTCHES, .period = w * rng_range(rng, .02f, .3f)};

    fill.key = rng_u32(rng);
    for (int c = 0; c < 3; c++) {
        fill.colour[0][c] = .5f * face->rgb[c];
        fill.colour[1][c] = fminf(255, 1.5f * face->rgb[c]);
    }
    for (int k = LABEL_SKIN; k <= LABEL_NOSE; k += LABEL_NOSE - LABEL_SKIN)
        paint(&(PaintTarget){image, label, k, k}, region_coverage, NULL, &fill, opacity);
}

/* A shadow over a part of the picture. */
static void put_shade(Image *image, const Region *face, Rng *rng)
{
    float angle = rng_range(rng, -3.14159f, 3.14159f), w = face->right - face->left;
    Shade shade = {.nx = cosf(angle), .ny = sinf(angle), .soft = w * rng_range(rng, .05f, 1)};
    Fill black = {0};

    shade.x = face->x + w * rng_range(rng, -.4f, .4f);
    shade.y = face->y + w * rng_range(rng, -.4f, .4f);
    paint(&(PaintTarget){image, NULL, 0, -1}, shade_coverage, &shade, &black,
          rng_range(rng, .2f, .75f));
}

void augment_skin(Image *image, uint8_t *label, Rng *rng)
{
    Region face = region_of(image, label, FACE_PARTS);
    Region eye[2] = {region_of(image, label, 1u << LABEL_LEFT_EYE),
                     region_of(image, label, 1u << LABEL_RIGHT_EYE)};

    if (face.n == 0)
        return;
    if (chance(rng, .3f))
        put_texture(image, label, &face, rng);
    if (chance(rng, .3f))
        put_brow_colour(image, label, rng);
    if (eye[0].n > 0 && eye[1].n > 0 && chance(rng, .35f))
        put_make_up(image, label, eye, rng);
    if (chance(rng, .4f))
        put_patches(image, label, &face, rng);
    if (chance(rng, .25f))
        put_shade(image, &face, rng);
}

/* ---- Labels ---- */

bool augment_brows(uint8_t *label, int width, int height, Rng *rng, Error *err)
{
    size_t w = (size_t)width, n = w * (size_t)height;
    int dx = chance(rng, .5f) ? 1 : -1, dy = chance(rng, .5f) ? 1 : -1;
    uint8_t *from = malloc(n);

    if (!from)
        return error_set(err, "out of memory");
    memcpy(from, label, n);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            bool across = x + dx >= 0 && x + dx < width, along = y + dy >= 0 && y + dy < height;
            const uint8_t *p = from + (size_t)y * w + (size_t)x;
            uint8_t near[3] = {across ? p[dx] : 0, along ? p[dy * width] : 0,
                               across && along ? p[dy * width + dx] : 0};
            for (int k = 0; *p == LABEL_SKIN && k < 3; k++)
                if (near[k] == LABEL_LEFT_BROW || near[k] == LABEL_RIGHT_BROW)
                    label[(size_t)y * w + (size_t)x] = near[k];
        }
    free(from);
    return true;
}

/* ---- Things in front ---- */

/* Shoulders: below a line that falls from the neck to both sides, with a neckline cut out. */
typedef struct Garment {
    float x, y, slope, neck, depth;
} Garment;

static float garment_coverage(const void *shape, float x, float y)
{
    const Garment *g = shape;
    float aside = fabsf(x - g->x), edge = g->y + g->slope * aside, soft;

    if (aside < g->neck)
        edge += g->depth * (1 - aside / g->neck);
    soft = y - edge + .5f;
    return soft < 0 ? 0 : soft > 1 ? 1 : soft;
}

static void put_clothes(Image *image, uint8_t *label, const Region *face, Rng *rng)
{
    float h = face->bottom - face->top, w = face->right - face->left;
    Garment g = {.x = face->x, .y = face->bottom + rng_range(rng, .02f, .35f) * h};
    Fill fill = random_fill(rng, image->width);

    g.slope = rng_range(rng, .1f, .6f);
    g.neck = w * rng_range(rng, .2f, .6f);
    g.depth = h * rng_range(rng, 0, .5f);
    paint(&(PaintTarget){image, label, LABEL_BACKGROUND, LABEL_BACKGROUND}, garment_coverage, &g,
          &fill, 1);
}

static void put_hat(Image *image, uint8_t *label, const Region *face, const Region *brows, Rng *rng)
{
    float w = face->right - face->left, h = face->bottom - face->top;
    float brim = brows->top - rng_range(rng, .02f, .2f) * h, tall = rng_range(rng, .3f, .8f) * h;
    Blob hat = {.box = chance(rng, .3f), .x = face->x, .y = brim - tall, .ry = tall};
    Fill fill = random_fill(rng, image->width);
    PaintTarget target = {image, label, LABEL_BACKGROUND, -1};

    hat.rx = w * rng_range(rng, .55f, .8f);
    hat.angle = rng_range(rng, -8, 8) * DEGREE;
    paint(&target, blob_coverage, &hat, &fill, 1);
    if (chance(rng, .5f)) { /* and a brim */
        Blob edge = {.x = hat.x, .y = brim, .rx = hat.rx * rng_range(rng, 1, 1.5f), .ry = .06f * h};
        edge.angle = hat.angle;
        paint(&target, blob_coverage, &edge, &fill, 1);
    }
}

/* Fingers: a few long ellipses side by side, of about the colour of the face. */
static void put_hand(Image *image, uint8_t *label, const Region *face, Rng *rng)
{
    float w = face->right - face->left, h = face->bottom - face->top;
    float side = chance(rng, .5f) ? -1 : 1;
    float x = face->x + side * rng_range(rng, .25f, .6f) * w,
          y = face->y + rng_range(rng, .1f, .6f) * h;
    float angle = rng_range(rng, -60, 60) * DEGREE, thick = rng_range(rng, .05f, .08f) * w;
    int fingers = 1 + (int)rng_below(rng, 4);
    Fill fill = {.kind = FILL_BLOTCHES, .period = thick, .key = rng_u32(rng)};

    for (int c = 0; c < 3; c++) {
        fill.colour[0][c] = fminf(255, fmaxf(0, face->rgb[c] * rng_range(rng, .85f, 1.15f)));
        fill.colour[1][c] = .8f * fill.colour[0][c];
    }
    for (int i = 0; i < fingers; i++) {
        float across = 2 * thick * (float)i;
        Blob finger = {.x = x + across * cosf(angle), .y = y + across * sinf(angle), .rx = thick};
        finger.ry = rng_range(rng, .25f, .45f) * h;
        finger.angle = angle + rng_range(rng, -6, 6) * DEGREE;
        paint(&(PaintTarget){image, label, LABEL_BACKGROUND, -1}, blob_coverage, &finger, &fill, 1);
    }
}

/* Something else that reaches into the picture from its border. */
static void put_thing(Image *image, uint8_t *label, Rng *rng)
{
    float w = (float)image->width, h = (float)image->height, along = rng_uniform(rng);
    uint32_t edge = rng_below(rng, 4);
    Blob thing = {.box = chance(rng, .5f)};
    Fill fill = random_fill(rng, image->width);

    thing.x = edge == 0 ? 0 : edge == 1 ? w : along * w;
    thing.y = edge == 2 ? 0 : edge == 3 ? h : along * h;
    thing.rx = w * rng_range(rng, .05f, .3f);
    thing.ry = h * rng_range(rng, .05f, .3f);
    thing.angle = rng_range(rng, -1.5f, 1.5f);
    paint(&(PaintTarget){image, label, LABEL_BACKGROUND, -1}, blob_coverage, &thing, &fill, 1);
}

/* A rim around each eye, a bridge and arms; sometimes dark glass. */
static void put_glasses(Image *image, uint8_t *label, const Region eye[2], Rng *rng)
{
    float dx = eye[0].x - eye[1].x, dy = eye[0].y - eye[1].y, apart = hypotf(dx, dy);
    float angle = atan2f(dy, dx), rx = apart * rng_range(rng, .28f, .42f);
    float ry = rx * rng_range(rng, .6f, 1.05f), rim = fmaxf(1, apart * rng_range(rng, .02f, .09f));
    bool box = chance(rng, .4f), dark = chance(rng, .25f);
    float glass = dark ? rng_range(rng, .6f, 1) : rng_range(rng, 0, .2f);
    Fill frame = {0}, lens = {0};
    PaintTarget ignored = {image, label, LABEL_IGNORE, -1}, seen_through = {image, NULL, 0, -1};

    random_colour(rng, frame.colour[0]);
    random_colour(rng, lens.colour[0]);
    for (int c = 0; c < 3; c++) {
        frame.colour[0][c] *= chance(rng, .6f) ? .3f : 1; /* dark frames are the commonest */
        lens.colour[0][c] *= dark ? .3f : 1;
    }
    for (int i = 0; i < 2; i++) {
        float out = i == 0 ? 1 : -1; /* eye[0] is on the side dx points to */
        Blob b = {box, eye[i].x, eye[i].y + .1f * ry, rx, ry, angle, 0};
        Blob arm = {true, 0, 0, apart * .25f, rim / 2, angle, 0};
        arm.x = b.x + out * (rx + arm.rx) * cosf(angle);
        arm.y = b.y + out * (rx + arm.rx) * sinf(angle) - .3f * ry;
        paint(dark ? &ignored : &seen_through, blob_coverage, &b, &lens, glass);
        b.rim = rim;
        paint(&ignored, blob_coverage, &b, &frame, 1);
        paint(&ignored, blob_coverage, &arm, &frame, 1);
    }
    paint(&ignored, blob_coverage,
          &(Blob){true, (eye[0].x + eye[1].x) / 2, (eye[0].y + eye[1].y) / 2,
                  fmaxf(1, apart / 2 - rx + rim / 2), rim / 2, angle, 0},
          &frame, 1);
}

void augment_occlude(Image *image, uint8_t *label, Rng *rng)
{
    Region face = region_of(image, label, FACE_PARTS);
    Region brows = region_of(image, label, 1u << LABEL_LEFT_BROW | 1u << LABEL_RIGHT_BROW);
    Region eye[2] = {region_of(image, label, 1u << LABEL_LEFT_EYE),
                     region_of(image, label, 1u << LABEL_RIGHT_EYE)};

    if (face.n > 0 && chance(rng, .6f))
        put_clothes(image, label, &face, rng);
    if (eye[0].n > 0 && eye[1].n > 0 && chance(rng, .15f))
        put_glasses(image, label, eye, rng);
    if (face.n > 0 && brows.n > 0 && chance(rng, .12f))
        put_hat(image, label, &face, &brows, rng);
    if (face.n > 0 && chance(rng, .12f))
        put_hand(image, label, &face, rng);
    if (chance(rng, .12f))
        put_thing(image, label, rng);
}

/* ---- Pixels ---- */

static uint8_t to_byte(float v)
{
    return (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v + .5f);
}

static void change_tone(Image *image, Rng *rng)
{
    size_t n = (size_t)image->width * (size_t)image->height;
    float contrast = rng_range(rng, .75f, 1.45f), shift = rng_range(rng, -.1f, .1f);
    float gamma = expf(rng_range(rng, -.4f, .4f));
    float colourful = chance(rng, .05f) ? 0 : rng_range(rng, .6f, 1.5f);
    float table[3][256];

    for (int c = 0; c < 3; c++) {
        float gain = rng_range(rng, .85f, 1.15f);
        for (int v = 0; v < 256; v++) {
            float y = powf((float)v / 255, gamma) * gain;
            table[c][v] = 255 * ((y - .5f) * contrast + .5f + shift);
        }
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t *p = image->pixel + 3 * i;
        float v[3], grey;
        for (int c = 0; c < 3; c++)
            v[c] = table[c][p[c]];
        grey = .299f * v[0] + .587f * v[1] + .114f * v[2];
        for (int c = 0; c < 3; c++)
            p[c] = to_byte(grey + colourful * (v[c] - grey));
    }
}

static void add_noise(Image *image, float sigma, Rng *rng)
{
    size_t n = 3 * (size_t)image->width * (size_t)image->height;

    for (size_t i = 0; i < n; i++)
        image->pixel[i] = to_byte((float)image->pixel[i] + sigma * rng_normal(rng));
}

/* As an enlarged small picture: shrunk and grown again. */
static bool lose_detail(Image *image, float scale, Error *err)
{
    Image small;

    if (!image_new(&small, (int)(1 + scale * (float)image->width),
                   (int)(1 + scale * (float)image->height), err))
        return false;
    image_resize(&small, image);
    image_resize(image, &small);
    image_free(&small);
    return true;
}

bool augment_colour(Image *image, Rng *rng, Error *err)
{
    change_tone(image, rng);
    if (chance(rng, .25f) &&
        !image_blur(image, rng_range(rng, .3f, 1.8f) * (float)image->width / 256, err))
        return false;
    if (chance(rng, .2f) && !lose_detail(image, rng_range(rng, .25f, .8f), err))
        return false;
    if (chance(rng, .4f))
        add_noise(image, rng_range(rng, 1, 10), rng);
    return !chance(rng, .6f) || image_jpeg_roundtrip(image, 30 + (int)rng_below(rng, 66), err);
}

bool augment(Image *image, uint8_t *label, Rng *rng, Error *err)
{
    augment_skin(image, label, rng);
    if (chance(rng, .4f) && !augment_brows(label, image->width, image->height, rng, err))
        return false;
    augment_occlude(image, label, rng);
    return augment_geometry(image, label, rng, err) && augment_colour(image, rng, err);
}
