/* Hair, beards, brows and lashes: strands along v of uv. Lights are gathered at the vertices; a
 * pixel adds the texture, the shadow of the key light and the highlights. Highlights are Kajiya and
 * Kay's, twice as in Marschner's measurements: a white one from the surface of the strands, and a
 * wider one in their colour that has gone through them. */
#include "engine/renderer_internal.h"

#include <math.h>
#include <string.h>

static const float HULL_STEP = 0.25f; /* dm of height below the hull's centre */

typedef struct HullPlace {
    float ring, around; /* of reach, fractional */
    float reach;
    float out[3]; /* unit, away from the axis */
} HullPlace;

static HullPlace hull_place(const Hull *hull, const float p[3])
{
    float d[3] = {p[0] - hull->centre[0], p[1] - hull->centre[1], p[2] - hull->centre[2]};
    HullPlace place = {.out = {d[0], d[1] > 0 ? d[1] : 0, d[2]}};
    place.reach = sqrtf(dot3(place.out, place.out));
    float sine = place.reach > 0 ? place.out[1] / place.reach : 0;
    float ring = d[1] > 0 ? HULL_BELOW + sine * (HULL_ABOVE - 1) : HULL_BELOW + d[1] / HULL_STEP;
    place.ring = clampf(ring, 0, HULL_RINGS - 1.001f);
    place.around = (atan2f(d[0], d[2]) * 0.15915494f + 0.5f) * HULL_AROUND;
    place.around = clampf(place.around, 0, HULL_AROUND - 0.001f);
    normalize3(place.out);
    return place;
}

static void hull_set(Hull *hull, const Scene *scene)
{
    for (int c = 0; c < 3; c++)
        hull->centre[c] = 0.5f * (scene->eye_centre[0][c] + scene->eye_centre[1][c]);
    hull->centre[1] += 0.1f;
    hull->centre[2] -= 0.8f; /* the middle of the skull */
    float reach[HULL_RINGS][HULL_AROUND] = {{0}};
    for (int i = 0; i < scene->n_surface; i++) {
        const Surface *s = &scene->surface[i];
        if (s->material != MATERIAL_HAIR)
            continue;
        for (int k = 0; k < s->n_vertex; k++) {
            HullPlace place = hull_place(hull, s->position + 3 * k);
            float *to = &reach[(int)place.ring][(int)place.around];
            *to = *to > place.reach ? *to : place.reach; /* false for NaN */
        }
    }
    /* smooth, or the longest strand would shade its neighbours */
    for (int r = 0; r < HULL_RINGS; r++)
        for (int a = 0; a < HULL_AROUND; a++) {
            float sum = 0, n = 0;
            for (int i = r > 0 ? r - 1 : 0; i <= r + 1 && i < HULL_RINGS; i++)
                for (int k = a - 1; k <= a + 1; k++) {
                    float value = reach[i][(k + HULL_AROUND) % HULL_AROUND];
                    sum += value;
                    n += value > 0;
                }
            hull->reach[r][a] = n > 0 ? sum / n : 0;
        }
}

/* dm under the outer strands. */
static float hull_depth(const Hull *hull, const HullPlace *place)
{
    int r = (int)place->ring, a = (int)place->around, b = (a + 1) % HULL_AROUND;
    int q = r + 1 < HULL_RINGS ? r + 1 : r;
    float x = place->around - (float)a, y = place->ring - (float)r;
    float reach = lerpf(lerpf(hull->reach[r][a], hull->reach[r][b], x),
                        lerpf(hull->reach[q][a], hull->reach[q][b], x), y);
    return maxf(reach - place->reach, 0);
}

static void to_camera(const Frame *frame, const float d[3], float out[3])
{
    for (int c = 0; c < 3; c++)
        out[c] = dot3(frame->rotation[c], d);
}

/* n: normal, towards the outside or the camera; open: part of the surroundings that is not hidden
 * by other hair. */
