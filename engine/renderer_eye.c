/* Eyes: the iris tint, shade of the lids, and a wet highlight. */
#include "engine/renderer_internal.h"

#include <math.h>

/* Of the iris discs in HighPolyEyes' textures, in uv. */
static const float iris_centre[2][2] = {{0.2920f, 0.2910f}, {0.7060f, 0.7010f}};
static const float iris_radius = 0.113f;

/* A place on an eyeball as the head sees it: from the middle of the ball, +x to the temple, +y up,
 * dm, and what the lids leave of it. */
typedef struct EyePlace {
    int side;
    float from[3]; /* view space */
    float x, y;
    float below_upper, above_lower; /* dm to the lids */
    float out; /* 0 middle of the opening .. 1 its corners; negative: towards the nose */
} EyePlace;

/* Height of a lid: a parabola on both sides of its middle. */
static float lid_height(const float corner[2], const float middle[2], const float other[2], float x)
{
    const float *end = x < middle[0] ? corner : other;
    float t = clampf((x - middle[0]) / (end[0] - middle[0]), 0, 1);
    return middle[1] + (end[1] - middle[1]) * t * t;
}

static void eye_place(const Frame *frame, const Hit *hit, EyePlace *place)
{
    const Surface *s = hit->surface;
    place->side = s->rest[3 * hit->v[0]] > 0 ? 0 : 1;
    for (int c = 0; c < 3; c++)
        place->from[c] = hit->p[c] - frame->eye[place->side][c];
    const float(*r)[3] = frame->rotation;
    const float right[3] = {r[0][0], r[1][0], r[2][0]}, up[3] = {r[0][1], r[1][1], r[2][1]};
    place->x = (place->side ? -1.0f : 1.0f) * dot3(right, place->from);
    place->y = dot3(up, place->from);
    const EyeOpening *open = &frame->scene->eye_opening[place->side];
    place->below_upper = lid_height(open->inner, open->upper, open->outer, place->x) - place->y;
    place->above_lower = place->y - lid_height(open->inner, open->lower, open->outer, place->x);
    float middle = 0.5f * (open->inner[0] + open->outer[0]);
    place->out = clampf((place->x - middle) / (open->outer[0] - middle), -1, 1);
}

/* Whether the scene says how the lids lie. */
static bool lids_known(const Frame *frame)
{
    return frame->scene->eye_opening[0].outer[0] > frame->scene->eye_opening[0].inner[0];
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
    float edge = (distance - 0.97f * iris_radius) / (0.13f * iris_radius);
    float limbus = 1 - 0.55f / (1 + edge * edge);
    float iris = 1 - smoothstepf(0.93f * iris_radius, 1.04f * iris_radius, distance);
    /* the sclera is never white: it is veiled and takes colour from the lids */
    const float sclera[3] = {0.80f * limbus, 0.75f * limbus, 0.73f * limbus};
    /* brown irises are painted too red, blue ones too blue */
    float grey = luminance(albedo);
    float pale = 0.60f * iris * clampf(10 * (fmaxf(albedo[1], albedo[2]) - albedo[0]), 0, 1);
    for (int c = 0; c < 3; c++)
        albedo[c] = lerpf(albedo[c], grey, pale);
    albedo[1] = lerpf(albedo[1], fmaxf(albedo[1], 0.42f * albedo[0]), iris);
    albedo[2] = lerpf(albedo[2], fmaxf(albedo[2], 0.17f * albedo[0]), iris);
    for (int c = 0; c < 3; c++)
        albedo[c] *= lerpf(sclera[c], 0.95f * limbus * scene->iris_tint[c], iris);
}

static float lid_shade(const Frame *frame, const EyePlace *place)
{
    if (!lids_known(frame))
        return 1;
    float upper = expf(-fmaxf(place->below_upper, 0) / 0.026f);
    float lower = expf(-fmaxf(place->above_lower, 0) / 0.010f);
    float corner = smoothstepf(0.45f, 1, fabsf(place->out));
    return (1 - 0.72f * upper) * (1 - 0.35f * lower) * (1 - 0.30f * corner);
}

float eye_lid_shade(const Frame *frame, const Hit *hit)
{
    EyePlace place;
    eye_place(frame, hit, &place);
    return lid_shade(frame, &place);
}

void shade_eye(const Frame *frame, const Hit *hit, float rgb[3])
{
    EyePlace place;
    eye_place(frame, hit, &place);
    float albedo[3], lid = lid_shade(frame, &place);
    eye_albedo(frame, hit, albedo);
    float n[3] = {place.from[0], place.from[1], place.from[2]};
    normalize3(n);
    float view[3] = {-hit->p[0], -hit->p[1], -hit->p[2]};
    normalize3(view);
    float shadow = shadow_at(frame, hit->p, n);
    shadow = lerpf(0.35f, 1, shadow);
    float light[3], shine = 0;
    for (int c = 0; c < 3; c++)
        light[c] = lerpf(frame->ground[c], frame->sky[c], 0.5f + 0.5f * n[1]);
    for (int i = 0; i <= LIGHT_FILL; i++) {
        const Light *l = &frame->light[i];
        float w = clampf((dot3(n, l->to) + 0.3f) / 1.3f, 0, 1) * (i == LIGHT_KEY ? shadow : 1);
        for (int c = 0; c < 3; c++)
            light[c] += w * l->colour[c];
        /* the cornea bulges: it sees the light as from a smaller ball, nearer the middle; lamps
         * have an edge, and photographers put them where no lid hides them */
        float bulge[3] = {n[0] * 1.2f, n[1] * 1.2f, n[2]};
        float to[3] = {l->to[0], 0.25f * l->to[1], l->to[2]};
        normalize3(bulge);
        normalize3(to);
        float lamp = smoothstepf(0.3f, 1.6f, ggx(bulge, to, view, 0.20f, 0.04f));
        shine += lamp * l->white * (i == LIGHT_KEY ? 1.1f : 0.9f);
    }
    if (lids_known(frame)) { /* tears stand on the lower lid; the inner corner is flesh */
        float tear = (place.above_lower - 0.004f) / 0.0035f;
        shine += 0.11f * expf(-tear * tear) * light[1];
        float flesh = smoothstepf(-0.72f, -0.95f, place.out);
        const float pink[3] = {0.95f, 0.60f, 0.55f}, vein[3] = {1.0f, 0.90f, 0.87f};
        float red = smoothstepf(0.35f, 1, fabsf(place.out));
        for (int c = 0; c < 3; c++)
            albedo[c] *= lerpf(1, pink[c], flesh) * lerpf(1, vein[c], red);
    }
    for (int c = 0; c < 3; c++)
        rgb[c] = lid * (albedo[c] * light[c]) +
                 (0.35f + 0.65f * lid) * shine * frame->options->light_colour[c];
}
