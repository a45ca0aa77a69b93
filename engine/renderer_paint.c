/* What is painted on the skin: short hair, stubble, lips, freckles. Shapes are drawn on the base
 * head, which is the same for everybody (dm; chin y 6.16, mouth 6.61, eyes 7.28, top 8.49). */
#include "engine/renderer_internal.h"

#include <math.h>

typedef struct Stop {
    float at, y;
} Stop;

/* How far (at, y) lies below a curve; at is scaled to dm. Exact near the curve. */
static float below_curve(const Stop *stop, int n, float scale, float at, float y)
{
    float nearest = 1e9f, height = at < stop[0].at ? stop[0].y : stop[n - 1].y;
    for (int i = 0; i + 1 < n; i++) {
        const Stop *a = &stop[i], *b = &stop[i + 1];
        float dx = (b->at - a->at) * scale, dy = b->y - a->y;
        float px = (at - a->at) * scale, py = y - a->y;
        float t = clampf((px * dx + py * dy) / (dx * dx + dy * dy), 0, 1);
        float ex = px - t * dx, ey = py - t * dy;
        nearest = fminf(nearest, ex * ex + ey * ey);
        if (at >= a->at && at <= b->at)
            height = a->y + dy * (at - a->at) / (b->at - a->at);
    }
    return y < height ? sqrtf(nearest) : -sqrtf(nearest);
}

/* Heights by degrees around the head: 0 the face, 90 the ear, 180 the nape. */
static const Stop hairline[] = {
    {0, 7.97f},   {14, 7.985f}, {27, 8.02f},  {36, 7.97f}, {44, 7.86f},  {52, 7.72f},
    {58, 7.56f},  {63, 7.40f},  {66, 7.22f},  {68, 7.02f}, {73, 6.97f},  {77, 7.02f},
    {79, 7.22f},  {81, 7.38f},  {88, 7.50f},  {98, 7.50f}, {106, 7.36f}, {112, 7.12f},
    {118, 6.94f}, {130, 6.80f}, {150, 6.70f}, {180, 6.68f}};
/* What age leaves: full hair below the one, thin hair above the other. */
static const Stop bald_top[] = {{0, 7.00f},  {46, 7.10f},  {52, 7.50f}, {60, 7.74f},
                                {75, 7.90f}, {110, 8.00f}, {180, 7.96f}};
static const Stop receded[] = {{0, 8.05f},  {10, 8.06f}, {24, 8.22f}, {36, 8.16f},
                               {48, 7.98f}, {58, 7.80f}, {180, 7.70f}};
static const Stop cheek_line[] = {
    {0, 6.825f}, {6, 6.825f}, {10, 6.80f}, {14, 6.745f}, {18, 6.70f}, {23, 6.67f}, {30, 6.69f},
    {38, 6.74f}, {48, 6.82f}, {57, 6.93f}, {62, 7.08f},  {65, 7.25f}, {67, 7.40f}, {74, 7.40f},
    {76, 7.20f}, {78, 6.92f}, {82, 6.72f}, {88, 6.50f},  {96, 6.20f}, {106, 5.90f}};
/* Heights by z: the lower edge of the jaw. */
static const Stop jaw_edge[] = {{0.30f, 6.86f}, {0.50f, 6.68f}, {0.65f, 6.52f}, {0.80f, 6.40f},
                                {1.00f, 6.29f}, {1.25f, 6.20f}, {1.50f, 6.17f}};
enum {
    HAIRLINE = sizeof hairline / sizeof *hairline,
    BALD_TOP = sizeof bald_top / sizeof *bald_top,
    RECEDED = sizeof receded / sizeof *receded,
    CHEEK_LINE = sizeof cheek_line / sizeof *cheek_line,
    JAW_EDGE = sizeof jaw_edge / sizeof *jaw_edge
};
static const float dm_a_degree = 0.0135f;

static float scalp_at(float around, const float p[3])
{
    float grows = -below_curve(hairline, HAIRLINE, dm_a_degree, around, p[1]);
    if (p[1] > 7.55f || around < 76 || around > 125)
        return grows;
    float out = hypotf(p[0], p[2] - 0.45f); /* ears stand out of it */
    return fminf(grows, 0.82f - out);
}

