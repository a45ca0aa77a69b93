#include "apps/finder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apps/finder_session.h"
#include "libtensor/rng.h"
#include "nets/fit.h"

enum { STAGE_FIRST = 3, STAGE_ALL = 5, TRACE_MAX = 4096, ENGINE_EVERY = 10 };

FinderConfig finder_default(void)
{
    return (FinderConfig){
        .first_steps = 40,
        .steps = 40,
        .refinements = 5,
        .starts = 1,
        .rate = 0.02,
        .weight = {.identity = 3, .content = 1, .colour = 1, .geometry = 1, .prior = 3},
        .light_trust = 0.7,
        .seed = 1,
        .only = -1};
}

FinderConfig finder_paper(void)
{
    return (FinderConfig){.paper = true,
                          .steps = 50,
                          .starts = 1,
                          .rate = 10,
                          .weight = {.identity = 0.01, .content = 1},
                          .cosine = true,
                          .features = true,
                          .light_trust = 1,
                          .seed = 1,
                          .only = -1};
}

typedef struct Run {
    Studio *studio;
    const FinderConfig *config;
    Finding *finding;
    const real *picture; /* the photo */
    View photo;          /* and what the networks see in it */
    float landmark[2 * FACE_LANDMARKS];
    void (*progress)(void *context, double done);
    void *context;
    double work, done; /* in steps, roughly */
} Run;

static void report(Run *r, double done)
{
    r->done += done;
    if (r->progress) {
        r->progress(r->context, fmin(r->done / r->work, 1));
    }
}

static void trace(Run *r, const Session *s, int stage, int step, const Fit *fit)
{
    int best = 0;
    Finding *f = r->finding;

    if (f->n_trace == TRACE_MAX) {
        return;
    }
    for (int i = 1; i < r->config->starts; i++) {
        if (fit_total(fit, i) < fit_total(fit, best)) {
            best = i;
        }
    }
    f->trace[f->n_trace++] = (TracePoint){.model = s->model,
                                          .stage = stage,
                                          .step = step,
                                          .total = fit_total(fit, best),
                                          .loss = {.identity = fit_loss(fit, best, FIT_IDENTITY),
                                                   .content = fit_loss(fit, best, FIT_CONTENT),
                                                   .colour = fit_loss(fit, best, FIT_COLOUR),
                                                   .prior = fit_loss(fit, best, FIT_PRIOR)}};
}

static bool open_fit(const Session *s, Fit **fit, Error *err)
{
    const FinderConfig *c = s->config;
    OptimConfig optim = c->paper ? optim_sgd(0) : optim_adam();

    optim.project = true;
    optim.lo = 0;
    optim.hi = 1;
    return fit_new(fit,
                   &(FitConfig){.backend = s->studio->backend,
                                .imitator = &s->studio->imitator[s->model],
                                .eyes = s->studio->eyes,
                                .starts = c->starts,
                                .n_continuous = s->schema->n_continuous,
                                .beta = c->paper ? 100 : 0,
                                .cosine = c->cosine,
                                .features = c->features,
                                .optim = optim,
                                .mean = s->mean,
                                .deviation = s->deviation,
                                .prior = s->prior},
                   err);
}

static void weigh(const Session *s, Fit *fit)
{
    fit_set_target(fit, &s->target.view, s->target.content_weight, s->target.colour_weight);
    for (int i = 0; i < s->config->starts; i++) {
        fit_set_weight(fit, i, FIT_IDENTITY, (real)s->weight.identity);
        fit_set_weight(fit, i, FIT_CONTENT, (real)s->weight.content);
        fit_set_weight(fit, i, FIT_COLOUR, (real)s->weight.colour);
        fit_set_weight(fit, i, FIT_PRIOR, (real)s->weight.prior);
    }
}

/* The losses that the descent can take of another kind than the engine's score are weighed by their
 * own value at the first evaluation. */
