#include "config.h"

#include "tests/bench.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/app.h"
#include "libtensor/atomic_file.h"

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

json_t *bench_time(Work *work, int warm_up, int runs)
{
    struct rusage usage;
    double *time = malloc((size_t)runs * sizeof *time);

    if (!time)
        die("out of memory");
    for (int i = 0; i < warm_up; i++)
        work_step(work);
    for (int i = 0; i < runs; i++) {
        double start = seconds();
        work_step(work);
        time[i] = seconds() - start;
    }
    getrusage(RUSAGE_SELF, &usage);
    qsort(time, (size_t)runs, sizeof *time, by_size);
    json_t *json =
        json_pack("{si si sf sf sf sf sf sf}", "batch", work->batch, "runs", runs, "median",
                  time[runs / 2], "shortest", time[0], "longest", time[runs - 1], "gflop",
                  1e-9 * work_flop(work), "peak_mb", (double)usage.ru_maxrss / 1024, "plan_mb",
                  (double)ag_plan_bytes(work->plan, NULL) / (1024 * 1024));
    free(time);
    return json;
}

json_t *bench_apart(BenchPart *part, const void *context, const char *what)
{
    int end[2], status;
    pid_t child;

    if (pipe(end) != 0 || (child = fork()) < 0)
        die("no other process can be started");
    if (child == 0) {
        FILE *to = fdopen(end[1], "w");
        close(end[0]);
        json_t *json = part(context);
        _exit(to && json_dumpf(json, to, JSON_COMPACT) == 0 && fclose(to) == 0 ? 0 : 1);
    }
    close(end[1]);
    FILE *from = fdopen(end[0], "r");
    json_t *json = from ? json_loadf(from, 0, NULL) : NULL;
    if (from)
        fclose(from);
    if (waitpid(child, &status, 0) != child || status != 0 || !json)
        die("%s did not come to its end", what);
    return json;
}

double bench_number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

void bench_save(const char *path, const json_t *all)
{
    AtomicFile file;
    Error err;
    if (!atomic_file_open(&file, path, &err))
        die_error(&err);
    json_dumpf(all, file.stream, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    if (!atomic_file_commit(&file, &err)) /* reports what went wrong while writing */
        die_error(&err);
}
