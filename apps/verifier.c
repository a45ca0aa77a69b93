#include "config.h"

#include "apps/verifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/checkpoint.h"
#include "apps/photo_option.h"
#include "libautograd/ops.h"

void verifier_close(Verifier *v)
{
    sights_close(&v->sights);
    photo_pool_close(v->pool);
    pair_table_free(&v->table);
    free(v->a);
    free(v->b);
    free(v->same);
    free(v->fold);
    *v = (Verifier){.pairs = 0};
}

/* The pairs of which both photos show a face. */
static bool choose_pairs(Verifier *v, Error *err)
{
    const PairTable *t = &v->table;
    size_t n = (size_t)t->pairs;
    int64_t *face = malloc((size_t)t->names * sizeof *face); /* of a photo; -1: none */

    v->a = malloc(n * sizeof *v->a);
    v->b = malloc(n * sizeof *v->b);
    v->same = malloc(n * sizeof *v->same);
    v->fold = malloc(n * sizeof *v->fold);
    if (!face || !v->a || !v->b || !v->same || !v->fold) {
        free(face);
        return error_set(err, "out of memory for a table of pairs");
    }
    for (int64_t i = 0; i < t->names; i++)
        face[i] = -1;
    for (int64_t i = 0; i < v->sights.count; i++)
        face[v->sights.index[i]] = i;
    for (int64_t i = 0; i < t->pairs; i++) {
        if (face[t->a[i]] < 0 || face[t->b[i]] < 0)
            continue;
        v->a[v->pairs] = face[t->a[i]];
        v->b[v->pairs] = face[t->b[i]];
        v->same[v->pairs] = t->same[i];
        v->fold[v->pairs++] = t->fold[i];
    }
    free(face);
    return v->pairs > 0 ||
           error_set(err, "%.300s: in none of its %lld pairs do both photos show a face", t->title,
                     (long long)t->pairs);
}

/* Numbers the folds without those of which nothing is left, and looks whether the protocol can do
 * with the rest. */
static bool check_pairs(Verifier *v, Error *err)
{
    const PairTable *t = &v->table;
    const char *remedy = t->limit > 0 ? "raise --limit" : "the set must have more";
    int64_t left[VERIFICATION_MAX_FOLDS] = {0}, same = 0;

    for (int64_t i = 0; i < v->pairs; i++) {
        left[v->fold[i]]++;
        same += v->same[i];
    }
    for (int f = 0; f < VERIFICATION_MAX_FOLDS; f++)
        v->number[f] = left[f] > 0 ? v->folds++ : -1;
    for (int64_t i = 0; i < v->pairs; i++)
        v->fold[i] = v->number[v->fold[i]];
    if (v->folds < 2)
        return error_set(err, "%.300s: its pairs are all in one fold, and two are wanted; %s",
                         t->title, remedy);
    if (same == 0 || same == v->pairs)
        return error_set(err, "%.300s: all %lld pairs are of %s; %s", t->title, (long long)v->pairs,
                         same ? "one person each" : "two people", remedy);
    return true;
}

/* Where the face is in the pictures of insightface's sets, which are all aligned alike, eyes at
 * (38.3, 51.6) and (73.5, 51.6) of 112 pixels: the mean of what dlib's detector finds in 98 such
 * pictures of CFP (a side's deviation is .04). */
static const float ALIGNED_BOX[4] = {.17f, .29f, .86f, .98f};

static bool list_photos(PhotoList *list, const PairTable *t, Error *err)
{
    if (!photo_list_names(list, t->dir, (const char *const *)t->name, t->names, err))
        return false;
    if (t->bytes) {
        photo_list_set_bytes(list, t->bytes, t->size);
        memcpy(list->box, ALIGNED_BOX, sizeof list->box);
    }
    return true;
}

/* Whether any can be read at all. If not, the pool goes, so that they are looked for again. */
static bool any_photo(const Verifier *v, const char *out, const char *name, Error *err)
{
    const PhotoPoolInfo *info = photo_pool_info(v->pool);
    char path[4096];

    if (info->in_state[PHOTO_UNREADABLE] < info->count)
        return true;
    snprintf(path, sizeof path, "%.3900s/%s.pool", out, name);
    unlink(path);
    return error_set(err,
                     "%.200s: none of its %lld photos can be read; they are looked for in %.300s",
                     v->table.title, (long long)info->count, v->table.dir);
}

