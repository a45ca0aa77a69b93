/* Times renders of random people, all hairstyles among them:
 *   bench_render PACK SCHEMA [--size N] [--people N] [--json]
 * One thread's processor time of a picture, median over people, and of its parts; then how much
 * faster two threads that share the people are than one. Parts are timed in renders of
 * their own: reading the clock at every step of every tile takes time, too. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/engine_scene.h"
#include "engine/renderer_internal.h"

enum { TIMES = 3, THREADS = 2 };

static const char *const part_name[PART_COUNT] = {"deform", "shadow", "raster",
                                                  "shade",  "hair",   "resolve"};

static double milliseconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

typedef struct Bench {
    const Engine *engine;
    RenderOptions options;
    int people;
    float *x; /* of each */
} Bench;

typedef struct Parts {
    double last, ms[PART_COUNT];
} Parts;

static void part_done(void *context, FramePart part)
{
    Parts *parts = context;
    double now = milliseconds(CLOCK_THREAD_CPUTIME_ID);
    parts->ms[part] += now - parts->last;
    parts->last = now;
}

static bool render_parts(const Bench *bench, const float *x, uint8_t *rgb, Parts *parts, Error *err)
{
    *parts = (Parts){.last = milliseconds(CLOCK_THREAD_CPUTIME_ID)};
    EngineScene posed;
    if (!engine_scene(bench->engine, x, &posed, err))
        return false;
    Frame frame;
    bool ok = frame_begin(&frame, posed.tables, &posed.scene, &bench->options);
    frame.done = part_done;
    frame.done_context = parts;
    ok = ok && frame_draw(&frame, rgb, NULL);
    frame_end(&frame);
    engine_scene_free(&posed);
    return ok || error_set(err, "out of memory");
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *value, int n)
{
    qsort(value, (size_t)n, sizeof *value, compare);
    return n % 2 ? value[n / 2] : 0.5 * (value[n / 2 - 1] + value[n / 2]);
}

/* One thread's work: it takes the next person until none is left. (A fixed half each would measure
 * who got the curls.) */
typedef struct Share {
    const Bench *bench;
    atomic_int *next;
    double cpu; /* out: processor time, ms */
    bool ok;
    Error err;
} Share;

static void *render_share(void *argument)
{
    Share *share = argument;
    const Bench *b = share->bench;
    int dim = engine_schema(b->engine)->dim;
    double begin = milliseconds(CLOCK_THREAD_CPUTIME_ID);
    uint8_t *rgb = malloc((size_t)b->options.size * b->options.size * 3);
    share->ok = rgb || error_set(&share->err, "out of memory");
    for (int i; share->ok && (i = atomic_fetch_add(share->next, 1)) < b->people;)
        share->ok =
            engine_render(b->engine, b->x + (size_t)i * dim, &b->options, rgb, NULL, &share->err);
    free(rgb);
    share->cpu = milliseconds(CLOCK_THREAD_CPUTIME_ID) - begin;
    return NULL;
}

/* Wall time and the longest thread's processor time of all people on n threads. */
static bool share_people(const Bench *bench, int n, double *ms, double *cpu, Error *err)
{
    Share share[THREADS];
    pthread_t thread[THREADS];
    atomic_int next = 0;
    double begin = milliseconds(CLOCK_MONOTONIC);
    *cpu = 0;
    int started = 0;
    bool ok = true;
    for (; ok && started < n; started += ok) {
        share[started] = (Share){.bench = bench, .next = &next};
        ok = pthread_create(&thread[started], NULL, render_share, &share[started]) == 0 ||
             error_set(err, "cannot start a thread");
    }
    for (int i = 0; i < started; i++) {
        pthread_join(thread[i], NULL);
        if (ok && !share[i].ok) {
            *err = share[i].err;
            ok = false;
        }
        *cpu = fmax(*cpu, share[i].cpu);
    }
    *ms = milliseconds(CLOCK_MONOTONIC) - begin;
    return ok;
}

typedef struct Result {
    double whole, labelled, least, most, part[PART_COUNT], wall[THREADS], cpu[THREADS];
} Result;

