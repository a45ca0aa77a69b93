/* Soft shadows of the key light: a depth map seen from the light, filtered by percentage. */
#include "engine/renderer_internal.h"

#include <math.h>

enum { FILTER = 2 };              /* texels to each side */
static const float EXTENT = 5.2f; /* dm a side: head, neck and hair */

void shadow_map_place(const ShadowMap *map, const float p[3], float out[3])
{
    float d[3] = {p[0] - map->centre[0], p[1] - map->centre[1], p[2] - map->centre[2]};
    out[0] = dot3(d, map->right) * map->scale + 0.5f * SHADOW_SIZE;
    out[1] = dot3(d, map->up) * map->scale + 0.5f * SHADOW_SIZE;
    out[2] = dot3(d, map->forward);
}

void shadow_map_set(ShadowMap *map, const float centre[3], const float to[3], float extent)
{
    const float world_up[3] = {0, 1, 0};
    for (int c = 0; c < 3; c++) {
        map->forward[c] = -to[c];
        map->centre[c] = centre[c];
    }
    cross3(map->forward, world_up, map->right);
    if (dot3(map->right, map->right) < 1e-6f)
        map->right[0] = 1;
    normalize3(map->right);
    cross3(map->right, map->forward, map->up);
    map->scale = SHADOW_SIZE / extent;
    for (int i = 0; i < SHADOW_SIZE * SHADOW_SIZE; i++)
        map->depth[i] = 1e9f;
}

void shadow_map_triangle(ShadowMap *map, const float *const place[3], const Surface *surface,
                         const int32_t *v)
{
    float x[3], y[3], z[3];
    for (int k = 0; k < 3; k++) {
        x[k] = place[k][0];
        y[k] = place[k][1];
        z[k] = place[k][2];
    }
    float lo_x = minf(x[0], minf(x[1], x[2])), hi_x = maxf(x[0], maxf(x[1], x[2]));
    float lo_y = minf(y[0], minf(y[1], y[2])), hi_y = maxf(y[0], maxf(y[1], y[2]));
    int x0 = (int)ceilf(clampf(lo_x, 0, SHADOW_SIZE) - 0.5f),
        x1 = (int)ceilf(clampf(hi_x, 0, SHADOW_SIZE) - 0.5f);
    int y0 = (int)ceilf(clampf(lo_y, 0, SHADOW_SIZE) - 0.5f),
        y1 = (int)ceilf(clampf(hi_y, 0, SHADOW_SIZE) - 0.5f);
    if (x0 >= x1 || y0 >= y1)
        return;
    float area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]);
    if (!(fabsf(area) > 1e-6f))
        return;
    float inverse = 1 / area;
    float b1x = (y[2] - y[0]) * inverse, b1y = (x[0] - x[2]) * inverse;
    float b2x = (y[0] - y[1]) * inverse, b2y = (x[1] - x[0]) * inverse;
    TextureLevel level = {0};
    if (surface)
        level = texture_level(surface->layer[0].texture, 1);
    for (int py = y0; py < y1; py++) {
        for (int px = x0; px < x1; px++) {
            float dx = (float)px + 0.5f - x[0], dy = (float)py + 0.5f - y[0];
            float b1 = b1x * dx + b1y * dy, b2 = b2x * dx + b2y * dy;
            if (b1 < 0 || b2 < 0 || b1 + b2 > 1)
                continue;
            float depth = z[0] + b1 * (z[1] - z[0]) + b2 * (z[2] - z[0]);
            float *to = &map->depth[py * SHADOW_SIZE + px];
            if (depth >= *to)
                continue;
            if (surface) {
                const float *a = surface->uv + 2 * v[0], *b = surface->uv + 2 * v[1],
                            *c = surface->uv + 2 * v[2];
                float u = a[0] + b1 * (b[0] - a[0]) + b2 * (c[0] - a[0]);
                float w = a[1] + b1 * (b[1] - a[1]) + b2 * (c[1] - a[1]);
                uint8_t rgba[4];
                texture_level_sample(&level, u, w, rgba);
                if ((float)rgba[3] * surface->opacity < 127.5f)
                    continue;
            }
            *to = depth;
        }
    }
}

