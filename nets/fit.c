#include "nets/fit.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libautograd/ops.h"
#include "nets/losses.h"

struct Fit {
    FitConfig config;
    int dim;       /* of x */
    int searched;  /* of x: the optimiser moves the first so many */
    int held;      /* values that the optimiser holds a start: searched, or with a prior its z in
                      place of the continuous values */
    ParamSet *set; /* held [starts, held] */
    Param x;
    Optim *optim;
    Graph *graph;
    Plan *plan;
    StepState step;
    Var discrete, moves, rests; /* inputs; x = moves x + rests detached x */
    Var matrix, mean, given;    /* inputs; with a prior x = moves (P z + m) + rests given */
    Var target_descriptor, target_maps, target_features, target_colour;
    Var content_weight, colour_weight, prior_scale, prior_shift, prior_zeros;
    Sight sight;
    Var picture, loss[FIT_MAX_STARTS][FIT_TERMS], total;
    float *moving; /* n_continuous: the mask */
    float *row;    /* dim: of one start */
    real *scratch; /* starts * dim, and starts pictures */
};

static Var rows(Graph *g, Var x, int64_t n)
{
    return ag_slice(g, x, (AxisParam){.axis = 0, .begin = n, .count = 1});
}

/* What is searched, from the point z of the prior's subspace. */
static Var build_from_prior(Fit *f, Graph *g, Var held)
{
    int n = f->config.n_continuous, components = prior_components(f->config.prior);
    Var z = ag_slice(g, held, (AxisParam){1, 0, components});

    f->matrix = ag_input(g, "prior's P", DTYPE_REAL, shape2(n, components));
    f->mean = ag_input(g, "prior's m", DTYPE_REAL, shape1(n));
    f->given = ag_input(g, "given", DTYPE_REAL, shape2(f->config.starts, f->searched));
    Var x = ag_linear(g, z, f->matrix, f->mean);
    if (f->searched > n) {
        Var options = ag_slice(g, held, (AxisParam){1, components, f->searched - n});
        x = ag_concat(g, (Var[]){x, options}, 2, (AxisParam){.axis = 1});
    }
    return x;
}

/* x as the imitator wants it, from what the optimiser holds. */
static Var build_x(Fit *f, Graph *g)
{
    const FitConfig *c = &f->config;
    Var x = ag_param(g, f->set, f->x);

    if (c->prior) {
        x = build_from_prior(f, g, x);
    }
    f->moves = ag_input(g, "moves", DTYPE_REAL, shape1(f->searched));
    f->rests = ag_input(g, "rests", DTYPE_REAL, shape1(f->searched));
    Var rest = c->prior ? f->given : ag_detach(g, x);
    x = ag_add(g, ag_channel_affine(g, x, f->moves, AG_NONE),
               ag_channel_affine(g, rest, f->rests, AG_NONE));
    if (f->searched < f->dim) {
        f->discrete = ag_input(g, "discrete", DTYPE_REAL, shape2(c->starts, f->dim - f->searched));
        x = ag_concat(g, (Var[]){x, f->discrete}, 2, (AxisParam){.axis = 1});
    } else if (c->beta > 0 && c->imitator->config.n_groups > 0) {
        x = ag_softmax(g, x, imitator_softmax(&c->imitator->config, c->beta));
    }
    return x;
}

static void build_inputs(Fit *f, Graph *g)
{
    const Eyes *eyes = &f->config.eyes;
    int64_t h = eyes_map_size(eyes), k = eyes_classes(eyes), n = f->config.n_continuous;
    int64_t dim = descriptor_dim(eyes->descriptor);

    f->target_descriptor = ag_input(g, "target descriptor", DTYPE_REAL, shape2(1, dim));
    f->target_maps = ag_input(g, "target maps", DTYPE_REAL, shape4(1, k, h, h));
    f->target_colour = ag_input(g, "target colour", DTYPE_REAL, shape3(1, k, 3));
    f->colour_weight = ag_input(g, "colour weight", DTYPE_REAL, shape1(k));
    f->prior_scale = ag_input(g, "prior scale", DTYPE_REAL, shape1(n));
    f->prior_shift = ag_input(g, "prior shift", DTYPE_REAL, shape1(n));
    f->prior_zeros = ag_input(g, "prior zeros", DTYPE_REAL, shape2(1, n));
    if (f->config.features) {
        f->target_features =
            ag_input(g, "target features", DTYPE_REAL, shape4(1, eyes_channels(eyes), h, h));
    } else {
        f->content_weight = ag_input(g, "content weight", DTYPE_REAL, shape1(k));
    }
}

