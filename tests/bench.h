/* The benchmark: the paper's networks at the paper's sizes, on random weights and pictures, as
 * scripts/bench_vs_torch.sh compares them with PyTorch. */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <jansson.h>

#include "libautograd/optim.h"
#include "libautograd/plan.h"

enum { WORK_MAX_SETS = 4 };

/* A planned piece of work and what it holds. */
typedef struct Work {
    Backend *backend; /* borrowed */
    int batch, size;  /* size: side of the imitator's pictures */
    ParamSet *set[WORK_MAX_SETS];
    int n_sets;
    Graph *graph;
    Plan *plan;
    Optim *optim; /* NULL: nothing learns */
    StepState state;
} Work;

typedef struct Row {
    const char *name, *what;
    const char *item; /* what a second is counted in */
    int batch;        /* unless another is asked for */
    void (*build)(Work *work);
} Row;

extern const Row bench_rows[];
extern const int bench_n_rows;

/* The row of that name, NULL: there is none. */
const Row *bench_row(const char *name);

/* batch, size: 0: the row's batch, the paper's size. */
void work_open(Work *work, const Row *row, Backend *backend, int batch, int size);
/* One step, finished when it returns. */
void work_step(Work *work);
void work_close(Work *work);

/* What the machine can do on all threads: products of matrices, one per thread (1e9 floating-point
 * operations a second), and sums of long arrays (1e9 bytes a second). */
typedef struct Limits {
    double gflops, gbytes;
} Limits;

Limits bench_limits(void);
/* The same of another device: one product of large matrices at its precision, and a copy. */
Limits bench_device_limits(Backend *backend);

/* Runs the plan's kernels one by one, `runs` times; calls of one kernel on the same shapes are one
 * entry: {"op", "shapes", "calls", "seconds", "share", "gflop", "mbyte", "of_limit"}, the longest
 * first. seconds: of the quickest run; of_limit: the time that the limits allow over that. */
json_t *bench_profile(Work *work, int runs, Limits limits);

/* Floating-point operations of a step; those of convolutions and matrices count, a Winograd
 * convolution as the direct one. */
double work_flop(const Work *work);

/* Times `runs` steps after some that are not timed: {"batch", "runs", "median", "shortest",
 * "longest" (seconds), "gflop", "peak_mb" of the process so far, "plan_mb"}. */
json_t *bench_time(Work *work, int warm_up, int runs);

/* What part(context) gives, run in a process of its own, so that its peak memory is its own and
 * no backend's threads outlive it; dies, naming what, when it does not end well. */
typedef json_t *BenchPart(const void *context);
json_t *bench_apart(BenchPart *part, const void *context, const char *what);

double bench_number(const json_t *object, const char *key);
/* Writes PATH or dies. */
void bench_save(const char *path, const json_t *all);

#endif
