#include "config.h"

#include "tests/bench.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/app.h"
#include "libautograd/ops.h"
#include "libtensor/gemm.h"

static void *need(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!memory)
        die("out of memory");
    return memory;
}

/* ---- Limits ---- */

static double product_gflops(void)
{
    enum { N = 1024, TRIES = 8 };
    int threads = omp_get_max_threads();
    const size_t square = (size_t)N * N;
    real *a = need(square * sizeof *a), *b = need(square * sizeof *b);
    real *c = need((size_t)threads * square * sizeof *c);
    double best = 0;

    for (size_t i = 0; i < square; i++)
        a[i] = b[i] = (real)(i % 7);
    for (int i = 0; i < TRIES; i++) {
        double start = seconds();
#pragma omp parallel for schedule(static, 1)
        for (int p = 0; p < threads; p++)
            gemm(false, false, N, N, N, a, N, b, N, 0, c + (size_t)p * square, N);
        double rate = 2e-9 * N * N * N * threads / (seconds() - start);
        best = rate > best ? rate : best;
    }
    free(a);
    free(b);
    free(c);
    return best;
}

static double sum_gbytes(void)
{
    enum { N = 1 << 24, TRIES = 8 };
    real *a = need(N * sizeof *a), *b = need(N * sizeof *b), *c = need(N * sizeof *c);
    double best = 0;

#pragma omp parallel for schedule(static)
    for (int i = 0; i < N; i++)
        a[i] = b[i] = c[i] = 1;
    for (int i = 0; i < TRIES; i++) {
        double start = seconds();
#pragma omp parallel for simd schedule(static)
        for (int k = 0; k < N; k++)
            a[k] = b[k] + 2 * c[k];
        double rate = 1e-9 * 3 * N * sizeof *a / (seconds() - start);
        best = rate > best ? rate : best;
    }
    free(a);
    free(b);
    free(c);
    return best;
}

Limits bench_limits(void)
{
    return (Limits){product_gflops(), sum_gbytes()};
}

static double device_product_gflops(Backend *backend)
{
    enum { N = 8192, TRIES = 8 };
    Graph *graph = ag_graph_new();
    Plan *plan;
    Error err;
    double best = 0;

    if (!graph)
        die("out of memory");
    Var a = ag_input(graph, "a", DTYPE_REAL, shape2(N, N));
    Var b = ag_input(graph, "b", DTYPE_REAL, shape2(N, N));
    ag_keep(graph, ag_linear(graph, a, b, AG_NONE));
    if (!ag_plan(&plan, graph, AG_NONE, (PlanOptions){.backend = backend}, &err))
        die_error(&err);
    /* Zeros take less power, with which a device's clock may rise. */
    real *value = need((size_t)N * N * sizeof *value);
    for (size_t i = 0; i < (size_t)N * N; i++)
        value[i] = (real)(i * 37 % 101) / 50 - 1;
    ag_write(plan, a, value);
    ag_write(plan, b, value);
    free(value);
    for (int i = 0; i < TRIES; i++) {
        double start = seconds();
        ag_run(plan, &(StepState){.step = 0});
        if (!backend->sync(backend, &err))
            die_error(&err);
        double rate = 2e-9 * N * N * N / (seconds() - start);
        best = rate > best ? rate : best;
    }
    ag_plan_free(plan);
    ag_graph_free(graph);
    return best;
}

static double device_copy_gbytes(Backend *backend)
{
    enum { TRIES = 8 };
    const size_t bytes = (size_t)1 << 30;
    void *a = backend->alloc(backend, bytes), *b = backend->alloc(backend, bytes);
    Error err;
    double best = 0;

    if (!a || !b)
        die("the device has no two GiB free");
    for (int i = 0; i < TRIES; i++) {
        double start = seconds();
        backend->copy(backend, b, a, bytes);
        if (!backend->sync(backend, &err))
            die_error(&err);
        double rate = 2e-9 * (double)bytes / (seconds() - start);
        best = rate > best ? rate : best;
    }
    backend->release(backend, a);
    backend->release(backend, b);
    return best;
}

Limits bench_device_limits(Backend *backend)
{
    return (Limits){device_product_gflops(backend), device_copy_gbytes(backend)};
}

/* ---- Kernels ---- */

static double bytes_of(Tensor t)
{
    return t.shape.ndim > 0 && t.data ? (double)tensor_bytes(t) : 0;
}

/* Read and written, were every operand in memory. */
static double call_bytes(const Step *step)
{
    const Call *c = &step->call;
    double bytes = 0;

    for (int i = 0; i < c->n_in; i++)
        bytes += bytes_of(c->in[i]) +
                 (step->backward ? bytes_of(c->din[i]) : 0) * (c->beta[i] != 0 ? 2 : 1);
    for (int i = 0; i < OP_MAX_SAVED; i++)
        bytes += bytes_of(c->saved[i]);
    return bytes + bytes_of(c->out) + (step->backward ? bytes_of(c->dout) : 0);
}

/* Of one direction: forward, gradient to x, gradient to the weights are alike. */
static double product_flop(Op op, const Call *c)
{
    double weights = (double)shape_count(c->in[1].shape);

    switch (op) {
    case OP_linear:
        return 2 * (double)c->in[0].shape.dim[0] * weights;
    case OP_conv2d: /* w [out,in,k,k]: each output value is a product with one of the `out` */
        return 2 * (double)shape_count(c->out.shape) * weights / (double)c->in[1].shape.dim[0];
    case OP_conv_transpose2d: /* w [in,out,k,k] */
        return 2 * (double)shape_count(c->in[0].shape) * weights / (double)c->in[1].shape.dim[0];
    default:
        return 0;
    }
}

