#include "apps/imitator_eval.h"

#include <math.h>
#include <stdlib.h>

#include "apps/face_weights.h"
#include "libautograd/ops.h"

void imitator_eval_free(ImitatorEval *e)
{
    ag_plan_free(e->plan);
    ag_graph_free(e->graph);
    free(e->in);
    free(e->out);
    free(e->target);
    free(e->label);
    free(e->weight);
}

bool imitator_eval_new(ImitatorEval *e, const Imitator *net, Backend *backend, Error *err)
{
    int dim = net->config.dim, size = net->config.size;
    size_t pixels = (size_t)size * (size_t)size;
    *e = (ImitatorEval){.graph = ag_graph_new(), .dim = dim, .size = size};
    e->in = calloc((size_t)(IMITATOR_EVAL_BATCH * dim), sizeof(real));
    e->out = malloc(IMITATOR_EVAL_BATCH * 3 * pixels * sizeof(real));
    e->target = malloc(IMITATOR_EVAL_BATCH * 3 * pixels * sizeof(real));
    e->label = malloc(IMITATOR_EVAL_BATCH * pixels);
    e->weight = malloc(pixels * sizeof(real));
    if (!e->graph || !e->in || !e->out || !e->target || !e->label || !e->weight) {
        imitator_eval_free(e);
        return error_set(err, "out of memory");
    }
    e->x = ag_input(e->graph, "x", DTYPE_REAL, shape2(IMITATOR_EVAL_BATCH, dim));
    e->y = imitator_forward(e->graph, net, e->x, MODE_EVAL);
    ag_keep(e->graph, e->y);
    if (ag_plan(&e->plan, e->graph, AG_NONE, (PlanOptions){.backend = backend}, err))
        return true;
    imitator_eval_free(e);
    return false;
}

bool imitator_eval_run(ImitatorEval *e, const ImitatorData *data, int64_t i, int n, Error *err)
{
    size_t pixels = (size_t)e->size * (size_t)e->size;
    for (int k = 0; k < n; k++)
        if (!imitator_data_get(data, i + k, e->in + k * e->dim, e->target + 3 * pixels * (size_t)k,
                               e->label + pixels * (size_t)k, err))
            return false;
    ag_write(e->plan, e->x, e->in);
    ag_run(e->plan, &(StepState){0});
    ag_read(e->plan, e->y, e->out);
    for (size_t k = 0; k < IMITATOR_EVAL_BATCH * 3 * pixels; k++)
        e->out[k] = e->out[k] < 0 ? 0 : e->out[k] > 1 ? 1 : e->out[k];
    return true;
}

enum {
    FACE = (1 << LABEL_COUNT) - 1 - (1 << LABEL_BACKGROUND) - (1 << LABEL_HAIR),
    ANYBODY = 1 << PAIRS_GIVEN | 1 << PAIRS_UNIFORM | 1 << PAIRS_PEOPLE
};

static const struct Part {
    const char *key;
    unsigned classes, drawn; /* a bit per class, and per way of drawing a sample */
} PART[IMITATOR_PARTS] = {
    [PART_FACE] = {"mae_face", FACE, ANYBODY},
    [PART_BROWS] = {"mae_brows", 1u << LABEL_LEFT_BROW | 1u << LABEL_RIGHT_BROW, ANYBODY},
    [PART_EYES] = {"mae_eyes", 1u << LABEL_LEFT_EYE | 1u << LABEL_RIGHT_EYE, ANYBODY},
    [PART_MOUTH] = {"mae_mouth",
                    1u << LABEL_UPPER_LIP | 1u << LABEL_INNER_MOUTH | 1u << LABEL_LOWER_LIP,
                    ANYBODY},
    [PART_FACE_PEOPLE] = {"mae_face_people", FACE, 1u << PAIRS_PEOPLE},
    [PART_FACE_UNIFORM] = {"mae_face_uniform", FACE, 1u << PAIRS_UNIFORM},
};

static void measure(ImitatorFigures *sum, const real *out, const real *target, const uint8_t *label,
                    const real *weight, int64_t pixels, PairsDrawn drawn)
{
    double all = 0, weighted = 0, square = 0, of_class[LABEL_COUNT] = {0};
    int64_t n_class[LABEL_COUNT] = {0};
    for (int64_t p = 0; p < pixels; p++) {
        double d = 0;
        for (int c = 0; c < 3; c++) {
            double e = (double)(out[c * pixels + p] - target[c * pixels + p]);
            d += fabs(e);
            square += e * e;
        }
        all += d;
        weighted += d * (double)weight[p];
        if (label[p] < LABEL_COUNT) {
            of_class[label[p]] += d;
            n_class[label[p]]++;
        }
    }
    double values = 3. * (double)pixels, mse = square / values;
    sum->count++;
    sum->mae += all / values;
    sum->mae_weighted += weighted / values;
    sum->psnr += -10 * log10(mse > 1e-10 ? mse : 1e-10);
    for (int i = 0; i < IMITATOR_PARTS; i++) {
        double error = 0;
        int64_t n = 0;
        for (int k = 0; k < LABEL_COUNT && PART[i].drawn >> drawn & 1; k++)
            if (PART[i].classes >> k & 1) {
                error += of_class[k];
                n += n_class[k];
            }
        if (n > 0) {
            sum->part[i] += error / (3. * (double)n);
            sum->with[i]++;
        }
    }
}

bool imitator_figures(ImitatorEval *e, const ImitatorData *data, ImitatorFigures *figures,
                      Error *err)
{
    ImitatorFigures sum = {0};
    int64_t pixels = (int64_t)e->size * e->size;
    for (int64_t i = 0; i < data->count; i += IMITATOR_EVAL_BATCH) {
        int n =
            data->count - i < IMITATOR_EVAL_BATCH ? (int)(data->count - i) : IMITATOR_EVAL_BATCH;
        if (!imitator_eval_run(e, data, i, n, err))
            return false;
        for (int k = 0; k < n; k++) {
            const uint8_t *label = e->label + pixels * k;
            face_weights(label, e->size, e->weight);
            measure(&sum, e->out + 3 * pixels * k, e->target + 3 * pixels * k, label, e->weight,
                    pixels, pairs_drawn(data->info, data->begin + i + k));
        }
    }
    sum.mae /= (double)sum.count;
    sum.mae_weighted /= (double)sum.count;
    sum.psnr /= (double)sum.count;
    for (int i = 0; i < IMITATOR_PARTS; i++)
        sum.part[i] /= (double)(sum.with[i] ? sum.with[i] : 1);
    *figures = sum;
    return true;
}

json_t *imitator_figures_json(const ImitatorFigures *f)
{
    json_t *json = json_pack("{sI sf sf sf}", "count", (json_int_t)f->count, "mae", f->mae,
                             "mae_weighted", f->mae_weighted, "psnr", f->psnr);
    for (int i = 0; i < IMITATOR_PARTS; i++)
        if (f->with[i] > 0)
            json_object_set_new(json, PART[i].key, json_real(f->part[i]));
    return json;
}
