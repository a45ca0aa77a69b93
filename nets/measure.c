#include "nets/measure.h"

#include <stdlib.h>

#include "libautograd/ops.h"
#include "nets/losses.h"

struct Measure {
    Eyes eyes;
    Graph *graph;
    Plan *plan;
    Var picture;
    Sight sight;
};

Sight eyes_look(Graph *g, const Eyes *eyes, Var picture)
{
    Sight sight;
    Var fit = picture;
    int size = eyes->segmenter->config.size;

    sight.descriptor = descriptor_forward(g, eyes->descriptor, picture, eyes->chip);
    if (size != eyes->size) {
        fit = ag_resize_bilinear(g, picture, (ResizeParam){.height = size, .width = size});
    }
    SegmenterOut out = segmenter_forward(g, eyes->segmenter, fit, MODE_EVAL);
    sight.maps = ag_softmax(g, out.logits, (SoftmaxParam){.beta = 1});
    sight.features = out.stage[SEGMENTER_STAGES - 1];
    sight.colour = region_colour(g, fit, sight.maps);
    return sight;
}

int eyes_map_size(const Eyes *eyes)
{
    return eyes->segmenter->config.size / segmenter_stride(&eyes->segmenter->config);
}

int eyes_classes(const Eyes *eyes)
{
    return eyes->segmenter->config.classes;
}

int eyes_channels(const Eyes *eyes)
{
    return segmenter_channels(&eyes->segmenter->config, SEGMENTER_STAGES - 1);
}

bool view_new(View *view, const Eyes *eyes, Error *err)
{
    size_t area = (size_t)eyes_map_size(eyes) * (size_t)eyes_map_size(eyes);
    size_t maps = area * (size_t)eyes_classes(eyes), features = area * (size_t)eyes_channels(eyes);
    size_t colour = 3 * (size_t)eyes_classes(eyes);
    size_t dim = (size_t)descriptor_dim(eyes->descriptor);
    real *memory = calloc(maps + features + colour + dim, sizeof *memory);

    if (!memory) {
        return error_set(err, "out of memory for the measures of a picture");
    }
    *view = (View){.maps = memory,
                   .features = memory + maps,
                   .colour = memory + maps + features,
                   .descriptor = memory + maps + features + colour};
    return true;
}

void view_free(View *view)
{
    free(view->maps);
    *view = (View){.maps = NULL};
}

bool measure_new(Measure **measure, const Eyes *eyes, Backend *backend, Error *err)
{
    Measure *m = calloc(1, sizeof *m);

    if (!m || !(m->graph = ag_graph_new())) {
        free(m);
        return error_set(err, "out of memory for a measuring plan");
    }
    m->eyes = *eyes;
    m->picture = ag_input(m->graph, "picture", DTYPE_REAL, shape4(1, 3, eyes->size, eyes->size));
    m->sight = eyes_look(m->graph, eyes, m->picture);
    ag_keep(m->graph, m->sight.descriptor);
    ag_keep(m->graph, m->sight.maps);
    ag_keep(m->graph, m->sight.features);
    ag_keep(m->graph, m->sight.colour);
    if (!ag_plan(&m->plan, m->graph, AG_NONE, (PlanOptions){.backend = backend}, err)) {
        measure_free(m);
        return false;
    }
    *measure = m;
    return true;
}

void measure_free(Measure *measure)
{
    if (measure) {
        ag_plan_free(measure->plan);
        ag_graph_free(measure->graph);
        free(measure);
    }
}

void measure_view(Measure *m, const real *picture, View *view)
{
    ag_write(m->plan, m->picture, picture);
    ag_run(m->plan, &(StepState){.step = 0});
    ag_read(m->plan, m->sight.descriptor, view->descriptor);
    descriptor_normalise(m->eyes.descriptor, view->descriptor);
    ag_read(m->plan, m->sight.maps, view->maps);
    ag_read(m->plan, m->sight.features, view->features);
    ag_read(m->plan, m->sight.colour, view->colour);
}

double view_distance(const View *a, const View *b, const Eyes *eyes)
{
    return descriptor_distance(eyes->descriptor, a->descriptor, b->descriptor);
}
