#include "apps/finder_session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nets/least_squares.h"

/* How much the mean colour of a class tells of a person. */
static const real colour_worth[LABEL_COUNT] = {
    [LABEL_SKIN] = 1,         [LABEL_NOSE] = 0.5f,       [LABEL_HAIR] = 0.8f,
    [LABEL_LEFT_BROW] = 0.4f, [LABEL_RIGHT_BROW] = 0.4f, [LABEL_LEFT_EYE] = 0.3f,
    [LABEL_RIGHT_EYE] = 0.3f, [LABEL_UPPER_LIP] = 0.4f,  [LABEL_LOWER_LIP] = 0.4f,
};

/* How much of a difference in the skin's log colour is believed: small ones by the share `trust`,
 * great ones are mostly the light's. */
static double believed(double difference, double trust)
{
    const double most = 0.15;

    return trust < 1 ? most / (1 - trust) * tanh(trust * difference * (1 - trust) / most)
                     : difference;
}

/* The photo's light is not the engine's: a gain per channel takes the photo's skin colour to what
 * is believed of it, and balances all other colours as well. */
static void balance_light(Session *s, double trust)
{
    for (int c = 0; c < 3; c++) {
        double photo = fmax(s->target.view.colour[3 * LABEL_SKIN + c], 0.02);
        double engine = fmax(s->average.colour[3 * LABEL_SKIN + c], 0.02);
        double difference = log(photo / engine);
        s->gain[c] = exp(believed(difference, trust) - difference);
        for (int k = 0; k < LABEL_COUNT; k++) {
            real *colour = &s->target.view.colour[3 * k + c];
            *colour = (real)fmin(*colour * s->gain[c], 1);
        }
    }
}

static void weigh_colours(Session *s)
{
    const double sure = 0.004; /* share of the picture from which on a colour is believed */

    for (int k = 0; k < LABEL_COUNT; k++) {
        double area = view_area(&s->target.view, &s->studio->eyes, k);
        s->target.colour_weight[k] = colour_worth[k] * (real)fmin(area / sure, 1);
    }
}

static void copy_view(View *to, const View *from, const Eyes *eyes)
{
    size_t area = (size_t)eyes_map_size(eyes) * (size_t)eyes_map_size(eyes);
    size_t classes = (size_t)eyes_classes(eyes), channels = (size_t)eyes_channels(eyes);
    size_t dim = (size_t)descriptor_dim(eyes->descriptor);

    memcpy(to->descriptor, from->descriptor, dim * sizeof *to->descriptor);
    memcpy(to->maps, from->maps, area * classes * sizeof *to->maps);
    memcpy(to->features, from->features, area * channels * sizeof *to->features);
    memcpy(to->colour, from->colour, 3 * classes * sizeof *to->colour);
}

static bool allocate(Session *s, Error *err)
{
    int n = s->schema->n_continuous;
    const Eyes *eyes = &s->studio->eyes;

    s->mean = malloc(2 * (size_t)n * sizeof *s->mean);
    if (!s->mean) {
        return error_set(err, "out of memory for a search");
    }
    s->deviation = s->mean + n;
    for (int i = 0; i < FINDER_CHUNK; i++) {
        if (!view_new(&s->view[i], eyes, err)) {
            return false;
        }
    }
    return view_new(&s->average, eyes, err) && target_new(&s->target, eyes, err);
}

/* Draws characters and looks at them: session->view and session->landmark. */
static bool draw(Session *s, int count, const float *x, Error *err)
{
    return studio_views(s->studio, s->model, count, x, s->view, s->landmark[0], err);
}

/* Of the i-th drawn character; the prior is left 0. */
static Losses losses_of(const Session *s, int i)
{
    float shape[GEOMETRY_COUNT];
    Losses losses = target_losses(&s->target, &s->studio->eyes, &s->view[i]);

    geometry_features(s->landmark[i], s->studio->reference.landmark, shape);
    losses.geometry = geometry_loss(shape, s->shape);
    return losses;
}

/* A portrait's smile is no oddity of the person. (An open mouth stays one: closed lips are too
 * easily taken for parted ones.) */
static float least_deviation(const Control *control)
{
    return strcmp(control->name, "smile") == 0 ? 0.3f : 1e-3f;
}

