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

static void noise_at(const RenderTables *tables, float u, float v, float out[4])
{
    float x = u * NOISE_SIZE, y = v * NOISE_SIZE;
    float fx = floorf(x), fy = floorf(y);
    float ax = x - fx, ay = y - fy;
    int x0 = (int)fx & (NOISE_SIZE - 1), y0 = (int)fy & (NOISE_SIZE - 1);
    int x1 = (x0 + 1) & (NOISE_SIZE - 1), y1 = (y0 + 1) & (NOISE_SIZE - 1);
    const int8_t *a = tables->noise[y0][x0], *b = tables->noise[y0][x1];
    const int8_t *c = tables->noise[y1][x0], *d = tables->noise[y1][x1];
    for (int i = 0; i < 4; i++)
        out[i] = lerpf(lerpf(a[i], b[i], ax), lerpf(c[i], d[i], ax), ay) * (1 / 127.0f);
}

/* Where noise is looked up: the resting surface unrolled around the head, without seams in the
 * face. */
static void rest_place(const Hit *hit, float place[2])
{
    float p[3] = {0};
    for (int k = 0; k < 3; k++)
        for (int c = 0; c < 3; c++)
            p[c] += hit->b[k] * hit->surface->rest[3 * hit->v[k] + c];
    float around = p[0] < 0 ? p[2] : -p[2];
    place[0] = (0.75f * p[0] + 0.6f * around) * 1.1f;
    place[1] = (p[1] - 0.45f * p[2]) * 1.1f;
}

/* What a place of the skin shows and a light needs of it. */
typedef struct SkinHit {
    SkinVertex painted;
    float lip, pores, noise[4];
} SkinHit;

/* Everything that is painted on the skin: no light yet. */
static void paint_skin(const Frame *frame, const Hit *hit, SkinHit *skin, float albedo[3])
{
    const Scene *scene = frame->scene;
    skin_attributes(frame, hit, &skin->painted);
    albedo_at(frame, hit, albedo);

    /* pores: finer than the texture; they vanish where a pixel covers many */
    float pores = clampf(0.009f / hit->footprint, 0, 1);
    pores *= pores;
    float place[2];
    memset(skin->noise, 0, sizeof skin->noise);
    rest_place(hit, place);
    if (pores > 0.05f)
        noise_at(frame->tables, place[0], place[1], skin->noise);
    float grainy = skin->noise[3], lip = smoothstepf(-0.15f, 0.75f, skin->painted.lip);
    skin->pores = pores;
    skin->lip = lip;

    float mottle = 1 + pores * (0.03f + 0.05f * scene->skin_detail) * grainy;
    for (int c = 0; c < 3; c++)
        albedo[c] *= mottle;
    if (scene->stubble[3] > 0 && skin->painted.beard > 0.01f) {
        float grain = clampf(0.5f + 0.45f * pores * grainy, 0, 1);
        float cover = scene->stubble[3] * skin->painted.beard * grain * (1 - lip);
        for (int c = 0; c < 3; c++)
            albedo[c] = lerpf(albedo[c], scene->stubble[c], clampf(cover, 0, 1));
    }
    /* natural lips are a little redder than the texture */
    const float blood[3] = {0.96f, 0.78f, 0.78f};
    for (int c = 0; c < 3; c++) {
        albedo[c] *= lerpf(1, blood[c], lip);
        float luminance = 0.2126f * albedo[0] + 0.7152f * albedo[1] + 0.0722f * albedo[2];
        float tinted = scene->lip_tint[c] * clampf(0.55f + 1.5f * luminance, 0, 1.3f);
        albedo[c] = lerpf(albedo[c], tinted, lip * scene->lip_tint[3]);
    }
    float rim = skin->painted.lid * 0.55f;
    for (int c = 0; c < 3; c++)
        albedo[c] *= 1 - rim * (c == 0 ? 0.85f : 1.0f);
}

void skin_albedo(const Frame *frame, const Hit *hit, float rgb[3])
{
    SkinHit skin;
    paint_skin(frame, hit, &skin, rgb);
}

void shade_skin(const Frame *frame, const Hit *hit, float rgb[3])
{
    SkinHit skin;
    float albedo[3];
    paint_skin(frame, hit, &skin, albedo);
    const float lip = skin.lip, pores = skin.pores, *noise = skin.noise;
    float relief = pores * lerpf(0.026f, 0.10f, frame->scene->skin_detail) * (1 + 0.6f * lip);
    float bent[3];
    for (int c = 0; c < 3; c++)
        bent[c] = hit->n[c] + relief * noise[c];
    normalize3(bent);
    /* lips are dark where they meet */
    float seal = smoothstepf(4.2f, 6.0f, skin.painted.lip);
    float ambient = skin.painted.ambient * (1 - 0.75f * seal);

    float view[3] = {-hit->p[0], -hit->p[1], -hit->p[2]};
    normalize3(view);
    float shadow = shadow_at(frame, hit->p, hit->n, false);
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
    float roughness = lerpf(0.48f, 0.38f, lip);
    float luminance = 0.2126f * albedo[0] + 0.7152f * albedo[1] + 0.0722f * albedo[2];
    /* the same highlight that is lost on fair skin makes dark skin look like plastic */
    float matte = lerpf(0.35f, 0.72f, clampf(2.2f * luminance, 0, 1));
    float oily = lerpf(matte, 0.75f, lip) * (1 + 0.2f * noise[3] * pores);
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
        shine += (i == LIGHT_KEY ? shadow : 0.8f) * gloss * l->colour[1];
    }
    for (int c = 0; c < 3; c++)
        rgb[c] = albedo[c] * light[c] + shine;
}
