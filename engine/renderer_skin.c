/* Skin: wrapped diffuse with reddish scattering, pores, lips, lids, stubble. */
#include "engine/renderer_internal.h"

#include <math.h>
#include <string.h>

void skin_attributes(const Frame *frame, const Hit *hit, SkinVertex *out)
{
    const SkinVertex *table = frame->tables->skin;
    enum { FIELDS = sizeof(SkinVertex) / sizeof(float) };
    float sum[FIELDS] = {0};
    for (int k = 0; k < 3; k++) {
        if (hit->v[k] >= frame->tables->n_vertex)
            continue; /* another mesh than the tables were made for */
        float value[FIELDS];
        memcpy(value, &table[hit->v[k]], sizeof value);
        for (int i = 0; i < FIELDS; i++)
            sum[i] += hit->b[k] * value[i];
    }
    memcpy(out, sum, sizeof sum);
}

/* The texture's uv are nearly the same everywhere in the face, about 10 dm a unit, with u down and
 * v to the person's left. */
static void paint_place(const Hit *hit, PaintPlace *at)
{
    memset(at->rest, 0, sizeof at->rest);
    for (int k = 0; k < 3; k++)
        for (int c = 0; c < 3; c++)
            at->rest[c] += hit->b[k] * hit->surface->rest[3 * hit->v[k] + c];
    at->plane[0] = 11 * hit->uv[1];
    at->plane[1] = -11 * hit->uv[0];
    float fine = clampf(0.0054f / hit->footprint, 0, 1);
    at->fine = fine * fine;
}

/* What a place of the skin shows, and what light needs of it. */
typedef struct SkinHit {
    SkinVertex painted;
    PaintPlace at;
    float lip, hair, noise[4];
    float slope[2]; /* of furrows, to the person's left and up */
    SkinFinish finish;
} SkinHit;

/* The fold of the upper lid: a line with a soft side above it. */
static float lid_fold(float ring, float y)
{
    float from = ring - 5.6f, line = from / 0.60f;
    float soft = from > 0 ? from / 2.2f : from / 0.8f;
    return (0.34f * expf(-line * line) + 0.20f * expf(-soft * soft)) * smoothstepf(7.27f, 7.31f, y);
}

/* Everything that is painted on the skin: no light yet. */
static void paint_skin(const Frame *frame, const Hit *hit, SkinHit *skin, float albedo[3])
{
    const Scene *scene = frame->scene;
    SkinVertex *painted = &skin->painted;
    PaintPlace *at = &skin->at;
    skin_attributes(frame, hit, painted);
    paint_place(hit, at);
    memset(skin->noise, 0, sizeof skin->noise);
    if (at->fine > 0.05f)
        noise_at(frame->tables, at->plane[0], at->plane[1], skin->noise);
    /* the texture is stretched over the sides of the nose */
    float calm = lerpf(1, 0.35f, smoothstepf(-0.01f, 0.04f, painted->nose));
    for (int i = 0; i < 3; i++)
        skin->noise[i] *= calm;
    float blotch = white_noise_at(frame->tables, 0.09f * at->plane[0], 0.09f * at->plane[1]);
    float lip = smoothstepf(-0.25f, 0.55f, painted->lip);
    skin->lip = lip;

    if (painted->bare >= 1)
        memcpy(albedo, scene->skin_colour, 3 * sizeof *albedo);
    else
        albedo_at(frame, hit, albedo);
    if (painted->bare > 0 && painted->bare < 1)
        for (int c = 0; c < 3; c++)
            albedo[c] = lerpf(albedo[c], scene->skin_colour[c], painted->bare);

    /* textures have grey and yellow patches: colour is evened out towards the mean */
    float y = luminance(albedo), mean = luminance(scene->skin_colour);
    float tone = mean > 0 ? (1 - lip) * lerpf(0.65f, 0.35f, clampf(2.2f * mean, 0, 1)) : 0;
    for (int c = 0; tone > 0 && c < 3; c++)
        albedo[c] = lerpf(albedo[c], scene->skin_colour[c] * y / mean, tone);

    /* blotches, pores that are darker than the skin around, and blood below */
    float pits = at->fine * fminf(skin->noise[2], 0.3f);
    float even = 1 + 0.035f * blotch + (0.05f + 0.07f * scene->skin_detail) * pits;
    float blood =
        (painted->blood + 0.35f * blotch) * (1 - lip) + 2.2f * scene->blush * painted->cheek;
    const float red[3] = {0.035f, -0.085f, -0.070f};
    for (int c = 0; c < 3; c++)
        albedo[c] *= even * (1 + clampf(blood, -1.5f, 3) * red[c]);
    skin->slope[0] = skin->slope[1] = 0;
    if (scene->skin_detail > 0.4f)
        paint_wrinkles(frame, (scene->skin_detail - 0.4f) / 0.6f, at, albedo, skin->slope);
    if (scene->freckles > 0 && painted->freckle > 0.02f)
        paint_freckles(scene->freckles * painted->freckle, at, albedo);

    float matte = 0.35f;
    skin->hair = 0;
    skin->finish = (SkinFinish){.roughness = 0.48f, .shine = matte};
    if (scene->scalp.cover > 0)
        skin->hair = paint_hair(frame, &scene->scalp, hit, at, albedo);
    if (lip < 1) {
        if (scene->stubble.cover > 0)
            skin->hair = fmaxf(skin->hair, paint_hair(frame, &scene->stubble, hit, at, albedo));
        if (scene->beard.cover > 0)
            skin->hair = fmaxf(skin->hair, paint_hair(frame, &scene->beard, hit, at, albedo));
    }
    if (painted->lip > -1)
        paint_lips(frame, painted, at, lip, albedo, &skin->finish);
    float dark = 0.55f * painted->lid;
    if (painted->fold < 9)
        dark = fmaxf(dark, lid_fold(painted->fold, at->rest[1]));
    for (int c = 0; c < 3; c++)
        albedo[c] *= 1 - dark * (c == 0 ? 0.82f : 1.0f);
}

