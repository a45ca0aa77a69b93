#include "apps/segmenter_eval.h"

#include <stdlib.h>
#include <string.h>

#include "apps/label_palette.h"
#include "apps/sheet.h"
#include "libautograd/ops.h"

enum { JITTER_STREAM = 0x4a49 };

static const char *const class_name[LABEL_COUNT] = {
    "background", "skin",      "left_brow",   "right_brow", "left_eye", "right_eye",
    "nose",       "upper_lip", "inner_mouth", "lower_lip",  "hair"};

static int64_t data_index(const SegmenterData *data, int64_t i)
{
    if (data->period == 0)
        return i;
    return data->held_out ? i * data->period + data->period - 1 : i + i / (data->period - 1);
}

bool segmenter_data_get(const SegmenterData *data, int64_t i, bool jitter, uint64_t step, int slot,
                        real *planar, int32_t *label, Error *err)
{
    int size = data->size;
    Image image;
    uint8_t *map = malloc((size_t)size * (size_t)size);
    if (!map || !image_new(&image, size, size, err)) {
        free(map);
        return error_set(err, "out of memory");
    }
    Rng rng = rng_make(data->seed, JITTER_STREAM + (uint32_t)slot, step);
    bool ok = labelled_get(data->set, data_index(data, i), &image, map, err) &&
              (!jitter || labelled_jitter(&image, map, &rng, err));
    if (ok) {
        image_to_planar(planar, &image);
        for (int k = 0; k < size * size; k++)
            label[k] = map[k];
    }
    image_free(&image);
    free(map);
    return ok;
}

Var segmenter_full_size(Graph *graph, const Segmenter *net, Var x, Mode mode)
{
    Shape shape = ag_shape(graph, x);
    Var logits = segmenter_forward(graph, net, x, mode).logits;
    return ag_resize_bilinear(
        graph, logits, (ResizeParam){.height = (int)shape.dim[2], .width = (int)shape.dim[3]});
}

void segmenter_eval_free(SegmenterEval *e)
{
    ag_plan_free(e->plan);
    ag_graph_free(e->graph);
    free(e->in);
    free(e->out);
    free(e->label);
    free(e->found);
}

bool segmenter_eval_new(SegmenterEval *e, const Segmenter *net, Backend *backend, Error *err)
{
    int size = net->config.size, classes = net->config.classes;
    size_t pixels = (size_t)size * (size_t)size;
    *e = (SegmenterEval){.graph = ag_graph_new(), .size = size, .classes = classes};
    e->in = calloc(SEGMENTER_EVAL_BATCH * 3 * pixels, sizeof(real));
    e->out = malloc(SEGMENTER_EVAL_BATCH * (size_t)classes * pixels * sizeof(real));
    e->label = malloc(SEGMENTER_EVAL_BATCH * pixels * sizeof *e->label);
    e->found = malloc(SEGMENTER_EVAL_BATCH * pixels * sizeof *e->found);
    if (!e->graph || !e->in || !e->out || !e->label || !e->found) {
        segmenter_eval_free(e);
        return error_set(err, "out of memory");
    }
    e->x = ag_input(e->graph, "x", DTYPE_REAL, shape4(SEGMENTER_EVAL_BATCH, 3, size, size));
    e->y = segmenter_full_size(e->graph, net, e->x, MODE_EVAL);
    ag_keep(e->graph, e->y);
    if (ag_plan(&e->plan, e->graph, AG_NONE, (PlanOptions){.backend = backend}, err))
        return true;
    segmenter_eval_free(e);
    return false;
}

/* Pictures, labels and found classes of n <= SEGMENTER_EVAL_BATCH samples from i on. */
static bool eval_run(SegmenterEval *e, const SegmenterData *data, int64_t i, int n, Error *err)
{
    size_t pixels = (size_t)e->size * (size_t)e->size, classes = (size_t)e->classes;
    for (int k = 0; k < n; k++)
        if (!segmenter_data_get(data, i + k, false, 0, 0, e->in + 3 * pixels * (size_t)k,
                                e->label + pixels * (size_t)k, err))
            return false;
    ag_write(e->plan, e->x, e->in);
    ag_run(e->plan, &(StepState){0});
    ag_read(e->plan, e->y, e->out);
    for (size_t k = 0; k < SEGMENTER_EVAL_BATCH; k++)
        for (size_t p = 0; p < pixels; p++) {
            const real *logit = e->out + k * classes * pixels + p;
            size_t best = 0;
            for (size_t c = 1; c < classes; c++)
                if (logit[c * pixels] > logit[best * pixels])
                    best = c;
            e->found[k * pixels + p] = (int32_t)best;
        }
    return true;
}

