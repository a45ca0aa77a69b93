#include "datasets/image.h"

#include <assert.h>
#include <math.h>

/* Samples a side of a target pixel's square at most; a shrink by more is a thumbnail nobody looks
 * at. */
enum { MAX_SAMPLES = 64 };

Similarity similarity_fit(const float *from, const float *to, int n)
{
    double mf[2] = {0}, mt[2] = {0}, dot = 0, cross = 0, spread = 0, a = 1, b = 0;

    assert(n > 0);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 2; k++) {
            mf[k] += from[2 * i + k];
            mt[k] += to[2 * i + k];
        }
    for (int k = 0; k < 2; k++) {
        mf[k] /= n;
        mt[k] /= n;
    }
    for (int i = 0; i < n; i++) {
        double x = from[2 * i] - mf[0], y = from[2 * i + 1] - mf[1];
        double u = to[2 * i] - mt[0], v = to[2 * i + 1] - mt[1];
        dot += x * u + y * v;
        cross += x * v - y * u;
        spread += x * x + y * y;
    }
    if (spread > 0) { /* one point alone: a shift */
        a = dot / spread;
        b = cross / spread;
    }
    return (Similarity){(float)a, (float)b, (float)(mt[0] - a * mf[0] + b * mf[1]),
                        (float)(mt[1] - b * mf[0] - a * mf[1])};
}

Similarity similarity_inverse(Similarity s)
{
    double d = (double)s.a * s.a + (double)s.b * s.b;
    double a, b;

    assert(d > 0);
    a = s.a / d;
    b = -s.b / d;
    return (Similarity){(float)a, (float)b, (float)-(a * s.tx - b * s.ty),
                        (float)-(b * s.tx + a * s.ty)};
}

void similarity_apply(Similarity s, const float from[2], float to[2])
{
    float x = from[0], y = from[1];

    to[0] = s.a * x - s.b * y + s.tx;
    to[1] = s.b * x + s.a * y + s.ty;
}

static int clamp_index(float v, int n)
{
    return v <= 0 ? 0 : v >= (float)(n - 1) ? n - 1 : (int)v;
}

/* Adds the bilinear sample at (x, y), pixel centres at .5, border replicated. */
static void add_sample(float sum[3], const Image *source, float x, float y)
{
    float fx = floorf(x -= .5f), fy = floorf(y -= .5f);
    float wx = x - fx, wy = y - fy;
    size_t x0 = (size_t)clamp_index(fx, source->width),
           x1 = (size_t)clamp_index(fx + 1, source->width);
    size_t y0 = (size_t)clamp_index(fy, source->height),
           y1 = (size_t)clamp_index(fy + 1, source->height);
    const uint8_t *top = source->pixel + 3 * y0 * (size_t)source->width;
    const uint8_t *bottom = source->pixel + 3 * y1 * (size_t)source->width;

    for (int c = 0; c < 3; c++) {
        float t = (1 - wx) * (float)top[3 * x0 + (size_t)c] + wx * (float)top[3 * x1 + (size_t)c];
        float u =
            (1 - wx) * (float)bottom[3 * x0 + (size_t)c] + wx * (float)bottom[3 * x1 + (size_t)c];
        sum[c] += (1 - wy) * t + wy * u;
    }
}

/* A target pixel is the mean of n x n samples spread over its square, n so that they lie at most
 * one source pixel apart: the mean of the area where the picture shrinks, plain bilinear where it
 * grows. */
void image_warp(Image *target, const Image *source, Similarity s)
{
    Similarity back = similarity_inverse(s);
    float step = hypotf(back.a, back.b); /* source pixels per target pixel */
    int n = step > MAX_SAMPLES ? MAX_SAMPLES : step > 1 ? (int)ceilf(step - 1e-3f) : 1;

    assert(source->width > 0 && source->height > 0);
    for (int y = 0; y < target->height; y++)
        for (int x = 0; x < target->width; x++) {
            float sum[3] = {0};
            uint8_t *to = target->pixel + 3 * ((size_t)y * (size_t)target->width + (size_t)x);
            for (int j = 0; j < n; j++)
                for (int i = 0; i < n; i++) {
                    float at[2] = {(float)x + ((float)i + .5f) / (float)n,
                                   (float)y + ((float)j + .5f) / (float)n};
                    similarity_apply(back, at, at);
                    add_sample(sum, source, at[0], at[1]);
                }
            for (int c = 0; c < 3; c++)
                to[c] = (uint8_t)(sum[c] / (float)(n * n) + .5f);
        }
}

void label_warp(uint8_t *target, int width, int height, const uint8_t *source, int source_width,
                int source_height, Similarity s, uint8_t outside)
{
    Similarity back = similarity_inverse(s);

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            float at[2] = {(float)x + .5f, (float)y + .5f};
            bool inside;
            similarity_apply(back, at, at);
            inside = at[0] >= 0 && at[1] >= 0 && at[0] < (float)source_width &&
                     at[1] < (float)source_height;
            target[(size_t)y * (size_t)width + (size_t)x] =
                inside ? source[(size_t)at[1] * (size_t)source_width + (size_t)at[0]] : outside;
        }
}
