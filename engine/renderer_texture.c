/* Textures: mip levels and bilinear sampling. */
#include "engine/renderer_internal.h"

#include <math.h>
#include <string.h>

static int level_side(int side, int level)
{
    side >>= level;
    return side > 0 ? side : 1;
}

static int level_count(int width, int height)
{
    int n = 1;
    while ((width | height) >> n)
        n++;
    return n;
}

size_t texture_bytes(int width, int height, int channels)
{
    size_t bytes = 0;
    for (int l = 0; l < level_count(width, height); l++)
        bytes += (size_t)level_side(width, l) * level_side(height, l) * channels;
    return bytes;
}

/* One texel of the next level from up to 4 of this one; transparent texels do not bleed their
 * colour. */
static void reduce(const uint8_t *from, int width, int height, int channels, int x, int y,
                   uint8_t *to)
{
    int sum[4] = {0}, plain[3] = {0}, alphas = 0;
    for (int k = 0; k < 4; k++) {
        int fx = 2 * x + (k & 1), fy = 2 * y + (k >> 1);
        const uint8_t *t = from + ((size_t)(fy < height ? fy : height - 1) * width +
                                   (fx < width ? fx : width - 1)) *
                                      channels;
        int alpha = channels == 4 ? t[3] : 255;
        for (int c = 0; c < 3; c++) {
            sum[c] += t[c] * alpha;
            plain[c] += t[c];
        }
        alphas += alpha;
    }
    for (int c = 0; c < 3; c++)
        to[c] = (uint8_t)(alphas ? (sum[c] + alphas / 2) / alphas : (plain[c] + 2) / 4);
    if (channels == 4)
        to[3] = (uint8_t)((alphas + 2) / 4);
}

void texture_prepare(Texture *texture, int width, int height, int channels, uint8_t *pixel)
{
    double weight = 0, sum = 0, squares = 0;
    for (size_t i = 0; i < (size_t)width * height; i++) {
        const uint8_t *t = pixel + i * channels;
        double alpha = channels == 4 ? t[3] : 255;
        double luma = (0.2126 * t[0] + 0.7152 * t[1] + 0.0722 * t[2]) / 255;
        sum += alpha * luma;
        squares += alpha * luma * luma;
        weight += alpha;
    }
    double mean = weight > 0 ? sum / weight : 0;
    double variance = weight > 0 ? squares / weight - mean * mean : 0;
    int levels = level_count(width, height);
    uint8_t *from = pixel;
    for (int l = 0; l + 1 < levels; l++) {
        int w = level_side(width, l), h = level_side(height, l);
        int w2 = level_side(width, l + 1), h2 = level_side(height, l + 1);
        uint8_t *to = from + (size_t)w * h * channels;
        for (int y = 0; y < h2; y++)
            for (int x = 0; x < w2; x++)
                reduce(from, w, h, channels, x, y, to + ((size_t)y * w2 + x) * channels);
        from = to;
    }
    *texture = (Texture){.width = width,
                         .height = height,
                         .channels = channels,
                         .n_level = levels,
                         .mean_luma = (float)mean,
                         .luma_deviation = (float)sqrt(variance > 0 ? variance : 0),
                         .pixel = pixel};
}

TextureLevel texture_level(const Texture *texture, float lod)
{
    TextureLevel out = {texture->width, texture->height, texture->channels, texture->pixel};
    int level = (int)(clampf(lod, -1, 20) + 0.5f);
    if (level >= texture->n_level)
        level = texture->n_level - 1;
    for (int l = 0; l < level; l++) {
        out.pixel += (size_t)out.width * out.height * out.channels;
        out.width = out.width > 1 ? out.width >> 1 : 1;
        out.height = out.height > 1 ? out.height >> 1 : 1;
    }
    return out;
}

/* A bilinear sample: four texels and where between them. */
typedef struct Taps {
    const uint8_t *t00, *t01, *t10, *t11;
    float ax, ay;
} Taps;

