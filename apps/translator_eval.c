#include "apps/translator_eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/sheet.h"

enum { LOSS_BATCH = 8 };

/* Pearson's, of column k of two n x dim arrays; 0 where one does not vary. */
static double correlation(const float *a, const float *b, int64_t n, int dim, int k)
{
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        ma += (double)a[i * dim + k] / (double)n;
        mb += (double)b[i * dim + k] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        double da = (double)a[i * dim + k] - ma, db = (double)b[i * dim + k] - mb;
        ab += da * db;
        aa += da * da;
        bb += db * db;
    }
    return aa > 1e-12 && bb > 1e-12 ? ab / sqrt(aa * bb) : 0;
}

static json_t *correlations(const Schema *s, const float *x, const float *found, int64_t n)
{
    json_t *json = json_object();
    double all = 0;
    for (int i = 0; i < s->n_continuous; i++) {
        const char *component = s->control[i].component;
        double sum = 0;
        int members = 0;
        if (json_object_get(json, component))
            continue;
        for (int k = i; k < s->n_continuous; k++)
            if (strcmp(s->control[k].component, component) == 0) {
                sum += correlation(x, found, n, s->dim, k);
                members++;
            }
        all += sum;
        json_object_set_new(json, component, json_real(sum / members));
    }
    if (s->n_continuous > 0)
        json_object_set_new(json, "all", json_real(all / s->n_continuous));
    return json;
}

json_t *translator_agreement(const Schema *s, const float *x, const float *found, int64_t n)
{
    json_t *choice = json_object();
    double error = 0;
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < s->n_continuous; k++)
            error += fabs((double)x[i * s->dim + k] - (double)found[i * s->dim + k]);
    for (int g = 0; g < s->n_groups; g++) {
        int64_t right = 0;
        for (int64_t i = 0; i < n; i++)
            right += schema_choice(s, g, x + i * s->dim) == schema_choice(s, g, found + i * s->dim);
        json_object_set_new(choice, s->group[g].name, json_real((double)right / (double)n));
    }
    return json_pack("{sf so so}", "error",
                     s->n_continuous ? error / (double)(n * s->n_continuous) : 0, "correlation",
                     correlations(s, x, found, n), "choice", choice);
}

/* The descriptor of a character's picture by the engine, normalised. */
static bool descriptors_of(const Studio *studio, const float *x, int n, View *view, Error *err)
{
    float *landmark = malloc((size_t)n * 2 * FACE_LANDMARKS * sizeof *landmark);
    bool ok = landmark ? studio_views(studio, 0, n, x, view, landmark, err)
                       : error_set(err, "out of memory for the translator");
    free(landmark);
    return ok;
}

bool translator_distances(const Studio *studio, const float *descriptor, const float *x, int64_t n,
                          json_t **report, Error *err)
{
    const Descriptor *f = studio->eyes.descriptor;
    int dim = descriptor_dim(f), width = studio->schema[0]->dim;
    View average = {0}, view = {0};
    float *mean = malloc((size_t)width * sizeof *mean);
    real *face = malloc((size_t)dim * sizeof *face);
    double sum[2] = {0, 0};
    int64_t closer = 0;
    bool ok = (mean && face) || error_set(err, "out of memory for the translator");

    if (ok)
        schema_average(studio->schema[0], mean);
    ok = ok && view_new(&average, &studio->eyes, err) && view_new(&view, &studio->eyes, err) &&
         descriptors_of(studio, mean, 1, &average, err);
    for (int64_t i = 0; ok && i < n; i++) {
        for (int k = 0; k < dim; k++)
            face[k] = (real)descriptor[i * dim + k];
        descriptor_normalise(f, face);
        ok = descriptors_of(studio, x + i * width, 1, &view, err);
        double own = descriptor_distance(f, face, view.descriptor),
               start = descriptor_distance(f, face, average.descriptor);
        sum[0] += own / (double)n;
        sum[1] += start / (double)n;
        closer += own < start;
    }
    if (ok)
        *report = json_pack("{sI sf sf sf}", "faces", (json_int_t)n, "character", sum[0], "average",
                            sum[1], "closer", (double)closer / (double)n);
    view_free(&average);
    view_free(&view);
    free(mean);
    free(face);
    return ok;
}

