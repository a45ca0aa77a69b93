/* Triangles to samples and fragments of one tile. */
#include "engine/renderer_internal.h"

#include <math.h>
#include <stdlib.h>

const int32_t sample_place[SAMPLES][2] = {{9, 5},  {7, 11}, {13, 9},  {5, 3},
                                          {3, 13}, {1, 7},  {11, 15}, {15, 1}};

/* Edge functions in exact integers: a * x + b * y + c >= 0 inside, x and y in 1 / 16 pixel from the
 * tile's corner. */
typedef struct Edges {
    int32_t a[3], b[3], c[3];
    int32_t offset[3][SAMPLES]; /* of each sample from the pixel's corner */
    int32_t most[3];            /* the largest offset */
    float per_a[3];             /* -1 / (16 a); 0 where a is 0 */
    float depth[SAMPLES], depth_x, depth_y,
        depth_0;                             /* plane of 1 / distance, by pixels in the tile */
    float cut[SAMPLES], cut_x, cut_y, cut_0; /* of the height above the cut over distance */
    int x0, x1, y0, y1;                      /* pixels of the tile to visit, ends excluded */
} Edges;

static int floor_div(int32_t a, int32_t b)
{
    return (int)(a >= 0 ? a / b : -((-a + b - 1) / b));
}

static int32_t min3(int32_t a, int32_t b, int32_t c)
{
    int32_t m = a < b ? a : b;
    return m < c ? m : c;
}

static int32_t max3(int32_t a, int32_t b, int32_t c)
{
    int32_t m = a > b ? a : b;
    return m > c ? m : c;
}

static bool edges_set(const Frame *frame, const Tile *tile, int32_t triangle, Edges *e)
{
    const Triangle *t = &frame->triangle[triangle];
    const Vertex *v[3] = {&frame->vertex[t->v[0]], &frame->vertex[t->v[1]],
                          &frame->vertex[t->v[2]]};
    int x0 = floor_div(min3(v[0]->fx, v[1]->fx, v[2]->fx), SUBPIXEL) - tile->x0;
    int x1 = floor_div(max3(v[0]->fx, v[1]->fx, v[2]->fx), SUBPIXEL) + 1 - tile->x0;
    int y0 = floor_div(min3(v[0]->fy, v[1]->fy, v[2]->fy), SUBPIXEL) - tile->y0;
    int y1 = floor_div(max3(v[0]->fy, v[1]->fy, v[2]->fy), SUBPIXEL) + 1 - tile->y0;
    e->x0 = x0 > 0 ? x0 : 0;
    e->y0 = y0 > 0 ? y0 : 0;
    e->x1 = x1 < tile->width ? x1 : tile->width;
    e->y1 = y1 < tile->height ? y1 : tile->height;
    if (e->x0 >= e->x1 || e->y0 >= e->y1)
        return false;
    enum { STEP = SUBPIXEL / 16, FAR = 1 << 30 };
    for (int k = 0; k < 3; k++) {
        const Vertex *p = v[k], *q = v[(k + 1) % 3];
        int32_t a = q->fy - p->fy, b = p->fx - q->fx;
        int64_t c =
            (int64_t)a * (tile->x0 * SUBPIXEL - p->fx) + (int64_t)b * (tile->y0 * SUBPIXEL - p->fy);
        /* a sample on an edge that two triangles share belongs to one of them */
        if (!(a > 0 || (a == 0 && b > 0)))
            c -= 1;
        /* places are multiples of STEP / SUBPIXEL: the floor keeps every sign */
        c = c >= 0 ? c / STEP : -((-c + STEP - 1) / STEP);
        if (c < -FAR)
            return false; /* the whole tile is outside */
        e->a[k] = a;
        e->b[k] = b;
        e->c[k] = (int32_t)(c > FAR ? FAR : c);
        for (int s = 0; s < SAMPLES; s++)
            e->offset[k][s] = a * sample_place[s][0] + b * sample_place[s][1];
        e->per_a[k] = a != 0 ? -0.0625f / (float)a : 0;
        e->most[k] = 15 * ((a > 0 ? a : 0) + (b > 0 ? b : 0)) + (a < 0 ? a : 0) + (b < 0 ? b : 0);
    }
    float dx1 = v[1]->x - v[0]->x, dy1 = v[1]->y - v[0]->y, dx2 = v[2]->x - v[0]->x,
          dy2 = v[2]->y - v[0]->y;
    float area = dx1 * dy2 - dx2 * dy1;
    if (area == 0)
        return false;
    float d1 = v[1]->inverse - v[0]->inverse, d2 = v[2]->inverse - v[0]->inverse;
    e->depth_x = (d1 * dy2 - d2 * dy1) / area;
    e->depth_y = (d2 * dx1 - d1 * dx2) / area;
    e->depth_0 = v[0]->inverse + e->depth_x * ((float)tile->x0 - v[0]->x) +
                 e->depth_y * ((float)tile->y0 - v[0]->y);
    for (int s = 0; s < SAMPLES; s++)
        e->depth[s] =
            (e->depth_x * (float)sample_place[s][0] + e->depth_y * (float)sample_place[s][1]) / 16;
    return true;
}

