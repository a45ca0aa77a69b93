#include "apps/sights.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "apps/checkpoint.h"
#include "apps/progress.h"
#include "libautograd/ops.h"

enum { BATCH = 8, TRANSLATE_BATCH = 32, IDENTITY = 256, ALL_SPLITS = (1 << PHOTO_SPLITS) - 1 };

static const double SAVE_EVERY = 10; /* seconds */
static const char DONE[] = "visagist.done";

/* A batch of pictures through F_recg and F_seg. */
typedef struct Look {
    Graph *graph;
    Plan *plan;
    Var in;
    Sight sight;
    real *picture, *descriptor, *maps;
} Look;

static void look_close(Look *l)
{
    ag_plan_free(l->plan);
    ag_graph_free(l->graph);
    free(l->picture);
    free(l->descriptor);
    free(l->maps);
}

static bool look_open(Look *l, const Sights *s, Backend *backend, Error *err)
{
    size_t size = (size_t)s->eyes.size;
    *l = (Look){.graph = ag_graph_new(),
                .picture = calloc(BATCH * 3 * size * size, sizeof(real)),
                .descriptor = malloc(BATCH * (size_t)s->dim * sizeof(real)),
                .maps = malloc(BATCH * s->area * sizeof(real))};
    bool ok = (l->graph && l->picture && l->descriptor && l->maps) ||
              error_set(err, "out of memory for the sights of a pool");
    if (ok) {
        l->in =
            ag_input(l->graph, "picture", DTYPE_REAL, shape4(BATCH, 3, s->eyes.size, s->eyes.size));
        l->sight = eyes_look(l->graph, &s->eyes, l->in);
        ag_keep(l->graph, l->sight.descriptor);
        if (s->maps)
            ag_keep(l->graph, l->sight.maps);
        ok = ag_plan(&l->plan, l->graph, AG_NONE, (PlanOptions){.backend = backend}, err);
    }
    if (!ok)
        look_close(l);
    return ok;
}

/* Faces begin .. begin + n - 1. */
static bool look_at(Look *l, Sights *s, int64_t begin, int n, Error *err)
{
    size_t pixels = 3 * (size_t)s->eyes.size * (size_t)s->eyes.size;
    for (int k = 0; k < n; k++)
        if (!sights_get(s, begin + k, l->picture + (size_t)k * pixels, NULL, err))
            return false;
    ag_write(l->plan, l->in, l->picture);
    ag_run(l->plan, &(StepState){.step = 0});
    ag_read(l->plan, l->sight.descriptor, l->descriptor);
    float *descriptor = s->descriptor + begin * s->dim;
    for (int i = 0; i < n * s->dim; i++)
        descriptor[i] = (float)l->descriptor[i];
    if (!s->maps)
        return true;
    ag_read(l->plan, l->sight.maps, l->maps);
    uint8_t *maps = s->maps + (size_t)begin * s->area;
    for (size_t i = 0; i < (size_t)n * s->area; i++)
        maps[i] = (uint8_t)(255 * l->maps[i] + (real).5);
    return true;
}

/* What the descriptors depend on; and the maps, besides. */
static void identity(const Sights *s, char text[static IDENTITY])
{
    const RecognizerChip *chip = &s->eyes.chip;
    snprintf(text, IDENTITY, "%08" PRIx32 " %" PRId64 " %d %016" PRIx64 " %a %a %a",
             photo_pool_info(s->pool)->crc, s->count, s->eyes.size,
             weights_hash(descriptor_set(s->eyes.descriptor)), (double)chip->x, (double)chip->y,
             (double)chip->side);
}

static void maps_identity(const Sights *s, char text[static IDENTITY])
{
    snprintf(text, IDENTITY, "%016" PRIx64, weights_hash(s->eyes.segmenter->set));
}

static bool same(const TensorFile *file, const char *key, const char *wanted)
{
    const char *found = tensor_file_meta(file, key);
    return found && strcmp(found, wanted) == 0;
}

/* How many faces are done of an unfinished cache, else all; none of what is no such number. */
static int64_t faces_done(const TensorFile *file, int64_t count)
{
    const char *done = tensor_file_meta(file, DONE);
    char *end;
    if (!done)
        return count;
    long long n = strtoll(done, &end, 10);
    return end > done && *end == '\0' && n >= 0 && n <= count ? n : 0;
}