static float horseshoe_at(float around, float y)
{
    const float thin = 0.055f; /* of the soft edge, where hair is thin */
    float below = below_curve(bald_top, BALD_TOP, dm_a_degree, around, y);
    float above = -below_curve(receded, RECEDED, dm_a_degree, around, y);
    return fmaxf(below, fminf(above, thin));
}

static float beard_at(float around, const float p[3])
{
    float neck = p[1] + 0.35f * (p[2] - 1.2f) - 6.06f;
    return fminf(below_curve(cheek_line, CHEEK_LINE, dm_a_degree, around, p[1]), neck);
}

static float goatee_at(const float p[3])
{
    float x = fabsf(p[0]), u = x / 0.345f, v = fabsf(p[1] - 6.47f) / 0.36f;
    float outside = cbrtf(u * u * u + v * v * v);
    float ring = (1 - outside) * 0.34f;
    /* bare on both sides of the tuft below the lip */
    float bx = (x - 0.165f) / 1.15f, by = p[1] - 6.455f;
    float bare = sqrtf(bx * bx + by * by) - 0.055f;
    float neck = p[1] + 0.35f * (p[2] - 1.2f) - 6.10f;
    return fminf(fminf(ring, bare), fminf(neck, p[2] - 1.0f));
}

static float strap_at(float around, const float p[3])
{
    float edge = -below_curve(jaw_edge, JAW_EDGE, 1, p[2], p[1]); /* above it */
    float band = 0.10f - fabsf(edge - 0.05f);
    band = fminf(band, p[2] - 0.45f);
    float sideburn = (4.6f - fabsf(around - 71)) * dm_a_degree;
    sideburn = fminf(sideburn, fminf(7.40f - p[1], p[1] - 6.60f));
    return fmaxf(band, sideburn);
}

float hair_shape_at(HairShape shape, const float rest[3])
{
    float around = atan2f(fabsf(rest[0]), rest[2] - 0.45f) * 57.29578f;
    switch (shape) {
    case HAIR_SHAPE_SCALP:
        return scalp_at(around, rest);
    case HAIR_SHAPE_HORSESHOE:
        return fminf(scalp_at(around, rest), horseshoe_at(around, rest[1]));
    case HAIR_SHAPE_GOATEE:
        return goatee_at(rest);
    case HAIR_SHAPE_STRAP:
        return strap_at(around, rest);
    default:
        return beard_at(around, rest);
    }
}

static float shape_of_hit(const Frame *frame, HairShape shape, const Hit *hit)
{
    const float *inside = frame->tables->hair[shape];
    float sum = 0;
    for (int k = 0; k < 3; k++)
        sum += hit->v[k] < frame->tables->n_vertex ? hit->b[k] * inside[hit->v[k]] : -1;
    return sum;
}

float hair_cover(const Frame *frame, const HairPaint *paint, const Hit *hit)
{
    if (paint->cover <= 0)
        return 0;
    return paint->cover * smoothstepf(-0.4f * paint->edge, 0.6f * paint->edge,
                                      shape_of_hit(frame, paint->shape, hit));
}

float paint_hair(const Frame *frame, const HairPaint *paint, const Hit *hit, const PaintPlace *at,
                 float albedo[3])
{
    float inside = shape_of_hit(frame, paint->shape, hit);
    if (inside < -0.06f - 0.5f * paint->edge)
        return 0;
    const RenderTables *tables = frame->tables;
    /* outlines wander; hairs are dots or strokes of noise, drawn out along v, that stand above a
     * threshold which falls with density */
    float wander = white_noise_at(tables, 0.11f * at->plane[0], 0.11f * at->plane[1]);
    float dense = smoothstepf(-0.4f * paint->edge, 0.6f * paint->edge, inside + 0.025f * wander);
    float u = at->plane[0], v = at->plane[1];
    float stroke = lerpf(0.8f, 0.22f, paint->length);
    float grain = white_noise_at(tables, 0.9f * u + 0.06f * v, stroke * v);
    float patch = white_noise_at(tables, 0.37f * u, 0.6f * stroke * v);
    float sharp = paint->grain * at->fine;
    float here = clampf(
        (1.25f * dense - 0.22f + sharp * (0.55f * grain + 0.25f * dense * patch)) / 0.85f, 0, 1);
    float cover = paint->cover * smoothstepf(0, 1, here) * dense;
    float tone = 1 + at->fine * (0.55f * grain + 0.35f * patch);
    for (int c = 0; c < 3; c++)
        albedo[c] = lerpf(albedo[c], paint->colour[c] * tone, cover);
    return cover;
}