static bool prepare(Session *s, const View *photo, const float *landmark, Error *err)
{
    const Eyes *eyes = &s->studio->eyes;
    const Weights *w = &s->config->weight;
    float *x = calloc((size_t)s->schema->dim, sizeof *x);

    if (!x) {
        return error_set(err, "out of memory for a search");
    }
    for (int i = 0; i < s->schema->n_continuous; i++) {
        const Control *control = &s->schema->control[i];
        s->mean[i] = control->mean;
        s->deviation[i] = fmaxf(s->schema->control[i].deviation, least_deviation(control));
    }
    schema_average(s->schema, x);
    bool ok = draw(s, 1, x, err);
    free(x);
    if (!ok) {
        return false;
    }
    copy_view(&s->average, &s->view[0], eyes);
    copy_view(&s->target.view, photo, eyes);
    geometry_features(landmark, s->studio->reference.landmark, s->shape);
    balance_light(s, s->config->light_trust);
    weigh_colours(s);
    target_weigh_content(&s->target, eyes, &s->average);
    /* A photo that is the average face itself leaves nothing to divide by. */
    Losses start = losses_of(s, 0);
    s->weight = (Weights){.identity = w->identity / fmax(start.identity, 1e-3),
                          .content = w->content / fmax(start.content, 1e-2),
                          .colour = w->colour / fmax(start.colour, 1e-3),
                          .geometry = w->geometry / fmax(start.geometry, 1e-3),
                          .prior = w->prior};
    return true;
}

bool session_open(Session *session, Studio *studio, int model, const View *photo,
                  const float *landmark, const FinderConfig *config, Error *err)
{
    *session = (Session){.studio = studio,
                         .config = config,
                         .model = model,
                         .schema = studio->schema[model],
                         .prior = studio->prior[model]};
    if (!allocate(session, err) || !prepare(session, photo, landmark, err)) {
        session_close(session);
        return false;
    }
    return true;
}

void session_close(Session *s)
{
    for (int i = 0; i < FINDER_CHUNK; i++) {
        view_free(&s->view[i]);
    }
    view_free(&s->average);
    target_free(&s->target);
    free(s->mean);
    *s = (Session){.studio = NULL};
}

bool session_score(Session *s, const float *x, Losses *losses, double *score, Error *err)
{
    if (!draw(s, 1, x, err)) {
        return false;
    }
    *losses = losses_of(s, 0);
    losses->prior = prior_loss(x, s->mean, s->deviation, s->schema->n_continuous);
    *score = losses_sum(*losses, s->weight);
    return true;
}

static void set_option(const ControlGroup *group, int option, float *x)
{
    for (int i = 0; i < group->count; i++) {
        x[group->begin + i] = i == option;
    }
}

/* 0 where the drawn hair covers what the photo's does, about 1 where they have nothing in common.
 * What people see first in a hairstyle the other losses hardly notice. */
static double hair_mismatch(const Session *s, int drawn)
{
    const double usual = 0.1; /* share of a picture: lets a bald head differ from a haired one */
    int area = eyes_map_size(&s->studio->eyes) * eyes_map_size(&s->studio->eyes);
    const real *p = s->target.view.maps + LABEL_HAIR * area;
    const real *q = s->view[drawn].maps + LABEL_HAIR * area;
    double differ = 0, seen = usual * area;

    for (int i = 0; i < area; i++) {
        differ += fabs((double)p[i] - q[i]);
        seen += (double)p[i];
    }
    return differ / seen;
}

/* Whether the first two characters drawn are the same to the networks, bit for bit. */
static bool looks_alike(const Session *s)
{
    const View *a = &s->view[0], *b = &s->view[1];
    size_t dim = (size_t)descriptor_dim(s->studio->eyes.descriptor);

    return memcmp(a->descriptor, b->descriptor, dim * sizeof *a->descriptor) == 0;
}

static bool is_hair(const ControlGroup *group)
{
    return strcmp(group->name, "hair") == 0;
}

