#include "apps/studio.h"

#include <stdlib.h>
#include <string.h>

#include "apps/checkpoint.h"
#include "apps/engine_option.h"
#include "apps/paths.h"
#include "apps/prior_file.h"

/* Opens the next model. */
static bool open_engine(Studio *s, const char *name, Error *err)
{
    int m = s->models;

    if (!engine_option_open(&s->engine[m], name, err)) {
        return false;
    }
    s->schema[m] = engine_schema(s->engine[m]);
    s->models++;
    for (int i = 0; i < m; i++) {
        if (strcmp(s->schema[i]->name, s->schema[m]->name) == 0) {
            return error_set(err, "--engine %.200s: the schema %s is open already", name,
                             s->schema[m]->name);
        }
    }
    return true;
}

/* Which model a checkpoint of a net is for. */
static bool checkpoint_model(const Studio *s, const char *path, const char *net, int *model,
                             Error *err)
{
    TensorFile *file;
    CheckpointInfo info;

    if (!checkpoint_open(&file, &info, path, net, err)) {
        return false;
    }
    int m = 0;
    while (m < s->models && strcmp(info.schema, s->schema[m]->name) != 0) {
        m++;
    }
    bool found =
        m < s->models ||
        error_set(err, "%.300s: this %s is of the schema %.32s, and no --engine has that schema",
                  path, net, info.schema);
    tensor_file_free(file); /* info's texts are in it */
    if (found) {
        *model = m;
    }
    return found;
}

/* Opens one model's file. */
typedef bool OpenFile(Studio *s, int model, const char *path, Error *err);

/* Each model's file of a net: of the given ones, in any order, the one of its schema, else the
 * pretrained NET-SCHEMA.safetensors. */
static bool open_each(Studio *s, const char *net, int given, const char *const *path,
                      OpenFile *open, Error *err)
{
    const char *own[MAX_MODELS] = {NULL};
    bool ok = true;

    for (int i = 0; i < given; i++) {
        int m = 0;
        if (!checkpoint_model(s, path[i], net, &m, err)) {
            return false;
        }
        own[m] = path[i];
    }
    for (int m = 0; ok && m < s->models; m++) {
        char name[80];
        snprintf(name, sizeof name, "%s-%s.safetensors", net, s->schema[m]->name);
        char *shipped = own[m] ? NULL : path_pretrained(name);
        ok = open(s, m, own[m] ? own[m] : shipped, err);
        free(shipped);
    }
    return ok;
}

static bool open_imitator(Studio *s, int model, const char *path, Error *err)
{
    if (!imitator_open(&s->imitator[model], path, s->schema[model], s->backend, err)) {
        return false;
    }
    int size = s->imitator[model].config.size;
    if (s->size && s->size != size) {
        return error_set(err,
                         "%.300s makes pictures of %d pixels and the other imitator of %d: give "
                         "two of one size",
                         path, size, s->size);
    }
    s->size = size;
    return true;
}

static bool open_prior(Studio *s, int model, const char *path, Error *err)
{
    return prior_open(&s->prior[model], path, s->schema[model], err);
}

/* Descriptor and chip must be there. */
static bool open_translator(Studio *s, int model, const char *path, Error *err)
{
    Translator *t = &s->translator[model];

    return translator_open(t, path, s->schema[model], &s->descriptor, s->backend, err) &&
           one_shot_new(&s->one_shot[model], t, &s->descriptor, s->eyes.chip, s->size, 1,
                        s->backend, err);
}

static bool open_segmenter(Studio *s, const char *path, Error *err)
{
    char *shipped = path ? NULL : path_pretrained("segmenter.safetensors");
    bool ok = segmenter_open(&s->segmenter, path ? path : shipped, s->backend, err);

    free(shipped);
    if (ok && s->segmenter.config.classes != LABEL_COUNT) {
        ok = error_set(err, "the segmenter knows %d classes, the engine draws %d",
                       s->segmenter.config.classes, LABEL_COUNT);
    }
    return ok;
}

static bool open_descriptor(Studio *s, const char *path, Error *err)
{
    char *shipped = path ? NULL : path_asset("face_recognition_model-weights_manifest.json");
    bool ok = descriptor_open(&s->descriptor, path ? path : shipped, s->backend, err);

    free(shipped);
    return ok;
}

/* The face of a model's average character, in a picture of studio->size. */
static bool find_average(Studio *s, int model, Image *render, Face *face, Error *err)
{
    RenderOptions options = render_options_default();
    float *x = malloc((size_t)s->schema[model]->dim * sizeof *x);
    int n = 0;

    if (!x) {
        return error_set(err, "out of memory");
    }
    options.size = render->width;
    schema_average(s->schema[model], x);
    bool ok = engine_render(s->engine[model], x, &options, render->pixel, NULL, err) &&
              face_detect(s->detector, render, face, 1, &n, err);
    free(x);
    if (ok && n == 0) {
        ok = error_set(err, "no face was found in the average %s character's picture",
                       s->schema[model]->name);
    }
    return ok;
}

static void mix(float *mean, float value, float scale, int n)
{
    *mean += (value * scale - *mean) / (float)n;
}