static void balance(const Session *s, Fit *fit)
{
    if (s->config->paper) {
        return;
    }
    fit_evaluate(fit);
    for (int i = 0; i < s->config->starts; i++) {
        if (s->config->cosine) {
            fit_set_weight(
                fit, i, FIT_IDENTITY,
                (real)(s->config->weight.identity / fmax(fit_loss(fit, 0, FIT_IDENTITY), 1e-3)));
        }
        if (s->config->features) {
            fit_set_weight(
                fit, i, FIT_CONTENT,
                (real)(s->config->weight.content / fmax(fit_loss(fit, 0, FIT_CONTENT), 1e-6)));
        }
    }
}

static bool keep_better(Session *s, const float *trial, float *x, double *score, Error *err)
{
    Losses losses;
    double found;

    if (!session_score(s, trial, &losses, &found, err)) {
        return false;
    }
    if (found < *score) {
        *score = found;
        memcpy(x, trial, (size_t)s->schema->dim * sizeof *x);
    }
    return true;
}

/* Where start i begins: x itself, or a random person around it. */
static void begin_at(const Session *s, int start, const float *x, float *at)
{
    memcpy(at, x, (size_t)s->schema->dim * sizeof *at);
    Rng rng = rng_make(s->config->seed, (uint32_t)s->model, (uint64_t)start);
    for (int i = 0; start > 0 && i < s->schema->n_continuous; i++) {
        float value = x[i] + 0.5f * s->deviation[i] * rng_normal(&rng);
        at[i] = fminf(fmaxf(value, 0), 1);
    }
}

/* The imitator errs, and a descent that believes it fits its errors. So what the descent is to
 * reach is set off by the difference of what the networks see in imitator and engine at x (space
 * mapping, Bandler 1994): where the imitator shows the target so corrected, the engine shows the
 * photo, to first order. `drawn`: the engine's picture of the x that start 0 of the fit stands at.
 */
static void correct_target(const Session *s, Fit *fit, const View *drawn, Target *target)
{
    const Eyes *eyes = &s->studio->eyes;
    int maps = eyes_classes(eyes) * eyes_map_size(eyes) * eyes_map_size(eyes);
    View *seen = &target->view;

    fit_evaluate(fit);
    fit_view(fit, 0, seen);
    for (int i = 0; i < descriptor_dim(eyes->descriptor); i++) {
        seen->descriptor[i] += s->target.view.descriptor[i] - drawn->descriptor[i];
    }
    for (int i = 0; i < maps; i++) {
        seen->maps[i] += s->target.view.maps[i] - drawn->maps[i];
    }
    for (int i = 0; i < 3 * eyes_classes(eyes); i++) {
        seen->colour[i] += s->target.view.colour[i] - drawn->colour[i];
    }
    fit_set_target(fit, seen, s->target.content_weight, s->target.colour_weight);
}

/* Which controls a stage moves. */
static void set_mask(const Session *s, Fit *fit, int stage, float *mask)
{
    for (int i = 0; i < s->schema->n_continuous; i++) {
        const Control *control = &s->schema->control[i];
        mask[i] =
            (stage == STAGE_ALL || control->kind != CONTROL_BONE) && !control_is_chosen(control);
    }
    fit_set_mask(fit, mask);
}

/* Shows the engine where the starts stand; start 0 last, so that its picture is in s->view[0]. */
static bool ask_engine(Run *r, Session *s, Fit *fit, float *trial, float *x, double *score,
                       Error *err)
{
    for (int i = r->config->starts - 1; i >= 0; i--) {
        fit_get_x(fit, i, trial);
        if (!keep_better(s, trial, x, score, err)) {
            return false;
        }
    }
    return true;
}