static Op op_of(const Work *w, const Step *step)
{
    return w->graph->node[step->node].op;
}

static double step_flop(const Work *w, const Step *step)
{
    Op op = op_of(w, step);
    if (op != OP_linear && op != OP_conv2d && op != OP_conv_transpose2d)
        return 0;
    int directions = step->backward ? (step->want & 1) + (step->want >> 1 & 1) : 1;
    return directions * product_flop(op, &step->call);
}

double work_flop(const Work *w)
{
    double flop = 0;
    for (int i = 0; i < w->plan->n_steps; i++)
        flop += step_flop(w, &w->plan->step[i]);
    return flop;
}

/* ---- Entries ---- */

typedef struct Entry {
    char op[40], shapes[160];
    int calls;
    double seconds, flop, bytes;
} Entry;

static void describe(const Work *w, const Step *step, Entry *e)
{
    static const char *const direction[] = {"", " dx", " dw", " dx dw"};
    static const char *const activation[] = {"", "+relu", "+leaky_relu"};
    const Call *c = &step->call;
    char in[88], out[88], weight[88] = "";
    Op op = op_of(w, step);
    bool product = step_flop(w, step) > 0;

    if (product)
        shape_text(c->in[1].shape, weight);
    snprintf(e->op, sizeof e->op, "%s%s%s", op_info(op)->name, activation[c->activation.kind],
             !step->backward ? ""
             : product       ? direction[step->want & 3]
                             : " backward");
    snprintf(e->shapes, sizeof e->shapes, "%s -> %s%s%s", shape_text(c->in[0].shape, in),
             shape_text(c->out.shape, out), product ? ", " : "", weight);
    e->calls = 1;
    e->flop = step_flop(w, step);
    e->bytes = call_bytes(step);
}

/* The optimiser's pass over values, gradients and moments. */
static void describe_optimiser(const Work *w, Entry *e)
{
    int64_t n = 0;
    for (int i = 0; i < w->n_sets; i++)
        n += params_trainable(w->set[i]) ? params_elements(w->set[i]) : 0;
    snprintf(e->op, sizeof e->op, "optimiser");
    snprintf(e->shapes, sizeof e->shapes, "%lld", (long long)n);
    e->calls = 1;
    e->bytes = 5. * (double)n * sizeof(real);
}

/* The quickest time of each step, and last of the optimiser. */
static void time_steps(Work *w, int runs, double *time)
{
    const Plan *plan = w->plan;
    Error err;

    work_step(w);
    for (int r = 0; r < runs; r++)
        for (int i = 0; i <= plan->n_steps; i++) {
            double start = seconds();
            if (i < plan->n_steps)
                plan->step[i].kernel(&plan->step[i].call);
            else if (w->optim)
                optim_step(w->optim, &w->state);
            if (!w->backend->sync(w->backend, &err))
                die_error(&err);
            double t = seconds() - start;
            time[i] = r == 0 || t < time[i] ? t : time[i];
        }
}

static int by_time(const void *a, const void *b)
{
    double x = ((const Entry *)a)->seconds, y = ((const Entry *)b)->seconds;
    return (x < y) - (x > y);
}

/* Adds to the entry of its kind and shapes. */
static int add(Entry *entry, int n, const Entry *e)
{
    for (int i = 0; i < n; i++)
        if (strcmp(entry[i].op, e->op) == 0 && strcmp(entry[i].shapes, e->shapes) == 0) {
            entry[i].calls++;
            entry[i].seconds += e->seconds;
            entry[i].flop += e->flop;
            entry[i].bytes += e->bytes;
            return n;
        }
    entry[n] = *e;
    return n + 1;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

json_t *bench_profile(Work *w, int runs, Limits limits)
{
    int steps = w->plan->n_steps, n = 0;
    double *time = need((size_t)(steps + 1) * sizeof *time), total = 0;
    Entry *entry = need((size_t)(steps + 1) * sizeof *entry);
    json_t *list = json_array();

    time_steps(w, runs, time);
    for (int i = 0; i < steps + (w->optim != NULL); i++) {
        Entry e = {.calls = 0};
        if (i < steps)
            describe(w, &w->plan->step[i], &e);
        else
            describe_optimiser(w, &e);
        e.seconds = time[i];
        total += time[i];
        n = add(entry, n, &e);
    }
    qsort(entry, (size_t)n, sizeof *entry, by_time);
    for (int i = 0; i < n; i++) {
        const Entry *e = &entry[i];
        double least = larger(1e-9 * e->flop / limits.gflops, 1e-9 * e->bytes / limits.gbytes);
        json_array_append_new(list,
                              json_pack("{ss ss si sf sf sf sf sf}", "op", e->op, "shapes",
                                        e->shapes, "calls", e->calls, "seconds", e->seconds,
                                        "share", e->seconds / total, "gflop", 1e-9 * e->flop,
                                        "mbyte", 1e-6 * e->bytes, "of_limit", least / e->seconds));
    }
    free(time);
    free(entry);
    return list;
}