/* The four losses of start n. */
static void build_losses(Fit *f, Graph *g, int n, Var x, Sight sight)
{
    const FitConfig *c = &f->config;
    Var *loss = f->loss[n];
    Var descriptor = rows(g, sight.descriptor, n), maps = rows(g, sight.maps, n);
    Var continuous = ag_slice(g, rows(g, x, n), (AxisParam){1, 0, c->n_continuous});

    loss[FIT_IDENTITY] =
        c->cosine ? loss_identity(g, descriptor, f->target_descriptor)
                  : descriptor_loss(g, c->eyes.descriptor, descriptor, f->target_descriptor);
    loss[FIT_CONTENT] = c->features ? loss_content_features(g, rows(g, sight.features, n), maps,
                                                            f->target_features, f->target_maps)
                                    : loss_content_maps(g, maps, f->target_maps, f->content_weight);
    loss[FIT_COLOUR] = loss_colour(g, rows(g, sight.colour, n), f->target_colour, f->colour_weight);
    loss[FIT_PRIOR] = loss_prior(g, continuous, f->prior_scale, f->prior_shift, f->prior_zeros);
}

static void build(Fit *f)
{
    const FitConfig *c = &f->config;
    Graph *g = f->graph;
    Var x = build_x(f, g);

    build_inputs(f, g);
    f->picture = imitator_forward(g, c->imitator, x, MODE_EVAL);
    f->sight = eyes_look(g, &c->eyes, f->picture);
    ag_keep(g, f->sight.descriptor);
    ag_keep(g, f->sight.maps);
    ag_keep(g, f->sight.colour);
    for (int n = 0; n < c->starts; n++) {
        WeightedSumParam p = {{0}};
        build_losses(f, g, n, x, f->sight);
        for (int t = 0; t < FIT_TERMS; t++) {
            p.weight[t] = n * FIT_TERMS + t;
            ag_keep(g, f->loss[n][t]);
        }
        Var sum = ag_weighted_sum(g, f->loss[n], FIT_TERMS, p);
        f->total = n == 0 ? sum : ag_add(g, f->total, sum);
    }
    ag_keep(g, f->picture);
}

static void write_constants(Fit *f)
{
    const FitConfig *c = &f->config;
    real *scale = f->scratch, *shift = scale + c->n_continuous, *zero = shift + c->n_continuous;

    for (int i = 0; i < c->n_continuous; i++) {
        scale[i] = 1 / (real)c->deviation[i];
        shift[i] = -(real)c->mean[i] * scale[i];
        zero[i] = 0;
    }
    ag_write(f->plan, f->prior_scale, scale);
    ag_write(f->plan, f->prior_shift, shift);
    ag_write(f->plan, f->prior_zeros, zero);
    fit_set_mask(f, NULL);
    if (c->prior) {
        ag_write(f->plan, f->mean, c->prior->mean);
        prior_matrix(c->prior, f->scratch);
        ag_write(f->plan, f->matrix, f->scratch);
        memset(f->scratch, 0, (size_t)(c->starts * f->searched) * sizeof *f->scratch);
        ag_write(f->plan, f->given, f->scratch);
    }
}