void translator_eval_free(TranslatorEval *e)
{
    translator_graph_free(&e->loss);
}

bool translator_eval_new(TranslatorEval *eval, const TranslatorLossConfig *loss, FaceArrays arrays,
                         const real *content_weight, const real *lambda, const Studio *studio,
                         Error *err)
{
    TranslatorEval e = {.studio = studio, .net = loss->translator};
    memcpy(e.lambda, lambda, sizeof e.lambda);
    if (!translator_graph_new(&e.loss, loss, arrays, LOSS_BATCH, studio->schema[0], content_weight,
                              NULL, studio->backend, err))
        return false;
    *eval = e;
    return true;
}

/* What T finds for the first n faces. */
static bool find(const TranslatorEval *e, const Faces *faces, int64_t n, float *x, Error *err)
{
    return sights_translate(faces->sights, e->net, faces->face, n, x, e->studio->backend, err);
}

/* The inputs of one batch, in memory. */
typedef struct Batch {
    void *at[1 + FACE_ARRAYS];
    size_t bytes[1 + FACE_ARRAYS]; /* of a sample */
} Batch;

static void batch_free(Batch *b)
{
    for (int k = 0; k <= FACE_ARRAYS; k++)
        free(b->at[k]);
}

static bool batch_new(Batch *b, const TranslatorGraph *g, Error *err)
{
    *b = (Batch){.bytes = {0}};
    for (int k = 0; k < g->n_arrays; k++) {
        size_t all = (size_t)shape_count(ag_shape(g->graph, g->array[k])) * sizeof(real);
        b->bytes[k] = all / (size_t)g->batch;
        b->at[k] = malloc(all);
        if (!b->at[k]) {
            batch_free(b);
            return error_set(err, "out of memory for the translator");
        }
    }
    return true;
}

/* The batch from face `begin` on; the last one is filled up from the first face on. */
static bool run_batch(TranslatorGraph *g, Batch *b, const Faces *faces, int64_t begin, int dim,
                      Error *err)
{
    for (int slot = 0; slot < g->batch; slot++) {
        void *at[1 + FACE_ARRAYS];
        for (int k = 0; k < g->n_arrays; k++)
            at[k] = (char *)b->at[k] + (size_t)slot * b->bytes[k];
        if (!faces_get(faces, (begin + slot) % faces->count, g->arrays, dim, at, err))
            return false;
    }
    for (int k = 0; k < g->n_arrays; k++)
        ag_write(g->plan, g->array[k], b->at[k]);
    ag_run(g->plan, &(StepState){.step = 0});
    return true;
}

/* Means of the terms over the first `look` faces, into report; figure: their weighted sum. */
static bool measure_losses(TranslatorEval *e, const Faces *faces, int64_t look, double *figure,
                           json_t *report, Error *err)
{
    TranslatorGraph *g = &e->loss;
    double sum[TRANSLATOR_TERMS] = {0};
    int64_t n = (look + g->batch - 1) / g->batch;
    Batch batch;
    bool ok = batch_new(&batch, g, err);
    if (!ok)
        return false;
    for (int64_t i = 0; ok && i < n; i++) {
        ok = run_batch(g, &batch, faces, i * g->batch, e->studio->schema[0]->dim, err);
        for (int t = 0; ok && t < TRANSLATOR_TERMS; t++)
            if (g->loss.term[t].id >= 0)
                sum[t] += (double)ag_scalar(g->plan, g->loss.term[t]) / (double)n;
    }
    batch_free(&batch);
    *figure = 0;
    for (int t = 0; t < TRANSLATOR_TERMS; t++)
        if (g->loss.term[t].id >= 0) {
            *figure += (double)e->lambda[t] * sum[t];
            json_object_set_new(report, translator_term_name((TranslatorTerm)t), json_real(sum[t]));
        }
    json_object_set_new(report, "total", json_real(*figure));
    return ok;
}

