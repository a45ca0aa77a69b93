#include "nets/verification.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libtensor/eigen.h"

const double VERIFICATION_FAR[VERIFICATION_RATES] = {.1, .01, .001};

void verification_folds(int64_t pairs, int folds, int *fold)
{
    int64_t least = pairs / folds, more = pairs % folds;

    for (int64_t i = 0; i < pairs; i++) {
        bool early = i < more * (least + 1);
        fold[i] = (int)(early ? i / (least + 1) : more + (i - more * (least + 1)) / least);
    }
}

/* All embeddings, a's and then b's, at unit length, and working memory. */
typedef struct Work {
    int64_t pairs;
    int dim, folds;
    const bool *same;
    const int *fold;
    double *embedding;           /* 2 pairs x dim */
    double *distance, *held_out; /* pairs: of the fold at hand, of each pair's own fold */
    double *mean, *covariance, *value, *moved; /* dim, dim x dim, dim, 2 dim */
} Work;

/* A vector without length stays. */
static void scale_to_unit(double *v, int dim)
{
    double square = 0;

    for (int k = 0; k < dim; k++)
        square += v[k] * v[k];
    for (int k = 0; k < dim && square > 0; k++)
        v[k] /= sqrt(square);
}

static bool take_in(Work *w, const real *a, const real *b, Error *err)
{
    int64_t n = w->pairs * w->dim;

    for (int64_t i = 0; i < 2 * n; i++) {
        double v = i < n ? (double)a[i] : (double)b[i - n];
        if (!isfinite(v))
            return error_set(err, "an embedding of pair %lld is not finite",
                             (long long)(i % n / w->dim));
        w->embedding[i] = v;
    }
    for (int64_t i = 0; i < 2 * w->pairs; i++)
        scale_to_unit(w->embedding + i * w->dim, w->dim);
    return true;
}

/* Mean of the embeddings outside the fold. */
static void train_mean(Work *w, int fold)
{
    int64_t n = 0;

    memset(w->mean, 0, (size_t)w->dim * sizeof *w->mean);
    for (int64_t i = 0; i < 2 * w->pairs; i++) {
        if (w->fold[i % w->pairs] == fold)
            continue;
        n++;
        for (int k = 0; k < w->dim; k++)
            w->mean[k] += w->embedding[i * w->dim + k];
    }
    for (int k = 0; k < w->dim; k++)
        w->mean[k] /= (double)n;
}

/* Principal directions outside the fold: rows of w->covariance, by falling variance. The scale does
 * not matter. */
static bool train_directions(Work *w, int fold, Error *err)
{
    size_t dim = (size_t)w->dim;

    memset(w->covariance, 0, dim * dim * sizeof *w->covariance);
    for (int64_t i = 0; i < 2 * w->pairs; i++) {
        if (w->fold[i % w->pairs] == fold)
            continue;
        const double *v = w->embedding + i * w->dim;
        for (size_t r = 0; r < dim; r++)
            for (size_t c = 0; c < dim; c++)
                w->covariance[r * dim + c] += (v[r] - w->mean[r]) * (v[c] - w->mean[c]);
    }
    return symmetric_eigen(w->dim, w->covariance, w->value, err);
}

/* An embedding as the fold's transformation moves it: `components` values, or dim. */
static void move(const Work *w, const VerificationConfig *config, const double *v, double *moved)
{
    int dim = w->dim;

    if (config->components > 0) {
        dim = config->components;
        for (int c = 0; c < dim; c++) {
            moved[c] = 0;
            for (int k = 0; k < w->dim; k++)
                moved[c] += w->covariance[c * w->dim + k] * (v[k] - w->mean[k]);
        }
    } else {
        for (int k = 0; k < dim; k++)
            moved[k] = v[k] - (config->centre ? w->mean[k] : 0);
    }
    for (int k = 0; k < dim && config->signed_root; k++)
        moved[k] = copysign(sqrt(fabs(moved[k])), moved[k]);
    scale_to_unit(moved, dim);
}

