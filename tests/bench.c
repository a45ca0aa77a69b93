/* Times the paper's networks: rates, memory and, with --per-op, every kernel.
 *
 *     make tests/bench && tests/bench --help */
#include "config.h"

#include <argp.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/app.h"
#include "apps/device_option.h"
#include "libtensor/atomic_file.h"
#include "tests/bench.h"

enum {
    BATCH = 1000,
    RUNS,
    PER_OP,
    JSON,
    LIST,
    MAX_ROWS = 32,
    WARM_UP = 1,
    WARM_UP_CUDA = 3 /* the second run of a plan is recorded, the third is the first mere replay */
};

typedef struct Options {
    const Row *row[MAX_ROWS];
    int rows, batch, runs;
    bool per_op, list;
    const char *json;
    DeviceOption device;
} Options;

static const Row *find_row(const char *name)
{
    for (int i = 0; i < bench_n_rows; i++)
        if (strcmp(bench_rows[i].name, name) == 0)
            return &bench_rows[i];
    die_usage("there is no row '%s'; --list tells them", name);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    Options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->device;
        return 0;
    case BATCH:
        o->batch = (int)option_int(arg, "--batch", 1, 4096);
        return 0;
    case RUNS:
        o->runs = (int)option_int(arg, "--runs", 1, 100000);
        return 0;
    case PER_OP:
        o->per_op = true;
        return 0;
    case JSON:
        o->json = arg;
        return 0;
    case LIST:
        o->list = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->rows == MAX_ROWS)
            die_usage("these are more than %d rows", MAX_ROWS);
        o->row[o->rows++] = find_row(arg);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp_option option[] = {
    {"batch", BATCH, "N", 0, "Samples at a time (default: the row's)", 0},
    {"runs", RUNS, "N", 0, "Timed steps, after one that is not, on cuda three (5)", 0},
    {"per-op", PER_OP, NULL, 0,
     "Tell of every kernel: calls, ms, share of the time, GFLOP/s, MB, and which part of the time "
     "the machine's limits account for",
     0},
    {"json", JSON, "FILE", 0, "All figures", 0},
    {"list", LIST, NULL, 0, "Print rows: name, batch, what it is", 0},
    {0}};
static const struct argp_child children[] = {{&device_argp, 0, NULL, 0}, {0}};
static const struct argp parser = {
    option,
    parse,
    "[ROW ...]",
    "Times the paper's networks at the paper's sizes, on random weights.\v"
    "Prints per row: name, median, shortest and longest time of a step in seconds, samples a "
    "second, peak memory of a process that does nothing else. Without a ROW all of them. "
    "OMP_NUM_THREADS sets the threads.",
    children,
    NULL,
    NULL};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The device that is measured. */
static Backend *open_backend(const Options *o)
{
    Error err;
    Backend *backend = device_open(&o->device, &err);
    if (!backend)
        die_error(&err);
    return backend;
}

static json_t *run_row(const Options *o, const Row *row, Limits limits)
{
    Work work;
    struct rusage usage;
    Backend *backend = open_backend(o);
    double *time = malloc((size_t)o->runs * sizeof *time);

    if (!time)
        die("out of memory");
    work_open(&work, row, backend, o->batch);
    for (int i = 0; i < (o->device.cuda ? WARM_UP_CUDA : WARM_UP); i++)
        work_step(&work);
    for (int i = 0; i < o->runs; i++) {
        double start = seconds();
        work_step(&work);
        time[i] = seconds() - start;
    }
    getrusage(RUSAGE_SELF, &usage);
    qsort(time, (size_t)o->runs, sizeof *time, by_size);
    double median = time[o->runs / 2];
    json_t *json =
        json_pack("{ss si si sf sf sf sf ss sf sf sf}", "name", row->name, "batch", work.batch,
                  "runs", o->runs, "median", median, "shortest", time[0], "longest",
                  time[o->runs - 1], "rate", work.batch / median, "item", row->item, "gflop",
                  1e-9 * work_flop(&work), "peak_mb", (double)usage.ru_maxrss / 1024, "plan_mb",
                  (double)ag_plan_bytes(work.plan, NULL) / (1024 * 1024));
    if (o->per_op)
        json_object_set_new(json, "ops", bench_profile(&work, o->runs, limits));
    free(time);
    work_close(&work);
    backend_close(backend);
    return json;
}

