#include "engine/gltf_paint.h"

#include <stdlib.h>
#include <string.h>

enum {
    SKIN_SIZE = 2048, /* half a millimetre a texel in the face: stubble, freckles */
    FINISH_SIZE = 512,
};

static const float ON_EDGE = 1e-4f; /* of a triangle, in its weights: no texel falls between two */

/* What a place shows, 0 .. 1. */
typedef void PaintFunction(const Frame *posed, const Hit *hit, float value[3]);

static uint8_t to_byte(float x)
{
    return (uint8_t)(clampf(x, 0, 1) * 255 + 0.5f);
}

static uint8_t to_srgb(float x)
{
    return to_byte(srgb_of(x));
}

static void paint_skin(const Frame *posed, const Hit *hit, float value[3])
{
    float rgb[3];
    skin_albedo(posed, hit, rgb);
    for (int c = 0; c < 3; c++)
        value[c] = rgb[c];
}

/* With the lids' shade: it makes half of an eye's look, and no other viewer would draw it. */
static void paint_eye(const Frame *posed, const Hit *hit, float value[3])
{
    float shade = eye_lid_shade(posed, hit);
    eye_albedo(posed, hit, value);
    for (int c = 0; c < 3; c++)
        value[c] *= shade;
}

/* With what the lips leave of the light. */
static void paint_teeth(const Frame *posed, const Hit *hit, float value[3])
{
    teeth_albedo(posed, hit, value);
    for (int c = 0; c < 3; c++)
        value[c] = lerpf(mouth_line[c], value[c], posed->mouth_open);
}

/* Red: the light that arrives from all around; green: roughness, lips being moist; blue: no metal.
 */
static void paint_finish(const Frame *posed, const Hit *hit, float value[3])
{
    SkinVertex skin;
    skin_attributes(posed, hit, &skin);
    value[0] = skin.ambient;
    value[1] = lerpf(0.55f, 0.36f, smoothstepf(-0.15f, 0.75f, skin.lip));
    value[2] = 0;
}

/* Colours what was not painted like its surroundings (pull and push): no seams where a viewer
 * filters across the border of an island or shrinks the texture. */
static bool fill_gaps(uint8_t *rgb, uint8_t *painted, int width, int height)
{
    bool whole = memchr(painted, 0, (size_t)width * height) == NULL;
    if (whole || (width == 1 && height == 1))
        return true;
    int w = (width + 1) / 2, h = (height + 1) / 2;
    uint8_t *half = calloc((size_t)w * h, 4);
    if (!half)
        return false;
    uint8_t *half_painted = half + (size_t)w * h * 3;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            int sum[3] = {0}, n = 0;
            for (int k = 0; k < 4; k++) {
                int fx = 2 * x + (k & 1), fy = 2 * y + (k >> 1);
                if (fx >= width || fy >= height || !painted[fy * width + fx])
                    continue;
                for (int c = 0; c < 3; c++)
                    sum[c] += rgb[3 * (fy * width + fx) + c];
                n++;
            }
            half_painted[y * w + x] = n > 0;
            for (int c = 0; c < 3; c++)
                half[3 * (y * w + x) + c] = (uint8_t)(n ? (sum[c] + n / 2) / n : 0);
        }
    bool ok = fill_gaps(half, half_painted, w, h);
    for (int y = 0; ok && y < height; y++)
        for (int x = 0; x < width; x++)
            if (!painted[y * width + x])
                memcpy(rgb + 3 * (y * width + x), half + 3 * (y / 2 * w + x / 2), 3);
    free(half);
    return ok;
}

/* Sets all of a hit that depends on its weights. */
static void place_hit(const Frame *posed, Hit *hit)
{
    const Surface *s = hit->surface;
    const Vertex *vertex = posed->vertex + posed->first_vertex[hit->index];
    memset(hit->uv, 0, sizeof hit->uv);
    memset(hit->p, 0, sizeof hit->p);
    memset(hit->n, 0, sizeof hit->n);
    for (int k = 0; k < 3; k++) {
        for (int c = 0; c < 2; c++)
            hit->uv[c] += hit->b[k] * s->uv[2 * hit->v[k] + c];
        for (int c = 0; c < 3; c++) {
            hit->p[c] += hit->b[k] * vertex[hit->v[k]].p[c];
            hit->n[c] += hit->b[k] * vertex[hit->v[k]].n[c];
        }
    }
    normalize3(hit->n);
}

/* dm of a texel. */
static float texel_size(const Surface *s, const int32_t *v, float uv_area, int width, int height)
{
    float a[3], b[3], n[3];
    for (int c = 0; c < 3; c++) {
        a[c] = s->position[3 * v[1] + c] - s->position[3 * v[0] + c];
        b[c] = s->position[3 * v[2] + c] - s->position[3 * v[0] + c];
    }
    cross3(a, b, n);
    return sqrtf(sqrtf(dot3(n, n)) / (uv_area * (float)width * (float)height)) + 1e-6f;
}