void skin_albedo(const Frame *frame, const Hit *hit, float rgb[3])
{
    SkinHit skin;
    paint_skin(frame, hit, &skin, rgb);
}

/* Tilts a normal by the slopes of pores and fine lines. */
static void bend(const Frame *frame, const SkinHit *skin, const float n[3], float relief,
                 float bent[3])
{
    const float over_the_head[3] = {0, 0.95f, -0.3f};
    float up[3], side[3];
    for (int c = 0; c < 3; c++)
        up[c] = dot3(frame->rotation[c], over_the_head);
    float along = dot3(n, up);
    for (int c = 0; c < 3; c++)
        up[c] -= along * n[c];
    cross3(up, n, side);
    float left = relief * skin->noise[0] + skin->slope[0];
    float above = relief * skin->noise[1] + skin->slope[1];
    for (int c = 0; c < 3; c++)
        bent[c] = n[c] - left * side[c] - above * up[c];
    normalize3(bent);
}

void shade_skin(const Frame *frame, const Hit *hit, float rgb[3])
{
    SkinHit skin;
    float albedo[3];
    paint_skin(frame, hit, &skin, albedo);
    const float lip = skin.lip;
    float relief = skin.at.fine * lerpf(0.17f, 0.55f, frame->scene->skin_detail) * (1 + 0.6f * lip);
    float bent[3];
    bend(frame, &skin, hit->n, relief, bent);
    /* lips are dark where they meet */
    float seal = smoothstepf(4.2f, 6.0f, skin.painted.lip);
    float ambient = skin.painted.ambient * (1 - 0.75f * seal);

    float view[3] = {-hit->p[0], -hit->p[1], -hit->p[2]};
    normalize3(view);
    float shadow = shadow_at(frame, hit->p, hit->n);
    float soft[3] = {sqrtf(shadow), shadow,
                     shadow * shadow}; /* red light leaks into shadow edges */
    soft[0] = lerpf(shadow, soft[0], 0.5f);
    soft[2] = lerpf(shadow, soft[2], 0.4f);

    float up = 0.5f + 0.5f * bent[1];
    float light[3], shine = 0;
    /* where surroundings are hidden, light still bounces red from skin to skin */
    float hidden = 1 - ambient;
    const float bounce[3] = {0.30f, 0.14f, 0.09f};
    for (int c = 0; c < 3; c++) {
        float visible = ambient + hidden * bounce[c] * ambient;
        light[c] = visible * lerpf(frame->ground[c], frame->sky[c], up);
    }
    const float wrap[3] = {0.34f, 0.16f, 0.11f};
    float bright = luminance(albedo);
    /* the same highlight that is lost on fair skin makes dark skin look like plastic */
    float matte = lerpf(0.26f, 0.72f, clampf(2.2f * bright, 0, 1));
    matte *= clampf(1 + 0.45f * skin.painted.oil, 0.3f, 1.6f) * (1 - 0.85f * skin.hair);
    float oily = lerpf(matte,
                       skin.finish.shine * lerpf(0.55f, 1, clampf(4 * bright, 0, 1)) *
                           smoothstepf(0.25f, 0.6f, ambient),
                       lip) *
                 (1 + 0.35f * skin.noise[2] * skin.at.fine);
    oily *= 1 - 0.9f * skin.finish.dull;
    float roughness = skin.finish.roughness;
    for (int i = 0; i < LIGHT_COUNT; i++) {
        const Light *l = &frame->light[i];
        float smooth_cos = dot3(hit->n, l->to), bent_cos = dot3(bent, l->to);
        if (smooth_cos < -0.4f)
            continue;
        float occlusion = i == LIGHT_KEY ? lerpf(0.55f, 1, ambient) : ambient;
        for (int c = 0; c < 3; c++) {
            float cosine = c == 0 ? lerpf(smooth_cos, bent_cos, 0.6f) : bent_cos;
            float w = clampf((cosine + wrap[c]) / (1 + wrap[c]), 0, 1);
            w *= i == LIGHT_KEY ? soft[c] : 1;
            light[c] += occlusion * w * l->colour[c];
        }
        float gloss = ggx(bent, l->to, view, roughness, 0.035f) * oily * ambient;
        shine += (i == LIGHT_KEY ? shadow : i == LIGHT_FILL ? 0.8f : 0.55f) * gloss * l->white;
    }
    float glint = 0;
    if (skin.finish.sparkle > 0) {
        float flake =
            white_noise_at(frame->tables, 1.7f * skin.at.plane[0], 1.7f * skin.at.plane[1]);
        glint = skin.finish.sparkle * light[1] *
                lerpf(0.10f, smoothstepf(0.45f, 0.85f, flake), 0.5f + 0.4f * skin.at.fine);
    }
    for (int c = 0; c < 3; c++) {
        float metal = lerpf(1, fminf(2.2f * albedo[c] + 0.08f, 1.4f), skin.finish.metal);
        rgb[c] = albedo[c] * (light[c] + 0.8f * glint) +
                 (shine * metal + 0.25f * glint) * frame->options->light_colour[c];
    }
}