/* Stage 3 or 5: leaves in x the best of what the engine was shown, x itself among it. */
static bool descend(Run *r, Session *s, Fit *fit, int stage, int steps, float *x, Error *err)
{
    const FinderConfig *c = r->config;
    float *trial = malloc((size_t)(s->schema->dim + s->schema->n_continuous) * sizeof *trial);
    Target target = {.content_weight = NULL};
    double score = INFINITY;
    bool ok = trial ? target_new(&target, &s->studio->eyes, err)
                    : error_set(err, "out of memory for a search");

    if (ok) {
        set_mask(s, fit, stage, trial + s->schema->dim);
        for (int i = 0; i < c->starts; i++) {
            begin_at(s, i, x, trial);
            fit_set_x(fit, i, trial);
        }
        ok = fit_restart(fit, err);
    }
    for (int step = 0; ok && step <= steps; step++) {
        if (step % ENGINE_EVERY == 0 || step == steps) {
            ok = ask_engine(r, s, fit, trial, x, &score, err);
            if (ok && !c->cosine && !c->features) {
                correct_target(s, fit, &s->view[0], &target);
            }
        }
        if (ok && step < steps) {
            fit_step(fit, (real)cosine_decay(c->rate, 0.1, (uint64_t)steps, (uint64_t)step));
            trace(r, s, stage, step, fit);
            report(r, c->starts);
        }
    }
    target_free(&target);
    free(trial);
    return ok;
}

static bool fit_colours(Session *s, float *x, Error *err)
{
    Weights only = {.colour = s->weight.colour, .prior = s->weight.prior};
    return session_refine(s, 1u << CONTROL_APPEARANCE, only, 3, x, err);
}

/* T(photo); options are as the softmax left them. */
static void translate(const Run *r, const Session *s, float *x)
{
    one_shot_run(s->studio->one_shot[s->model], r->picture, 1, x);
}

/* Stages 1 and 4 of one model, from the translator's x. */
static bool find_near(Run *r, Session *s, float *x, Error *err)
{
    translate(r, s, x);
    session_harden(s, x);
    bool ok = session_choose_eyes(s, r->picture, x, err) && fit_colours(s, x, err) &&
              session_choose(s, true, true, x, err) && fit_colours(s, x, err);
    report(r, 20);
    return ok;
}

/* Stages 1 to 4 of one model, from the average face. */
static bool find_coarse(Run *r, Session *s, float *x, Error *err)
{
    Fit *fit;

    schema_average(s->schema, x);
    if (!session_choose_eyes(s, r->picture, x, err) || !fit_colours(s, x, err) ||
        !session_choose(s, true, false, x, err) || !fit_colours(s, x, err)) {
        return false;
    }
    report(r, 10);
    if (!open_fit(s, &fit, err)) {
        return false;
    }
    weigh(s, fit);
    fit_set_x(fit, 0, x);
    balance(s, fit);
    bool ok = descend(r, s, fit, STAGE_FIRST, r->config->first_steps, x, err) &&
              session_choose(s, true, true, x, err) && fit_colours(s, x, err);
    fit_free(fit);
    return ok;
}

/* Stages 5 and 6. */
static bool find_fine(Run *r, Session *s, float *x, Error *err)
{
    const unsigned kinds = 1u << CONTROL_MACRO | 1u << CONTROL_APPEARANCE;
    Fit *fit;

    if (!open_fit(s, &fit, err)) {
        return false;
    }
    weigh(s, fit);
    fit_set_x(fit, 0, x);
    balance(s, fit);
    bool ok = descend(r, s, fit, STAGE_ALL, r->config->steps, x, err);
    fit_free(fit);
    if (ok && r->config->refinements > 0) {
        ok = session_choose(s, false, true, x, err) &&
             session_refine(s, kinds, s->weight, r->config->refinements, x, err) &&
             fit_colours(s, x, err) && session_choose_eyes(s, r->picture, x, err);
        report(r, 40);
    }
    return ok;
}

/* The paper's: raw losses, from T(photo) or from the average face, whose one-hots are undecided. */
static bool find_paper(Run *r, Session *s, float *x, Error *err)
{
    Fit *fit;

    s->weight = r->config->weight;
    if (r->config->translate) {
        translate(r, s, x);
    } else {
        schema_average(s->schema, x);
        for (int i = s->schema->n_continuous; i < s->schema->dim; i++) {
            x[i] = 0.5f;
        }
    }
    if (!open_fit(s, &fit, err)) {
        return false;
    }
    weigh(s, fit);
    bool ok = true;
    fit_set_x(fit, 0, x);
    for (int step = 0; step < r->config->steps; step++) {
        fit_step(fit, (real)step_decay(r->config->rate, 0.8, 5, (uint64_t)step));
        trace(r, s, STAGE_ALL, step, fit);
        report(r, 1);
    }
    fit_get_x(fit, 0, x);
    fit_free(fit);
    session_harden(s, x);
    return ok;
}

