#include "nets/prior.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/eigen.h"
#include "libtensor/rng.h"

/* ---- making ---- */

static PriorGroup *find_group(Prior *p, const char *name)
{
    for (int g = 0; g < p->n_groups; g++) {
        if (strcmp(p->group[g].name, name) == 0) {
            return &p->group[g];
        }
    }
    if (p->n_groups == PRIOR_MAX_GROUPS) {
        return NULL;
    }
    PriorGroup *group = &p->group[p->n_groups++];
    snprintf(group->name, sizeof group->name, "%s", name);
    return group;
}

static bool new_group(PriorGroup *group, Error *err)
{
    size_t n = (size_t)group->n;

    group->kept = group->n;
    group->index = malloc(n * sizeof *group->index);
    group->basis = calloc(n * n, sizeof *group->basis);
    group->variance = calloc(n, sizeof *group->variance);
    return (group->index && group->basis && group->variance) ||
           error_set(err, "out of memory for a prior");
}

/* Sizes first, then the indices. */
static bool sort_groups(Prior *p, const char *const *name, Error *err)
{
    for (int i = 0; i < p->n_continuous; i++) {
        PriorGroup *group = find_group(p, name[i]);
        if (!group) {
            return error_set(err, "a prior has at most %d groups of parameters", PRIOR_MAX_GROUPS);
        }
        group->n++;
    }
    for (int g = 0; g < p->n_groups; g++) {
        if (p->group[g].n > PRIOR_MAX_SIZE) {
            return error_set(err, "a prior's group has at most %d parameters; \"%s\" has %d",
                             PRIOR_MAX_SIZE, p->group[g].name, p->group[g].n);
        }
        if (!new_group(&p->group[g], err)) {
            return false;
        }
        p->group[g].n = 0;
    }
    for (int i = 0; i < p->n_continuous; i++) {
        PriorGroup *group = find_group(p, name[i]);
        group->index[group->n++] = i;
    }
    return true;
}

bool prior_new(Prior **prior, int n_continuous, const char *const *group, int n_choices,
               const int *count, Error *err)
{
    Prior *p = calloc(1, sizeof *p);

    if (!p) {
        return error_set(err, "out of memory for a prior");
    }
    p->n_continuous = p->dim = n_continuous;
    p->mean = calloc((size_t)n_continuous + 1, sizeof *p->mean);
    bool ok = p->mean || error_set(err, "out of memory for a prior");
    if (ok && n_choices > PRIOR_MAX_CHOICES) {
        ok = error_set(err, "a prior has at most %d discrete groups", PRIOR_MAX_CHOICES);
    }
    for (int c = 0; ok && c < n_choices; c++) {
        p->choice[c] = (PriorChoice){p->dim, count[c], calloc((size_t)count[c], sizeof(float))};
        ok = p->choice[c].frequency || error_set(err, "out of memory for a prior");
        p->n_choices++;
        p->dim += count[c];
    }
    if (!ok || !sort_groups(p, group, err)) {
        prior_free(p);
        return false;
    }
    *prior = p;
    return true;
}

void prior_free(Prior *p)
{
    if (p) {
        for (int g = 0; g < p->n_groups; g++) {
            free(p->group[g].index);
            free(p->group[g].basis);
            free(p->group[g].variance);
        }
        for (int c = 0; c < p->n_choices; c++) {
            free(p->choice[c].frequency);
        }
        free(p->mean);
        free(p);
    }
}

/* ---- learning ---- */

static bool check_rows(const Prior *p, const float *x, int64_t count, Error *err)
{
    for (int g = 0; g < p->n_groups; g++) {
        if (count <= p->group[g].n) {
            return error_set(err,
                             "%lld characters are too few for a prior: the group \"%s\" has %d "
                             "parameters, and it takes more characters than that",
                             (long long)count, p->group[g].name, p->group[g].n);
        }
    }
    for (int64_t i = 0; i < count * p->dim; i++) {
        if (!isfinite(x[i])) {
            return error_set(err, "parameter %d of character %lld is not a finite number",
                             (int)(i % p->dim), (long long)(i / p->dim));
        }
    }
    return true;
}

