/* Eyes: the iris tint, shade of the lids, and a wet highlight. */
#include "engine/renderer_internal.h"

#include <math.h>

/* Of the iris discs in HighPolyEyes' textures, in uv. */
static const float iris_centre[2][2] = {{0.2920f, 0.2910f}, {0.7060f, 0.7010f}};
static const float iris_radius = 0.113f;

/* From the middle of its eyeball to the hit. */
static void from_centre(const Frame *frame, const Hit *hit, float from[3])
{
    int side = hit->p[0] > 0.5f * (frame->eye[0][0] + frame->eye[1][0]) ? 0 : 1;
    for (int c = 0; c < 3; c++)
        from[c] = hit->p[c] - frame->eye[side][c];
}

void eye_albedo(const Frame *frame, const Hit *hit, float albedo[3])
{
    const Scene *scene = frame->scene;
    albedo_at(frame, hit, albedo);
    float distance = 1;
    for (int i = 0; i < 2; i++) {
        float du = hit->uv[0] - iris_centre[i][0], dv = hit->uv[1] - iris_centre[i][1];
        distance = fminf(distance, sqrtf(du * du + dv * dv));
    }
    /* the ring around the iris, softly dark on both sides of its edge */
    float edge = (distance - iris_radius) / (0.16f * iris_radius);
    float limbus = 1 - 0.45f / (1 + edge * edge);
    float iris = 1 - smoothstepf(0.93f * iris_radius, 1.04f * iris_radius, distance);
    /* the sclera is never white: it is veiled and takes colour from the lids */
    const float sclera[3] = {0.82f * limbus, 0.76f * limbus, 0.73f * limbus};
    /* brown irises are painted too red */
    albedo[1] = lerpf(albedo[1], fmaxf(albedo[1], 0.40f * albedo[0]), iris);
    albedo[2] = lerpf(albedo[2], fmaxf(albedo[2], 0.15f * albedo[0]), iris);
    for (int c = 0; c < 3; c++)
        albedo[c] *= lerpf(sclera[c], 0.85f * limbus * scene->iris_tint[c], iris);
}

float eye_lid_shade(const Frame *frame, const Hit *hit)
{
    float from[3];
    from_centre(frame, hit, from);
    float radius = frame->scene->eye_radius > 0 ? frame->scene->eye_radius : 0.16f;
    float up =
        dot3((const float[3]){frame->rotation[0][1], frame->rotation[1][1], frame->rotation[2][1]},
             from);
    float lid = 1 - 0.72f * smoothstepf(-0.02f, 0.36f, up / radius);
    lid *= 1 - 0.25f * smoothstepf(-0.22f, -0.42f, up / radius);
    return lid;
}

void shade_eye(const Frame *frame, const Hit *hit, float rgb[3])
{
    float albedo[3], from[3], lid = eye_lid_shade(frame, hit);
    eye_albedo(frame, hit, albedo);
    from_centre(frame, hit, from);
    float n[3] = {from[0], from[1], from[2]};
    normalize3(n);
    float view[3] = {-hit->p[0], -hit->p[1], -hit->p[2]};
    normalize3(view);
    float shadow = shadow_at(frame, hit->p, n, false);
    shadow = lerpf(0.35f, 1, shadow);
    float light[3], shine = 0;
    for (int c = 0; c < 3; c++)
        light[c] = lerpf(frame->ground[c], frame->sky[c], 0.5f + 0.5f * n[1]);
    for (int i = 0; i <= LIGHT_FILL; i++) {
        const Light *l = &frame->light[i];
        float w = clampf((dot3(n, l->to) + 0.3f) / 1.3f, 0, 1) * (i == LIGHT_KEY ? shadow : 1);
        for (int c = 0; c < 3; c++)
            light[c] += w * l->colour[c];
        /* the cornea bulges: it sees the light as from a smaller ball, nearer the middle */
        float bulge[3] = {n[0] * 1.15f, n[1] * 1.15f, n[2]};
        normalize3(bulge);
        shine += fminf(ggx(bulge, l->to, view, 0.22f, 0.04f), 3) * l->white *
                 (i == LIGHT_KEY ? 1.6f : 0.8f);
    }
    for (int c = 0; c < 3; c++)
        rgb[c] = lid * (albedo[c] * light[c]) +
                 (0.35f + 0.65f * lid) * shine * frame->options->light_colour[c];
}