/* The imitator's picture of x. */
static bool imitate(const Session *s, const float *x, real *picture, Error *err)
{
    Graph *graph = ag_graph_new();
    Plan *plan = NULL;
    int dim = s->schema->dim;
    real *values = malloc((size_t)dim * sizeof *values);
    bool ok = graph && values;

    if (!ok) {
        error_set(err, "out of memory for the imitator's picture");
    } else {
        Var input = ag_input(graph, "x", DTYPE_REAL, shape2(1, dim));
        Var out = imitator_forward(graph, &s->studio->imitator[s->model], input, MODE_EVAL);
        ag_keep(graph, out);
        ok = ag_plan(&plan, graph, AG_NONE, (PlanOptions){.backend = s->studio->backend}, err);
        if (ok) {
            for (int i = 0; i < dim; i++) {
                values[i] = x[i];
            }
            ag_write(plan, input, values);
            ag_run(plan, &(StepState){.step = 0});
            ag_read(plan, out, picture);
        }
    }
    ag_plan_free(plan);
    ag_graph_free(graph);
    free(values);
    return ok;
}

/* What is told of the result. */
static bool conclude(Run *r, Session *s, const float *x, Error *err)
{
    Finding *f = r->finding;
    size_t pixels = 3 * (size_t)r->studio->size * (size_t)r->studio->size;
    int edge = 0;

    f->model = s->model;
    memcpy(f->x, x, (size_t)s->schema->dim * sizeof *x);
    if (!studio_render(r->studio, s->model, x, f->render, err) ||
        !imitate(s, x, f->imitation, err)) {
        return false;
    }
    double score;
    if (!session_score(s, x, &f->loss, &score, err)) {
        return false;
    }
    f->result_distance = view_distance(&s->view[0], &r->photo, &r->studio->eyes);
    measure_view(r->studio->measure, f->imitation, &s->view[0]);
    f->imitator_distance = view_distance(&s->view[0], &r->photo, &r->studio->eyes);
    for (int i = 0; i < s->schema->n_continuous; i++) {
        edge += x[i] < 0.005f || x[i] > 0.995f;
    }
    f->saturated = (double)edge / s->schema->n_continuous;
    for (size_t i = 0; i < pixels; i++) {
        f->gap += fabs((double)f->imitation[i] - f->render[i]) / (double)pixels;
    }
    return true;
}

static bool is_tried(const Run *r, int model)
{
    return r->config->only < 0 || r->config->only == model;
}

/* Of the models that were tried the one whose character is nearest, by weights that are the same
 * for all. A search can make a likeness of either sex; the average faces were fitted to nothing, so
 * how near they are is worth as much as how near the characters are. */
static bool compare_models(const Run *r, Session *session, float *const *x, int *best, Error *err)
{
    Weights mean = {0};
    double lowest = INFINITY;
    int n = 0;

    for (int m = 0; m < r->studio->models; m++) {
        if (is_tried(r, m)) {
            n++;
            mean.identity += session[m].weight.identity;
            mean.content += session[m].weight.content;
            mean.geometry += session[m].weight.geometry;
        }
    }
    mean.identity /= n;
    mean.content /= n;
    mean.geometry /= n;
    for (int m = 0; m < r->studio->models; m++) {
        Losses losses;
        double own;
        if (!is_tried(r, m)) {
            continue;
        }
        if (!session_score(&session[m], x[m], &losses, &own, err)) {
            return false;
        }
        double average = descriptor_loss_value(r->studio->eyes.descriptor,
                                               session[m].average.descriptor, r->photo.descriptor);
        double score = losses_sum(losses, mean) + mean.identity * average;
        if (score < lowest) {
            lowest = score;
            *best = m;
        }
    }
    return true;
}

