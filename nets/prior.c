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
        assert(strlen(name[i]) < PRIOR_NAME);
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

int prior_needed(const PriorGroup *group, double energy)
{
    int k = 1;

    while (k < group->n && prior_energy(group, k) < energy) {
        k++;
    }
    return k;
}

void prior_keep(Prior *p, double energy)
{
    assert(energy > 0 && energy <= 1);
    for (int g = 0; g < p->n_groups; g++) {
        p->group[g].kept = prior_needed(&p->group[g], energy);
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

void prior_matrix(const Prior *prior, float *p)
{
    int components = prior_components(prior), column = 0;

    memset(p, 0, (size_t)prior->n_continuous * (size_t)components * sizeof *p);
    for (int at = 0; at < prior->n_groups; at++) {
        const PriorGroup *g = &prior->group[at];
        for (int k = 0; k < g->kept; k++, column++) {
            for (int i = 0; i < g->n; i++) {
                p[g->index[i] * components + column] = g->basis[k * g->n + i];
            }
        }
    }
}

/* y: g's values of x. */
static void encode(const Prior *p, const PriorGroup *g, const float *y, float *z)
{
    for (int k = 0; k < g->kept; k++) {
        double sum = 0;
        for (int i = 0; i < g->n; i++) {
            sum += (double)g->basis[k * g->n + i] * ((double)y[i] - (double)p->mean[g->index[i]]);
        }
        z[k] = (float)sum;
    }
}

static void decode(const Prior *p, const PriorGroup *g, const float *z, float *y)
{
    for (int i = 0; i < g->n; i++) {
        double sum = p->mean[g->index[i]];
        for (int k = 0; k < g->kept; k++) {
            sum += (double)g->basis[k * g->n + i] * (double)z[k];
        }
        y[i] = (float)sum;
    }
}

void prior_encode(const Prior *p, const float *x, float *z)
{
    float y[PRIOR_MAX_SIZE];

    for (int at = 0; at < p->n_groups; z += p->group[at++].kept) {
        const PriorGroup *g = &p->group[at];
        for (int i = 0; i < g->n; i++) {
            y[i] = x[g->index[i]];
        }
        encode(p, g, y, z);
    }
}

void prior_decode(const Prior *p, const float *z, float *x)
{
    float y[PRIOR_MAX_SIZE];

    for (int at = 0; at < p->n_groups; z += p->group[at++].kept) {
        const PriorGroup *g = &p->group[at];
        decode(p, g, z, y);
        for (int i = 0; i < g->n; i++) {
            x[g->index[i]] = y[i];
        }
    }
}

static bool is_bound(const PriorGroup *g, const float *moves, int i)
{
    return !moves || moves[g->index[i]] != 0;
}

/* Clamps what is bound; false if nothing had to change. */
static bool clamp(const PriorGroup *g, const float *moves, float *y)
{
    bool changed = false;

    for (int i = 0; i < g->n; i++) {
        if (is_bound(g, moves, i) && (y[i] < 0 || y[i] > 1)) {
            y[i] = y[i] < 0 ? 0 : 1;
            changed = true;
        }
    }
    return changed;
}

/* Takes z towards 0, whose x is the mean and so in the box, until its y is in the box. */
static void shrink(const Prior *p, const PriorGroup *g, const float *moves, float *z)
{
    const float rounding = 1e-5f;
    float y[PRIOR_MAX_SIZE], share = 1;

    decode(p, g, z, y);
    for (int i = 0; i < g->n; i++) {
        float mean = p->mean[g->index[i]];
        if (is_bound(g, moves, i) && y[i] > 1 + rounding) {
            share = fminf(share, (1 - mean) / (y[i] - mean));
        } else if (is_bound(g, moves, i) && y[i] < -rounding) {
            share = fminf(share, mean / (mean - y[i]));
        }
    }
    for (int k = 0; k < g->kept; k++) {
        z[k] *= share;
    }
}

/* Alternating projections (von Neumann) between subspace and box; where they crawl, shrinking does
 * the rest. */
void prior_confine(const Prior *p, const float *moves, float *z)
{
    enum { ROUNDS = 50 };
    float y[PRIOR_MAX_SIZE];

    for (int at = 0; at < p->n_groups; z += p->group[at++].kept) {
        const PriorGroup *g = &p->group[at];
        int round = 0;
        while (round < ROUNDS) {
            decode(p, g, z, y);
            if (!clamp(g, moves, y)) {
                break;
            }
            encode(p, g, y, z);
            round++;
        }
        if (round == ROUNDS) {
            shrink(p, g, moves, z);
        }
    }
}

void prior_put(const Prior *p, const float *moves, const float *z, float *x)
{
    float y[PRIOR_MAX_SIZE];

    for (int at = 0; at < p->n_groups; z += p->group[at++].kept) {
        const PriorGroup *g = &p->group[at];
        decode(p, g, z, y);
        for (int i = 0; i < g->n; i++) {
            if (is_bound(g, moves, i)) {
                x[g->index[i]] = fminf(fmaxf(y[i], 0), 1);
            }
        }
    }
}

void prior_project(const Prior *p, const float *moves, float *x)
{
    float z[PRIOR_MAX_GROUPS * PRIOR_MAX_SIZE];

    prior_encode(p, x, z);
    prior_confine(p, moves, z);
    prior_put(p, moves, z, x);
}

void prior_draw(const Prior *p, uint64_t seed, uint64_t index, float *x)
{
    Rng rng = rng_make(seed, 0, index);
    float z[PRIOR_MAX_GROUPS * PRIOR_MAX_SIZE], *next = z;

    for (int g = 0; g < p->n_groups; g++) {
        for (int k = 0; k < p->group[g].kept; k++) {
            *next++ = sqrtf(p->group[g].variance[k]) * rng_normal(&rng);
        }
    }
    prior_confine(p, NULL, z);
    prior_put(p, NULL, z, x);
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