bool fit_new(Fit **fit, const FitConfig *config, Error *err)
{
    Fit *f = calloc(1, sizeof *f);
    int n = config->n_continuous;

    assert(config->starts >= 1 && config->starts <= FIT_MAX_STARTS);
    assert(config->imitator->config.size == config->eyes.size);
    assert(!config->prior || config->prior->n_continuous == n);
    if (!f) {
        return error_set(err, "out of memory for a search");
    }
    f->config = *config;
    f->dim = config->imitator->config.dim;
    f->searched = config->beta > 0 ? f->dim : n;
    f->held = config->prior ? prior_components(config->prior) + f->searched - n : f->searched;
    f->config.optim.project = config->optim.project && !config->prior; /* confine does it */
    size_t picture = 3 * (size_t)config->eyes.size * (size_t)config->eyes.size;
    size_t side = (size_t)eyes_map_size(&config->eyes);
    size_t row = picture + side * side * (size_t)eyes_classes(&config->eyes) +
                 (size_t)descriptor_dim(config->eyes.descriptor);
    size_t room = (size_t)config->starts * (row + (size_t)f->dim) + 3 * (size_t)(n + f->dim);
    room += config->prior ? (size_t)n * (size_t)f->held : 0;
    f->scratch = malloc(room * sizeof *f->scratch);
    f->moving = malloc((size_t)(n + f->dim) * sizeof *f->moving);
    f->set = params_new();
    f->graph = ag_graph_new();
    if (!f->scratch || !f->moving || !f->set || !f->graph) {
        fit_free(f);
        return error_set(err, "out of memory for a search");
    }
    f->row = f->moving + n;
    f->x = params_declare(f->set, "x", shape2(config->starts, f->held), (Init){INIT_ZEROS, 0});
    if (!params_alloc(f->set, config->backend, true, 0, err)) {
        fit_free(f);
        return false;
    }
    build(f);
    if (!optim_new(&f->optim, f->set, config->optim, err) ||
        !ag_plan(&f->plan, f->graph, f->total, (PlanOptions){.backend = config->backend}, err)) {
        fit_free(f);
        return false;
    }
    write_constants(f);
    *fit = f;
    return true;
}

void fit_free(Fit *fit)
{
    if (fit) {
        ag_plan_free(fit->plan);
        ag_graph_free(fit->graph);
        optim_free(fit->optim);
        params_free(fit->set);
        free(fit->moving);
        free(fit->scratch);
        free(fit);
    }
}

void fit_set_target(Fit *f, const View *target, const real *content_weight,
                    const real *colour_weight)
{
    ag_write(f->plan, f->target_descriptor, target->descriptor);
    ag_write(f->plan, f->target_maps, target->maps);
    ag_write(f->plan, f->target_colour, target->colour);
    ag_write(f->plan, f->colour_weight, colour_weight);
    if (f->config.features) {
        ag_write(f->plan, f->target_features, target->features);
    } else {
        ag_write(f->plan, f->content_weight, content_weight);
    }
}

/* Row `start` of an array of `width` values a start. */
static void put_row(real *array, int start, int width, const float *row)
{
    for (int i = 0; i < width; i++) {
        array[(size_t)start * (size_t)width + (size_t)i] = row[i];
    }
}

static void get_row(const real *array, int start, int width, float *row)
{
    for (int i = 0; i < width; i++) {
        row[i] = (float)array[(size_t)start * (size_t)width + (size_t)i];
    }
}

/* A start's row of an input. */
static void write_input_row(Fit *f, Var input, int start, int width, const float *row)
{
    ag_read(f->plan, input, f->scratch);
    put_row(f->scratch, start, width, row);
    ag_write(f->plan, input, f->scratch);
}

static void read_input_row(const Fit *f, Var input, int start, int width, float *row)
{
    ag_read(f->plan, input, f->scratch);
    get_row(f->scratch, start, width, row);
}

/* z and options, from x. */
static void hold(Fit *f, const float *x, float *held)
{
    const Prior *prior = f->config.prior;
    int n = f->config.n_continuous;

    prior_encode(prior, x, held);
    prior_confine(prior, f->moving, held);
    memcpy(held + prior_components(prior), x + n, (size_t)(f->searched - n) * sizeof *x);
}

/* The values of x that move, from z and options. */
static void release(const Fit *f, const float *held, float *x)
{
    const Prior *prior = f->config.prior;
    int n = f->config.n_continuous;

    prior_put(prior, f->moving, held, x);
    memcpy(x + n, held + prior_components(prior), (size_t)(f->searched - n) * sizeof *x);
}