static bool open_pool(Verifier *v, int size, const char *out, Error *err)
{
    const Studio *s = v->studio;
    PhotoPoolConfig config = {.size = size};
    PhotoList list = {.dir = NULL};
    Eyes eyes = s->eyes;
    char name[128], cache[4096];

    /* The chip is in units of the picture's side. */
    eyes.size = size;
    for (int k = 0; k < 2 * FACE_LANDMARKS; k++)
        config.reference.landmark[k] = s->reference.landmark[k] * (float)size / (float)s->size;
    if (v->table.limit > 0)
        snprintf(name, sizeof name, "%.64s-%lld-%d", v->table.title, (long long)v->table.limit,
                 size);
    else
        snprintf(name, sizeof name, "%.64s-%d", v->table.title, size);
    snprintf(cache, sizeof cache, "%.3900s/%s.sights", out, name);
    bool ok = list_photos(&list, &v->table, err) &&
              photo_list_open(&v->pool, &list, out, name, &config, err) &&
              any_photo(v, out, name, err) &&
              sights_open(&v->sights, v->pool, &eyes, false, cache, s->backend, err);
    photo_list_free(&list);
    return ok;
}

bool verifier_open(Verifier *verifier, PairTable *table, const Studio *studio, int size,
                   const char *out, Error *err)
{
    *verifier = (Verifier){.studio = studio, .table = *table};
    *table = (PairTable){.names = 0};
    if (open_pool(verifier, size, out, err) && choose_pairs(verifier, err) &&
        check_pairs(verifier, err))
        return true;
    verifier_close(verifier);
    return false;
}

bool verifier_measure(const Verifier *v, const real *embedding, int dim,
                      const VerificationConfig *config, Verification *result, double *distance,
                      Error *err)
{
    size_t row = (size_t)dim * sizeof *embedding;
    real *pair = malloc(2 * (size_t)v->pairs * row);

    if (!pair)
        return error_set(err, "out of memory for the embeddings of pairs");
    real *b = pair + v->pairs * dim;
    for (int64_t i = 0; i < v->pairs; i++) {
        memcpy(pair + i * dim, embedding + v->a[i] * dim, row);
        memcpy(b + i * dim, embedding + v->b[i] * dim, row);
    }
    bool ok =
        verification_run(pair, b, v->pairs, dim, v->same, v->fold, config, result, distance, err);
    free(pair);
    return ok;
}

bool verifier_descriptors(const Verifier *v, const VerificationConfig *config, Verification *result,
                          Error *err)
{
    return verifier_measure(v, v->sights.descriptor, v->sights.dim, config, result, NULL, err);
}

bool verifier_translator(const Verifier *v, const char *path, const VerificationConfig *config,
                         Verification *result, uint64_t *hash, Error *err)
{
    const Studio *s = v->studio;
    Translator net;

    if (!translator_open(&net, path, s->schema[0], &s->descriptor, s->backend, err))
        return false;
    *hash = weights_hash(net.set);
    int dim = translator_dim(&net.config);
    real *x = malloc((size_t)v->sights.count * (size_t)dim * sizeof *x);
    bool ok = x || error_set(err, "out of memory for the parameters of the faces");
    ok = ok && sights_translate(&v->sights, &net, NULL, v->sights.count, x, s->backend, err) &&
         verifier_measure(v, x, dim, config, result, NULL, err);
    free(x);
    params_free(net.set);
    return ok;
}

json_t *verification_json(const Verifier *v, const Verification *r)
{
    json_t *folds = json_array(), *rates = json_object();
    char name[32];

    for (int f = 0; f < r->folds; f++)
        json_array_append_new(folds, json_pack("{sf sf}", "accuracy", r->fold_accuracy[f],
                                               "threshold", r->fold_threshold[f]));
    for (int k = 0; k < VERIFICATION_RATES; k++) {
        snprintf(name, sizeof name, "at FAR %g", VERIFICATION_FAR[k]);
        json_object_set_new(rates, name, json_real(r->tar[k]));
    }
    return json_pack("{sf sf sf sf so so sI sI sI}", "accuracy", r->accuracy, "deviation",
                     r->deviation, "threshold", r->threshold, "area", r->area, "TAR", rates,
                     "folds", folds, "pairs", (json_int_t)v->pairs, "pairs_left_out",
                     (json_int_t)(v->table.pairs - v->pairs), "photos_without_face",
                     (json_int_t)(v->table.names - v->sights.count));
}