static bool measure(const Bench *b, Result *result, Error *err)
{
    const Schema *schema = engine_schema(b->engine);
    size_t pixels = (size_t)b->options.size * b->options.size;
    uint8_t *rgb = malloc(pixels * 3), *labels = malloc(pixels);
    double *ms = malloc((PART_COUNT + 2) * (size_t)b->people * sizeof *ms);
    bool ok = (rgb && labels && ms) || error_set(err, "out of memory");
    for (int i = 0; ok && i < b->people; i++) {
        const float *x = b->x + (size_t)i * schema->dim;
        double least[2] = {1e30, 1e30};
        for (int k = 0; ok && k < 2 * TIMES; k++) {
            double begin = milliseconds(CLOCK_THREAD_CPUTIME_ID);
            ok = engine_render(b->engine, x, &b->options, rgb, k % 2 ? labels : NULL, err);
            least[k % 2] = fmin(least[k % 2], milliseconds(CLOCK_THREAD_CPUTIME_ID) - begin);
        }
        Parts parts;
        ok = ok && render_parts(b, x, rgb, &parts, err);
        for (int k = 0; ok && k < 2; k++)
            ms[(PART_COUNT + k) * b->people + i] = least[k];
        for (int k = 0; ok && k < PART_COUNT; k++)
            ms[k * b->people + i] = parts.ms[k];
    }
    for (int k = 0; ok && k < PART_COUNT; k++)
        result->part[k] = median(ms + k * b->people, b->people);
    if (ok) {
        result->whole = median(ms + PART_COUNT * b->people, b->people);
        result->least = ms[PART_COUNT * b->people];
        result->most = ms[(PART_COUNT + 1) * b->people - 1];
        result->labelled = median(ms + (PART_COUNT + 1) * b->people, b->people);
    }
    for (int n = 1; ok && n <= THREADS; n++)
        ok = share_people(b, n, &result->wall[n - 1], &result->cpu[n - 1], err);
    free(ms);
    free(labels);
    free(rgb);
    return ok;
}

static void print(const Bench *b, const Result *r, bool json)
{
    const char *line = json ? "\"%s_ms\": %.3f, " : "%-20s %9.2f ms\n";
    if (json)
        printf("{\"schema\": \"%s\", \"size\": %d, \"people\": %d, ",
               engine_schema(b->engine)->name, b->options.size, b->people);
    else
        printf("%s, %d x %d, %d people: processor time, median\n", engine_schema(b->engine)->name,
               b->options.size, b->options.size, b->people);
    printf(line, "picture", r->whole);
    printf(line, "least", r->least);
    printf(line, "most", r->most);
    for (int k = 0; k < PART_COUNT; k++)
        printf(line, part_name[k], r->part[k]);
    printf(line, "picture_and_labels", r->labelled);
    printf(json ? "\"one_thread_per_second\": %.3f, \"two_threads_per_second\": %.3f, "
                  "\"scaling\": %.3f, \"scaling_of_processor_time\": %.3f}\n"
                : "%.2f pictures a second on one thread, %.2f on two: x %.2f (x %.2f by processor "
                  "time, on a machine that does other work)\n",
           b->people * 1e3 / r->wall[0], b->people * 1e3 / r->wall[1], r->wall[0] / r->wall[1],
           r->cpu[0] / r->cpu[1]);
}

/* Person i wears hairstyle i, counted round. */
static void set_people(Bench *b)
{
    const Schema *schema = engine_schema(b->engine);
    int hair = schema_find_group(schema, "hair");
    for (int i = 0; i < b->people; i++) {
        float *x = b->x + (size_t)i * schema->dim;
        schema_random_person(schema, 1, (uint64_t)i, x);
        if (hair < 0)
            continue;
        const ControlGroup *group = &schema->group[hair];
        for (int k = 0; k < group->count; k++)
            x[group->begin + k] = k == i % group->count;
    }
}

int main(int argc, char **argv)
{
    Bench bench = {.options = render_options_default(), .people = 100};
    bool json = false, usage = argc < 3;
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (i + 1 < argc && strcmp(argv[i], "--size") == 0)
            bench.options.size = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--people") == 0)
            bench.people = atoi(argv[++i]);
        else
            usage = true;
    }
    if (usage || bench.people < 1) {
        fprintf(stderr, "usage: bench_render PACK SCHEMA [--size N] [--people N] [--json]\n");
        return 2;
    }
    Error err;
    Engine *engine;
    if (!engine_open_builtin(&engine, argv[1], argv[2], &err)) {
        fprintf(stderr, "bench_render: %s\n", err.text);
        return 1;
    }
    bench.engine = engine;
    bench.x = malloc((size_t)bench.people * engine_schema(engine)->dim * sizeof *bench.x);
    Result result;
    bool ok = bench.x || error_set(&err, "out of memory");
    if (ok)
        set_people(&bench);
    ok = ok && measure(&bench, &result, &err);
    if (ok)
        print(&bench, &result, json);
    else
        fprintf(stderr, "bench_render: %s\n", err.text);
    free(bench.x);
    engine_close(engine);
    return !ok;
}
