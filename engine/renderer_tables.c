/* What does not depend on the character: colour curves, pores, and what is painted on the skin at
 * rest. */
#include "engine/renderer_internal.h"
#include "engine/renderer_rings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void set_curves(RenderTables *t)
{
    for (int i = 0; i < 256; i++)
        t->linear[i] = linear_of_byte((uint8_t)i);
    t->linear[256] = t->linear[255];
    for (int i = 0; i <= DISPLAY_SIZE; i++) {
        float root = (float)i / DISPLAY_SIZE;
        float s = srgb_of(root * root);
        t->display[i] = (uint8_t)(clampf(s, 0, 1) * 255 + 0.5f);
    }
}

static void set_middles(RenderTables *t)
{
    for (int mask = 1; mask < 1 << SAMPLES; mask++) {
        int sum[2] = {0}, n = 0;
        for (int s = 0; s < SAMPLES; s++)
            if (mask >> s & 1) {
                sum[0] += sample_place[s][0];
                sum[1] += sample_place[s][1];
                n++;
            }
        for (int c = 0; c < 2; c++)
            t->middle[mask][c] = (float)sum[c] / (float)(16 * n);
    }
}

/* Marks everything that can be reached from outside without crossing the lips' border ring. */
static void flood_outside(const Surface *s, const int *ring_of, uint8_t *outside)
{
    for (int i = 0; i < s->n_vertex; i++)
        outside[s->weld[i]] |= s->rest[3 * i + 1] > 7.0f; /* the head above the nose tip */
    for (bool changed = true; changed;) {
        changed = false;
        for (int t = 0; t < s->n_triangle; t++) {
            int w[3];
            bool any = false;
            for (int k = 0; k < 3; k++) {
                w[k] = s->weld[s->triangle[3 * t + k]];
                any |= outside[w[k]];
            }
            for (int k = 0; any && k < 3; k++)
                if (!outside[w[k]] && ring_of[w[k]] < 0) {
                    outside[w[k]] = 1;
                    changed = true;
                }
        }
    }
}

static bool set_lips(RenderTables *t, const Surface *s)
{
    int *ring_of = malloc((size_t)(s->n_vertex + 1) *
                          sizeof *ring_of); /* by first vertex of a weld; -1 none */
    uint8_t *outside = calloc((size_t)s->n_vertex + 1, 1);
    bool ok = ring_of && outside;
    for (int i = 0; ok && i < s->n_vertex; i++)
        ring_of[i] = -1;
    for (int i = 0; ok && i < s->n_vertex; i++)
        for (int r = 0; r < LIP_RINGS; r++)
            for (int k = 0; k < LIP_RING; k++)
                if (lip_ring[r][k] == s->source[i]) {
                    float x = cosf(6.2831853f * (float)k / LIP_RING);
                    ring_of[s->weld[i]] = r;
                    t->skin[i].lip = (float)r;
                    t->skin[i].upper = clampf(4 * x, -1, 1);
                    if (r == SEAL_RING && k % (LIP_RING / 2) == 0)
                        t->seal[k > 0] = i;
                }
    if (ok)
        flood_outside(s, ring_of, outside);
    for (int i = 0; ok && i < s->n_vertex; i++)
        if (ring_of[s->weld[i]] < 0)
            t->skin[i].lip = outside[s->weld[i]] ? -1 : LIP_RINGS;
    free(ring_of);
    free(outside);
    return ok;
}

enum { FOLDS = 14 };

/* The rim of the lids, and how many rings of vertices a place lies above the upper one. */
static bool set_lids(RenderTables *t, const Surface *s)
{
    uint8_t *fold = malloc((size_t)s->n_vertex + 1); /* by first vertex of a weld */
    if (!fold)
        return false;
    for (int i = 0; i < s->n_vertex; i++)
        fold[i] = FOLDS;
    for (int i = 0; i < s->n_vertex; i++)
        for (int k = 0; k < 2 * LID_RING; k++) {
            bool upper = k % LID_RING >= UPPER_LID && k % LID_RING <= UPPER_LID_END;
            if (lid_ring[k / LID_RING][k % LID_RING] != s->source[i])
                continue;
            t->skin[i].lid = upper ? 1 : 0.45f; /* lashes are dense above */
            if (upper)
                fold[s->weld[i]] = 0;
        }
    for (int step = 1; step < FOLDS; step++)
        for (int i = 0; i < s->n_triangle; i++) {
            int least = FOLDS;
            for (int k = 0; k < 3; k++) {
                int at = fold[s->weld[s->triangle[3 * i + k]]];
                least = at < least ? at : least;
            }
            for (int k = 0; k < 3; k++) {
                uint8_t *at = &fold[s->weld[s->triangle[3 * i + k]]];
                if (least == step - 1 && *at == FOLDS)
                    *at = (uint8_t)step;
            }
        }
    for (int i = 0; i < s->n_vertex; i++)
        t->skin[i].fold = fold[s->weld[i]];
    free(fold);
    return true;
}

