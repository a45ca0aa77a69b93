/* Textures: mip levels and bilinear sampling. */
#include "engine/renderer_internal.h"

#include <math.h>

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

static float byte_to_linear(int byte)
{
    float s = byte / 255.0f;
    return s <= 0.04045f ? s / 12.92f : powf((s + 0.055f) / 1.055f, 2.4f);
}

void texture_prepare(Texture *texture, int width, int height, int channels, uint8_t *pixel)
{
    float linear[256];
    for (int i = 0; i < 256; i++)
        linear[i] = byte_to_linear(i);
    double light = 0, weight = 0;
    for (size_t i = 0; i < (size_t)width * height; i++) {
        const uint8_t *t = pixel + i * channels;
        double alpha = channels == 4 ? t[3] : 255;
        light += alpha * (0.2126 * linear[t[0]] + 0.7152 * linear[t[1]] + 0.0722 * linear[t[2]]);
        weight += alpha;
    }
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
                         .mean_luminance = (float)(weight > 0 ? light / weight : 0),
                         .pixel = pixel};
}

void texture_sample(const Texture *texture, float u, float v, float lod, float rgba[4])
{
    int width = texture->width, height = texture->height, channels = texture->channels;
    const uint8_t *pixel = texture->pixel;
    int level = (int)(clampf(lod, -1, 20) + 0.5f);
    if (level >= texture->n_level)
        level = texture->n_level - 1;
    for (int l = 0; l < level; l++) {
        pixel += (size_t)width * height * channels;
        width = width > 1 ? width >> 1 : 1;
        height = height > 1 ? height >> 1 : 1;
    }
    /* clamped: cards end at the border of their texture, and must not see what is at the other one
     */
    float x = clampf(u * (float)width - 0.5f, 0, (float)(width - 1));
    float y = clampf((1 - v) * (float)height - 0.5f, 0, (float)(height - 1));
    int x0 = (int)x, y0 = (int)y;
    float ax = x - (float)x0, ay = y - (float)y0;
    int x1 = x0 + 1 < width ? x0 + 1 : x0, y1 = y0 + 1 < height ? y0 + 1 : y0;
    const uint8_t *t00 = pixel + ((size_t)y0 * width + x0) * channels;
    const uint8_t *t01 = pixel + ((size_t)y0 * width + x1) * channels;
    const uint8_t *t10 = pixel + ((size_t)y1 * width + x0) * channels;
    const uint8_t *t11 = pixel + ((size_t)y1 * width + x1) * channels;
    float w00 = (1 - ax) * (1 - ay), w01 = ax * (1 - ay), w10 = (1 - ax) * ay, w11 = ax * ay;
    for (int c = 0; c < channels; c++)
        rgba[c] = w00 * t00[c] + w01 * t01[c] + w10 * t10[c] + w11 * t11[c];
    if (channels == 3)
        rgba[3] = 255;
}