static void light_vertex(const Frame *frame, const Vertex *v, const float n[3], const float view[3],
                         float open, bool glossy, HairVertex *out)
{
    float up = 0.5f + 0.5f * n[1];
    for (int c = 0; c < 3; c++)
        out->light[c] = open * lerpf(frame->ground[c], frame->sky[c], up);
    int g = 0;
    for (int i = 0; i < LIGHT_COUNT; i++) {
        const Light *l = &frame->light[i];
        float cosine = dot3(n, l->to), along = dot3(v->t, l->to);
        /* half a surface, half a heap of cylinders */
        float lambert = clampf((cosine + 0.35f) / 1.35f, 0, 1);
        float strand = sqrtf(clampf(1 - along * along, 0, 1)) * clampf(0.5f + cosine, 0, 1);
        float w = 0.6f * lambert + 0.4f * strand;
        if (i == LIGHT_KEY)
            out->key = w * (0.4f + 0.6f * open);
        else
            for (int c = 0; c < 3; c++)
                out->light[c] += 0.8f * open * w * l->colour[c];
        if (i == LIGHT_FILL)
            continue;
        float h[3];
        for (int c = 0; c < 3; c++)
            h[c] = l->to[c] + view[c];
        normalize3(h);
        float front = clampf(cosine + 0.2f, 0, 1) * open * (i == LIGHT_KEY ? 1.0f : 0.7f);
        out->gloss[g].along = dot3(v->t, h);
        out->gloss[g].across = dot3(n, h);
        out->gloss[g++].strength = glossy ? front * l->white : 0;
    }
    memcpy(out->shadow, v->shadow, sizeof out->shadow);
}

void hair_normal(const Frame *frame, int surface, int vertex, float n[3], float *open)
{
    const float *position = frame->scene->surface[surface].position + 3 * vertex;
    HullPlace place = hull_place(&frame->hull, position);
    float round[3];
    to_camera(frame, place.out, round);
    float side = dot3(n, round) < 0 ? -1.0f : 1.0f;
    for (int c = 0; c < 3; c++)
        n[c] = side * (0.5f * n[c] + 0.5f * side * round[c]);
    float depth = hull_depth(&frame->hull, &place) / 0.40f;
    *open = 0.22f + 0.78f / (1 + depth * depth);
}

static void prepare_surface(Frame *frame, int index)
{
    const Surface *s = &frame->scene->surface[index];
    Vertex *vertex = frame->vertex + frame->first_vertex[index];
    HairVertex *out = frame->hair + frame->first_vertex[index];
    bool glossy = s->material == MATERIAL_HAIR || s->material == MATERIAL_BEARD;
    for (int k = 0; k < s->n_vertex; k++) {
        Vertex *v = &vertex[k];
        if (!v->valid)
            continue;
        float view[3] = {-v->p[0], -v->p[1], -v->p[2]}, n[3];
        normalize3(view);
        v->facing = dot3(v->n, view);
        float open = 1;
        memcpy(n, v->n, sizeof n);
        if (s->material == MATERIAL_HAIR)
            hair_normal(frame, index, k, n, &open);
        else if (v->facing < 0)
            for (int c = 0; c < 3; c++)
                n[c] = -n[c];
        normalize3(n);
        light_vertex(frame, v, n, view, open, glossy, &out[k]);
    }
}

/* How far from the texture's mean, in its deviations. */
static float off_mean(const Surface *s, float luma)
{
    if (s->n_layer == 0 || s->layer[0].texture->luma_deviation <= 0)
        return 0;
    const Texture *texture = s->layer[0].texture;
    return clampf((luma - texture->mean_luma) / texture->luma_deviation, -2.0f, 2.5f);
}

/* Some textures are nearly black, some have highlights painted in: all get the contrast of real
 * hair, dark hair more of it than light hair. */
float recolour_tone(const Surface *s, float luma)
{
    float light = luminance(s->tint);
    float contrast = lerpf(0.30f, 0.12f, smoothstepf(0.01f, 0.20f, light));
    return powf(maxf(1 + contrast * off_mean(s, luma), 0), 2.2f);
}

