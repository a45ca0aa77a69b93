/* Hair, beards, brows and lashes: strands along v of uv with Kajiya and Kay's two highlights. */
#include "engine/renderer_internal.h"

#include <math.h>

/* sin^(2^twice) of the angle between strand and half vector. */
static float strand_gloss(const float t[3], const float h[3], float shift, const float n[3],
                          int twice)
{
    float s[3];
    for (int c = 0; c < 3; c++)
        s[c] = t[c] + shift * n[c];
    normalize3(s);
    float cosine = dot3(s, h);
    float g = clampf(1 - cosine * cosine, 0, 1); /* sin^2 */
    for (int i = 1; i < twice; i++)
        g *= g;
    return g;
}

void shade_hair(const Frame *frame, const Hit *hit, float rgb[3])
{
    const Surface *s = hit->surface;
    float albedo[3];
    albedo_at(frame, hit, albedo);
    float view[3] = {-hit->p[0], -hit->p[1], -hit->p[2]};
    normalize3(view);
    float n[3] = {hit->n[0], hit->n[1], hit->n[2]};
    if (dot3(n, view) < 0) /* cards have two sides */
        for (int c = 0; c < 3; c++)
            n[c] = -n[c];
    float t[3] = {0};
    int first = frame->first_vertex[hit->index];
    for (int k = 0; k < 3; k++)
        for (int c = 0; c < 3; c++)
            t[c] += hit->b[k] * frame->vertex[first + hit->v[k]].t[c];
    normalize3(t);

    bool glossy = s->material == MATERIAL_HAIR || s->material == MATERIAL_BEARD;
    float shadow = shadow_at(frame, hit->p, n, true);
    shadow = lerpf(0.25f, 1, shadow);
    float luminance = 0.2126f * albedo[0] + 0.7152f * albedo[1] + 0.0722f * albedo[2];
    float up = 0.5f + 0.5f * n[1];
    float light[3], white = 0, coloured = 0;
    for (int c = 0; c < 3; c++)
        light[c] = lerpf(frame->ground[c], frame->sky[c], up);
    for (int i = 0; i < LIGHT_COUNT; i++) {
        const Light *l = &frame->light[i];
        float cosine = dot3(n, l->to), along = dot3(t, l->to);
        /* half a surface, half a heap of cylinders */
        float lambert = clampf((cosine + 0.35f) / 1.35f, 0, 1);
        float strand = sqrtf(clampf(1 - along * along, 0, 1)) * clampf(0.5f + cosine, 0, 1);
        float w = 0.6f * lambert + 0.4f * strand;
        w *= i == LIGHT_KEY ? shadow : 0.8f;
        for (int c = 0; c < 3; c++)
            light[c] += w * l->colour[c];
        if (!glossy || cosine < -0.2f)
            continue;
        float h[3];
        for (int c = 0; c < 3; c++)
            h[c] = l->to[c] + view[c];
        normalize3(h);
        float front = clampf(cosine + 0.2f, 0, 1) * (i == LIGHT_KEY ? shadow : 0.7f) * l->colour[1];
        white += front * strand_gloss(t, h, 0.10f, n, 7);
        coloured += front * strand_gloss(t, h, -0.12f, n, 5);
    }
    /* strands of the texture break the highlight up */
    float break_up = clampf(luminance * 3 + 0.25f, 0, 1);
    for (int c = 0; c < 3; c++)
        rgb[c] = albedo[c] * (light[c] + 1.1f * coloured * break_up) + 0.035f * white * break_up;
}