bool segmenter_figures(SegmenterEval *e, const SegmenterData *data, SegmenterFigures *figures,
                       Error *err)
{
    SegmenterFigures f = {.count = data->count};
    int64_t pixels = (int64_t)e->size * e->size;
    for (int64_t i = 0; i < data->count; i += SEGMENTER_EVAL_BATCH) {
        int n =
            data->count - i < SEGMENTER_EVAL_BATCH ? (int)(data->count - i) : SEGMENTER_EVAL_BATCH;
        if (!eval_run(e, data, i, n, err))
            return false;
        for (int64_t p = 0; p < n * pixels; p++) {
            int32_t truth = e->label[p], found = e->found[p];
            if (truth < 0 || truth >= LABEL_COUNT)
                continue;
            f.pixels++;
            f.right += truth == found;
            f.either[truth]++;
            if (truth == found)
                f.both[truth]++;
            else
                f.either[found]++;
        }
    }
    *figures = f;
    return true;
}

double segmenter_mean_iou(const SegmenterFigures *f)
{
    double sum = 0;
    int n = 0;
    for (int c = 0; c < LABEL_COUNT; c++)
        if (f->either[c] > 0) {
            sum += (double)f->both[c] / (double)f->either[c];
            n++;
        }
    return n ? sum / n : 0;
}

json_t *segmenter_figures_json(const SegmenterFigures *f)
{
    json_t *iou = json_object();
    for (int c = 0; c < LABEL_COUNT; c++)
        json_object_set_new(iou, class_name[c],
                            f->either[c] > 0 ? json_real((double)f->both[c] / (double)f->either[c])
                                             : json_null());
    return json_pack("{sI sf sf so}", "count", (json_int_t)f->count, "mean_iou",
                     segmenter_mean_iou(f), "pixel_accuracy",
                     f->pixels ? (double)f->right / (double)f->pixels : 0., "iou", iou);
}

/* Classes laid over a planar picture. */
static bool put_labels(Sheet *sheet, int column, int row, const real *planar, const int32_t *label,
                       int size, Error *err)
{
    Image image;
    if (!image_new(&image, size, size, err))
        return false;
    image_from_planar(&image, planar);
    for (int p = 0; p < size * size; p++) {
        static const uint8_t white[3] = {255, 255, 255};
        bool known = label[p] >= 0 && label[p] < LABEL_COUNT;
        const uint8_t *colour = known ? label_palette[label[p]] : white;
        for (int k = 0; k < 3; k++)
            image.pixel[3 * p + k] = (uint8_t)((2 * image.pixel[3 * p + k] + 3 * colour[k]) / 5);
    }
    bool ok = sheet_put(sheet, column, row, &image, err);
    image_free(&image);
    return ok;
}

bool segmenter_sheet(SegmenterEval *e, const SegmenterData *data, int rows, const char *path,
                     Error *err)
{
    enum { COLUMNS = SEGMENTER_EVAL_BATCH };
    int64_t faces = data->count < rows * COLUMNS ? data->count : rows * COLUMNS;
    Sheet s;
    rows = (int)((faces + COLUMNS - 1) / COLUMNS);
    if (!sheet_new(&s, faces < COLUMNS ? (int)faces : COLUMNS, 3 * rows, e->size, 4, err))
        return false;
    bool ok = true;
    for (int64_t k = 0; ok && k < faces; k++) {
        int column = (int)(k % COLUMNS), row = 3 * (int)(k / COLUMNS);
        ok = eval_run(e, data, k * data->count / faces, 1, err) &&
             sheet_put_planar(&s, column, row, e->in, e->size, err) &&
             put_labels(&s, column, row + 1, e->in, e->label, e->size, err) &&
             put_labels(&s, column, row + 2, e->in, e->found, e->size, err);
    }
    ok = ok && sheet_save(&s, path, err);
    sheet_free(&s);
    return ok;
}