typedef bool Find(Run *r, Session *s, float *x, Error *err);

static bool search_models(Run *r, Session *session, float *const *x, Error *err)
{
    int best = 0;

    for (int m = 0; m < r->studio->models; m++) {
        r->finding->start_distance[m] = -1;
        if (!is_tried(r, m)) {
            continue;
        }
        if (!session_open(&session[m], r->studio, m, &r->photo, r->landmark, r->config, err)) {
            return false;
        }
        r->finding->start_distance[m] =
            view_distance(&session[m].average, &r->photo, &r->studio->eyes);
        Find *find = r->config->paper ? find_paper : r->config->translate ? find_near : find_coarse;
        if (!find(r, &session[m], x[m], err)) {
            return false;
        }
    }
    if (!compare_models(r, session, x, &best, err)) {
        return false;
    }
    return (r->config->paper || find_fine(r, &session[best], x[best], err)) &&
           conclude(r, &session[best], x[best], err);
}

static bool finding_new(Finding *finding, const Studio *studio, Error *err)
{
    size_t pixels = 3 * (size_t)studio->size * (size_t)studio->size;
    int dim = 0;

    for (int m = 0; m < studio->models; m++) {
        dim = studio->schema[m]->dim > dim ? studio->schema[m]->dim : dim;
    }
    *finding = (Finding){.x = calloc((size_t)dim, sizeof(float)),
                         .imitation = calloc(pixels, sizeof(real)),
                         .render = calloc(pixels, sizeof(real)),
                         .trace = calloc(TRACE_MAX, sizeof(TracePoint))};
    if (!finding->x || !finding->imitation || !finding->render || !finding->trace) {
        finding_free(finding);
        return error_set(err, "out of memory for a search");
    }
    return true;
}

void finding_free(Finding *finding)
{
    free(finding->x);
    free(finding->imitation);
    free(finding->render);
    free(finding->trace);
    *finding = (Finding){.x = NULL};
}

static bool find_landmarks(const Studio *studio, const real *picture, float *landmark, Error *err)
{
    Image image;

    if (!image_new(&image, studio->size, studio->size, err)) {
        return false;
    }
    image_from_planar(&image, picture);
    bool ok = studio_landmarks(studio, &image, landmark, err);
    image_free(&image);
    return ok;
}

bool finder_run(Studio *studio, const real *picture, const FinderConfig *config,
                void (*progress)(void *context, double done), void *context, Finding *finding,
                Error *err)
{
    Session session[MAX_MODELS] = {{.studio = NULL}};
    Finding found;
    Run r = {.studio = studio,
             .picture = picture,
             .config = config,
             .finding = &found,
             .progress = progress,
             .context = context};
    float *x[MAX_MODELS] = {NULL};

    for (int m = 0; m < studio->models; m++) {
        r.work += is_tried(&r, m) ? (config->translate ? 20 : config->first_steps + 10) : 0;
    }
    r.work = (r.work + config->steps) * config->starts + (config->refinements > 0 ? 40 : 0);
    if (!finding_new(&found, studio, err)) {
        return false;
    }
    bool ok = view_new(&r.photo, &studio->eyes, err);
    for (int m = 0; ok && m < studio->models; m++) {
        x[m] = calloc((size_t)studio->schema[m]->dim, sizeof *x[m]);
        ok = x[m] || error_set(err, "out of memory for a search");
    }
    if (ok) {
        measure_view(studio->measure, picture, &r.photo);
        ok = find_landmarks(studio, picture, r.landmark, err) && search_models(&r, session, x, err);
    }
    for (int m = 0; m < studio->models; m++) {
        session_close(&session[m]);
        free(x[m]);
    }
    view_free(&r.photo);
    if (!ok) {
        finding_free(&found);
        return false;
    }
    *finding = found;
    return true;
}