/* The pixels [x0, x1) of row y that may be inside: never too few. */
static inline void row_span(const Edges *e, int y, int *x0, int *x1)
{
    float lo = (float)e->x0, hi = (float)e->x1;
    for (int k = 0; k < 3; k++) {
        int32_t rest = e->b[k] * 16 * y + e->c[k] + e->most[k]; /* + 16 a x >= 0 */
        float x = (float)rest * e->per_a[k];
        if (e->a[k] > 0)
            lo = maxf(lo, x - 0.01f);
        else if (e->a[k] < 0)
            hi = minf(hi, x + 1.01f);
        else if (rest < 0)
            hi = lo;
    }
    *x0 = (int)lo;
    *x1 = hi > lo ? (int)ceilf(hi) : *x0;
}

static inline void fill(const Edges *e, Tile *tile, int32_t triangle, bool cut)
{
    for (int y = e->y0; y < e->y1; y++) {
        int x0, x1;
        row_span(e, y, &x0, &x1);
        for (int x = x0; x < x1; x++) {
            int32_t f[3];
            for (int k = 0; k < 3; k++)
                f[k] = e->a[k] * 16 * x + e->b[k] * 16 * y + e->c[k];
            float depth = e->depth_0 + e->depth_x * (float)x + e->depth_y * (float)y;
            float height = cut ? e->cut_0 + e->cut_x * (float)x + e->cut_y * (float)y : 0;
            float *to_depth = tile->depth[y * TILE + x];
            int32_t *to_id = tile->id[y * TILE + x];
            for (int s = 0; s < SAMPLES; s++) {
                int32_t outside =
                    (f[0] + e->offset[0][s]) | (f[1] + e->offset[1][s]) | (f[2] + e->offset[2][s]);
                float d = depth + e->depth[s];
                int nearer = (outside >= 0) & (d > to_depth[s]);
                if (cut)
                    nearer &= height + e->cut[s] > 0;
                to_depth[s] = nearer ? d : to_depth[s];
                to_id[s] = nearer ? triangle : to_id[s];
            }
        }
    }
}

/* What is linear on a triangle is, divided by distance, a plane in the picture. */
typedef struct Plane {
    float at_0, x, y; /* by pixels in the tile */
} Plane;

/* value: at the vertices, over their distances. */
static Plane plane_of(const Vertex *const v[3], const Tile *tile, const float value[3])
{
    float dx1 = v[1]->x - v[0]->x, dy1 = v[1]->y - v[0]->y, dx2 = v[2]->x - v[0]->x,
          dy2 = v[2]->y - v[0]->y;
    float scale = 1 / (dx1 * dy2 - dx2 * dy1);
    float d1 = value[1] - value[0], d2 = value[2] - value[0];
    Plane p;
    p.x = (d1 * dy2 - d2 * dy1) * scale;
    p.y = (d2 * dx1 - d1 * dx2) * scale;
    p.at_0 = value[0] + p.x * ((float)tile->x0 - v[0]->x) + p.y * ((float)tile->y0 - v[0]->y);
    return p;
}

static void cut_set(const Frame *frame, const Tile *tile, const Triangle *t, Edges *e)
{
    const Surface *surface = &frame->scene->surface[t->surface];
    const Vertex *v[3];
    float height[3];
    for (int k = 0; k < 3; k++) {
        v[k] = &frame->vertex[t->v[k]];
        int i = t->v[k] - frame->first_vertex[t->surface];
        height[k] = (surface->position[3 * i + 1] - frame->cut) * v[k]->inverse;
    }
    Plane plane = plane_of(v, tile, height);
    e->cut_0 = plane.at_0;
    e->cut_x = plane.x;
    e->cut_y = plane.y;
    for (int s = 0; s < SAMPLES; s++)
        e->cut[s] =
            (plane.x * (float)sample_place[s][0] + plane.y * (float)sample_place[s][1]) / 16;
}

void raster_opaque(const Frame *frame, Tile *tile, int32_t triangle)
{
    Edges e;
    if (!edges_set(frame, tile, triangle, &e))
        return;
    const Triangle *t = &frame->triangle[triangle];
    if (t->cut) {
        cut_set(frame, tile, t, &e);
        fill(&e, tile, triangle, true);
    } else {
        fill(&e, tile, triangle, false);
    }
}

