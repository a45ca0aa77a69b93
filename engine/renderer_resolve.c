/* What a tile's pixels have gathered, before the background, to bytes. */
#include "engine/renderer_internal.h"

#include <string.h>

static void background(const Frame *frame, int x, int y, float rgb[3])
{
    const RenderOptions *o = frame->options;
    const float *linear = frame->tables->linear;
    if (o->background_image) {
        const uint8_t *b = o->background_image + ((size_t)y * frame->size + x) * 3;
        for (int c = 0; c < 3; c++)
            rgb[c] = linear[b[c]];
        return;
    }
    float t = ((float)y + 0.5f) / (float)frame->size;
    for (int c = 0; c < 3; c++)
        rgb[c] = lerpf(linear[o->background[0][c]], linear[o->background[1][c]], t);
}

static void to_display(const Frame *frame, const float rgb[3], float scale, uint8_t out[3])
{
    for (int c = 0; c < 3; c++) {
        float x = clampf(scale * rgb[c], 0, 1);
        out[c] = frame->tables->display[(int)(sqrtf(x) * DISPLAY_SIZE + 0.5f)];
    }
}

static void pixel_background(const Frame *frame, int x, int y, uint8_t *out)
{
    float colour[3];
    background(frame, x, y, colour);
    to_display(frame, colour, 1, out);
}

void tile_leave_empty(const Frame *frame, const Tile *tile, uint8_t *rgb, uint8_t *labels)
{
    const RenderOptions *o = frame->options;
    for (int y = tile->y0; y < tile->y0 + tile->height; y++) {
        size_t at = (size_t)y * frame->size + tile->x0;
        if (o->transparent)
            memset(rgb + 4 * at, 0, 4 * (size_t)tile->width);
        else if (o->background_image)
            for (int x = 0; x < tile->width; x++)
                pixel_background(frame, tile->x0 + x, y, rgb + 3 * (at + x));
        else
            pixel_background(frame, tile->x0, y, rgb + 3 * at); /* the same in the whole row */
        for (int x = 1; x < tile->width && !o->transparent && !o->background_image; x++)
            memcpy(rgb + 3 * (at + x), rgb + 3 * at, 3);
        if (labels)
            memset(labels + at, LABEL_BACKGROUND, (size_t)tile->width);
    }
}

void tile_resolve(const Frame *frame, const Tile *tile, uint8_t *rgb, uint8_t *labels)
{
    bool transparent = frame->options->transparent;
    int channels = transparent ? 4 : 3;
    for (int py = 0; py < tile->height; py++)
        for (int px = 0; px < tile->width; px++) {
            const PixelSum *sum = &tile->sum[py * TILE + px];
            int x = tile->x0 + px, y = tile->y0 + py;
            size_t at = (size_t)y * frame->size + x;
            uint8_t *to = rgb + channels * at;
            /* faint layers were left out: the others stand for them */
            float mean = sum->filled > 0 ? 1 / sum->filled : 0;
            if (transparent) {
                to_display(frame, sum->rgb, mean, to);
                to[3] = (uint8_t)((1 - sum->empty) * 255 + 0.5f);
            } else {
                float colour[3] = {0};
                if (sum->empty > 0)
                    background(frame, x, y, colour);
                for (int c = 0; c < 3; c++)
                    colour[c] = (1 - sum->empty) * mean * sum->rgb[c] + sum->empty * colour[c];
                to_display(frame, colour, 1, to);
            }
            if (labels)
                labels[at] = sum->label;
        }
}