/* The best option of one group, given all else. */
static bool choose_option(Session *s, int group, float *points, float *x, Error *err)
{
    const ControlGroup *g = &s->schema->group[group];
    size_t dim = (size_t)s->schema->dim;
    const double hair_share = 0.1, rarer = 0.06; /* rare choices need better reasons */
    int best = 0;
    double lowest = INFINITY;
    float likeliest = 0;

    for (int i = 0; i < g->count; i++) {
        likeliest = fmaxf(likeliest, g->option[i].weight);
    }
    for (int begin = 0, count; begin < g->count; begin += count) {
        int most =
            begin == 0 ? 2 : FINDER_CHUNK; /* the first two tell whether the rest is worth it */
        count = g->count - begin < most ? g->count - begin : most;
        for (int i = 0; i < count; i++) {
            memcpy(points + (size_t)i * dim, x, dim * sizeof *x);
            set_option(g, begin + i, points + (size_t)i * dim);
        }
        if (!draw(s, count, points, err)) {
            return false;
        }
        if (begin == 0 && count == 2 && looks_alike(s)) {
            break; /* a lipstick's colour, say, where there is no lipstick */
        }
        for (int i = 0; i < count; i++) {
            double score = losses_sum(losses_of(s, i), s->weight);
            double weight = fmax(g->option[begin + i].weight, 0.01f);
            if (is_hair(g)) {
                score = hair_share * score + hair_mismatch(s, i);
            }
            score += rarer * log(likeliest / weight);
            if (score < lowest) {
                lowest = score;
                best = begin + i;
            }
        }
    }
    set_option(g, best, x);
    return true;
}

bool session_choose(Session *s, bool hair, bool others, float *x, Error *err)
{
    float *points = malloc(FINDER_CHUNK * (size_t)s->schema->dim * sizeof *points);
    bool ok = points || error_set(err, "out of memory for a search");

    for (int g = 0; ok && g < s->schema->n_groups; g++) {
        if (is_hair(&s->schema->group[g]) ? hair : others) {
            ok = choose_option(s, g, points, x, err);
        }
    }
    free(points);
    return ok;
}

void session_harden(const Session *s, float *x)
{
    for (int g = 0; g < s->schema->n_groups; g++) {
        set_option(&s->schema->group[g], schema_choice(s->schema, g, x), x);
    }
}

/* ---- refinement ---- */

/* The variables are controls, or with a prior the coordinates of its subspace. */
typedef struct Refinement {
    Session *session;
    Weights weight;
    float *base;  /* x where it is not refined */
    float *moves; /* n_continuous: 1 for what is */
    int *index;   /* n_index: which that are */
    int n_index;
    float *z, *trial; /* with a prior: base's, and of a point */
    int *component;   /* n: with a prior the variables among z's values, else index */
    int n;
    float *points; /* FINDER_CHUNK x dim */
} Refinement;

static void refinement_free(Refinement *r)
{
    free(r->base);
    free(r->index);
    free(r->points);
}

/* The components of the groups in which anything moves. */
static void list_components(Refinement *r, const Prior *prior)
{
    int first = 0;

    prior_encode(prior, r->base, r->z);
    for (int g = 0; g < prior->n_groups; g++) {
        const PriorGroup *group = &prior->group[g];
        bool any = false;
        for (int i = 0; i < group->n; i++) {
            any = any || r->moves[group->index[i]] != 0;
        }
        for (int k = 0; any && k < group->kept; k++) {
            r->component[r->n++] = first + k;
        }
        first += group->kept;
    }
}

static bool refinement_new(Refinement *r, Session *s, unsigned kinds, Weights weight,
                           const float *x, Error *err)
{
    size_t n = (size_t)s->schema->n_continuous, dim = (size_t)s->schema->dim;

    *r = (Refinement){.session = s, .weight = weight};
    r->base = malloc((dim + 3 * n) * sizeof *r->base);
    r->index = malloc(2 * n * sizeof *r->index);
    r->points = malloc(FINDER_CHUNK * dim * sizeof *r->points);
    if (!r->base || !r->index || !r->points) {
        refinement_free(r);
        return error_set(err, "out of memory for a search");
    }
    memcpy(r->base, x, dim * sizeof *x);
    r->moves = r->base + dim;
    r->z = r->moves + n;
    r->trial = r->z + n;
    r->component = r->index + n;
    for (int i = 0; i < (int)n; i++) {
        const Control *control = &s->schema->control[i];
        r->moves[i] = (kinds & 1u << control->kind) && !control_is_chosen(control);
        if (r->moves[i] != 0) {
            r->index[r->n_index++] = i;
        }
    }
    if (s->prior) {
        list_components(r, s->prior);
    } else {
        memcpy(r->component, r->index, n * sizeof *r->index);
        r->n = r->n_index;
    }
    return true;
}

