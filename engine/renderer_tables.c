/* What does not depend on the character: colour curves, pores, and what is painted on the skin at
 * rest. */
#include "engine/renderer_internal.h"
#include "engine/renderer_rings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float to_srgb(float x)
{
    return x <= 0.0031308f ? 12.92f * x : 1.055f * powf(x, 1 / 2.4f) - 0.055f;
}

static void set_curves(RenderTables *t)
{
    for (int i = 0; i < 256; i++) {
        float s = (float)i / 255.0f;
        t->linear[i] = s <= 0.04045f ? s / 12.92f : powf((s + 0.055f) / 1.055f, 2.4f);
    }
    t->linear[256] = t->linear[255];
    for (int i = 0; i <= DISPLAY_SIZE; i++) {
        float root = (float)i / DISPLAY_SIZE;
        float s = to_srgb(root * root);
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

/* White noise of Wang's hash, softened by a 3 x 3 tent. */
static void set_noise(RenderTables *t)
{
    const int tent[3] = {1, 2, 1};
    for (int y = 0; y < NOISE_SIZE; y++)
        for (int x = 0; x < NOISE_SIZE; x++)
            for (int c = 0; c < 4; c++) {
                float sum = 0;
                for (int j = 0; j < 3; j++)
                    for (int i = 0; i < 3; i++) {
                        uint32_t px = (uint32_t)(x + i + NOISE_SIZE - 1) % NOISE_SIZE;
                        uint32_t py = (uint32_t)(y + j + NOISE_SIZE - 1) % NOISE_SIZE;
                        uint32_t h = (py * NOISE_SIZE + px) * 4 + (uint32_t)c;
                        h = (h ^ 61) ^ (h >> 16);
                        h *= 9;
                        h ^= h >> 4;
                        h *= 0x27d4eb2d;
                        h ^= h >> 15;
                        sum += (float)(tent[i] * tent[j]) * ((float)(h & 0xffff) / 32767.5f - 1);
                    }
                t->noise[y][x][c] = (int8_t)lrintf(clampf(sum / 16 * 2.2f, -1, 1) * 127);
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

static void set_lids(RenderTables *t, const Surface *s)
{
    for (int i = 0; i < s->n_vertex; i++)
        for (int k = 0; k < 2 * LID_RING; k++)
            if (lid_ring[k / LID_RING][k % LID_RING] == s->source[i])
                t->skin[i].lid = k % LID_RING >= UPPER_LID && k % LID_RING <= UPPER_LID_END
                                     ? 1
                                     : 0.45f; /* lashes are dense above */
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
    /* stubble: upper lip, chin, jaw, up to the ears */
    float cheek = 6.66f + 0.62f * clampf(x - 0.22f, 0, 1);
    float lower = smoothstepf(cheek + 0.10f, cheek - 0.06f, y);
    float moustache = smoothstepf(6.83f, 6.79f, y) * smoothstepf(0.36f, 0.26f, x);
    float below = smoothstepf(6.04f, 6.20f, y + 0.35f * (z - 1.2f)) * smoothstepf(0.35f, 0.6f, z);
    skin->beard = clampf(fmaxf(lower, moustache), 0, 1) * below * smoothstepf(0.66f, 0.60f, x) *
                  (z > 0.2f ? 1.0f : 0.0f);
    skin->scalp = smoothstepf(0, 0.15f, y - (7.95f - 0.75f * clampf(1.05f - z, 0, 2)));
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
    if (t)
        t->skin = calloc((size_t)s->n_vertex + 1, sizeof *t->skin);
    if (!t || !t->skin) {
        render_tables_free(t);
        return error_set(err, "render tables: out of memory; close other programs");
    }
    t->n_vertex = s->n_vertex;
    t->seal[0] = t->seal[1] = -1;
    set_curves(t);
    set_noise(t);
    set_middles(t);
    bool ok = true;
    for (int i = 0; i < s->n_vertex; i++) {
        t->skin[i].lip = -1;
        set_regions(&t->skin[i], s->rest + 3 * i);
    }
    if (s->source) {
        ok = set_lips(t, s);
        set_lids(t, s);
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
    if (tables)
        free(tables->skin);
    free(tables);
}