/* Texels whose middles lie in a triangle of the uv space. */
static void paint_triangle(const Frame *posed, Hit *hit, PaintFunction *paint, bool srgb,
                           const Painting *out, uint8_t *painted)
{
    const Surface *s = hit->surface;
    float x[3], y[3];
    for (int k = 0; k < 3; k++) {
        x[k] = s->uv[2 * hit->v[k]] * (float)out->width - 0.5f;
        y[k] = (1 - s->uv[2 * hit->v[k] + 1]) * (float)out->height - 0.5f;
    }
    float dx1 = x[1] - x[0], dy1 = y[1] - y[0], dx2 = x[2] - x[0], dy2 = y[2] - y[0];
    float area = dx1 * dy2 - dx2 * dy1;
    if (!(fabsf(area) > 1e-6f))
        return;
    float scale = 1 / area;
    hit->footprint = texel_size(s, hit->v, fabsf(area) / ((float)out->width * (float)out->height),
                                out->width, out->height);
    int x0 = (int)ceilf(clampf(fminf(x[0], fminf(x[1], x[2])), 0, (float)out->width));
    int x1 = (int)floorf(clampf(fmaxf(x[0], fmaxf(x[1], x[2])), -1, (float)(out->width - 1)));
    int y0 = (int)ceilf(clampf(fminf(y[0], fminf(y[1], y[2])), 0, (float)out->height));
    int y1 = (int)floorf(clampf(fmaxf(y[0], fmaxf(y[1], y[2])), -1, (float)(out->height - 1)));
    for (int j = y0; j <= y1; j++)
        for (int i = x0; i <= x1; i++) {
            float px = (float)i - x[0], py = (float)j - y[0];
            float b1 = (px * dy2 - dx2 * py) * scale, b2 = (dx1 * py - px * dy1) * scale;
            if (b1 < -ON_EDGE || b2 < -ON_EDGE || b1 + b2 > 1 + ON_EDGE)
                continue;
            hit->b[0] = 1 - b1 - b2;
            hit->b[1] = b1;
            hit->b[2] = b2;
            float value[3];
            place_hit(posed, hit);
            paint(posed, hit, value);
            size_t at = (size_t)j * out->width + i;
            painted[at] = 1;
            for (int c = 0; c < 3; c++)
                out->pixel[3 * at + c] = srgb ? to_srgb(value[c]) : to_byte(value[c]);
        }
}

static bool paint_over(const Frame *posed, int surface, PaintFunction *paint, bool srgb, int width,
                       int height, Painting *out)
{
    const Surface *s = &posed->scene->surface[surface];
    Painting p = {.width = width, .height = height, .channels = 3};
    p.pixel = calloc((size_t)width * height, 3);
    uint8_t *painted = calloc((size_t)width * height, 1);
    bool ok = p.pixel && painted;
    Hit hit = {.surface = s, .index = surface};
    for (int t = 0; ok && t < s->n_triangle; t++) {
        memcpy(hit.v, s->triangle + 3 * t, sizeof hit.v);
        hit.label = s->label ? s->label[t] : LABEL_BY_RULE;
        paint_triangle(posed, &hit, paint, srgb, &p, painted);
    }
    ok = ok && fill_gaps(p.pixel, painted, width, height);
    free(painted);
    if (!ok)
        free(p.pixel);
    else
        *out = p;
    return ok;
}

/* Cards: each texel of their own texture, with its alpha; the colour of what is transparent is
 * that of the strands beside it. */
static bool paint_card(const Frame *posed, int surface, Painting *out)
{
    const Surface *s = &posed->scene->surface[surface];
    const Texture *t = s->layer[0].texture;
    Painting p = {.width = t->width, .height = t->height, .channels = 4};
    size_t n = (size_t)t->width * t->height;
    uint8_t *rgb = malloc(n * 3), *painted = malloc(n);
    p.pixel = malloc(n * 4);
    bool ok = rgb && painted && p.pixel;
    Hit hit = {.surface = s, .index = surface, .b = {1, 0, 0}};
    memcpy(hit.v, s->triangle, sizeof hit.v);
    for (size_t i = 0; ok && i < n; i++) {
        float value[3];
        hit.uv[0] = ((float)(i % (size_t)t->width) + 0.5f) / (float)t->width;
        hit.uv[1] = 1 - ((float)(i / (size_t)t->width) + 0.5f) / (float)t->height;
        albedo_at(posed, &hit, value);
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = to_srgb(value[c]);
        float alpha = t->channels == 4 ? (float)t->pixel[4 * i + 3] / 255 : 1;
        p.pixel[4 * i + 3] = to_byte(strand_alpha(s->material, alpha));
        painted[i] = p.pixel[4 * i + 3] > 0;
    }
    ok = ok && fill_gaps(rgb, painted, t->width, t->height);
    for (size_t i = 0; ok && i < n; i++)
        memcpy(p.pixel + 4 * i, rgb + 3 * i, 3);
    free(rgb);
    free(painted);
    if (!ok)
        free(p.pixel);
    else
        *out = p;
    return ok;
}

bool paint_colour(const Frame *posed, int surface, Painting *out)
{
    const Surface *s = &posed->scene->surface[surface];
    const Texture *t = s->layer[0].texture;
    switch (s->material) {
    case MATERIAL_SKIN:
        return paint_over(posed, surface, paint_skin, true, SKIN_SIZE, SKIN_SIZE, out);
    case MATERIAL_EYE:
        return paint_over(posed, surface, paint_eye, true, t->width, t->height, out);
    case MATERIAL_TEETH:
        return paint_over(posed, surface, paint_teeth, true, t->width, t->height, out);
    default:
        return paint_card(posed, surface, out);
    }
}

bool paint_skin_finish(const Frame *posed, int surface, Painting *out)
{
    return paint_over(posed, surface, paint_finish, false, FINISH_SIZE, FINISH_SIZE, out);
}
