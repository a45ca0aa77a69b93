/* Samples and fragments of a tile to pixels and labels. */
#include "engine/renderer_internal.h"

#include <math.h>

enum { MAX_LAYERS = 64 };

typedef struct Group { /* samples that see one triangle */
    int32_t triangle;
    uint32_t mask;
    float rgb[3];
    Hit hit;
} Group;

static int count_bits(uint32_t mask)
{
    int n = 0;
    for (; mask; mask &= mask - 1)
        n++;
    return n;
}

static int find_groups(const int32_t id[SAMPLES], Group group[SAMPLES])
{
    int n = 0;
    for (int s = 0; s < SAMPLES; s++) {
        if (id[s] == NO_TRIANGLE)
            continue;
        int g = 0;
        while (g < n && group[g].triangle != id[s])
            g++;
        if (g == n)
            group[n++] = (Group){.triangle = id[s], .mask = 0};
        group[g].mask |= 1u << s;
    }
    return n;
}

static bool adjacent(const Triangle *a, const Triangle *b)
{
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            if (a->v[i] == b->v[k])
                return true;
    return false;
}

/* Whether one colour does for two triangles in a pixel: neighbours that bend little. */
static bool alike(const Frame *frame, const Triangle *a, const Triangle *b)
{
    if (a->surface != b->surface || a->label != b->label || !adjacent(a, b))
        return false;
    float n[2][3] = {{0}};
    for (int k = 0; k < 3; k++)
        for (int c = 0; c < 3; c++) {
            n[0][c] += frame->vertex[a->v[k]].n[c];
            n[1][c] += frame->vertex[b->v[k]].n[c];
        }
    float cosine = dot3(n[0], n[1]);
    return cosine > 0 && cosine * cosine > 0.94f * 0.94f * dot3(n[0], n[0]) * dot3(n[1], n[1]);
}

/* A triangle that shows in few samples takes the colour of a neighbour that shows in more; so do
 * all neighbours that bend little. */
static int merge_groups(const Frame *frame, Group group[SAMPLES], int n)
{
    enum { FEW = 2 };
    for (int g = n - 1; g >= 0; g--) {
        int count = count_bits(group[g].mask), best = -1, most = 0;
        const Triangle *small = &frame->triangle[group[g].triangle];
        for (int k = 0; k < n; k++) {
            const Triangle *large = &frame->triangle[group[k].triangle];
            int more = count_bits(group[k].mask);
            if (k == g || more <= most || more < count)
                continue;
            bool merges = alike(frame, small, large) ||
                          (count <= FEW && more > FEW && large->surface == small->surface &&
                           adjacent(large, small));
            if (merges) {
                best = k;
                most = more;
            }
        }
        if (best < 0)
            continue;
        group[best].mask |= group[g].mask;
        group[g] = group[--n];
    }
    return n;
}

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

static void to_display(const Frame *frame, const float rgb[3], float scale, uint8_t out[3])
{
    for (int c = 0; c < 3; c++) {
        float x = clampf(scale * rgb[c], 0, 1);
        out[c] = frame->tables->display[(int)(sqrtf(x) * DISPLAY_SIZE + 0.5f)];
    }
}

/* What hair, beard and brows cover of a pixel. */
typedef struct Cover {
    float hair, beard, brow;
    uint8_t brow_label;
} Cover;

/* The class of most opaque samples, unless hair or brows cover it. A beard has no class of its own:
 * it counts as the skin it grows from, and as skin where it hangs over what is not face. */
static uint8_t pick_label(const Frame *frame, const Group *group, int n_group, const Cover *cover)
{
    if (cover->hair >= 0.5f)
        return LABEL_HAIR;
    if (cover->brow >= 0.25f) /* thin brows have no pixel to themselves */
        return cover->brow_label;
    int votes[LABEL_COUNT] = {0}, empty = SAMPLES;
    for (int g = 0; g < n_group; g++) {
        int n = count_bits(group[g].mask);
        votes[label_at(frame, &group[g].hit)] += n;
        empty -= n;
    }
    votes[LABEL_BACKGROUND] += empty;
    int best = 0;
    for (int l = 1; l < LABEL_COUNT; l++)
        if (votes[l] > votes[best])
            best = l;
    return (uint8_t)(best == LABEL_BACKGROUND && cover->beard >= 0.5f ? LABEL_SKIN : best);
}

