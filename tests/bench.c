/* Times the paper's networks: rates, memory and, with --per-op, every kernel.
 *
 *     make tests/bench && tests/bench --help */
#include "config.h"

#include <argp.h>
#include <omp.h>

#include "apps/app.h"
#include "apps/device_option.h"
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
    const Row *row = bench_row(name);
    if (row)
        return row;
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
    "second, peak memory of a process that does nothing else (on cuda: of the device, for weights "
    "and plan). Without a ROW all of them. "
    "OMP_NUM_THREADS sets the threads.",
    children,
    NULL,
    NULL};

/* The device that is measured. */
static Backend *open_backend(const Options *o)
{
    Error err;
    Backend *backend = device_open(&o->device, &err);
    if (!backend)
        die_error(&err);
    return backend;
}

/* What a process of its own measures. */
typedef struct Part {
    const Options *o;
    const Row *row;
    Limits limits;
} Part;

/* Bytes that were asked of a device; a row gives nothing back before its end. */
static struct {
    void *(*alloc)(Backend *, size_t);
    size_t bytes;
} counted;

static void *counting_alloc(Backend *backend, size_t bytes)
{
    counted.bytes += bytes;
    return counted.alloc(backend, bytes);
}

static json_t *run_row(const void *context)
{
    const Part *part = context;
    const Options *o = part->o;
    Work work;
    Backend *backend = open_backend(o);

    counted.alloc = backend->alloc;
    backend->alloc = counting_alloc;
    work_open(&work, part->row, backend, o->batch, 0);
    json_t *json = bench_time(&work, o->device.cuda ? WARM_UP_CUDA : WARM_UP, o->runs);
    if (o->device.cuda) /* not of the host */
        json_object_set_new(json, "peak_mb", json_real((double)counted.bytes / (1024 * 1024)));
    json_object_set_new(json, "name", json_string(part->row->name));
    json_object_set_new(json, "item", json_string(part->row->item));
    json_object_set_new(json, "rate", json_real(work.batch / bench_number(json, "median")));
    if (o->per_op)
        json_object_set_new(json, "ops", bench_profile(&work, o->runs, part->limits));
    work_close(&work);
    backend_close(backend);
    return json;
}

static json_t *run_limits(const void *context)
{
    const Options *o = ((const Part *)context)->o;
    Backend *backend = open_backend(o); /* the CPU's sets OpenBLAS's threads */
    Limits limits = o->device.cuda ? bench_device_limits(backend) : bench_limits();
    json_t *json = json_pack("{ss sf sf si}", "device", backend->name, "gflops", limits.gflops,
                             "gbytes", limits.gbytes, "threads", omp_get_max_threads());
    backend_close(backend);
    return json;
}

static void print_row(const json_t *row)
{
    printf("%s %.4f %.4f %.4f %.3f/s %.0fMB\n", json_string_value(json_object_get(row, "name")),
           bench_number(row, "median"), bench_number(row, "shortest"), bench_number(row, "longest"),
           bench_number(row, "rate"), bench_number(row, "peak_mb"));
    const json_t *ops = json_object_get(row, "ops"), *op;
    size_t i;
    if (ops)
        printf("  calls       ms  share  GFLOP/s       MB  limit  op\n");
    json_array_foreach(ops, i, op)
    {
        double time = bench_number(op, "seconds");
        printf("  %5.0f %8.2f %5.1f%% %8.1f %8.1f %5.0f%%  %s %s\n", bench_number(op, "calls"),
               1e3 * time, 100 * bench_number(op, "share"), bench_number(op, "gflop") / time,
               bench_number(op, "mbyte"), 100 * bench_number(op, "of_limit"),
               json_string_value(json_object_get(op, "op")),
               json_string_value(json_object_get(op, "shapes")));
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    Options o = {.runs = 5};
    Part part = {.o = &o};
    json_t *all, *rows = json_array();

    app_parse(&parser, argc, argv, &o);
    for (int i = 0; o.list && i < bench_n_rows; i++)
        printf("%s %d %s\n", bench_rows[i].name, bench_rows[i].batch, bench_rows[i].what);
    if (o.list)
        return 0;
    if (o.rows == 0)
        for (; o.rows < bench_n_rows; o.rows++)
            o.row[o.rows] = &bench_rows[o.rows];
    json_t *machine = bench_apart(run_limits, &part, "the measurement of the limits");
    part.limits = (Limits){bench_number(machine, "gflops"), bench_number(machine, "gbytes")};
    printf("# %s, %.0f threads: %.1f GFLOP/s, %.1f GB/s\n",
           json_string_value(json_object_get(machine, "device")), bench_number(machine, "threads"),
           part.limits.gflops, part.limits.gbytes);
    for (int i = 0; i < o.rows; i++) {
        part.row = o.row[i];
        json_t *row = bench_apart(run_row, &part, o.row[i]->name);
        print_row(row);
        json_array_append_new(rows, row);
    }
    all = json_pack("{so so}", "machine", machine, "rows", rows);
    if (o.json)
        bench_save(o.json, all);
    json_decref(all);
    return 0;
}