static void find_mean(Prior *p, const float *x, int64_t count)
{
    for (int i = 0; i < p->n_continuous; i++) {
        double sum = 0;
        for (int64_t k = 0; k < count; k++) {
            sum += x[k * p->dim + i];
        }
        p->mean[i] = (float)(sum / (double)count);
    }
}

/* The sample covariance, n x n. */
static void find_covariance(const Prior *p, const PriorGroup *g, const float *x, int64_t count,
                            double *covariance, double *centred)
{
    int n = g->n;

    memset(covariance, 0, (size_t)n * (size_t)n * sizeof *covariance);
    for (int64_t k = 0; k < count; k++) {
        for (int i = 0; i < n; i++) {
            centred[i] = (double)x[k * p->dim + g->index[i]] - p->mean[g->index[i]];
        }
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                covariance[i * n + j] += centred[i] * centred[j];
            }
        }
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
            covariance[i * n + j] /= (double)(count - 1);
            covariance[j * n + i] = covariance[i * n + j];
        }
    }
}

/* The right singular vectors of the centred characters and their squared singular values over
 * count - 1, as the covariance's eigenvectors and eigenvalues. */
static bool fit_group(const Prior *p, PriorGroup *g, const float *x, int64_t count, Error *err)
{
    size_t n = (size_t)g->n;
    double *covariance = malloc((n * n + n) * sizeof *covariance);

    if (!covariance) {
        return error_set(err, "out of memory for a prior");
    }
    double *variance = covariance + n * n;
    find_covariance(p, g, x, count, covariance, variance);
    bool ok = symmetric_eigen(g->n, covariance, variance, err);
    for (size_t i = 0; ok && i < n * n; i++) {
        g->basis[i] = (float)covariance[i];
    }
    for (size_t i = 0; ok && i < n; i++) {
        g->variance[i] = (float)fmax(variance[i], 0);
    }
    free(covariance);
    return ok;
}

static void count_choices(Prior *p, const float *x, int64_t count)
{
    for (int c = 0; c < p->n_choices; c++) {
        PriorChoice *choice = &p->choice[c];
        memset(choice->frequency, 0, (size_t)choice->count * sizeof *choice->frequency);
        for (int64_t k = 0; k < count; k++) {
            const float *one_hot = x + k * p->dim + choice->begin;
            int best = 0;
            for (int i = 1; i < choice->count; i++) {
                best = one_hot[i] > one_hot[best] ? i : best;
            }
            choice->frequency[best]++;
        }
        for (int i = 0; i < choice->count; i++) {
            choice->frequency[i] /= (float)count;
        }
    }
}

bool prior_fit(Prior *p, const float *x, int64_t count, double energy, Error *err)
{
    if (!check_rows(p, x, count, err)) {
        return false;
    }
    find_mean(p, x, count);
    for (int g = 0; g < p->n_groups; g++) {
        if (!fit_group(p, &p->group[g], x, count, err)) {
            return false;
        }
    }
    count_choices(p, x, count);
    prior_keep(p, energy);
    return true;
}

void prior_keep(Prior *p, double energy)
{
    assert(energy > 0 && energy <= 1);
    for (int g = 0; g < p->n_groups; g++) {
        PriorGroup *group = &p->group[g];
        group->kept = 1;
        while (group->kept < group->n && prior_energy(group, group->kept) < energy) {
            group->kept++;
        }
    }
}

double prior_energy(const PriorGroup *group, int k)
{
    double first = 0, all = 0;

    for (int i = 0; i < group->n; i++) {
        first += i < k ? (double)group->variance[i] : 0;
        all += (double)group->variance[i];
    }
    return all > 0 ? first / all : 1;
}

int prior_components(const Prior *p)
{
    int sum = 0;

    for (int g = 0; g < p->n_groups; g++) {
        sum += p->group[g].kept;
    }
    return sum;
}

/* ---- the subspace ---- */