void shadow_draw(Frame *frame)
{
    ShadowMap *map = &frame->shadow;
    float centre[3];
    for (int c = 0; c < 3; c++)
        centre[c] = 0.5f * (frame->eye[0][c] + frame->eye[1][c]) - (c == 1 ? 0.5f : 0) -
                    (c == 2 ? 0.7f : 0);
    shadow_map_set(map, centre, frame->light[LIGHT_KEY].to, EXTENT);
    const Scene *scene = frame->scene;
    for (int i = 0; i < scene->n_surface; i++) {
        const Surface *s = &scene->surface[i];
        bool casts = s->material == MATERIAL_SKIN || s->material == MATERIAL_HAIR;
        if (!casts && !material_blends(s->material))
            continue;
        Vertex *vertex = frame->vertex + frame->first_vertex[i];
        for (int k = 0; k < s->n_vertex; k++)
            shadow_map_place(map, vertex[k].p, vertex[k].shadow);
        if (!casts)
            continue;
        bool cut_out = material_blends(s->material) && s->n_layer > 0;
        for (int t = 0; t < s->n_triangle; t++) {
            const int32_t *v = s->triangle + 3 * t;
            const Vertex *a = &vertex[v[0]], *b = &vertex[v[1]], *c = &vertex[v[2]];
            if (!a->valid || !b->valid || !c->valid)
                continue;
            /* solid surfaces are closed: the side towards the light hides all that the other side
             * would */
            if (!cut_out && (b->shadow[0] - a->shadow[0]) * (c->shadow[1] - a->shadow[1]) <=
                                (c->shadow[0] - a->shadow[0]) * (b->shadow[1] - a->shadow[1]))
                continue;
            const float *const place[3] = {a->shadow, b->shadow, c->shadow};
            shadow_map_triangle(map, place, cut_out ? s : NULL, v);
        }
    }
}

bool shadow_map_hides(const ShadowMap *map, const float p[3], float bias)
{
    float place[3];
    shadow_map_place(map, p, place);
    float x = place[0], y = place[1], z = place[2];
    if (!(x >= 0 && y >= 0 && x < SHADOW_SIZE && y < SHADOW_SIZE))
        return false;
    return map->depth[(int)y * SHADOW_SIZE + (int)x] < z - bias;
}

float shadow_at(const Frame *frame, const float p[3], const float n[3])
{
    const ShadowMap *map = &frame->shadow;
    float lit = dot3(n, frame->light[LIGHT_KEY].to);
    float slope = 1 - clampf(lit, 0, 1);
    float away = 0.02f + 0.05f * slope; /* dm: a wide filter would shadow curved skin by itself */
    float q[3] = {p[0] + away * n[0], p[1] + away * n[1], p[2] + away * n[2]};
    float place[3];
    shadow_map_place(map, q, place);
    float x = place[0] - 0.5f, y = place[1] - 0.5f, z = place[2];
    if (!(x > FILTER && y > FILTER && x < SHADOW_SIZE - FILTER - 2 && y < SHADOW_SIZE - FILTER - 2))
        return 1;
    z -= 0.03f + 0.04f * slope;
    int ix = (int)x, iy = (int)y;
    float ax = x - (float)ix, ay = y - (float)iy;
    float sum = 0;
    /* a box of 2 FILTER + 1 texels with bilinear edges */
    for (int j = -FILTER; j <= FILTER + 1; j++) {
        const float *row = map->depth + (iy + j) * SHADOW_SIZE + ix;
        float wy = j == -FILTER ? 1 - ay : j == FILTER + 1 ? ay : 1;
        float line = 0;
        for (int i = -FILTER + 1; i <= FILTER; i++)
            line += row[i] > z ? 1.0f : 0.0f;
        line += (row[-FILTER] > z ? 1 - ax : 0) + (row[FILTER + 1] > z ? ax : 0);
        sum += wy * line;
    }
    return sum / ((2 * FILTER + 1) * (2 * FILTER + 1));
}

float shadow_through_hair(const ShadowMap *map, const float place[3])
{
    const float bias = 0.04f, half = 0.14f; /* dm of hair that let half of the light through */
    float x = place[0] - 0.5f, y = place[1] - 0.5f, z = place[2] - bias;
    if (!(x >= 0 && y >= 0 && x < SHADOW_SIZE - 2 && y < SHADOW_SIZE - 2))
        return 1;
    int ix = (int)x, iy = (int)y;
    float ax = x - (float)ix, ay = y - (float)iy;
    const float *row = map->depth + iy * SHADOW_SIZE + ix;
    const float depth[4] = {row[0], row[1], row[SHADOW_SIZE], row[SHADOW_SIZE + 1]};
    const float weight[4] = {(1 - ax) * (1 - ay), ax * (1 - ay), (1 - ax) * ay, ax * ay};
    float sum = 0;
    for (int k = 0; k < 4; k++) {
        float inside = maxf(z - depth[k], 0) * (1 / half);
        sum += weight[k] / (1 + inside * inside);
    }
    return sum;
}