float weights_at(const Frame *frame, const Triangle *t, float x, float y, float b[3])
{
    const Vertex *v0 = &frame->vertex[t->v[0]], *v1 = &frame->vertex[t->v[1]],
                 *v2 = &frame->vertex[t->v[2]];
    float dx1 = v1->x - v0->x, dy1 = v1->y - v0->y, dx2 = v2->x - v0->x, dy2 = v2->y - v0->y;
    float px = x - v0->x, py = y - v0->y;
    float area = dx1 * dy2 - dx2 * dy1, scale = area != 0 ? 1 / area : 0;
    float b1 = clampf((px * dy2 - dx2 * py) * scale, 0, 1);
    float b2 = clampf((dx1 * py - px * dy1) * scale, 0, 1 - b1);
    float w0 = (1 - b1 - b2) * v0->inverse, w1 = b1 * v1->inverse, w2 = b2 * v2->inverse;
    float sum = w0 + w1 + w2, distance = 1 / sum;
    b[0] = w0 * distance;
    b[1] = w1 * distance;
    b[2] = w2 * distance;
    return sum;
}

void hit_at(const Frame *frame, int32_t triangle, float x, float y, Hit *hit)
{
    const Triangle *t = &frame->triangle[triangle];
    float inverse = weights_at(frame, t, x, y, hit->b);
    hit->index = t->surface;
    hit->surface = &frame->scene->surface[t->surface];
    hit->lod = t->lod;
    hit->label = t->label;
    hit->footprint = 1 / (inverse * frame->focal);
    hit->uv[0] = hit->uv[1] = 0;
    for (int c = 0; c < 3; c++)
        hit->p[c] = hit->n[c] = 0;
    for (int k = 0; k < 3; k++) {
        const Vertex *v = &frame->vertex[t->v[k]];
        float b = hit->b[k];
        hit->v[k] = t->v[k] - frame->first_vertex[t->surface];
        const float *uv = hit->surface->uv + 2 * hit->v[k];
        hit->uv[0] += b * uv[0];
        hit->uv[1] += b * uv[1];
        for (int c = 0; c < 3; c++) {
            hit->p[c] += b * v->p[c];
            hit->n[c] += b * v->n[c];
        }
    }
    normalize3(hit->n);
}

static bool push(Tile *tile, int pixel, Fragment fragment)
{
    if (tile->n_fragment == tile->capacity) {
        int capacity = tile->capacity ? 2 * tile->capacity : 4096;
        Fragment *more = realloc(tile->fragment, (size_t)capacity * sizeof *more);
        if (!more)
            return false;
        tile->fragment = more;
        tile->capacity = capacity;
    }
    fragment.next = tile->fragments[pixel];
    tile->fragment[tile->n_fragment] = fragment;
    tile->fragments[pixel] = tile->n_fragment++;
    return true;
}

/* Cards bound to the skin lie almost in it: they are drawn a little nearer than they are. */
static float depth_factor(Material material)
{
    switch (material) {
    case MATERIAL_BROW:
    case MATERIAL_LASH:
        return 1.004f; /* 0.036 dm at 9 dm */
    case MATERIAL_BEARD:
        return 1.002f;
    default:
        return 1.0033f; /* see sunk_fade */
    }
}

/* Hair may lie a little inside the skin, and thins out there: a soft hairline, and no bald spots
 * where a tight style was made for another skull. 1 outside, 0 from SOFT dm inside on. */
static float sunk_fade(const float opaque[SAMPLES], uint32_t mask, float inverse)
{
    const float soft = 0.03f;
    float nearest = 0;
    for (int s = 0; s < SAMPLES; s++)
        if (mask >> s & 1 && opaque[s] > nearest)
            nearest = opaque[s];
    if (nearest <= 0)
        return 1;
    return clampf(1 + (1 / nearest - 1 / inverse) / soft, 0, 1);
}

static const float FAINT = 1 / 64.0f; /* alpha not worth a fragment */

enum { PLANE_U, PLANE_V, PLANE_FACING, PLANES };

static void planes_set(const Frame *frame, const Tile *tile, const Triangle *t,
                       const Surface *surface, Plane plane[PLANES])
{
    const Vertex *v[3] = {&frame->vertex[t->v[0]], &frame->vertex[t->v[1]],
                          &frame->vertex[t->v[2]]};
    float value[PLANES][3];
    for (int k = 0; k < 3; k++) {
        const float *uv = surface->uv + 2 * (t->v[k] - frame->first_vertex[t->surface]);
        value[PLANE_U][k] = uv[0] * v[k]->inverse;
        value[PLANE_V][k] = uv[1] * v[k]->inverse;
        value[PLANE_FACING][k] = v[k]->facing * v[k]->inverse;
    }
    for (int i = 0; i < PLANES; i++)
        plane[i] = plane_of(v, tile, value[i]);
}

