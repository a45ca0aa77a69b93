#include "config.h"

#include "apps/recognizer_eval.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/rng.h"

enum { BATCH = 32, MAX_PAIRS = 20000, SHEET_FACES = 12, PAIR_STREAM = 0x50414952 };

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
        return error_set(err, "out of memory");
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

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Cosines of pairs of one person; n of them. A part's faces stand by person. */
static int64_t same_pairs(const RecognizerEval *e, const FacesPart *part, const real *all,
                          double *value)
{
    int64_t total = 0, n = 0;

    for (int pass = 0; pass < 2; pass++) {
        int64_t seen = 0;
        for (int64_t i = 0; i < part->count; i++)
            for (int64_t j = i + 1; j < part->count && person_of(part, j) == person_of(part, i);
                 j++, seen++) {
                /* Evenly spread over all where they are too many. */
                int64_t most = total < MAX_PAIRS ? total : MAX_PAIRS;
                if (pass == 1 && seen * most / total != (seen + 1) * most / total)
                    value[n++] = cosine(e, all, i, j);
            }
        total = seen;
    }
    return n;
}

static int64_t different_pairs(const RecognizerEval *e, const FacesPart *part, const real *all,
                               int64_t wanted, double *value)
{
    Rng rng = rng_make(1, PAIR_STREAM, 0);
    int64_t n = 0;

    if (person_of(part, 0) == person_of(part, part->count - 1))
        return 0;
    while (n < wanted) {
        int64_t i = rng_below(&rng, (uint32_t)part->count),
                j = rng_below(&rng, (uint32_t)part->count);
        if (person_of(part, i) != person_of(part, j))
            value[n++] = cosine(e, all, i, j);
    }
    return n;
}

/* Mann and Whitney's statistic is the area under the ROC; both lists sorted, ties count half. */
static double roc_area(const double *same, int64_t n_same, const double *other, int64_t n_other)
{
    double sum = 0;
    int64_t below = 0, up_to = 0;

    for (int64_t i = 0; i < n_same; i++) {
        while (below < n_other && other[below] < same[i])
            below++;
        while (up_to < n_other && other[up_to] <= same[i])
            up_to++;
        sum += (double)(below + up_to) / 2;
    }
    return sum / ((double)n_same * (double)n_other);
}

static void verify(const RecognizerEval *e, const FacesPart *unseen, const real *all, double *value,
                   RecognizerFigures *f)
{
    double *same = value, *different = value + MAX_PAIRS;

    f->same = same_pairs(e, unseen, all, same);
    f->different = different_pairs(e, unseen, all, f->same, different);
    if (f->same == 0 || f->different == 0)
        return;
    qsort(same, (size_t)f->same, sizeof *same, compare);
    qsort(different, (size_t)f->different, sizeof *different, compare);
    f->area = roc_area(same, f->same, different, f->different);
    double threshold = different[f->different - 1 - f->different / 100];
    int64_t accepted = 0;
    while (accepted < f->same && same[f->same - 1 - accepted] > threshold)
        accepted++;
    f->tar = (double)accepted / (double)f->same;
}

bool recognizer_figures(RecognizerEval *e, const FacesPart *seen, const FacesPart *unseen,
                        RecognizerFigures *figures, Error *err)
{
    RecognizerFigures f = {.seen = seen->count};

    f.accuracy = e->classes ? accuracy(e, seen) : 0;
    if (unseen->count > 1) {
        real *all = describe(e, unseen, err);
        double *value = malloc(2 * MAX_PAIRS * sizeof *value);
        if (all && value)
            verify(e, unseen, all, value, &f);
        else
            error_set(err, "out of memory for the verification");
        bool ok = all && value;
        free(all);
        free(value);
        if (!ok)
            return false;
    }
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