void fit_set_x(Fit *f, int start, const float *x)
{
    const float *held = x;

    if (f->config.prior) {
        hold(f, x, f->row);
        held = f->row;
        write_input_row(f, f->given, start, f->searched, x);
    }
    params_read(f->set, f->x, f->scratch);
    put_row(f->scratch, start, f->held, held);
    params_write(f->set, f->x, f->scratch);
    if (f->searched < f->dim) {
        write_input_row(f, f->discrete, start, f->dim - f->searched, x + f->searched);
    }
}

void fit_get_x(const Fit *f, int start, float *x)
{
    if (f->config.prior) {
        read_input_row(f, f->given, start, f->searched, x);
    }
    params_read(f->set, f->x, f->scratch);
    get_row(f->scratch, start, f->held, f->config.prior ? f->row : x);
    if (f->config.prior) {
        release(f, f->row, x);
    }
    if (f->searched < f->dim) {
        read_input_row(f, f->discrete, start, f->dim - f->searched, x + f->searched);
    }
}

void fit_set_mask(Fit *f, const float *mask)
{
    real *moves = f->scratch, *rests = f->scratch + f->dim;

    for (int i = 0; i < f->searched; i++) {
        moves[i] = mask && i < f->config.n_continuous ? mask[i] : 1;
        rests[i] = 1 - moves[i];
    }
    ag_write(f->plan, f->moves, moves);
    ag_write(f->plan, f->rests, rests);
    for (int i = 0; i < f->config.n_continuous; i++) {
        f->moving[i] = (float)moves[i];
    }
}

void fit_set_weight(Fit *f, int start, FitTerm term, real weight)
{
    f->step.weight[start * FIT_TERMS + (int)term] = weight;
}

bool fit_restart(Fit *f, Error *err)
{
    Optim *fresh;

    if (!optim_new(&fresh, f->set, f->config.optim, err)) {
        return false;
    }
    optim_free(f->optim);
    f->optim = fresh;
    f->step.step = 0;
    return true;
}

void fit_evaluate(Fit *f)
{
    ag_run(f->plan, &f->step);
}

/* What moves back into the box, without leaving the prior's subspace. */
static void confine(Fit *f)
{
    const FitConfig *c = &f->config;

    params_read(f->set, f->x, f->scratch);
    for (int n = 0; n < c->starts; n++) {
        get_row(f->scratch, n, f->held, f->row);
        prior_confine(c->prior, f->moving, f->row);
        for (int i = prior_components(c->prior); i < f->held; i++) {
            f->row[i] = fminf(fmaxf(f->row[i], 0), 1);
        }
        put_row(f->scratch, n, f->held, f->row);
    }
    params_write(f->set, f->x, f->scratch);
}

void fit_step(Fit *f, real learning_rate)
{
    f->step.learning_rate = learning_rate;
    ag_run(f->plan, &f->step);
    optim_step(f->optim, &f->step);
    if (f->config.prior) {
        confine(f);
    }
    f->step.step++;
}

real fit_loss(const Fit *f, int start, FitTerm term)
{
    return ag_scalar(f->plan, f->loss[start][term]);
}

real fit_total(const Fit *f, int start)
{
    real sum = 0;

    for (int t = 0; t < FIT_TERMS; t++) {
        sum += f->step.weight[start * FIT_TERMS + t] * fit_loss(f, start, (FitTerm)t);
    }
    return sum;
}

/* Row `start` of a kept value. */
static void read_row(const Fit *f, Var value, int start, real *row)
{
    size_t n = (size_t)(shape_count(ag_shape(f->graph, value)) / f->config.starts);

    ag_read(f->plan, value, f->scratch);
    memcpy(row, f->scratch + (size_t)start * n, n * sizeof *row);
}

void fit_view(const Fit *f, int start, View *view)
{
    read_row(f, f->sight.descriptor, start, view->descriptor);
    descriptor_normalise(f->config.eyes.descriptor, view->descriptor);
    read_row(f, f->sight.maps, start, view->maps);
    read_row(f, f->sight.colour, start, view->colour);
}

void fit_picture(const Fit *f, int start, real *picture)
{
    read_row(f, f->picture, start, picture);
}