/* The mean of the opened models' average faces. */
static bool find_reference(Studio *s, Error *err)
{
    enum { SIDE = 512 };
    const float scale = (float)s->size / SIDE;
    Image render;
    Face face, *mean = &s->reference;
    char *path = path_landmark_model();
    bool ok = face_detector_open(&s->detector, path, err);

    free(path);
    if (!ok || !image_new(&render, SIDE, SIDE, err)) {
        return false;
    }
    for (int m = 0; ok && m < s->models; m++) {
        ok = find_average(s, m, &render, &face, err);
        if (ok) {
            int n = m + 1;
            mix(&mean->left, face.left, scale, n);
            mix(&mean->top, face.top, scale, n);
            mix(&mean->right, face.right, scale, n);
            mix(&mean->bottom, face.bottom, scale, n);
            for (int i = 0; i < 2 * FACE_LANDMARKS; i++) {
                mix(&mean->landmark[i], face.landmark[i], scale, n);
            }
        }
    }
    image_free(&render);
    return ok;
}

static bool open_all(Studio *s, const StudioConfig *config, Error *err)
{
    bool faces = config->face_size > 0;

    s->precision = device_precision(&config->device);
    s->backend = device_open(&config->device, err);
    if (!s->backend) {
        return false;
    }
    for (int m = 0; m < config->models; m++) {
        if (!open_engine(s, config->engine[m], err)) {
            return false;
        }
    }
    s->size = config->face_size;
    if ((!faces &&
         (!open_each(s, NET_IMITATOR, config->imitators, config->imitator, open_imitator, err) ||
          !open_segmenter(s, config->segmenter, err))) ||
        (config->with_priors &&
         !open_each(s, NET_PRIOR, config->priors, config->prior, open_prior, err)) ||
        !open_descriptor(s, config->descriptor, err) || !find_reference(s, err)) {
        return false;
    }
    s->eyes = (Eyes){.descriptor = &s->descriptor,
                     .segmenter = faces ? NULL : &s->segmenter,
                     .chip = descriptor_chip(&s->descriptor, s->reference.landmark, s->size),
                     .size = s->size};
    if (config->with_translators && !open_each(s, NET_TRANSLATOR, config->translators,
                                               config->translator, open_translator, err)) {
        return false;
    }
    return faces || measure_new(&s->measure, &s->eyes, s->backend, err);
}

bool studio_open(Studio *studio, const StudioConfig *config, Error *err)
{
    memset(studio, 0, sizeof *studio);
    if (!open_all(studio, config, err)) {
        studio_close(studio);
        return false;
    }
    return true;
}

void studio_close(Studio *s)
{
    measure_free(s->measure);
    face_detector_close(s->detector);
    params_free(descriptor_set(&s->descriptor));
    params_free(s->segmenter.set);
    for (int m = 0; m < MAX_MODELS; m++) {
        one_shot_free(s->one_shot[m]);
        params_free(s->translator[m].set);
        prior_free(s->prior[m]);
        params_free(s->imitator[m].set);
        engine_close(s->engine[m]);
    }
    backend_close(s->backend);
    memset(s, 0, sizeof *s);
}

static bool render(const Studio *s, int model, const float *x, uint8_t *rgb, real *picture,
                   Error *err)
{
    RenderOptions options = render_options_default();

    options.size = s->size;
    if (!engine_render(s->engine[model], x, &options, rgb, NULL, err)) {
        return false;
    }
    image_to_planar(picture, &(Image){s->size, s->size, rgb});
    return true;
}

bool studio_render(const Studio *s, int model, const float *x, real *picture, Error *err)
{
    uint8_t *rgb = malloc(3 * (size_t)s->size * (size_t)s->size);
    bool ok =
        rgb ? render(s, model, x, rgb, picture, err) : error_set(err, "out of memory for a render");

    free(rgb);
    return ok;
}

bool studio_landmarks(const Studio *s, const Image *picture, float *landmark, Error *err)
{
    Face face = s->reference;

    if (!face_landmarks(s->detector, picture, &face, err)) {
        return false;
    }
    memcpy(landmark, face.landmark, sizeof face.landmark);
    return true;
}

/* Character i of studio_views up to what the networks see. */
static bool draw_one(const Studio *s, int model, const float *x, uint8_t *rgb, real *picture,
                     float *landmark, Error *err)
{
    return render(s, model, x, rgb, picture, err) &&
           studio_landmarks(s, &(Image){s->size, s->size, rgb}, landmark, err);
}

bool studio_views(const Studio *s, int model, int count, const float *x, View *views,
                  float *landmark, Error *err)
{
    size_t pixels = 3 * (size_t)s->size * (size_t)s->size, dim = (size_t)s->schema[model]->dim;
    uint8_t *rgb = malloc(pixels * (size_t)count);
    real *picture = malloc(pixels * (size_t)count * sizeof *picture);
    bool ok = rgb && picture;

    if (!ok) {
        error_set(err, "out of memory for %d renders", count);
    } else {
        int failed = 0;
#pragma omp parallel for schedule(dynamic) reduction(+ : failed)
        for (int i = 0; i < count; i++) {
            Error own;
            size_t k = (size_t)i;
            if (!draw_one(s, model, x + k * dim, rgb + k * pixels, picture + k * pixels,
                          landmark + k * 2 * FACE_LANDMARKS, &own)) {
                failed++;
#pragma omp critical
                error_set(err, "%s", own.text);
            }
        }
        ok = failed == 0;
    }
    for (int i = 0; ok && i < count; i++) {
        measure_view(s->measure, picture + (size_t)i * pixels, &views[i]);
    }
    free(rgb);
    free(picture);
    return ok;
}