void hair_prepare(Frame *frame)
{
    const Scene *scene = frame->scene;
    hull_set(&frame->hull, scene);
    for (int i = 0; i < scene->n_surface; i++) {
        if (!material_blends(scene->surface[i].material))
            continue;
        prepare_surface(frame, i);
        for (int luma = 0; luma < 256; luma++) {
            frame->tone[i][luma] = recolour_tone(&scene->surface[i], (float)luma / 255);
            frame->grain[i][luma] =
                clampf(0.5f * off_mean(&scene->surface[i], (float)luma / 255), -1, 1);
        }
    }
}

/* sin^(2^(1 + twice)) of the angle between strand and half vector, with the strand's scales tilted
 * by `shift`. */
static inline float strand_gloss(float along, float across, float shift, int twice)
{
    float cosine = along + shift * across;
    float g = clampf(1 - cosine * cosine / (1 + shift * shift), 0, 1); /* sin^2 */
    for (int i = 0; i < twice; i++)
        g *= g;
    return g;
}

static void albedo_of(const Frame *frame, const Fragment *f, const Triangle *t, float x, float y,
                      float albedo[3])
{
    const Surface *s = &frame->scene->surface[t->surface];
    if (s->tint_kind == TINT_RECOLOUR) {
        float tone = frame->tone[t->surface][f->luma];
        for (int c = 0; c < 3; c++)
            albedo[c] = clampf(tone * s->tint[c], 0, 0.9f);
        return;
    }
    Hit hit;
    hit_at(frame, f->triangle, x, y, &hit);
    albedo_at(frame, &hit, albedo);
}

void shade_hair(const Frame *frame, const Fragment *fragment, float x, float y, float rgb[3])
{
    const Triangle *t = &frame->triangle[fragment->triangle];
    float b[3], albedo[3];
    weights_at(frame, t, x, y, b);
    albedo_of(frame, fragment, t, x, y, albedo);
    enum { FIELDS = sizeof(HairVertex) / sizeof(float) };
    float sum[FIELDS] = {0};
    for (int k = 0; k < 3; k++) {
        float value[FIELDS];
        memcpy(value, &frame->hair[t->v[k]], sizeof value);
        for (int i = 0; i < FIELDS; i++)
            sum[i] += b[k] * value[i];
    }
    HairVertex v;
    memcpy(&v, sum, sizeof v);

    float shadow = lerpf(0.2f, 1, shadow_through_hair(&frame->shadow, v.shadow));
    /* strands of the texture break the highlights up */
    float grain = frame->grain[t->surface][fragment->luma];
    float jitter = 0.10f * grain, break_up = 0.65f + 0.35f * grain;
    float white = 0, coloured = 0;
    v.gloss[0].strength *= shadow;
    for (int g = 0; g < 3; g++) {
        float along = v.gloss[g].along, across = v.gloss[g].across;
        white += v.gloss[g].strength * strand_gloss(along, across, 0.08f + jitter, 6);
        coloured += v.gloss[g].strength * strand_gloss(along, across, -0.12f + jitter, 4);
    }
    const float *key = frame->light[LIGHT_KEY].colour;
    /* light that has crossed many strands is paler than one strand */
    float pale = maxf(albedo[0], maxf(albedo[1], albedo[2]));
    float fair = clampf(3 * albedo[1], 0, 1);
    for (int c = 0; c < 3; c++) {
        float colour = lerpf(albedo[c], pale, 0.12f * fair);
        float sheen = 0.9f * coloured * frame->options->light_colour[c] *
                      lerpf(albedo[c], pale, 0.10f + 0.25f * fair);
        float hue = pale > 0 ? albedo[c] / pale : 1;
        float glint = 0.06f * white * (0.6f + 0.4f * hue) * frame->options->light_colour[c];
        float light = v.light[c] + shadow * v.key * key[c];
        rgb[c] = tone_map(colour * light + break_up * (sheen + glint));
    }
}