/* A soft spot on both sides of the face. */
static float spot(const float p[3], float x, float y, float z, float radius)
{
    float dx = fabsf(p[0]) - x, dy = p[1] - y, dz = p[2] - z;
    return expf(-(dx * dx + dy * dy + dz * dz) / (radius * radius));
}

/* Where blood shows, where people blush and have freckles, what shines. */
static void set_complexion(SkinVertex *skin, const float p[3])
{
    float ear = smoothstepf(0.775f, 0.825f, hypotf(p[0], p[2] - 0.45f)) *
                smoothstepf(0.75f, 0.60f, p[2]) * smoothstepf(0.0f, 0.15f, p[2]) *
                smoothstepf(7.62f, 7.50f, p[1]) * smoothstepf(6.78f, 6.86f, p[1]);
    float forehead = spot(p, 0, 7.78f, 1.4f, 0.36f);
    float nose = spot(p, 0, 6.93f, 1.62f, 0.19f) + 0.6f * spot(p, 0.16f, 6.88f, 1.48f, 0.10f);
    float lids = spot(p, 0.30f, 7.30f, 1.38f, 0.17f);
    skin->cheek = clampf(spot(p, 0.47f, 6.96f, 1.20f, 0.24f), 0, 1);
    skin->blood = 0.85f * nose + 0.50f * skin->cheek + 0.8f * ear + 0.45f * lids +
                  0.3f * spot(p, 0, 6.27f, 1.5f, 0.16f) - 0.30f * forehead;
    skin->freckle = clampf(spot(p, 0.36f, 7.03f, 1.34f, 0.26f) + spot(p, 0, 7.10f, 1.55f, 0.17f) +
                               0.28f * forehead + 0.25f * skin->cheek - 0.9f * lids,
                           0, 1);
    skin->oil = 0.8f * forehead + 0.9f * nose + 0.4f * spot(p, 0.42f, 7.10f, 1.28f, 0.16f) -
                0.7f * smoothstepf(6.2f, 5.9f, p[1]) - 0.4f * ear;
    float above_ear = smoothstepf(6.95f, 7.15f, p[1]) * smoothstepf(0.62f, 0.50f, p[2]);
    above_ear = fmaxf(above_ear, smoothstepf(7.30f, 7.46f, p[1]) * smoothstepf(0.85f, 0.70f, p[2]));
    skin->bare = smoothstepf(-0.34f, -0.04f, hair_shape_at(HAIR_SHAPE_SCALP, p));
    skin->bare = fmaxf(skin->bare, above_ear) * (1 - ear);
    skin->oil -= 0.45f * skin->bare;
}

/* Regions of the base head, which is the same for everybody (dm; chin y 6.16, eyes y 7.28,
 * top 8.49). */
static void set_regions(SkinVertex *skin, const float p[3])
{
    float x = fabsf(p[0]), y = p[1], z = p[2];
    /* nose: half width by height, from the root to below the wings */
    static const float nose[][2] = {{6.78f, 0.06f},  {6.82f, 0.15f}, {6.88f, 0.215f},
                                    {6.94f, 0.21f},  {7.02f, 0.15f}, {7.15f, 0.115f},
                                    {7.28f, 0.085f}, {7.34f, 0.03f}};
    enum { N = sizeof nose / sizeof nose[0] };
    skin->nose = -1;
    for (int i = 0; i + 1 < N; i++)
        if (y >= nose[i][0] && y <= nose[i + 1][0])
            skin->nose = lerpf(nose[i][1], nose[i + 1][1],
                               (y - nose[i][0]) / (nose[i + 1][0] - nose[i][0])) -
                         x;
    if (y < nose[0][0])
        skin->nose = y - nose[0][0];
    if (z < 1.2f)
        skin->nose = -1;
    /* face: above the jaw's edge, before the ears */
    float jaw = y - (6.10f + 0.75f * clampf(1.25f - z, 0, 2));
    float side = z - (y > 7.0f ? 0.42f : 0.35f);
    float ear = fmaxf(fmaxf(0.645f - x, z - 0.66f), fmaxf(y - 7.45f, 6.68f - y));
    skin->face = fminf(jaw, fminf(side, ear));
    set_complexion(skin, p);
}