static void get_point(const Refinement *r, float *values)
{
    for (int i = 0; i < r->n; i++) {
        values[i] = r->session->prior ? r->z[r->component[i]] : r->base[r->component[i]];
    }
}

static void put_point(const Refinement *r, const float *values, float *x)
{
    const Prior *prior = r->session->prior;

    memcpy(x, r->base, (size_t)r->session->schema->dim * sizeof *x);
    if (!prior) {
        for (int i = 0; i < r->n; i++) {
            x[r->component[i]] = values[i];
        }
        return;
    }
    memcpy(r->trial, r->z, (size_t)prior_components(prior) * sizeof *r->z);
    for (int i = 0; i < r->n; i++) {
        r->trial[r->component[i]] = values[i];
    }
    prior_confine(prior, r->moves, r->trial);
    prior_put(prior, r->moves, r->trial, x);
}

static bool residuals(void *context, int count, const float *point, float *residual, Error *err)
{
    Refinement *r = context;
    Session *s = r->session;
    const Eyes *eyes = &s->studio->eyes;
    int seen = target_residual_count(eyes), dim = s->schema->dim;
    double prior = sqrt(r->weight.prior / s->schema->n_continuous);
    double geometry = sqrt(r->weight.geometry / GEOMETRY_COUNT);

    for (int begin = 0; begin < count; begin += FINDER_CHUNK) {
        int n = count - begin < FINDER_CHUNK ? count - begin : FINDER_CHUNK;
        for (int i = 0; i < n; i++) {
            put_point(r, point + (size_t)(begin + i) * (size_t)r->n,
                      r->points + (size_t)i * (size_t)dim);
        }
        if (!draw(s, n, r->points, err)) {
            return false;
        }
        for (int i = 0; i < n; i++) {
            const float *x = r->points + (size_t)i * (size_t)dim;
            float *out =
                residual + (size_t)(begin + i) * (size_t)(seen + GEOMETRY_COUNT + r->n_index);
            float shape[GEOMETRY_COUNT];
            target_residuals(&s->target, eyes, &s->view[i], r->weight, out);
            out += seen;
            geometry_features(s->landmark[i], s->studio->reference.landmark, shape);
            for (int k = 0; k < GEOMETRY_COUNT; k++) {
                *out++ = (float)(geometry * (shape[k] - s->shape[k]));
            }
            for (int k = 0; k < r->n_index; k++) {
                int at = r->index[k];
                out[k] = (float)(prior * (x[at] - s->mean[at]) / s->deviation[at]);
            }
        }
    }
    return true;
}

bool control_is_chosen(const Control *control)
{
    return strcmp(control->name, "eye-hue") == 0 || strcmp(control->name, "eye-lightness") == 0;
}

bool session_refine(Session *s, unsigned kinds, Weights weight, int iterations, float *x,
                    Error *err)
{
    Refinement r;

    if (!refinement_new(&r, s, kinds, weight, x, err)) {
        return false;
    }
    float *values = malloc((size_t)(r.n + 1) * sizeof *values);
    bool ok = values || error_set(err, "out of memory for a search");
    if (ok && r.n > 0) {
        /* Coordinates of the subspace count from the mean; put_point keeps x in its box. */
        const float lo = s->prior ? -2 : 0, hi = s->prior ? 2 : 1;
        LeastSquares problem = {.n = r.n,
                                .m = target_residual_count(&s->studio->eyes) + GEOMETRY_COUNT +
                                     r.n_index,
                                .lo = lo,
                                .hi = hi,
                                .difference = 0.05f,
                                .max_iterations = iterations,
                                .tolerance = 0.01f,
                                .function = residuals,
                                .context = &r};
        get_point(&r, values);
        ok = least_squares_solve(&problem, values, NULL, err);
        if (ok) {
            put_point(&r, values, x);
        }
    }
    free(values);
    refinement_free(&r);
    return ok;
}