void paint_lips(const Frame *frame, const SkinVertex *skin, const PaintPlace *at, float lip,
                float albedo[3], SkinFinish *finish)
{
    const Scene *scene = frame->scene;
    const LipPaint *paint = &scene->lip;
    /* natural lips are a little redder than the texture, with fine furrows across */
    const float blood[3] = {0.96f, 0.78f, 0.78f};
    float across = at->rest[0], ring = skin->lip;
    float furrow = white_noise_at(frame->tables, 1.9f * across, 0.006f * ring);
    float light = luminance(albedo);
    float relief = 1 + 0.10f * at->fine * furrow;
    for (int c = 0; c < 3; c++) {
        albedo[c] *= lerpf(1, blood[c] * relief, lip);
        float tinted = scene->lip_tint[c] * clampf(0.55f + 1.5f * light, 0, 1.3f);
        albedo[c] = lerpf(albedo[c], tinted, lip * scene->lip_tint[3]);
    }
    finish->roughness = lerpf(finish->roughness, 0.38f, lip);
    /* corners are too narrow to catch light */
    finish->shine = lerpf(finish->shine, 0.75f * (1 + 0.25f * at->fine * furrow), lip);
    finish->dull = smoothstepf(-1.0f, -0.7f, ring) * smoothstepf(0.185f, 0.225f, fabsf(across));
    if (paint->cover <= 0)
        return;
    float half = lerpf(paint->lower, paint->upper, smoothstepf(-0.15f, 0.15f, skin->upper));
    float here = smoothstepf(paint->begin, paint->full, ring) * half;
    if (here <= 0)
        return;
    float inner = smoothstepf(0.3f, 4.2f, ring);
    float cover = paint->cover * here;
    if (paint->patches > 0) {
        float patch = white_noise_at(frame->tables, 0.45f * at->plane[0], 0.45f * at->plane[1]);
        cover *= 1 - paint->patches * clampf(0.25f + 0.35f * patch, 0, 0.6f);
    }
    float outline = 1 - smoothstepf(0.9f, 1.9f, ring);
    float x = across / 0.10f;
    float dab = paint->dab * expf(-x * x) * smoothstepf(0.6f, 2.0f, ring);
    float colour[3];
    for (int c = 0; c < 3; c++) {
        float k = paint->colour[c];
        if (paint->inner > 0)
            k = lerpf(k, 0.35f + 0.65f * k, 0.75f * paint->inner * inner);
        else
            k *= lerpf(1, 0.18f, -paint->inner * inner);
        k *= 1 - 0.72f * paint->liner * outline;
        k = lerpf(k, 0.55f + 0.3f * k, 0.55f * dab);
        colour[c] = k * (1 + 0.06f * at->fine * furrow);
    }
    for (int c = 0; c < 3; c++)
        albedo[c] = lerpf(albedo[c], colour[c], cover);
    finish->roughness = lerpf(finish->roughness, paint->roughness, here);
    finish->shine = lerpf(finish->shine, 0.75f * paint->shine, here);
    finish->metal = paint->metal * here;
    finish->sparkle = paint->sparkle * here;
}

/* A furrow across a distance from its middle: how deep, and its slope. */
static float furrow_at(float distance, float width, float *slope)
{
    float t = distance / width, deep = expf(-t * t);
    *slope = 2 * t * deep;
    return deep;
}