static inline Taps taps_at(const TextureLevel *level, float u, float v)
{
    int width = level->width, height = level->height, channels = level->channels;
    /* clamped: cards end at the border of their texture, and must not see what is at the other one
     */
    float x = clampf(u * (float)width - 0.5f, 0, (float)(width - 1));
    float y = clampf((1 - v) * (float)height - 0.5f, 0, (float)(height - 1));
    int x0 = (int)x, y0 = (int)y;
    int right = x0 + 1 < width ? channels : 0, down = y0 + 1 < height ? width * channels : 0;
    const uint8_t *t00 = level->pixel + ((size_t)y0 * width + x0) * channels;
    return (Taps){.t00 = t00,
                  .t01 = t00 + right,
                  .t10 = t00 + down,
                  .t11 = t00 + down + right,
                  .ax = x - (float)x0,
                  .ay = y - (float)y0};
}

void texture_sample(const Texture *texture, float u, float v, float lod, float rgba[4])
{
    TextureLevel level = texture_level(texture, lod);
    Taps t = taps_at(&level, u, v);
    float w00 = (1 - t.ax) * (1 - t.ay), w01 = t.ax * (1 - t.ay), w10 = (1 - t.ax) * t.ay,
          w11 = t.ax * t.ay;
    for (int c = 0; c < 3; c++)
        rgba[c] = w00 * t.t00[c] + w01 * t.t01[c] + w10 * t.t10[c] + w11 * t.t11[c];
    rgba[3] = 255;
    if (texture->channels == 4)
        rgba[3] = w00 * t.t00[3] + w01 * t.t01[3] + w10 * t.t10[3] + w11 * t.t11[3];
}

void texture_level_sample(const TextureLevel *level, float u, float v, uint8_t rgba[4])
{
    Taps t = taps_at(level, u, v);
    /* weights of 1 / 256; two channels in one word, 16 bits each */
    uint32_t x = (uint32_t)(t.ax * 16 + 0.5f), y = (uint32_t)(t.ay * 16 + 0.5f);
    const uint32_t weight[4] = {(16 - x) * (16 - y), x * (16 - y), (16 - x) * y, x * y};
    const uint8_t *const tap[4] = {t.t00, t.t01, t.t10, t.t11};
    uint32_t even = 0x00800080, odd = 0x00800080;
    for (int k = 0; k < 4; k++) {
        uint32_t texel;
        memcpy(&texel, tap[k], sizeof texel);
        even += weight[k] * (texel & 0x00ff00ff);
        odd += weight[k] * (texel >> 8 & 0x00ff00ff);
    }
    uint32_t mixed = (even >> 8 & 0x00ff00ff) | (odd & 0xff00ff00);
    memcpy(rgba, &mixed, sizeof mixed);
}

void texture_blend(const Surface *s, float u, float v, float lod, float rgb[3])
{
    const Texture *like = NULL; /* the texture that places and weights were made for */
    size_t at[4] = {0};
    float weight[4] = {0};
    rgb[0] = rgb[1] = rgb[2] = 0;
    for (int l = 0; l < s->n_layer; l++) {
        const Texture *t = s->layer[l].texture;
        if (s->layer[l].weight == 0)
            continue;
        if (!like || t->width != like->width || t->height != like->height ||
            t->channels != like->channels || t->n_level != like->n_level) {
            TextureLevel level = texture_level(t, lod);
            Taps taps = taps_at(&level, u, v);
            const uint8_t *const tap[4] = {taps.t00, taps.t01, taps.t10, taps.t11};
            for (int k = 0; k < 4; k++)
                at[k] = (size_t)(tap[k] - t->pixel);
            weight[0] = (1 - taps.ax) * (1 - taps.ay);
            weight[1] = taps.ax * (1 - taps.ay);
            weight[2] = (1 - taps.ax) * taps.ay;
            weight[3] = taps.ax * taps.ay;
            like = t;
        }
        const uint8_t *t00 = t->pixel + at[0], *t01 = t->pixel + at[1], *t10 = t->pixel + at[2],
                      *t11 = t->pixel + at[3];
        for (int c = 0; c < 3; c++)
            rgb[c] += s->layer[l].weight * (weight[0] * t00[c] + weight[1] * t01[c] +
                                            weight[2] * t10[c] + weight[3] * t11[c]);
    }
}