static json_t *run_limits(const Options *o, const Row *row, Limits limits)
{
    (void)row;
    Backend *backend = open_backend(o); /* the CPU's sets OpenBLAS's threads */
    limits = o->device.cuda ? bench_device_limits(backend) : bench_limits();
    json_t *json = json_pack("{ss sf sf si}", "device", backend->name, "gflops", limits.gflops,
                             "gbytes", limits.gbytes, "threads", omp_get_max_threads());
    backend_close(backend);
    return json;
}

/* In a process of its own, whose peak memory is its own. */
static json_t *apart(json_t *(*run)(const Options *, const Row *, Limits), const Options *o,
                     const Row *row, Limits limits)
{
    int end[2], status;
    pid_t child;

    if (pipe(end) != 0 || (child = fork()) < 0)
        die("no other process can be started");
    if (child == 0) {
        FILE *to = fdopen(end[1], "w");
        close(end[0]);
        json_t *json = run(o, row, limits);
        _exit(to && json_dumpf(json, to, JSON_COMPACT) == 0 && fclose(to) == 0 ? 0 : 1);
    }
    close(end[1]);
    FILE *from = fdopen(end[0], "r");
    json_t *json = from ? json_loadf(from, 0, NULL) : NULL;
    if (from)
        fclose(from);
    if (waitpid(child, &status, 0) != child || status != 0 || !json)
        die("%s did not come to its end", row ? row->name : "the measurement of the limits");
    return json;
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void print_row(const json_t *row)
{
    printf("%s %.4f %.4f %.4f %.3f/s %.0fMB\n", json_string_value(json_object_get(row, "name")),
           number(row, "median"), number(row, "shortest"), number(row, "longest"),
           number(row, "rate"), number(row, "peak_mb"));
    const json_t *ops = json_object_get(row, "ops"), *op;
    size_t i;
    if (ops)
        printf("  calls       ms  share  GFLOP/s       MB  limit  op\n");
    json_array_foreach(ops, i, op)
    {
        double time = number(op, "seconds");
        printf("  %5.0f %8.2f %5.1f%% %8.1f %8.1f %5.0f%%  %s %s\n", number(op, "calls"),
               1e3 * time, 100 * number(op, "share"), number(op, "gflop") / time,
               number(op, "mbyte"), 100 * number(op, "of_limit"),
               json_string_value(json_object_get(op, "op")),
               json_string_value(json_object_get(op, "shapes")));
    }
    fflush(stdout);
}

static void save(const char *path, const json_t *all)
{
    AtomicFile file;
    Error err;
    if (!atomic_file_open(&file, path, &err))
        die_error(&err);
    json_dumpf(all, file.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    if (!atomic_file_commit(&file, &err)) /* reports what went wrong while writing */
        die_error(&err);
}

int main(int argc, char **argv)
{
    Options o = {.runs = 5};
    Limits limits = {0, 0};
    json_t *all, *rows = json_array();

    app_parse(&parser, argc, argv, &o);
    for (int i = 0; o.list && i < bench_n_rows; i++)
        printf("%s %d %s\n", bench_rows[i].name, bench_rows[i].batch, bench_rows[i].what);
    if (o.list)
        return 0;
    if (o.rows == 0)
        for (; o.rows < bench_n_rows; o.rows++)
            o.row[o.rows] = &bench_rows[o.rows];
    json_t *machine = apart(run_limits, &o, NULL, limits);
    limits = (Limits){number(machine, "gflops"), number(machine, "gbytes")};
    printf("# %s, %.0f threads: %.1f GFLOP/s, %.1f GB/s\n",
           json_string_value(json_object_get(machine, "device")), number(machine, "threads"),
           limits.gflops, limits.gbytes);
    for (int i = 0; i < o.rows; i++) {
        json_t *row = apart(run_row, &o, o.row[i], limits);
        print_row(row);
        json_array_append_new(rows, row);
    }
    all = json_pack("{so so}", "machine", machine, "rows", rows);
    if (o.json)
        save(o.json, all);
    json_decref(all);
    return 0;
}