static inline float plane_at(const Plane *plane, float x, float y)
{
    return plane->at_0 + plane->x * x + plane->y * y;
}

float strand_alpha(Material material, float alpha)
{
    /* sparse hairs at the ends of a brow are fine ones */
    return material == MATERIAL_BROW ? alpha * (0.55f + 0.4f * alpha) : alpha;
}

/* A head of hair ends in single strands, not in the edge of a polygon: seen from the side, the
 * darker ones between them are missing. */
static float rim_fade(float facing, float luma)
{
    return minf(3.5f * fabsf(facing) + 0.5f * luma, 1);
}

bool raster_blended(const Frame *frame, Tile *tile, int32_t triangle)
{
    Edges e;
    if (!edges_set(frame, tile, triangle, &e))
        return true;
    const Triangle *t = &frame->triangle[triangle];
    const Surface *surface = &frame->scene->surface[t->surface];
    const Texture *texture = surface->n_layer > 0 ? surface->layer[0].texture : NULL;
    float factor = depth_factor(surface->material);
    TextureLevel level = {0};
    if (texture) /* strands want to be sharp */
        level = texture_level(texture, t->lod - 0.75f);
    Plane plane[PLANES];
    planes_set(frame, tile, t, surface, plane);
    for (int y = e.y0; y < e.y1; y++) {
        int x0, x1;
        row_span(&e, y, &x0, &x1);
        int32_t f[3];
        for (int k = 0; k < 3; k++)
            f[k] = e.a[k] * 16 * (x0 - 1) + e.b[k] * 16 * y + e.c[k];
        for (int x = x0; x < x1; x++) {
            for (int k = 0; k < 3; k++)
                f[k] += e.a[k] * 16;
            if (((f[0] + e.most[0]) | (f[1] + e.most[1]) | (f[2] + e.most[2])) < 0)
                continue; /* the whole pixel is beyond an edge */
            int pixel = y * TILE + x;
            float depth = e.depth_0 + e.depth_x * (float)x + e.depth_y * (float)y;
            const float *opaque = tile->depth[pixel];
            float *clear = tile->clear[pixel], *behind = tile->behind[pixel];
            int32_t mask = 0;
#pragma GCC unroll 1 /* or it is peeled before it is vectorised */
            for (int s = 0; s < SAMPLES; s++) {
                int32_t outside =
                    (f[0] + e.offset[0][s]) | (f[1] + e.offset[1][s]) | (f[2] + e.offset[2][s]);
                float d = (depth + e.depth[s]) * factor;
                int hidden = (clear[s] < OPAQUE_CLEAR) & (d < behind[s]);
                int seen = (outside >= 0) & (d > opaque[s]) & !hidden;
                mask |= seen ? 1 << s : 0;
            }
            if (!mask)
                continue;
            float px = (float)x + frame->tables->middle[mask][0];
            float py = (float)y + frame->tables->middle[mask][1];
            float inverse = e.depth_0 + e.depth_x * px + e.depth_y * py;
            float alpha = surface->opacity;
            uint8_t luma = 255;
            if (texture) {
                float distance = 1 / inverse;
                float u = plane_at(&plane[PLANE_U], px, py) * distance;
                float v = plane_at(&plane[PLANE_V], px, py) * distance;
                uint8_t rgba[4];
                texture_level_sample(&level, u, v, rgba);
                if (rgba[3] == 0)
                    continue;
                luma = (uint8_t)((54 * rgba[0] + 183 * rgba[1] + 19 * rgba[2]) >> 8);
                alpha *= strand_alpha(surface->material, rgba[3] * (1 / 255.0f));
                if (surface->material == MATERIAL_HAIR)
                    alpha *= rim_fade(plane_at(&plane[PLANE_FACING], px, py) * distance,
                                      (float)luma * (1 / 255.0f));
            }
            if (surface->material == MATERIAL_HAIR) /* where hair dives into skin */
                alpha *= sunk_fade(opaque, (uint32_t)mask, inverse);
            if (alpha < FAINT)
                continue;
            inverse *= factor;
            Fragment fragment = {.inverse = inverse,
                                 .triangle = triangle,
                                 .alpha = alpha,
                                 .mask = (uint8_t)mask,
                                 .luma = luma};
            if (!push(tile, pixel, fragment))
                return false;
            for (int s = 0; s < SAMPLES; s++) {
                float let = mask >> s & 1 ? 1 - alpha : 1;
                float far = mask >> s & 1 ? inverse : INFINITY;
                clear[s] *= let;
                behind[s] = behind[s] < far ? behind[s] : far;
            }
        }
    }
    return true;
}