/* Copies the tensor of this name and size out of the file; false if there is none. */
static bool fetch(const TensorFile *file, const char *name, void *to, DType type, size_t bytes)
{
    Tensor t = tensor_file_find(file, name);
    if (!t.data || t.type != type || tensor_bytes(t) != bytes)
        return false;
    memcpy(to, t.data, bytes);
    return true;
}

/* How many faces it knows. A cache of something else, or a damaged one, is as good as none. */
static int64_t read_cache(Sights *s, const char *path)
{
    char descriptors[IDENTITY], maps[IDENTITY];
    TensorFile *file;
    if (!safetensors_read(path, &file, NULL))
        return 0;
    identity(s, descriptors);
    bool ok = same(file, "visagist.sights", descriptors) &&
              fetch(file, "descriptor", s->descriptor, DTYPE_F32,
                    (size_t)s->count * (size_t)s->dim * sizeof(float));
    if (ok && s->maps) {
        maps_identity(s, maps);
        ok = same(file, "visagist.maps", maps) &&
             fetch(file, "maps", s->maps, DTYPE_U8, (size_t)s->count * s->area);
    }
    int64_t done = ok ? faces_done(file, s->count) : 0;
    tensor_file_free(file);
    return done;
}

static bool write_cache(const Sights *s, int64_t done, const char *path, Error *err)
{
    char text[IDENTITY], number[32];
    TensorFile *file = tensor_file_new();
    if (!file)
        return error_set(err, "out of memory while saving %.300s", path);
    identity(s, text);
    Tensor descriptor = {s->descriptor, shape2(s->count, s->dim), DTYPE_F32};
    bool ok = tensor_file_set_meta(file, "visagist.sights", text, err) &&
              tensor_file_add(file, "descriptor", descriptor, err);
    if (ok && done < s->count) {
        snprintf(number, sizeof number, "%" PRId64, done);
        ok = tensor_file_set_meta(file, DONE, number, err);
    }
    if (ok && s->maps) {
        Tensor maps = {s->maps, shape2(s->count, (int64_t)s->area), DTYPE_U8};
        maps_identity(s, text);
        ok = tensor_file_set_meta(file, "visagist.maps", text, err) &&
             tensor_file_add(file, "maps", maps, err);
    }
    ok = ok && safetensors_write(path, file, err);
    tensor_file_free(file);
    return ok;
}

/* Descriptors alone are written every few seconds; maps take too long for that, and are written
 * when the run is stopped. */
static bool is_due(const Sights *s, double saved)
{
    return interrupted() || (!s->maps && seconds() - saved > SAVE_EVERY);
}

/* The faces from `done` on. */
static bool look_at_rest(Sights *s, int64_t done, const char *cache, Backend *backend, Error *err)
{
    double saved = seconds();
    Look look;
    Progress progress;
    bool ok = look_open(&look, s, backend, err);
    if (!ok)
        return false;
    progress_start(&progress, "looking at faces", "faces", done, s->count);
    while (ok && done < s->count) {
        int n = s->count - done < BATCH ? (int)(s->count - done) : BATCH;
        ok = look_at(&look, s, done, n, err);
        done += n;
        progress_update(&progress, done, NULL);
        if (ok && done < s->count && is_due(s, saved)) {
            ok = write_cache(s, done, cache, err);
            saved = seconds();
            if (ok && interrupted())
                ok = error_set(err,
                               "%.300s: stopped after %" PRId64 " of %" PRId64
                               " faces; run again to go on",
                               cache, done, s->count);
        }
    }
    progress_end(&progress, done, NULL);
    look_close(&look);
    return ok && write_cache(s, done, cache, err);
}

