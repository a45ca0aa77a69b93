#include "engine/frame.h"

#include <stdlib.h>
#include <string.h>

#include "engine/codec.h"

enum { MAX_SIDE = 8192 };

/* The background behind a pixel. */
static uint8_t behind(const RenderOptions *o, int x, int y, int channel)
{
    if (o->background_image)
        return o->background_image[3 * ((size_t)y * (size_t)o->size + (size_t)x) + (size_t)channel];
    int top = o->background[0][channel], bottom = o->background[1][channel];
    int span = o->size - 1;
    return (uint8_t)((top * (span - y) + bottom * y + span / 2) / span);
}

void frame_compose(const uint8_t *rgba, const RenderOptions *options, uint8_t *rgb)
{
    size_t pixels = (size_t)options->size * (size_t)options->size;
    if (options->transparent) {
        memcpy(rgb, rgba, 4 * pixels);
        return;
    }
    for (int y = 0; y < options->size; y++)
        for (int x = 0; x < options->size; x++) {
            int alpha = rgba[3];
            for (int c = 0; c < 3; c++)
                rgb[c] = alpha == 255 ? rgba[c]
                                      : (uint8_t)((rgba[c] * alpha +
                                                   behind(options, x, y, c) * (255 - alpha) + 127) /
                                                  255);
            rgb += 3;
            rgba += 4;
        }
}

static bool check_header(const uint8_t *file, size_t n, int size, int *side, Error *err)
{
    int width, height;
    if (!codec_size(file, n, &width, &height))
        return error_set(err, "it is neither a PNG nor a JPEG");
    if (width != height)
        return error_set(err, "the picture is %d x %d, not square", width, height);
    if (width < size)
        return error_set(err, "the picture is %d x %d, smaller than the %d x %d asked for", width,
                         height, size, size);
    if (width > MAX_SIDE)
        return error_set(err, "the picture is %d x %d, larger than %d", width, height, MAX_SIDE);
    *side = width;
    return true;
}

static uint8_t *decode(const uint8_t *file, size_t n, int channels, int size, int *side, Error *err)
{
    if (!check_header(file, n, size, side, err))
        return NULL;
    int width, height;
    const char *reason;
    uint8_t *pixel = codec_decode(file, n, channels, &width, &height, &reason);
    if (!pixel)
        error_set(err, "the picture is damaged: %s", reason);
    return pixel;
}

/* Pixel i of a row of `to` covers the source pixels [i from / to, (i + 1) from / to): how much of
 * pixel k of `from`, in units of 1 / to pixels. */
static int64_t overlap(int i, int k, int from, int to)
{
    int64_t lo = (int64_t)i * from, hi = lo + from, a = (int64_t)k * to, b = a + to;
    return (b < hi ? b : hi) - (a > lo ? a : lo);
}

/* Colours count by their alpha. */
static void average(const uint8_t *rgba, int from, int to, int x, int y, uint8_t out[4])
{
    int x0 = (int)((int64_t)x * from / to), x1 = (int)(((int64_t)(x + 1) * from - 1) / to);
    int y0 = (int)((int64_t)y * from / to), y1 = (int)(((int64_t)(y + 1) * from - 1) / to);
    int64_t colour[3] = {0}, alpha = 0, area = (int64_t)from * from;
    for (int j = y0; j <= y1; j++)
        for (int i = x0; i <= x1; i++) {
            const uint8_t *p = rgba + 4 * ((size_t)j * (size_t)from + (size_t)i);
            int64_t w = overlap(y, j, from, to) * overlap(x, i, from, to) * p[3];
            alpha += w;
            for (int c = 0; c < 3; c++)
                colour[c] += w * p[c];
        }
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)(alpha ? (colour[c] + alpha / 2) / alpha : 0);
    out[3] = (uint8_t)((alpha + area / 2) / area);
}

uint8_t *frame_decode(const uint8_t *file, size_t n, int size, Error *err)
{
    int side;
    uint8_t *pixel = decode(file, n, 4, size, &side, err);
    if (!pixel || side == size)
        return pixel;
    uint8_t *small = malloc(4 * (size_t)size * (size_t)size);
    if (!small)
        error_set(err, "out of memory for a picture");
    for (int y = 0; small && y < size; y++)
        for (int x = 0; x < size; x++)
            average(pixel, side, size, x, y, small + 4 * ((size_t)y * (size_t)size + (size_t)x));
    free(pixel);
    return small;
}

bool frame_check_labels(const uint8_t *labels, int size, Error *err)
{
    for (size_t i = 0; i < (size_t)size * (size_t)size; i++)
        if (labels[i] >= LABEL_COUNT)
            return error_set(err, "the label map holds %d, and the classes are 0 to %d", labels[i],
                             LABEL_COUNT - 1);
    return true;
}

uint8_t *frame_decode_labels(const uint8_t *file, size_t n, int size, Error *err)
{
    int side;
    uint8_t *pixel = decode(file, n, 1, size, &side, err);
    if (!pixel)
        return NULL;
    uint8_t *small = malloc((size_t)size * (size_t)size);
    if (!small)
        error_set(err, "out of memory for a label map");
    for (int y = 0; small && y < size; y++)
        for (int x = 0; x < size; x++) {
            size_t from_x = (size_t)(2 * x + 1) * (size_t)side / (2 * (size_t)size),
                   from_y = (size_t)(2 * y + 1) * (size_t)side / (2 * (size_t)size);
            small[(size_t)y * (size_t)size + (size_t)x] = pixel[from_y * (size_t)side + from_x];
        }
    free(pixel);
    if (small && !frame_check_labels(small, size, err)) {
        free(small);
        return NULL;
    }
    return small;
}