void prior_encode(const Prior *p, const PriorGroup *g, const float *x, float *z)
{
    for (int k = 0; k < g->kept; k++) {
        double sum = 0;
        for (int i = 0; i < g->n; i++) {
            int at = g->index[i];
            sum += (double)g->basis[k * g->n + i] * ((double)x[at] - (double)p->mean[at]);
        }
        z[k] = g->variance[k] > 0 ? (float)(sum / sqrt((double)g->variance[k])) : 0;
    }
}

void prior_decode(const Prior *p, const PriorGroup *g, const float *z, float *x)
{
    for (int i = 0; i < g->n; i++) {
        double sum = p->mean[g->index[i]];
        for (int k = 0; k < g->kept; k++) {
            sum += (double)g->basis[k * g->n + i] * sqrt((double)g->variance[k]) * (double)z[k];
        }
        x[g->index[i]] = (float)sum;
    }
}

/* The nearest point of the subspace. */
static void project_plainly(const Prior *p, const PriorGroup *g, float *x)
{
    float z[PRIOR_MAX_SIZE];

    prior_encode(p, g, x, z);
    prior_decode(p, g, z, x);
}

/* Clamps to [0, 1] and puts resting values back; true if nothing had to change. */
static bool constrain(const PriorGroup *g, const float *moves, const float *before, float *x)
{
    bool same = true;

    for (int i = 0; i < g->n; i++) {
        int at = g->index[i];
        float value = moves && moves[at] == 0 ? before[i] : fminf(fmaxf(x[at], 0), 1);
        same = same && value == x[at];
        x[at] = value;
    }
    return same;
}

/* Takes a point of the subspace towards the mean, which lies in the box, until it is in the box:
 * the subspace is not left. */
static void shrink(const Prior *p, const PriorGroup *g, float *x)
{
    const float rounding = 1e-5f;
    float share = 1;

    for (int i = 0; i < g->n; i++) {
        float value = x[g->index[i]], mean = p->mean[g->index[i]];
        if (value > 1 + rounding) {
            share = fminf(share, (1 - mean) / (value - mean));
        } else if (value < -rounding) {
            share = fminf(share, mean / (mean - value));
        }
    }
    for (int i = 0; i < g->n; i++) {
        float *value = &x[g->index[i]], mean = p->mean[g->index[i]];
        *value = mean + share * (*value - mean);
    }
}

/* Alternating projections (von Neumann): between subspace, box and resting values. */
static void project_group(const Prior *p, const PriorGroup *g, const float *moves, float *x)
{
    enum { ROUNDS = 50 };
    float before[PRIOR_MAX_SIZE];
    bool any = false, all = true;

    for (int i = 0; i < g->n; i++) {
        bool move = !moves || moves[g->index[i]] != 0;
        before[i] = x[g->index[i]];
        any = any || move;
        all = all && move;
    }
    for (int round = 0; any && round < ROUNDS; round++) {
        project_plainly(p, g, x);
        if (constrain(g, moves, before, x)) {
            return;
        }
    }
    if (all) {
        project_plainly(p, g, x);
        shrink(p, g, x);
        constrain(g, moves, before, x);
    }
}

void prior_project(const Prior *p, const float *moves, float *x)
{
    for (int g = 0; g < p->n_groups; g++) {
        project_group(p, &p->group[g], moves, x);
    }
}

void prior_draw(const Prior *p, uint64_t seed, uint64_t index, float *x)
{
    Rng rng = rng_make(seed, 0, index);
    float z[PRIOR_MAX_SIZE];

    for (int g = 0; g < p->n_groups; g++) {
        for (int k = 0; k < p->group[g].kept; k++) {
            z[k] = rng_normal(&rng);
        }
        prior_decode(p, &p->group[g], z, x);
    }
    prior_project(p, NULL, x);
    for (int c = 0; c < p->n_choices; c++) {
        const PriorChoice *choice = &p->choice[c];
        float left = rng_uniform(&rng);
        int option = 0;
        for (int i = 0; i < choice->count && left >= 0; i++) {
            option = choice->frequency[i] > 0 ? i : option;
            left -= choice->frequency[i];
        }
        for (int i = 0; i < choice->count; i++) {
            x[choice->begin + i] = i == option;
        }
    }
}