bool sights_open(Sights *sights, const PhotoPool *pool, const Eyes *eyes, bool maps,
                 const char *cache, Backend *backend, Error *err)
{
    int side = eyes_map_size(eyes);
    Sights s = {.pool = pool,
                .eyes = *eyes,
                .dim = descriptor_dim(eyes->descriptor),
                .area = (size_t)eyes_classes(eyes) * (size_t)side * (size_t)side};
    if (photo_pool_info(pool)->config.size != eyes->size)
        return error_set(err, "%.300s holds pictures of %d pixels, the networks look at %d",
                         photo_pool_info(pool)->dir, photo_pool_info(pool)->config.size,
                         eyes->size);
    if (!photo_pool_select(pool, ALL_SPLITS, NULL, &s.index, &s.count, err))
        return false;
    bool ok =
        s.count > 0 || error_set(err, "no face was found in %.300s", photo_pool_info(pool)->dir);
    if (ok) {
        s.descriptor = calloc((size_t)s.count, (size_t)s.dim * sizeof *s.descriptor);
        s.maps = maps ? calloc((size_t)s.count, s.area) : NULL;
        ok = (s.descriptor && (!maps || s.maps)) ||
             error_set(err, "out of memory for the sights of %" PRId64 " faces", s.count);
    }
    int64_t done = ok ? read_cache(&s, cache) : 0;
    if (ok && done < s.count)
        ok = look_at_rest(&s, done, cache, backend, err);
    if (!ok) {
        sights_close(&s);
        return false;
    }
    *sights = s;
    return true;
}

void sights_close(Sights *s)
{
    free(s->index);
    free(s->descriptor);
    free(s->maps);
    *s = (Sights){.count = 0};
}

bool sights_select(const Sights *s, unsigned splits, const PhotoQuality *quality, int64_t **face,
                   int64_t *n, Error *err)
{
    int64_t *photo, count, k = 0;
    if (!photo_pool_select(s->pool, splits, quality, &photo, &count, err))
        return false;
    for (int64_t i = 0; i < s->count && k < count; i++)
        if (s->index[i] == photo[k])
            photo[k++] = i;
    *face = photo;
    *n = k;
    return true;
}

bool sights_get(const Sights *s, int64_t i, real *picture, const float **x, Error *err)
{
    PoolPhoto photo;
    int size = s->eyes.size;
    if (!photo_pool_get(s->pool, s->index[i], &photo, err))
        return false;
    if (picture)
        image_to_planar(picture, &(Image){size, size, (uint8_t *)photo.rgb}); /* only read */
    if (x)
        *x = photo.x;
    return true;
}

/* T for TRANSLATE_BATCH descriptors at a time. */
static Plan *plan_translator(Graph *graph, const Translator *net, Var *descriptor, Var *x,
                             Backend *backend, Error *err)
{
    Plan *plan = NULL;

    *descriptor =
        ag_input(graph, "descriptor", DTYPE_REAL, shape2(TRANSLATE_BATCH, net->config.embedding));
    *x = translator_forward(graph, net, *descriptor, 1);
    ag_keep(graph, *x);
    return ag_plan(&plan, graph, AG_NONE, (PlanOptions){.backend = backend}, err) ? plan : NULL;
}

bool sights_translate(const Sights *s, const Translator *net, const int64_t *face, int64_t n,
                      float *x, Backend *backend, Error *err)
{
    int width = s->dim, dim = translator_dim(&net->config);
    real *in = calloc(TRANSLATE_BATCH * (size_t)width, sizeof *in);
    real *out = malloc(TRANSLATE_BATCH * (size_t)dim * sizeof *out);
    Graph *graph = ag_graph_new();
    Plan *plan = NULL;
    Var descriptor, found;

    if (!in || !out || !graph)
        error_set(err, "out of memory for the translator");
    else
        plan = plan_translator(graph, net, &descriptor, &found, backend, err);
    for (int64_t i = 0; plan && i < n; i += TRANSLATE_BATCH) {
        int64_t m = n - i < TRANSLATE_BATCH ? n - i : TRANSLATE_BATCH;
        for (int64_t k = 0; k < m * width; k++) {
            int64_t at = face ? face[i + k / width] : i + k / width;
            in[k] = (real)s->descriptor[at * width + k % width];
        }
        ag_write(plan, descriptor, in);
        ag_run(plan, &(StepState){.step = 0});
        ag_read(plan, found, out);
        for (int64_t k = 0; k < m * dim; k++)
            x[i * dim + k] = (float)out[k];
    }
    bool ok = plan != NULL;
    ag_plan_free(plan);
    ag_graph_free(graph);
    free(in);
    free(out);
    return ok;
}
