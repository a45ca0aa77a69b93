/* Shading shared by the materials, and the plain materials. All light is linear. */
#include "engine/renderer_internal.h"

#include <math.h>

static float to_linear(const RenderTables *tables, float byte)
{
    int i = (int)byte;
    return lerpf(tables->linear[i], tables->linear[i + 1], byte - (float)i);
}

void albedo_at(const Frame *frame, const Hit *hit, float rgb[3])
{
    const Surface *s = hit->surface;
    float sum[3] = {255, 255, 255};
    if (s->n_layer > 0)
        texture_blend(s, hit->uv[0], hit->uv[1], hit->lod, sum);
    for (int c = 0; c < 3; c++)
        rgb[c] = to_linear(frame->tables, clampf(sum[c], 0, 255));
    if (s->tint_kind == TINT_RECOLOUR) {
        float luma = luminance(sum);
        float tone = recolour_tone(s, luma * (1 / 255.0f));
        for (int c = 0; c < 3; c++)
            rgb[c] = clampf(tone * s->tint[c], 0, 0.9f);
    } else {
        for (int c = 0; c < 3; c++)
            rgb[c] *= s->tint[c];
    }
}

float ggx(const float n[3], const float to[3], const float view[3], float roughness, float f0)
{
    float n_l = dot3(n, to);
    if (n_l <= 0)
        return 0;
    float h[3] = {to[0] + view[0], to[1] + view[1], to[2] + view[2]};
    normalize3(h);
    float n_h = clampf(dot3(n, h), 0, 1), l_h = clampf(dot3(to, h), 0.05f, 1);
    float a2 = roughness * roughness * roughness * roughness;
    float q = n_h * n_h * (a2 - 1) + 1;
    float m = 1 - l_h, m2 = m * m;
    float fresnel = f0 + (1 - f0) * m2 * m2 * m;
    /* pi of the lobe cancels against the pi in how lights are measured; Karis' cheap visibility */
    return n_l * a2 * fresnel / (q * q * 4 * l_h * l_h * (roughness + 0.5f));
}

const float mouth_line[3] = {0.090f, 0.030f, 0.026f};

void teeth_albedo(const Frame *frame, const Hit *hit, float rgb[3])
{
    albedo_at(frame, hit, rgb);
    /* light reaches only the front of the mouth */
    float depth = 0;
    for (int k = 0; k < 3; k++)
        depth += hit->b[k] * hit->surface->rest[3 * hit->v[k] + 2];
    float open = smoothstepf(1.12f, 1.50f, depth);
    open *= open;
    for (int c = 0; c < 3; c++)
        rgb[c] *= 0.06f + 0.7f * open;
}

static void shade_teeth(const Frame *frame, const Hit *hit, float rgb[3])
{
    float albedo[3];
    teeth_albedo(frame, hit, albedo);
    const Light *key = &frame->light[LIGHT_KEY];
    float wrap = clampf(0.6f * dot3(hit->n, key->to) + 0.4f, 0, 1);
    for (int c = 0; c < 3; c++) {
        float lit = albedo[c] * (frame->sky[c] + wrap * key->colour[c]);
        rgb[c] = lerpf(mouth_line[c], lit, frame->mouth_open);
    }
}

/* Plain and dark: the eye passes over it. */
static void shade_cut(const Frame *frame, const Hit *hit, float rgb[3])
{
    const float albedo[3] = {0.055f, 0.042f, 0.037f};
    const Light *key = &frame->light[LIGHT_KEY];
    float wrap = clampf(0.6f * dot3(hit->n, key->to) + 0.4f, 0, 1);
    for (int c = 0; c < 3; c++)
        rgb[c] = albedo[c] * (frame->sky[c] + wrap * key->colour[c]);
}

/* Straight up to the knee, so that skin keeps the colour of its texture; then a soft shoulder to
 * white. Applied before pixels are averaged: highlights get smooth edges, and the background stays
 * as it is. */
float tone_map(float x)
{
    const float knee = 0.60f;
    if (!(x > 0))
        return 0;
    if (x < knee)
        return x;
    float t = (x - knee) / (1 - knee);
    return 1 - (1 - knee) / (1 + t + 0.5f * t * t);
}

void shade(const Frame *frame, const Hit *hit, float rgb[3])
{
    switch (hit->surface->material) {
    case MATERIAL_SKIN:
        shade_skin(frame, hit, rgb);
        break;
    case MATERIAL_EYE:
        shade_eye(frame, hit, rgb);
        break;
    case MATERIAL_TEETH:
        shade_teeth(frame, hit, rgb);
        break;
    case MATERIAL_CUT:
        shade_cut(frame, hit, rgb);
        break;
    default: /* the others are fragments */
        albedo_at(frame, hit, rgb);
        break;
    }
    for (int c = 0; c < 3; c++)
        rgb[c] = tone_map(rgb[c]);
}