static void rest_normals(const Surface *s, float *normal)
{
    for (int t = 0; t < s->n_triangle; t++) {
        const int32_t *v = s->triangle + 3 * t;
        const float *p = s->rest + 3 * v[0], *q = s->rest + 3 * v[1], *r = s->rest + 3 * v[2];
        float a[3] = {q[0] - p[0], q[1] - p[1], q[2] - p[2]},
              b[3] = {r[0] - p[0], r[1] - p[1], r[2] - p[2]}, n[3];
        cross3(a, b, n);
        for (int k = 0; k < 3; k++)
            for (int c = 0; c < 3; c++)
                normal[3 * s->weld[v[k]] + c] += n[c];
    }
    for (int i = 0; i < s->n_vertex; i++)
        if (s->weld[i] == i)
            normalize3(normal + 3 * i);
}

/* Which part of the surroundings each vertex sees: depth maps from many sides. */
static bool set_ambient(RenderTables *t, const Surface *s)
{
    enum { SIDES = 64 };
    ShadowMap map = {.depth = malloc((size_t)SHADOW_SIZE * SHADOW_SIZE * sizeof(float))};
    float *normal = calloc((size_t)s->n_vertex * 3 + 1, sizeof *normal);
    float *sum = calloc((size_t)s->n_vertex * 2 + 1, sizeof *sum);
    float *place = malloc(((size_t)s->n_vertex * 3 + 1) * sizeof *place);
    bool ok = map.depth && normal && sum && place;
    if (ok)
        rest_normals(s, normal);
    for (int d = 0; ok && d < SIDES; d++) {
        /* Fibonacci's sphere */
        float z = 1 - 2 * ((float)d + 0.5f) / SIDES, r = sqrtf(1 - z * z),
              a = 2.39996323f * (float)d;
        const float to[3] = {r * cosf(a), r * sinf(a), z}, centre[3] = {0, 7.1f, 0.5f};
        shadow_map_set(&map, centre, to, 4.0f);
        for (int i = 0; i < s->n_vertex; i++)
            shadow_map_place(&map, s->rest + 3 * i, place + 3 * i);
        for (int i = 0; i < s->n_triangle; i++) {
            const int32_t *v = s->triangle + 3 * i;
            const float *const p[3] = {place + 3 * v[0], place + 3 * v[1], place + 3 * v[2]};
            shadow_map_triangle(&map, p, NULL, v);
        }
        for (int i = 0; i < s->n_vertex; i++) {
            const float *n = normal + 3 * s->weld[i];
            float cosine = dot3(n, to);
            if (cosine <= 0)
                continue;
            float p[3];
            for (int c = 0; c < 3; c++)
                p[c] = s->rest[3 * i + c] + 0.02f * n[c];
            sum[2 * i] += shadow_map_hides(&map, p, 0.02f) ? 0 : cosine;
            sum[2 * i + 1] += cosine;
        }
    }
    for (int i = 0; ok && i < s->n_vertex; i++)
        t->skin[i].ambient = sum[2 * i + 1] > 0 ? sum[2 * i] / sum[2 * i + 1] : 1;
    free(place);
    free(sum);
    free(normal);
    free(map.depth);
    return ok;
}

bool render_tables_new(RenderTables **tables, const Surface *skin_at_rest, Error *err)
{
    const Surface *s = skin_at_rest;
    RenderTables *t = calloc(1, sizeof *t);
    bool whole = t != NULL;
    if (t)
        t->skin = calloc((size_t)s->n_vertex + 1, sizeof *t->skin);
    whole = whole && t->skin;
    for (int h = 0; t && h < HAIR_SHAPE_COUNT; h++) {
        t->hair[h] = malloc(((size_t)s->n_vertex + 1) * sizeof *t->hair[h]);
        whole = whole && t->hair[h];
    }
    if (!whole) {
        render_tables_free(t);
        return error_set(err, "render tables: out of memory; close other programs");
    }
    t->n_vertex = s->n_vertex;
    t->seal[0] = t->seal[1] = -1;
    set_curves(t);
    noise_fill(t->noise);
    set_middles(t);
    bool ok = true;
    for (int i = 0; i < s->n_vertex; i++) {
        t->skin[i].lip = -1;
        t->skin[i].fold = FOLDS;
        set_regions(&t->skin[i], s->rest + 3 * i);
        for (int h = 0; h < HAIR_SHAPE_COUNT; h++)
            t->hair[h][i] = hair_shape_at((HairShape)h, s->rest + 3 * i);
    }
    if (s->source) {
        ok = set_lips(t, s) && set_lids(t, s);
    }
    if (!ok || !set_ambient(t, s)) {
        render_tables_free(t);
        return error_set(err, "render tables: out of memory; close other programs");
    }
    *tables = t;
    return true;
}

void render_tables_free(RenderTables *tables)
{
    for (int h = 0; tables && h < HAIR_SHAPE_COUNT; h++)
        free(tables->hair[h]);
    if (tables)
        free(tables->skin);
    free(tables);
}
