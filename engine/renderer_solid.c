/* The opaque surfaces of a tile: every pixel shades each triangle it sees once, for as many of its
 * samples as hair leaves clear. */
#include "engine/renderer_internal.h"

typedef struct Group { /* samples that see one triangle */
    int32_t triangle;
    uint32_t mask;
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
    int n = 0, same = 1;
    for (int s = 1; s < SAMPLES; s++)
        same &= id[s] == id[0];
    if (same) {
        group[0] = (Group){.triangle = id[0], .mask = ALL_SAMPLES};
        return id[0] != NO_TRIANGLE;
    }
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

/* The class of most samples, unless hair or brows cover it. A beard has no class of its own: it
 * counts as the skin it grows from, and as skin where it hangs over what is not face. */
static uint8_t pick_label(const PixelSum *sum, const int votes[LABEL_COUNT])
{
    if (sum->hair >= 0.5f)
        return LABEL_HAIR;
    if (sum->brow >= 0.25f) /* thin brows have no pixel to themselves */
        return sum->brow_label;
    int best = 0;
    for (int l = 1; l < LABEL_COUNT; l++)
        if (votes[l] > votes[best])
            best = l;
    return (uint8_t)(best == LABEL_BACKGROUND && sum->beard >= 0.5f ? LABEL_SKIN : best);
}

static void shade_pixel(const Frame *frame, Tile *tile, int px, int py, bool label)
{
    int pixel = py * TILE + px;
    PixelSum *sum = &tile->sum[pixel];
    Group group[SAMPLES];
    int n_group = merge_groups(frame, group, find_groups(tile->id[pixel], group));
    uint32_t covered = 0;
    int votes[LABEL_COUNT] = {0};
    for (int g = 0; g < n_group; g++) {
        uint32_t mask = group[g].mask;
        const float *middle = frame->tables->middle[mask];
        float weight = 0;
        covered |= mask;
        for (int s = 0; s < SAMPLES; s++)
            weight += mask >> s & 1 ? sum->clear[s] : 0;
        bool seen = weight >= 1 / 1024.0f;
        if (!seen && !label)
            continue;
        Hit hit;
        hit_at(frame, group[g].triangle, (float)(tile->x0 + px) + middle[0],
               (float)(tile->y0 + py) + middle[1], &hit);
        if (label)
            votes[label_at(frame, &hit)] += count_bits(mask);
        if (!seen)
            continue;
        float rgb[3];
        shade(frame, &hit, rgb);
        sum->filled += weight;
        for (int c = 0; c < 3; c++)
            sum->rgb[c] += weight * rgb[c];
    }
    sum->empty = 0;
    for (int s = 0; s < SAMPLES; s++)
        sum->empty += covered >> s & 1 ? 0 : sum->clear[s];
    if (label) {
        votes[LABEL_BACKGROUND] += SAMPLES - count_bits(covered);
        sum->label = pick_label(sum, votes);
    }
}

void tile_shade(const Frame *frame, Tile *tile, bool labels)
{
    for (int y = 0; y < tile->height; y++)
        for (int x = 0; x < tile->width; x++)
            shade_pixel(frame, tile, x, y, labels);
}
