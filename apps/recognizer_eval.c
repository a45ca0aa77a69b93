#include "config.h"

#include "apps/recognizer_eval.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/rng.h"
#include "nets/verification.h"

enum { BATCH = 32, MAX_PAIRS = 5000, SHEET_FACES = 12, PAIR_STREAM = 0x50414952 };

void faces_part_get(const FacesPart *part, int64_t i, int size, int x, int y, bool mirror,
                    real *grey)
{
    int side = part->faces->side;
    const uint8_t *face = part->faces->face + (size_t)part->index[i] * (size_t)(side * side);

    assert(x >= 0 && y >= 0 && x + size <= side && y + size <= side);
    for (int row = 0; row < size; row++)
        for (int k = 0; k < size; k++) {
            int from = mirror ? size - 1 - k : k;
            grey[row * size + k] = face[(y + row) * side + x + from] / (real)255;
        }
}

bool recognizer_eval_new(RecognizerEval *e, const LightCnn *net, Backend *backend, Error *err)
{
    size_t size = (size_t)net->config.size, dim = (size_t)net->config.dim,
           classes = (size_t)net->config.classes;

    *e = (RecognizerEval){.graph = ag_graph_new(),
                          .size = net->config.size,
                          .dim = net->config.dim,
                          .classes = net->config.classes};
    e->in = calloc(BATCH * size * size, sizeof *e->in);
    e->out = malloc(BATCH * (dim > classes ? dim : classes) * sizeof *e->out);
    if (!e->graph || !e->in || !e->out) {
        recognizer_eval_free(e);
        return error_set(err, "out of memory for measuring the recogniser");
    }
    e->x = ag_input(e->graph, "x", DTYPE_REAL, shape4(BATCH, 1, e->size, e->size));
    e->descriptor = lightcnn_forward(e->graph, net, e->x);
    ag_keep(e->graph, e->descriptor);
    if (e->classes) {
        e->logits = lightcnn_classify(e->graph, net, e->descriptor, AG_NONE);
        ag_keep(e->graph, e->logits);
    }
    if (ag_plan(&e->plan, e->graph, AG_NONE, (PlanOptions){.backend = backend}, err))
        return true;
    recognizer_eval_free(e);
    return false;
}

void recognizer_eval_free(RecognizerEval *e)
{
    ag_plan_free(e->plan);
    ag_graph_free(e->graph);
    free(e->in);
    free(e->out);
    *e = (RecognizerEval){.graph = NULL};
}

/* Runs the network on n <= BATCH faces of a part from i on. */
static void run(RecognizerEval *e, const FacesPart *part, int64_t i, int n)
{
    int margin = (part->faces->side - e->size) / 2;

    for (int k = 0; k < n; k++)
        faces_part_get(part, i + k, e->size, margin, margin, false,
                       e->in + (size_t)k * (size_t)(e->size * e->size));
    ag_write(e->plan, e->x, e->in);
    ag_run(e->plan, &(StepState){0});
}

static int batch_at(const FacesPart *part, int64_t i)
{
    return part->count - i < BATCH ? (int)(part->count - i) : BATCH;
}

static double accuracy(RecognizerEval *e, const FacesPart *seen)
{
    int64_t right = 0;

    for (int64_t i = 0; i < seen->count; i += BATCH) {
        int n = batch_at(seen, i);
        run(e, seen, i, n);
        ag_read(e->plan, e->logits, e->out);
        for (int k = 0; k < n; k++) {
            const real *logit = e->out + (size_t)k * (size_t)e->classes;
            int best = 0;
            for (int c = 1; c < e->classes; c++)
                best = logit[c] > logit[best] ? c : best;
            right += best == seen->class[i + k];
        }
    }
    return seen->count > 0 ? (double)right / (double)seen->count : 0;
}

/* Descriptors at length 1, count x dim; allocated. */
static real *describe(RecognizerEval *e, const FacesPart *part, Error *err)
{
    Descriptor light = {.kind = DESCRIPTOR_LIGHTCNN, .net.lightcnn.config.dim = e->dim};
    size_t dim = (size_t)e->dim;
    real *all = malloc((size_t)part->count * dim * sizeof *all);

    if (!all) {
        error_set(err, "out of memory for the descriptors of %lld faces", (long long)part->count);
        return NULL;
    }
    for (int64_t i = 0; i < part->count; i += BATCH) {
        int n = batch_at(part, i);
        run(e, part, i, n);
        ag_read(e->plan, e->descriptor, e->out);
        memcpy(all + (size_t)i * dim, e->out, (size_t)n * dim * sizeof *all);
        for (int k = 0; k < n; k++)
            descriptor_normalise(&light, all + (size_t)(i + k) * dim);
    }
    return all;
}

static double cosine(const RecognizerEval *e, const real *all, int64_t a, int64_t b)
{
    const real *p = all + (size_t)a * (size_t)e->dim, *q = all + (size_t)b * (size_t)e->dim;
    double sum = 0;

    for (int i = 0; i < e->dim; i++)
        sum += (double)p[i] * (double)q[i];
    return sum;
}

static int32_t person_of(const FacesPart *part, int64_t i)
{
    return part->faces->person[part->index[i]];
}

/* Pairs of faces of a part, one of one person and one of two by turns. */
typedef struct FacePairs {
    int64_t n, a[2 * MAX_PAIRS], b[2 * MAX_PAIRS];
    bool same[2 * MAX_PAIRS];
} FacePairs;

