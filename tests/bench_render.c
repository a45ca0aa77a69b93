/* Times a render by part: bench_render PACK SCHEMA [SIZE]. One thread's processor time over random
 * people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/engine_scene.h"
#include "engine/renderer_internal.h"

enum { PEOPLE = 24, PARTS = 6 };

static const char *const part_name[PARTS] = {"pose and dress", "transform",      "shadow map",
                                             "bins",           "draw and shade", "all"};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool draw_once(const Engine *engine, const float *x, const RenderOptions *options,
                      uint8_t *rgb, uint8_t *labels, double ms[PARTS], Error *err)
{
    double t[PARTS];
    t[0] = now();
    EngineScene posed;
    if (!engine_scene(engine, x, &posed, err))
        return false;
    t[1] = now();
    Frame frame;
    bool ok = frame_begin(&frame, posed.tables, &posed.scene, options);
    if (ok) {
        frame_set_view(&frame);
        frame_transform(&frame);
        t[2] = now();
        shadow_draw(&frame);
        t[3] = now();
        ok = frame_bin(&frame);
        t[4] = now();
        ok = ok && frame_draw(&frame, rgb, labels);
        t[5] = now();
    }
    frame_end(&frame);
    engine_scene_free(&posed);
    for (int i = 0; ok && i < PARTS - 1; i++)
        ms[i] = t[i + 1] - t[i];
    ms[PARTS - 1] = ok ? t[PARTS - 1] - t[0] : 0;
    return ok || error_set(err, "out of memory");
}

static bool bench(const Engine *engine, int size, Error *err)
{
    const Schema *schema = engine_schema(engine);
    RenderOptions options = render_options_default();
    options.size = size;
    float *x = malloc((size_t)schema->dim * sizeof *x);
    uint8_t *rgb = malloc((size_t)size * size * 3), *labels = malloc((size_t)size * size);
    static double ms[PARTS][PEOPLE];
    bool ok = x && rgb && labels;
    for (int i = 0; ok && i < PEOPLE; i++) {
        double part[PARTS];
        schema_random_person(schema, 1, (uint64_t)i, x);
        for (int twice = 0; ok && twice < 2; twice++) /* the first one warms the caches */
            ok = draw_once(engine, x, &options, rgb, labels, part, err);
        for (int p = 0; ok && p < PARTS; p++)
            ms[p][i] = part[p];
    }
    free(labels);
    free(rgb);
    free(x);
    for (int p = 0; ok && p < PARTS; p++) {
        qsort(ms[p], PEOPLE, sizeof *ms[p], compare);
        printf("%5d %-15s median %7.2f ms, least %7.2f, most %7.2f\n", size, part_name[p],
               ms[p][PEOPLE / 2], ms[p][0], ms[p][PEOPLE - 1]);
    }
    return ok;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench_render PACK SCHEMA [SIZE]\n");
        return 2;
    }
    Error err;
    Engine *engine;
    if (!engine_open_builtin(&engine, argv[1], argv[2], &err)) {
        fprintf(stderr, "bench_render: %s\n", err.text);
        return 1;
    }
    bool ok = true;
    if (argc > 3) {
        ok = bench(engine, atoi(argv[3]), &err);
    } else {
        const int sizes[] = {128, 256, 512};
        for (int i = 0; ok && i < 3; i++)
            ok = bench(engine, sizes[i], &err);
    }
    if (!ok)
        fprintf(stderr, "bench_render: %s\n", err.text);
    engine_close(engine);
    return !ok;
}