/* Distances of all pairs for a fold. */
static bool measure(Work *w, const VerificationConfig *config, int fold, Error *err)
{
    int dim = config->components > 0 ? config->components : w->dim;

    if (config->centre || config->components > 0)
        train_mean(w, fold);
    if (config->components > 0 && !train_directions(w, fold, err))
        return false;
    for (int64_t i = 0; i < w->pairs; i++) {
        double *p = w->moved, *q = w->moved + w->dim, sum = 0;
        move(w, config, w->embedding + i * w->dim, p);
        move(w, config, w->embedding + (w->pairs + i) * w->dim, q);
        for (int k = 0; k < dim; k++)
            sum += (p[k] - q[k]) * (p[k] - q[k]);
        w->distance[i] = sum;
    }
    return true;
}

static double threshold_at(int k)
{
    return k * .01;
}

/* Share of right answers inside the fold, or outside it. */
static double accuracy(const Work *w, int fold, bool inside, double threshold)
{
    int64_t right = 0, n = 0;

    for (int64_t i = 0; i < w->pairs; i++) {
        if ((w->fold[i] == fold) != inside)
            continue;
        n++;
        right += (w->distance[i] < threshold) == w->same[i];
    }
    return (double)right / (double)n;
}

static void try_fold(const Work *w, int fold, Verification *result)
{
    double best = -1;

    for (int k = 0; k < VERIFICATION_THRESHOLDS; k++) {
        double score = accuracy(w, fold, false, threshold_at(k));
        if (score > best) {
            best = score;
            result->fold_threshold[fold] = threshold_at(k);
        }
    }
    result->fold_accuracy[fold] = accuracy(w, fold, true, result->fold_threshold[fold]);
    for (int64_t i = 0; i < w->pairs; i++)
        if (w->fold[i] == fold)
            w->held_out[i] = w->distance[i];
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Elements of sorted[n] that are below v. */
static int64_t count_below(const double *sorted, int64_t n, double v)
{
    int64_t lo = 0, hi = n;

    while (lo < hi) {
        int64_t middle = lo + (hi - lo) / 2;
        if (sorted[middle] < v)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

/* Distances of same and of different pairs, each sorted. */
typedef struct Sorted {
    double *near, *far; /* near is the memory of both */
    int64_t same, different;
} Sorted;

/* memory: pairs values. */
static Sorted sort_distances(const double *distance, const bool *same, int64_t pairs,
                             double *memory)
{
    Sorted s = {.near = memory};

    for (int64_t i = 0; i < pairs; i++)
        if (same[i])
            s.near[s.same++] = distance[i];
    s.far = memory + s.same;
    for (int64_t i = 0; i < pairs; i++)
        if (!same[i])
            s.far[s.different++] = distance[i];
    qsort(s.near, (size_t)s.same, sizeof *s.near, by_value);
    qsort(s.far, (size_t)s.different, sizeof *s.far, by_value);
    return s;
}

static double rate_at(const Sorted *s, double far)
{
    int64_t allowed = (int64_t)(far * (double)s->different + 1e-9);
    double threshold = allowed < s->different ? s->far[allowed] : INFINITY;
    return (double)count_below(s->near, s->same, threshold) / (double)s->same;
}

/* Area and rates; w->distance is free to be used. */
static void curve(const Work *w, Verification *result)
{
    Sorted s = sort_distances(w->held_out, w->same, w->pairs, w->distance);
    double above = 0;

    /* Pairs of pairs in the right order; equal ones count half. */
    for (int64_t i = 0; i < s.different; i++) {
        int64_t below = count_below(s.near, s.same, s.far[i]);
        int64_t upto = count_below(s.near, s.same, nextafter(s.far[i], INFINITY));
        above += .5 * (double)(below + upto);
    }
    result->area = above / (double)s.same / (double)s.different;
    for (int r = 0; r < VERIFICATION_RATES; r++)
        result->tar[r] = rate_at(&s, VERIFICATION_FAR[r]);
}

bool verification_roc(const double *distance, const bool *same, int64_t pairs, const double *far,
                      double *tar, int n, Error *err)
{
    double *memory = malloc((size_t)(pairs + 1) * sizeof *memory);

    if (!memory)
        return error_set(err, "out of memory for %lld pairs", (long long)pairs);
    Sorted s = sort_distances(distance, same, pairs, memory);
    for (int i = 0; i < n; i++)
        tar[i] = rate_at(&s, far[i]);
    free(memory);
    return true;
}

static void average(Verification *result)
{
    int n = result->folds;
    double accuracy_sum = 0, threshold_sum = 0, square = 0;

    for (int f = 0; f < n; f++) {
        accuracy_sum += result->fold_accuracy[f];
        threshold_sum += result->fold_threshold[f];
    }
    result->accuracy = accuracy_sum / n;
    result->threshold = threshold_sum / n;
    for (int f = 0; f < n; f++) {
        double d = result->fold_accuracy[f] - result->accuracy;
        square += d * d;
    }
    result->deviation = sqrt(square / n);
}

static bool run(Work *w, const VerificationConfig *config, Verification *result, Error *err)
{
    bool moves = config->centre || config->components > 0;

    for (int fold = 0; fold < w->folds; fold++) {
        /* Without a transformation the distances are the same for every fold. */
        if ((fold == 0 || moves) && !measure(w, config, fold, err))
            return false;
        try_fold(w, fold, result);
    }
    average(result);
    curve(w, result);
    return true;
}

/* Counts the folds; they must be whole, and both kinds of pairs there. */
static bool check(Work *w, Error *err)
{
    int64_t in_fold[VERIFICATION_MAX_FOLDS] = {0}, same = 0;

    for (int64_t i = 0; i < w->pairs; i++) {
        if (w->fold[i] < 0 || w->fold[i] >= VERIFICATION_MAX_FOLDS)
            return error_set(err, "pair %lld is in fold %d; there may be up to %d folds",
                             (long long)i, w->fold[i], VERIFICATION_MAX_FOLDS);
        in_fold[w->fold[i]]++;
        w->folds = w->fold[i] >= w->folds ? w->fold[i] + 1 : w->folds;
        same += w->same[i];
    }
    for (int f = 0; f < w->folds; f++)
        if (in_fold[f] == 0)
            return error_set(err, "there are %d folds of pairs, but none in fold %d", w->folds, f);
    if (w->folds < 2)
        return error_set(err, "verification wants pairs in two folds at least");
    if (same == 0 || same == w->pairs)
        return error_set(err, "verification wants pairs of the same and of different people");
    return true;
}

bool verification_run(const real *a, const real *b, int64_t pairs, int dim, const bool *same,
                      const int *fold, const VerificationConfig *config, Verification *result,
                      double *distance, Error *err)
{
    Work w = {.pairs = pairs, .dim = dim, .same = same, .fold = fold};
    size_t n = (size_t)pairs, d = (size_t)dim;

    assert(dim > 0);
    if (!check(&w, err))
        return false;
    if (config->components > dim)
        return error_set(err, "%d principal components are wanted of embeddings of %d values",
                         config->components, dim);
    double *memory = malloc((2 * n * d + 2 * n + 4 * d + d * d) * sizeof *memory);
    if (!memory)
        return error_set(err, "out of memory for %lld pairs", (long long)pairs);
    w.embedding = memory;
    w.distance = w.embedding + 2 * n * d;
    w.held_out = w.distance + n;
    w.mean = w.held_out + n;
    w.value = w.mean + d;
    w.moved = w.value + d;
    w.covariance = w.moved + 2 * d;
    *result = (Verification){.folds = w.folds};
    bool ok = take_in(&w, a, b, err) && run(&w, config, result, err);
    if (ok && distance)
        memcpy(distance, w.held_out, n * sizeof *distance);
    free(memory);
    return ok;
}
