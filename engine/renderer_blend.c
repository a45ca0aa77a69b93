/* The fragments of a tile, hair, beards, brows and lashes: blended near to far, for each sample. */
#include "engine/renderer_internal.h"

enum { MAX_LAYERS = 64 };

/* The fragments of a pixel, far to near. The list is nearly in that order: triangles came near to
 * far, and each fragment was put in front. */
static int sorted_fragments(const Tile *tile, int pixel, const Fragment *out[MAX_LAYERS])
{
    int n = 0, skip = 0;
    for (int32_t i = tile->fragments[pixel]; i >= 0; i = tile->fragment[i].next)
        skip++;
    skip -= MAX_LAYERS; /* the farthest of too many */
    for (int32_t i = tile->fragments[pixel]; i >= 0; i = tile->fragment[i].next) {
        if (skip-- > 0)
            continue;
        const Fragment *f = &tile->fragment[i];
        int k = n++;
        for (; k > 0 && out[k - 1]->inverse > f->inverse; k--)
            out[k] = out[k - 1];
        out[k] = f;
    }
    return n;
}

static void blend_pixel(const Frame *frame, Tile *tile, int px, int py)
{
    int pixel = py * TILE + px;
    PixelSum *sum = &tile->sum[pixel];
    const Fragment *layer[MAX_LAYERS];
    int n_layer = sorted_fragments(tile, pixel, layer);
    float left = 1;
    float colour[3] = {0}; /* of the last fragment that was shaded */
    int32_t shaded = -1;   /* its surface */
    for (int i = n_layer - 1; i >= 0 && left > OPAQUE_CLEAR; i--) {
        const Fragment *f = layer[i];
        float weight = 0;
        for (int s = 0; s < SAMPLES; s++) {
            float w = f->mask >> s & 1 ? f->alpha * sum->clear[s] : 0;
            weight += w;
            sum->clear[s] -= w;
        }
        left -= weight;
        if (weight < 1 / 1024.0f)
            continue;
        const float *middle = frame->tables->middle[f->mask];
        float x = (float)(tile->x0 + px) + middle[0], y = (float)(tile->y0 + py) + middle[1];
        int32_t surface = frame->triangle[f->triangle].surface;
        Material material = frame->scene->surface[surface].material;
        /* faint hair takes the colour of the hair before it: shading is what costs */
        if (shaded != surface || weight > 0.08f || material != MATERIAL_HAIR) {
            shade_hair(frame, f, x, y, colour);
            shaded = surface;
            if (material == MATERIAL_BROW) {
                Hit hit;
                hit_at(frame, f->triangle, x, y, &hit);
                sum->brow_label = (uint8_t)label_at(frame, &hit);
            }
        }
        sum->filled += weight;
        for (int c = 0; c < 3; c++)
            sum->rgb[c] += weight * colour[c];
        sum->hair += material == MATERIAL_HAIR ? weight : 0;
        sum->beard += material == MATERIAL_BEARD ? weight : 0;
        sum->brow += material == MATERIAL_BROW ? weight : 0;
    }
    for (int s = 0; s < SAMPLES; s++)
        if (sum->clear[s] < OPAQUE_CLEAR / SAMPLES)
            sum->clear[s] = 0;
}

void tile_blend(const Frame *frame, Tile *tile)
{
    for (int y = 0; y < tile->height; y++)
        for (int x = 0; x < tile->width; x++)
            if (tile->fragments[y * TILE + x] >= 0)
                blend_pixel(frame, tile, x, y);
}