void paint_wrinkles(const Frame *frame, float amount, const PaintPlace *at, float albedo[3],
                    float slope[2])
{
    float x = fabsf(at->rest[0]), y = at->rest[1], side = at->rest[0] < 0 ? -1.0f : 1.0f;
    float wander = white_noise_at(frame->tables, 0.035f * at->plane[0], 0.06f * at->plane[1]);
    float deepest = 0, s;
    /* lines across the forehead */
    float brow = smoothstepf(7.50f, 7.60f, y) * smoothstepf(7.98f, 7.86f, y) *
                 smoothstepf(0.62f, 0.35f, x) * smoothstepf(0.9f, 1.1f, at->rest[2]);
    if (brow > 0) {
        float line = (y - 7.56f - 0.10f * x * x + 0.035f * wander) / 0.082f;
        float faint = 0.55f + 0.45f * wander;
        float deep = brow * faint * furrow_at(line - rintf(line), 0.16f, &s);
        slope[1] += 0.16f * amount * brow * faint * s;
        deepest = fmaxf(deepest, deep);
    }
    /* crow's feet: rays from the outer corner of the eye */
    float dx = x - 0.40f, dy = y - 7.28f, from = sqrtf(dx * dx + dy * dy);
    if (dx > 0 && from > 0.06f && from < 0.30f && at->rest[2] > 0.7f) {
        float angle = atan2f(dy, dx);
        float part = smoothstepf(0.07f, 0.12f, from) * smoothstepf(0.28f, 0.17f, from) *
                     smoothstepf(1.1f, 0.6f, fabsf(angle));
        float ray = (angle + 0.12f * wander) / 0.36f;
        float deep = part * furrow_at(ray - rintf(ray), 0.17f, &s);
        slope[0] -= 0.14f * amount * part * s * sinf(angle) * side;
        slope[1] += 0.14f * amount * part * s * cosf(angle);
        deepest = fmaxf(deepest, deep);
    }
    /* from the wings of the nose past the corners of the mouth */
    float fold = 0.21f + 0.62f * (6.90f - y) - 0.42f * (6.90f - y) * (6.90f - y);
    float part = smoothstepf(6.50f, 6.62f, y) * smoothstepf(6.93f, 6.86f, y);
    if (part > 0 && at->rest[2] > 1) {
        float deep = part * furrow_at(x - fold - 0.012f * wander, 0.022f, &s);
        slope[0] += 0.22f * amount * part * s * side;
        deepest = fmaxf(deepest, deep);
    }
    const float shade[3] = {0.12f, 0.20f, 0.22f};
    for (int c = 0; c < 3; c++)
        albedo[c] *= 1 - amount * deepest * shade[c];
}

/* Wang's hash of a cell of a grid: four random bytes. */
static uint32_t cell_hash(int x, int y)
{
    uint32_t h = (uint32_t)x * 7919u + (uint32_t)y * 104729u;
    h = (h ^ 61) ^ (h >> 16);
    h *= 9;
    h ^= h >> 4;
    h *= 0x27d4eb2d;
    return h ^ (h >> 15);
}

/* A freckle in some cells of a jittered grid, of every size up to the cell's. */
static float freckle_layer(const float plane[2], float cells)
{
    float x = plane[0] * cells, y = plane[1] * cells;
    int x0 = (int)floorf(x - 0.5f), y0 = (int)floorf(y - 0.5f);
    float most = 0;
    for (int j = 0; j < 2; j++)
        for (int i = 0; i < 2; i++) { /* the cells nearest to the place */
            uint32_t h = cell_hash(x0 + i, y0 + j);
            float dx = x - (float)(x0 + i) - 0.15f - 0.7f * (float)(h & 255) / 255;
            float dy = y - (float)(y0 + j) - 0.15f - 0.7f * (float)(h >> 8 & 255) / 255;
            float chance = (float)(h >> 16 & 255) / 255;
            float size = 0.10f + 0.17f * chance * chance;
            float strong = clampf((float)(h >> 24) / 140 - 0.35f, 0, 1);
            float d = sqrtf(dx * dx + 1.3f * dy * dy);
            most = fmaxf(most, strong * smoothstepf(1.5f * size, 0.4f * size, d));
        }
    return most;
}

void paint_freckles(float amount, const PaintPlace *at, float albedo[3])
{
    float large = freckle_layer(at->plane, 17);
    float small = freckle_layer(at->plane, 37);
    float spot = amount * fmaxf(large * smoothstepf(0.1f, 0.6f, amount), 0.85f * small);
    const float brown[3] = {0.74f, 0.56f, 0.45f};
    for (int c = 0; c < 3; c++)
        albedo[c] *= lerpf(1, brown[c], spot);
}