/* What is known of the faces' x against what was found. */
static bool measure_agreement(const Faces *faces, const Schema *schema, const float *found,
                              json_t *report, Error *err)
{
    const float *one;
    float *x = malloc((size_t)faces->count * (size_t)schema->dim * sizeof *x);
    bool ok = x || error_set(err, "out of memory for the translator");
    for (int64_t i = 0; ok && i < faces->count; i++) {
        ok = sights_get(faces->sights, faces->face[i], NULL, &one, err);
        if (ok)
            memcpy(x + i * schema->dim, one, (size_t)schema->dim * sizeof *x);
    }
    if (ok)
        json_object_update_new(report, translator_agreement(schema, x, found, faces->count));
    free(x);
    return ok;
}

static bool measure_distances(const TranslatorEval *e, const Faces *faces, int64_t n,
                              const float *found, json_t *report, Error *err)
{
    const Sights *s = faces->sights;
    float *descriptor = malloc((size_t)(n * s->dim) * sizeof *descriptor);
    json_t *distance = NULL;
    bool ok = descriptor || error_set(err, "out of memory for the translator");
    for (int64_t i = 0; ok && i < n * s->dim; i++)
        descriptor[i] = s->descriptor[faces->face[i / s->dim] * s->dim + i % s->dim];
    ok = ok && translator_distances(e->studio, descriptor, found, n, &distance, err);
    if (ok)
        json_object_set_new(report, "distance", distance);
    free(descriptor);
    return ok;
}

bool translator_measure(TranslatorEval *e, const Faces *faces, int64_t look, int64_t draw,
                        double *figure, json_t **report, Error *err)
{
    const Schema *schema = e->studio->schema[0];
    int64_t n = faces->count;
    float *found = malloc((size_t)n * (size_t)schema->dim * sizeof *found);
    json_t *json = json_pack("{sI}", "faces", (json_int_t)n);
    bool known = photo_pool_info(faces->sights->pool)->dim > 0;
    bool ok = (found && json) || error_set(err, "out of memory for the translator");
    ok = ok && find(e, faces, n, found, err) &&
         measure_losses(e, faces, look < n ? look : n, figure, json, err) &&
         (!known || measure_agreement(faces, schema, found, json, err)) &&
         measure_distances(e, faces, draw < n ? draw : n, found, json, err);
    free(found);
    if (ok)
        *report = json;
    else
        json_decref(json);
    return ok;
}

bool translator_sheet(TranslatorEval *e, const Faces *faces, int columns, const char *path,
                      Error *err)
{
    const Studio *studio = e->studio;
    int n = faces->count < columns ? (int)faces->count : columns, dim = studio->schema[0]->dim;
    float *x = malloc((size_t)n * (size_t)dim * sizeof *x);
    real *picture = malloc(3 * (size_t)studio->size * (size_t)studio->size * sizeof *picture);
    Sheet sheet = {.columns = 0};
    bool ok = ((x && picture) || error_set(err, "out of memory for the translator")) &&
              sheet_new(&sheet, n, 2, studio->size, 4, err) && find(e, faces, n, x, err);
    for (int i = 0; ok && i < n; i++)
        ok = sights_get(faces->sights, faces->face[i], picture, NULL, err) &&
             sheet_put_planar(&sheet, i, 0, picture, studio->size, err) &&
             studio_render(studio, 0, x + i * dim, picture, err) &&
             sheet_put_planar(&sheet, i, 1, picture, studio->size, err);
    ok = ok && sheet_save(&sheet, path, err);
    sheet_free(&sheet);
    free(picture);
    free(x);
    return ok;
}