static void add_pair(FacePairs *p, int64_t at, int64_t a, int64_t b, bool same)
{
    p->a[at] = a;
    p->b[at] = b;
    p->same[at] = same;
}

/* A part's faces stand by person. */
static void find_pairs(FacePairs *p, const FacesPart *part)
{
    Rng rng = rng_make(1, PAIR_STREAM, 0);
    int64_t total = 0;

    p->n = 0;
    if (person_of(part, 0) == person_of(part, part->count - 1))
        return;
    for (int pass = 0; pass < 2; pass++) {
        int64_t met = 0, most = total < MAX_PAIRS ? total : MAX_PAIRS;
        for (int64_t i = 0; i < part->count; i++)
            for (int64_t j = i + 1; j < part->count && person_of(part, j) == person_of(part, i);
                 j++, met++)
                /* Evenly spread over all where they are too many. */
                if (pass == 1 && met * most / total != (met + 1) * most / total) {
                    add_pair(p, p->n, i, j, true);
                    p->n += 2;
                }
        total = met;
    }
    for (int64_t at = 1; at < p->n;) {
        int64_t i = rng_below(&rng, (uint32_t)part->count),
                j = rng_below(&rng, (uint32_t)part->count);
        if (person_of(part, i) != person_of(part, j)) {
            add_pair(p, at, i, j, false);
            at += 2;
        }
    }
}

static bool verify(const RecognizerEval *e, const FacePairs *pairs, const real *all,
                   RecognizerFigures *f, Error *err)
{
    size_t n = (size_t)pairs->n, dim = (size_t)e->dim;
    real *a = malloc(n * dim * sizeof *a), *b = malloc(n * dim * sizeof *b);
    int *fold = malloc(n * sizeof *fold);
    bool ok = a && b && fold;

    if (!ok)
        error_set(err, "out of memory for the verification");
    for (size_t i = 0; ok && i < n; i++) {
        memcpy(a + i * dim, all + (size_t)pairs->a[i] * dim, dim * sizeof *a);
        memcpy(b + i * dim, all + (size_t)pairs->b[i] * dim, dim * sizeof *b);
    }
    if (ok) {
        Verification v;
        int folds = n >= 2 * VERIFICATION_FOLDS ? VERIFICATION_FOLDS : (int)n / 2;
        verification_folds(pairs->n, folds, fold);
        ok = verification_run(a, b, pairs->n, e->dim, pairs->same, fold, &(VerificationConfig){0},
                              &v, NULL, err);
        if (ok) {
            f->pairs = pairs->n;
            f->area = v.area;
            f->verified = v.accuracy;
            f->tar = v.tar[1]; /* at a FAR of .01 */
        }
    }
    free(a);
    free(b);
    free(fold);
    return ok;
}

static bool compare_unseen(RecognizerEval *e, const FacesPart *unseen, RecognizerFigures *f,
                           Error *err)
{
    FacePairs *pairs = malloc(sizeof *pairs);
    bool ok = pairs || error_set(err, "out of memory for the verification");

    if (ok)
        find_pairs(pairs, unseen);
    if (ok && pairs->n >= 4) {
        real *all = describe(e, unseen, err);
        ok = all && verify(e, pairs, all, f, err);
        free(all);
    }
    free(pairs);
    return ok;
}

bool recognizer_figures(RecognizerEval *e, const FacesPart *seen, const FacesPart *unseen,
                        RecognizerFigures *figures, Error *err)
{
    RecognizerFigures f = {.seen = seen->count};

    f.accuracy = e->classes ? accuracy(e, seen) : 0;
    if (unseen->count > 1 && !compare_unseen(e, unseen, &f, err))
        return false;
    *figures = f;
    return true;
}

static bool put_face(Sheet *sheet, int column, int row, const FacesPart *part, int64_t i,
                     Error *err)
{
    int side = part->faces->side;
    const uint8_t *face = part->faces->face + (size_t)part->index[i] * (size_t)(side * side);
    Image image;

    if (!image_new(&image, side, side, err))
        return false;
    for (int p = 0; p < side * side; p++)
        memset(image.pixel + 3 * p, face[p], 3);
    bool ok = sheet_put(sheet, column, row, &image, err);
    image_free(&image);
    return ok;
}

bool recognizer_sheet(RecognizerEval *e, const FacesPart *unseen, const char *path, Error *err)
{
    int n = unseen->count < SHEET_FACES ? (int)unseen->count : SHEET_FACES;
    Sheet sheet;
    real *all = describe(e, unseen, err);

    if (!all)
        return false;
    if (!sheet_new(&sheet, n, 2, unseen->faces->side, 4, err)) {
        free(all);
        return false;
    }
    bool ok = true;
    for (int k = 0; ok && k < n; k++) {
        int64_t i = unseen->count * k / n, best = -1;
        double nearest = -2;
        for (int64_t j = 0; j < unseen->count; j++) {
            double c = j == i ? -2 : cosine(e, all, i, j);
            if (c > nearest) {
                nearest = c;
                best = j;
            }
        }
        ok = put_face(&sheet, k, 0, unseen, i, err) &&
             (best < 0 || put_face(&sheet, k, 1, unseen, best, err));
        if (ok && best >= 0)
            sheet_caption(&sheet, k, 1,
                          person_of(unseen, i) == person_of(unseen, best) ? "same" : "other");
    }
    ok = ok && sheet_save(&sheet, path, err);
    sheet_free(&sheet);
    free(all);
    return ok;
}
