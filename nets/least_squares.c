#include "nets/least_squares.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Work {
    float *points, *residuals;                 /* n x n, n x m: those of the Jacobian */
    float *r, *trial_x, *trial_r;              /* m, n, m */
    double *normal, *factor, *gradient, *step; /* n x n, n x n, n, n */
    double *memory;
} Work;

static bool work_new(Work *w, int n, int m, Error *err)
{
    size_t nn = (size_t)n, mm = (size_t)m;
    size_t doubles = 2 * nn * nn + 2 * nn;
    size_t floats = nn * nn + nn * mm + 2 * mm + nn;

    w->memory = malloc(doubles * sizeof(double) + floats * sizeof(float));
    if (!w->memory) {
        return error_set(err, "out of memory for a least-squares problem of %d residuals", m);
    }
    w->normal = w->memory;
    w->factor = w->normal + nn * nn;
    w->gradient = w->factor + nn * nn;
    w->step = w->gradient + nn;
    w->points = (float *)(w->step + nn);
    w->residuals = w->points + nn * nn;
    w->r = w->residuals + nn * mm;
    w->trial_r = w->r + mm;
    w->trial_x = w->trial_r + mm;
    return true;
}

static double sum_squares(const float *r, int m)
{
    double sum = 0;

    for (int i = 0; i < m; i++) {
        sum += (double)r[i] * r[i];
    }
    return sum;
}

static float clamp(const LeastSquares *p, double v)
{
    return (float)fmin(fmax(v, p->lo), p->hi);
}

/* J^T J and J^T r at x by finite differences. */
static bool linearise(const LeastSquares *p, const float *x, Work *w, Error *err)
{
    int n = p->n, m = p->m;

    for (int i = 0; i < n; i++) {
        memcpy(w->points + (size_t)i * n, x, (size_t)n * sizeof *x);
        float h = x[i] + p->difference <= p->hi ? p->difference : -p->difference;
        w->points[(size_t)i * n + i] += h;
    }
    if (!p->function(p->context, n, w->points, w->residuals, err)) {
        return false;
    }
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        float *column = w->residuals + (size_t)i * m;
        float h = w->points[(size_t)i * n + i] - x[i];
        for (int k = 0; k < m; k++) {
            column[k] = (column[k] - w->r[k]) / h;
        }
    }
#pragma omp parallel for schedule(static)
    for (int i = 0; i < n; i++) {
        const float *a = w->residuals + (size_t)i * m;
        double g = 0;
        for (int k = 0; k < m; k++) {
            g += (double)a[k] * w->r[k];
        }
        w->gradient[i] = g;
        for (int j = 0; j < n; j++) {
            const float *b = w->residuals + (size_t)j * m;
            double sum = 0;
            for (int k = 0; k < m; k++) {
                sum += (double)a[k] * b[k];
            }
            w->normal[(size_t)i * n + j] = sum;
        }
    }
    return true;
}

/* A variable at its bound whose descent direction points outwards takes no part in a step. */
static bool held(const LeastSquares *p, const float *x, const Work *w, int i)
{
    return (x[i] <= p->lo && w->gradient[i] > 0) || (x[i] >= p->hi && w->gradient[i] < 0);
}

/* Solves (J^T J + damping diag) step = - J^T r by Cholesky, held variables left out. */
static void solve(const LeastSquares *p, const float *x, double damping, Work *w)
{
    int n = p->n;
    double *l = w->factor;

    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
            bool out = held(p, x, w, i) || held(p, x, w, j);
            double sum = out ? (i == j) : w->normal[(size_t)i * n + j];
            if (i == j && !out) {
                sum += damping * sum + 1e-9;
            }
            for (int k = 0; k < j; k++) {
                sum -= l[(size_t)i * n + k] * l[(size_t)j * n + k];
            }
            l[(size_t)i * n + j] = i == j ? sqrt(fmax(sum, 1e-12)) : sum / l[(size_t)j * n + j];
        }
    }
    for (int i = 0; i < n; i++) {
        double sum = held(p, x, w, i) ? 0 : -w->gradient[i];
        for (int k = 0; k < i; k++) {
            sum -= l[(size_t)i * n + k] * w->step[k];
        }
        w->step[i] = sum / l[(size_t)i * n + i];
    }
    for (int i = n - 1; i >= 0; i--) {
        double sum = w->step[i];
        for (int k = i + 1; k < n; k++) {
            sum -= l[(size_t)k * n + i] * w->step[k];
        }
        w->step[i] = sum / l[(size_t)i * n + i];
    }
}

bool least_squares_solve(const LeastSquares *p, float *x, double *squares, Error *err)
{
    enum { MAX_TRIES = 4 };
    Work w;
    double damping = 1e-2;
    bool going = true;

    if (!work_new(&w, p->n, p->m, err)) {
        return false;
    }
    if (!p->function(p->context, 1, x, w.r, err)) {
        free(w.memory);
        return false;
    }
    double best = sum_squares(w.r, p->m);
    for (int iteration = 0; going && iteration < p->max_iterations; iteration++) {
        if (!linearise(p, x, &w, err)) {
            free(w.memory);
            return false;
        }
        going = false;
        for (int try = 0; try < MAX_TRIES; try++) {
            solve(p, x, damping, &w);
            for (int i = 0; i < p->n; i++) {
                w.trial_x[i] = clamp(p, x[i] + w.step[i]);
            }
            if (!p->function(p->context, 1, w.trial_x, w.trial_r, err)) {
                free(w.memory);
                return false;
            }
            double trial = sum_squares(w.trial_r, p->m);
            if (trial < best) {
                going = best - trial > p->tolerance * best;
                best = trial;
                memcpy(x, w.trial_x, (size_t)p->n * sizeof *x);
                memcpy(w.r, w.trial_r, (size_t)p->m * sizeof *w.r);
                damping *= 0.3;
                break;
            }
            damping *= 8;
        }
    }
    if (squares) {
        *squares = best;
    }
    free(w.memory);
    return true;
}
