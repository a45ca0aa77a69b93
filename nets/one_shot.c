#include "nets/one_shot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct OneShot {
    Graph *graph;
    Plan *plan;
    Var picture, x;
    int batch, dim;
    size_t pixels; /* values of a picture */
    real *in, *out;
};

static bool build(OneShot *o, const Translator *translator, const Descriptor *descriptor,
                  RecognizerChip chip, int size, Backend *backend, Error *err)
{
    o->picture = ag_input(o->graph, "picture", DTYPE_REAL, shape4(o->batch, 3, size, size));
    o->x = translator_forward(o->graph, translator,
                              descriptor_forward(o->graph, descriptor, o->picture, chip), 1);
    ag_keep(o->graph, o->x);
    return ag_plan(&o->plan, o->graph, AG_NONE, (PlanOptions){.backend = backend}, err);
}

bool one_shot_new(OneShot **one_shot, const Translator *translator, const Descriptor *descriptor,
                  RecognizerChip chip, int size, int batch, Backend *backend, Error *err)
{
    OneShot *o = calloc(1, sizeof *o);

    assert(batch > 0);
    if (!o)
        return error_set(err, "out of memory for the translator");
    o->batch = batch;
    o->dim = translator_dim(&translator->config);
    o->pixels = 3 * (size_t)size * (size_t)size;
    o->graph = ag_graph_new();
    o->in = calloc((size_t)batch * o->pixels, sizeof *o->in);
    o->out = malloc((size_t)batch * (size_t)o->dim * sizeof *o->out);
    bool ok = (o->graph && o->in && o->out) || error_set(err, "out of memory for the translator");
    if (!ok || !build(o, translator, descriptor, chip, size, backend, err)) {
        one_shot_free(o);
        return false;
    }
    *one_shot = o;
    return true;
}

void one_shot_free(OneShot *o)
{
    if (!o)
        return;
    ag_plan_free(o->plan);
    ag_graph_free(o->graph);
    free(o->in);
    free(o->out);
    free(o);
}

void one_shot_run(OneShot *o, const real *picture, int n, float *x)
{
    assert(n >= 1 && n <= o->batch);
    if (n < o->batch) { /* the rest of the batch keeps older pictures */
        memcpy(o->in, picture, (size_t)n * o->pixels * sizeof *o->in);
        picture = o->in;
    }
    ag_write(o->plan, o->picture, picture);
    ag_run(o->plan, &(StepState){.step = 0});
    ag_read(o->plan, o->x, o->out);
    for (int i = 0; i < n * o->dim; i++)
        x[i] = (float)o->out[i];
}
