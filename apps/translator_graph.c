#include "apps/translator_graph.h"

#include <stdlib.h>

static const char *const term_name[TRANSLATOR_TERMS] = {
    [TERM_IDENTITY] = "identity",     [TERM_CONTENT] = "content", [TERM_LOOPBACK] = "loopback",
    [TERM_PARAMETERS] = "parameters", [TERM_PRIOR] = "prior",
};

const char *translator_term_name(TranslatorTerm term)
{
    return term_name[term];
}

static Var array(TranslatorGraph *t, Training *training, const char *name, Shape shape)
{
    Var input = training ? training_input(training, t->graph, name, DTYPE_REAL, shape)
                         : ag_input(t->graph, name, DTYPE_REAL, shape);
    t->array[t->n_arrays++] = input;
    return input;
}

static void build_inputs(TranslatorGraph *t, const TranslatorLossConfig *c, Training *training)
{
    const TranslatorConfig *net = &c->translator->config;
    TranslatorTargets *target = &t->target;
    Graph *g = t->graph;
    int n = t->batch;

    target->descriptor = array(t, training, "descriptor", shape2(n, net->embedding));
    if (t->arrays.maps) {
        int h = eyes_map_size(c->eyes), k = eyes_classes(c->eyes);
        target->maps = array(t, training, "maps", shape4(n, k, h, h));
        target->content_weight = ag_input(g, "content weight", DTYPE_REAL, shape1(k));
    }
    if (t->arrays.picture)
        target->picture = array(t, training, "picture", shape4(n, 3, c->eyes->size, c->eyes->size));
    if (t->arrays.x)
        target->x = array(t, training, "x", shape2(n, translator_dim(net)));
    if (c->term[TERM_PRIOR]) {
        target->prior_scale = ag_input(g, "prior scale", DTYPE_REAL, shape1(net->continuous));
        target->prior_shift = ag_input(g, "prior shift", DTYPE_REAL, shape1(net->continuous));
        target->prior_zeros = ag_input(g, "prior zeros", DTYPE_REAL, shape2(n, net->continuous));
    }
}

static bool write_prior(TranslatorGraph *t, const Schema *schema, Error *err)
{
    int n = schema->n_continuous;
    real *scale = calloc((size_t)n * (2 + (size_t)t->batch), sizeof *scale);
    if (!scale)
        return error_set(err, "out of memory for the translator");
    real *shift = scale + n, *zeros = shift + n;
    for (int i = 0; i < n; i++) {
        scale[i] = 1 / (real)schema->control[i].deviation;
        shift[i] = -(real)schema->control[i].mean * scale[i];
    }
    ag_write(t->plan, t->target.prior_scale, scale);
    ag_write(t->plan, t->target.prior_shift, shift);
    ag_write(t->plan, t->target.prior_zeros, zeros);
    free(scale);
    return true;
}

bool translator_graph_new(TranslatorGraph *graph, const TranslatorLossConfig *loss,
                          FaceArrays arrays, int batch, const Schema *schema,
                          const real *content_weight, Training *training, Backend *backend,
                          Error *err)
{
    TranslatorGraph t = {.graph = ag_graph_new(), .batch = batch, .arrays = arrays};
    if (!t.graph)
        return error_set(err, "out of memory for the translator");
    build_inputs(&t, loss, training);
    t.loss = translator_loss(t.graph, loss, &t.target);
    ag_keep(t.graph, t.loss.x);
    for (int i = 0; i < TRANSLATOR_TERMS; i++)
        if (loss->term[i]) {
            ag_keep(t.graph, t.loss.term[i]);
            if (training)
                training_term(training, t.graph, term_name[i], t.loss.term[i]);
        }
    bool ok = ag_plan(&t.plan, t.graph, training ? t.loss.total : AG_NONE,
                      (PlanOptions){.backend = backend}, err) &&
              (!loss->term[TERM_PRIOR] || write_prior(&t, schema, err));
    if (!ok) {
        translator_graph_free(&t);
        return false;
    }
    if (arrays.maps)
        ag_write(t.plan, t.target.content_weight, content_weight);
    if (training) {
        training->plan = t.plan;
        training->loss = t.loss.total;
    }
    *graph = t;
    return true;
}

void translator_graph_free(TranslatorGraph *t)
{
    ag_plan_free(t->plan);
    ag_graph_free(t->graph);
    *t = (TranslatorGraph){.graph = NULL};
}