static void resolve_pixel(const Frame *frame, const Tile *tile, int px, int py, uint8_t *rgb,
                          uint8_t *label)
{
    int pixel = py * TILE + px;
    int x = tile->x0 + px, y = tile->y0 + py;
    Group group[SAMPLES];
    int n_group = merge_groups(frame, group, find_groups(tile->id[pixel], group));
    const Fragment *layer[MAX_LAYERS];
    int n_layer = sorted_fragments(tile, pixel, layer);
    float clear[SAMPLES], sum[3] = {0};
    Cover cover = {0};
    for (int s = 0; s < SAMPLES; s++)
        clear[s] = 1.0f / SAMPLES;
    float left = 1, filled = 0; /* of the pixel: not covered by hair; accounted for in sum */
    float colour[3] = {0};      /* of the last fragment that was shaded */
    int32_t shaded = -1;        /* its surface */
    for (int i = n_layer - 1; i >= 0 && left > OPAQUE_CLEAR; i--) {
        const Fragment *f = layer[i];
        float weight = 0;
        for (int s = 0; s < SAMPLES; s++) {
            float w = f->mask >> s & 1 ? f->alpha * clear[s] : 0;
            weight += w;
            clear[s] -= w;
        }
        left -= weight;
        if (weight < 1 / 1024.0f)
            continue;
        const float *middle = frame->tables->middle[f->mask];
        int32_t surface = frame->triangle[f->triangle].surface;
        Material material = frame->scene->surface[surface].material;
        /* faint hair takes the colour of the hair before it: shading is what costs */
        if (shaded != surface || weight > 0.08f || material != MATERIAL_HAIR) {
            shade_hair(frame, f, (float)x + middle[0], (float)y + middle[1], colour);
            shaded = surface;
            if (material == MATERIAL_BROW) {
                Hit hit;
                hit_at(frame, f->triangle, (float)x + middle[0], (float)y + middle[1], &hit);
                cover.brow_label = (uint8_t)label_at(frame, &hit);
            }
        }
        filled += weight;
        for (int c = 0; c < 3; c++)
            sum[c] += weight * colour[c];
        cover.hair += material == MATERIAL_HAIR ? weight : 0;
        cover.beard += material == MATERIAL_BEARD ? weight : 0;
        cover.brow += material == MATERIAL_BROW ? weight : 0;
    }
    for (int s = 0; s < SAMPLES; s++)
        if (clear[s] < OPAQUE_CLEAR / SAMPLES)
            clear[s] = 0;
    uint32_t covered = 0;
    for (int g = 0; g < n_group; g++) {
        const float *middle = frame->tables->middle[group[g].mask];
        float weight = 0;
        covered |= group[g].mask;
        for (int s = 0; s < SAMPLES; s++)
            weight += group[g].mask >> s & 1 ? clear[s] : 0;
        hit_at(frame, group[g].triangle, (float)x + middle[0], (float)y + middle[1], &group[g].hit);
        if (weight < 1 / 1024.0f)
            continue;
        filled += weight;
        shade(frame, &group[g].hit, group[g].rgb);
        for (int c = 0; c < 3; c++)
            sum[c] += weight * group[g].rgb[c];
    }
    float empty = 0;
    for (int s = 0; s < SAMPLES; s++)
        empty += covered >> s & 1 ? 0 : clear[s];
    /* faint layers were left out: the others stand for them */
    float mean = filled > 0 ? 1 / filled : 0;
    if (frame->options->transparent) {
        to_display(frame, sum, mean, rgb);
        rgb[3] = (uint8_t)((1 - empty) * 255 + 0.5f);
    } else {
        float colour[3] = {0};
        if (empty > 0)
            background(frame, x, y, colour);
        for (int c = 0; c < 3; c++)
            sum[c] = (1 - empty) * mean * sum[c] + empty * colour[c];
        to_display(frame, sum, 1, rgb);
    }
    if (label)
        *label = pick_label(frame, group, n_group, &cover);
}

void tile_resolve(const Frame *frame, Tile *tile, uint8_t *rgb, uint8_t *labels)
{
    int channels = frame->options->transparent ? 4 : 3;
    for (int y = 0; y < tile->height; y++)
        for (int x = 0; x < tile->width; x++) {
            size_t at = (size_t)(tile->y0 + y) * frame->size + (tile->x0 + x);
            resolve_pixel(frame, tile, x, y, rgb + channels * at, labels ? labels + at : NULL);
        }
}
