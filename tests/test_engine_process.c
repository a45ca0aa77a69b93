/* Engines that are programs: what they draw arrives, and whatever they do wrong ends in one clear
 * sentence, in time, with nothing left behind. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/engine.h"
#include "tests/engine_files.h"
#include "tests/test_folder.h"

enum { CONTROLS = 5, OPTIONS = 2, DIM = CONTROLS + OPTIONS, SIZE = 64, PIXELS = SIZE * SIZE };

static char folder[TEST_PATH], program[4096];

static void write_schema(void)
{
    char path[TEST_PATH], text[4096];
    int n = snprintf(text, sizeof text, "{\"name\": \"toy\", \"version\": 1, \"continuous\": [");
    for (int i = 0; i < CONTROLS; i++)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "%s{\"name\": \"c%d\", \"component\": \"macro\", \"prior\": \"macro\", "
                      "\"kind\": \"macro\", \"drive\": \"c%d\", \"lo\": 0, \"hi\": 1, "
                      "\"mean\": 0.5, \"deviation\": 0.2}",
                      i ? ", " : "", i, i);
    snprintf(text + n, sizeof text - (size_t)n,
             "], \"discrete\": [{\"name\": \"hair\", \"options\": [\"bald\", \"long\"]}]}");
    write_text(test_path(path, folder, "schema.json"), text);
}

/* FILE.json for a mode of bad_engine; rest: further fields, with a comma before. */
static const char *describe(const char *mode, const char *rest)
{
    static char path[TEST_PATH];
    char text[8192];
    snprintf(text, sizeof text,
             "{\"engine\": \"process\", \"schema\": \"schema.json\", "
             "\"command\": [\"%s\", \"%s\", \"%d\", \"happened\"]%s}",
             program, mode, DIM, rest);
    write_text(test_path(path, folder, "engine.json"), text);
    return path;
}

static Engine *open_mode(const char *mode, const char *rest)
{
    Engine *engine;
    Error err;
    if (!engine_open_file(&engine, describe(mode, rest), &err))
        fail_msg("%s: %s", mode, err.text);
    return engine;
}

static RenderOptions small(void)
{
    RenderOptions o = render_options_default();
    o.size = SIZE;
    return o;
}

static const float some[DIM] = {.1f, .9f, .3f, .7f, .5f, 0, 1};

/* What bad_engine paints, channel c of pixel i. */
static uint8_t painted(const float *x, size_t i, size_t c, float yaw)
{
    return (uint8_t)(200 * x[(i + c) % DIM] + (float)(i % 7) + yaw);
}

static void check_painted(const float *x, const uint8_t *rgb, float yaw)
{
    for (size_t i = 0; i < PIXELS; i++)
        for (size_t c = 0; c < 3; c++)
            if (rgb[3 * i + c] != painted(x, i, c, yaw))
                fail_msg("pixel %zu, channel %zu is %d, not %d", i, c, rgb[3 * i + c],
                         painted(x, i, c, yaw));
}

/* ---- What is left behind ---- */

static int descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

static int inherited; /* descriptors without close-on-exec: whoever started the test left them */

static int count_inherited(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++) {
        int flags = fcntl(fd, F_GETFD);
        n += flags != -1 && !(flags & FD_CLOEXEC);
    }
    return n;
}

static bool childless(void)
{
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
}

static int before;

static int note_what_is(void **state)
{
    (void)state;
    char path[TEST_PATH];
    before = descriptors();
    remove(test_path(path, folder, "happened"));
    return childless() ? 0 : -1;
}

static int nothing_left(void **state)
{
    (void)state;
    return childless() && descriptors() == before ? 0 : -1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- It draws ---- */

static void frames_and_pngs(void **state)
{
    (void)state;
    static const char *const modes[] = {"plain", "png"};
    uint8_t rgb[3 * PIXELS];
    RenderOptions o = small();
    for (size_t m = 0; m < 2; m++) {
        Engine *e = open_mode(modes[m], "");
        Error err;
        assert_string_equal(engine_schema(e)->name, "toy");
        assert_false(engine_can(e, ENGINE_LABELS));
        assert_int_equal(engine_sample_count(e), 0);
        if (!engine_render(e, some, &o, rgb, NULL, &err))
            fail_msg("%s: %s", modes[m], err.text);
        check_painted(some, rgb, 0);
        engine_close(e);
    }
}

static void labels_arrive(void **state)
{
    (void)state;
    Engine *e = open_mode("labels", "");
    uint8_t rgb[3 * PIXELS], labels[PIXELS];
    RenderOptions o = small();
    assert_true(engine_can(e, ENGINE_LABELS));
    assert_true(engine_render(e, some, &o, rgb, NULL, NULL));
    assert_true(engine_render(e, some, &o, rgb, labels, NULL));
    check_painted(some, rgb, 0);
    for (size_t i = 0; i < PIXELS; i++)
        assert_int_equal(labels[i], i % 11);
    engine_close(e);
}

static void views_arrive(void **state)
{
    (void)state;
    Engine *e = open_mode("view", "");
    uint8_t rgb[3 * PIXELS];
    RenderOptions o = small();
    o.yaw = 20;
    assert_true(engine_render(e, some, &o, rgb, NULL, NULL));
    check_painted(some, rgb, 20);
    engine_close(e);
}

static void alpha_meets_the_background(void **state)
{
    (void)state;
    Engine *e = open_mode("rgba", "");
    static uint8_t rgb[3 * PIXELS], rgba[4 * PIXELS], behind[3 * PIXELS];
    RenderOptions o = small();
    for (size_t i = 0; i < sizeof behind; i++)
        behind[i] = (uint8_t)(i * 5);
    o.background_image = behind;
    assert_true(engine_render(e, some, &o, rgb, NULL, NULL));
    o.transparent = true;
    assert_true(engine_render(e, some, &o, rgba, NULL, NULL));
    for (size_t i = 0; i < PIXELS; i++) {
        int alpha = (int)(i % 256);
        assert_int_equal(rgba[4 * i + 3], alpha);
        for (size_t c = 0; c < 3; c++) {
            double front = painted(some, i, c, 0), mix = alpha / 255.0;
            assert_int_equal(rgba[4 * i + c], (int)front);
            assert_float_equal(rgb[3 * i + c], front * mix + behind[3 * i + c] * (1 - mix), .51);
        }
    }
    engine_close(e);
}

/* ---- It is asked for what it cannot do ---- */

static void asked_too_much(void **state)
{
    (void)state;
    Engine *e = open_mode("plain", "");
    uint8_t rgb[4 * PIXELS], labels[PIXELS];
    Error err;
    RenderOptions o = small();
    assert_false(engine_render(e, some, &o, rgb, labels, &err));
    assert_non_null(strstr(err.text, "label"));
    o.light_pitch += 5;
    assert_false(engine_render(e, some, &o, rgb, NULL, &err));
    assert_non_null(strstr(err.text, "view"));
    o = small();
    o.transparent = true;
    assert_false(engine_render(e, some, &o, rgb, NULL, &err));
    assert_non_null(strstr(err.text, "background"));
    float x[DIM] = {0};
    x[2] = NAN;
    o = small();
    assert_false(engine_render(e, x, &o, rgb, NULL, &err));
    assert_non_null(strstr(err.text, "value 2"));
    engine_close(e);
}

/* ---- It does not start ---- */

static void refuses_to_open(const char *path, const char *words)
{
    Engine *engine;
    Error err = {""};
    assert_false(engine_open_file(&engine, path, &err));
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
}

static void bad_starts(void **state)
{
    (void)state;
    static const struct {
        const char *mode, *words;
    } cases[] = {
        {"exits", "did not start: it exited with status 3"},
        {"aborts", "did not start: it was killed by signal 6"},
        {"chats", "answered \"Hell\" where \"SELF\" should be"},
        {"refuses", "refuses to start: no licence"},
        {"version", "speaks version 2"},
        {"dim", "takes 8 parameters, and the schema toy has 7"},
        {"abilities", "claims abilities 0x40"},
        {"short-hello", "\"SELF\" of 8 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses_to_open(describe(cases[i].mode, ""), cases[i].words);
    refuses_to_open(describe("exits", ""), "engine.json: the engine \"");
    refuses_to_open(describe("exits", ""), "bad_engine exits 7 happened\"");
    double start = now();
    refuses_to_open(describe("silent", ", \"start_timeout_s\": 0.3"),
                    "no answer within 0.3 s and was stopped; \"start_timeout_s\"");
    assert_in_range((intmax_t)(1000 * (now() - start)), 290, 10000);
}

static void no_such_program(void **state)
{
    (void)state;
    char path[TEST_PATH];
    write_text(test_path(path, folder, "engine.json"),
               "{\"engine\": \"process\", \"schema\": \"schema.json\", "
               "\"command\": [\"./nothing\", \"here\"]}");
    refuses_to_open(path, "the engine \"./nothing here\" cannot be started: No such file");
    /* A program that only repeats what it hears. */
    write_text(path, "{\"engine\": \"process\", \"schema\": \"schema.json\", "
                     "\"command\": [\"cat\"]}");
    refuses_to_open(path, "answered \"HELO\"");
}

static void bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{", "line 1"},
        {"[]", "needs an \"engine\""},
        {"{\"engine\": \"magic\", \"schema\": \"schema.json\"}", "needs an \"engine\""},
        {"{\"engine\": \"process\"}", "needs a \"schema\""},
        {"{\"engine\": \"process\", \"schema\": \"none.json\", \"command\": [\"x\"]}", "none.json"},
        {"{\"engine\": \"process\", \"schema\": \"schema.json\"}", "needs a \"command\""},
        {"{\"engine\": \"process\", \"schema\": \"schema.json\", \"command\": []}",
         "needs a \"command\""},
        {"{\"engine\": \"process\", \"schema\": \"schema.json\", \"command\": [3]}",
         "list of texts"},
        {"{\"engine\": \"process\", \"schema\": \"schema.json\", \"command\": [\"cat\"], "
         "\"time\": 3}",
         "\"time\" is no field"},
        {"{\"engine\": \"process\", \"schema\": \"schema.json\", \"command\": [\"cat\"], "
         "\"workers\": 1.5}",
         "\"workers\" must be a whole number"},
        {"{\"engine\": \"process\", \"schema\": \"schema.json\", \"command\": [\"cat\"], "
         "\"workers\": 0}",
         "\"workers\" must be a number from 1 to 256"},
        {"{\"engine\": \"process\", \"schema\": \"schema.json\", \"command\": [\"cat\"], "
         "\"timeout_s\": -1}",
         "\"timeout_s\" must be"},
    };
    char path[TEST_PATH];
    test_path(path, folder, "engine.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(path, cases[i].text);
        refuses_to_open(path, cases[i].words);
    }
    refuses_to_open(test_path(path, folder, "absent.json"), "absent.json");
}

/* ---- It goes wrong while it draws ---- */

static void render_fails(Engine *e, const char *mode, const char *words)
{
    uint8_t rgb[3 * PIXELS], labels[PIXELS];
    Error err = {""};
    RenderOptions o = small();
    if (engine_render(e, some, &o, rgb, engine_can(e, ENGINE_LABELS) ? labels : NULL, &err))
        fail_msg("%s: a render worked", mode);
    if (!strstr(err.text, words) || !strstr(err.text, "engine.json: the engine \""))
        fail_msg("%s: '%s' does not say '%s'", mode, err.text, words);
}

static void bad_pictures(void **state)
{
    (void)state;
    static const struct {
        const char *mode, *words;
    } cases[] = {
        {"dies", "died twice over the same character: it exited with status 5"},
        {"cut", "died twice over the same character: it exited with status 6"},
        {"deaf", "died twice over the same character: it closed its pipe"},
        {"fails", "cannot draw this character: the hat is missing"},
        {"size", "a picture of 65 x 65 instead of 64 x 64"},
        {"small-png", "a PNG of 63 x 63 instead of 64 x 64"},
        {"short", "a frame of 12258 bytes instead of 12288"},
        {"announces", "announced a picture of 1012288 bytes and sent 12288"},
        {"extra", "5 bytes after the picture where 0 of labels belong"},
        {"huge", "announced a \"PICT\" of 4294967280 bytes where"},
        {"format", "format 7"},
        {"corrupt-png", "sent a bad PNG"},
        {"no-png", "a PNG that is none"},
        {"bad-label", "the label map holds 11"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Engine *e = open_mode(cases[i].mode, "");
        render_fails(e, cases[i].mode, cases[i].words);
        render_fails(e, cases[i].mode, cases[i].words); /* and the pool is as it was */
        engine_close(e);
    }
}

static void hangs(void **state)
{
    (void)state;
    Engine *e = open_mode("hangs", ", \"timeout_s\": 0.3");
    double start = now();
    render_fails(e, "hangs", "no answer within 0.3 s and was stopped; \"timeout_s\"");
    assert_in_range((intmax_t)(1000 * (now() - start)), 290, 10000);
    engine_close(e);
}

static void words_after_the_picture(void **state)
{
    (void)state;
    Engine *e = open_mode("garbage", "");
    uint8_t rgb[3 * PIXELS];
    RenderOptions o = small();
    assert_true(engine_render(e, some, &o, rgb, NULL, NULL)); /* whole, as far as anyone can see */
    render_fails(e, "garbage", "sent bytes after its answer that nobody asked for");
    engine_close(e);
}

static void dies_and_comes_back(void **state)
{
    (void)state;
    Engine *e = open_mode("dies-once", "");
    uint8_t rgb[3 * PIXELS];
    char path[TEST_PATH];
    RenderOptions o = small();
    Error err;
    if (!engine_render(e, some, &o, rgb, NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(access(test_path(path, folder, "happened"), F_OK), 0);
    check_painted(some, rgb, 0);
    engine_close(e);
}

/* One that dies between two pictures is replaced, and nobody hears of it. */
static void killed_while_idle(void **state)
{
    (void)state;
    Engine *e = open_mode("plain", "");
    uint8_t rgb[3 * PIXELS];
    RenderOptions o = small();
    char text[64], path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *f = fopen(path, "r");
    if (!f || !fgets(text, sizeof text, f))
        fail_msg("%s cannot be read", path);
    fclose(f);
    kill((pid_t)atoi(text), SIGKILL);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    assert_true(engine_render(e, some, &o, rgb, NULL, NULL));
    check_painted(some, rgb, 0);
    engine_close(e);
}

/* ---- What the process is given, and how it is let go ---- */

static void nothing_to_inherit(void **state)
{
    (void)state;
    char words[64];
    Engine *a = open_mode("self", ""), *b = open_mode("self", "");
    snprintf(words, sizeof words, ": %d descriptors, its own group", inherited);
    render_fails(a, "self", words);
    render_fails(b, "self", words);
    engine_close(b);
    engine_close(a);
}

/* Whether a process runs: it is there, and no zombie that waits for whoever adopted it. */
static bool runs(int pid)
{
    char path[64], state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    int n = fscanf(f, "%*d %*s %c", &state);
    fclose(f);
    return n == 1 && state != 'Z';
}

/* What it started goes with it. */
static void leaves_another_behind(void **state)
{
    (void)state;
    int pid = 0;
    char path[TEST_PATH];
    Engine *e = open_mode("forks", "");
    FILE *f = fopen(test_path(path, folder, "happened"), "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &pid), 1);
    fclose(f);
    assert_true(runs(pid));
    engine_close(e);
    for (int i = 0; i < 500 && runs(pid); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_false(runs(pid));
}

/* One that does not leave when its input ends is killed. */
static void stays_behind(void **state)
{
    (void)state;
    Engine *e = open_mode("stays", "");
    double start = now();
    engine_close(e);
    assert_in_range((intmax_t)(1000 * (now() - start)), 900, 10000);
}

/* ---- Many at once ---- */

enum { THREADS = 4, EACH = 25 };

typedef struct Task {
    const Engine *engine;
    int first;
    bool ok;
} Task;

static void vector(int i, float *x)
{
    for (int k = 0; k < DIM; k++)
        x[k] = (float)((i * 37 + k * 11) % 101) / 100;
}

static void *many(void *argument)
{
    Task *t = argument;
    RenderOptions o = small();
    uint8_t *rgb = malloc(3 * PIXELS);
    t->ok = rgb;
    for (int i = t->first; i < t->first + EACH && t->ok; i++) {
        float x[DIM];
        vector(i, x);
        t->ok = engine_render(t->engine, x, &o, rgb, NULL, NULL);
        for (size_t k = 0; k < 3 * PIXELS && t->ok; k++)
            t->ok = rgb[k] == painted(x, k / 3, k % 3, 0);
    }
    free(rgb);
    return NULL;
}

static void many_threads(void **state)
{
    (void)state;
    static const char *const workers[] = {", \"workers\": 1", ", \"workers\": 3"};
    for (size_t w = 0; w < 2; w++) {
        Engine *e = open_mode("slow", workers[w]);
        pthread_t thread[THREADS];
        Task task[THREADS];
        for (int t = 0; t < THREADS; t++) {
            task[t] = (Task){.engine = e, .first = t * EACH};
            assert_int_equal(pthread_create(&thread[t], NULL, many, &task[t]), 0);
        }
        for (int t = 0; t < THREADS; t++) {
            pthread_join(thread[t], NULL);
            assert_true(task[t].ok);
        }
        engine_close(e);
    }
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, note_what_is, nothing_left)

int main(void)
{
    char here[2048];
    const struct CMUnitTest tests[] = {
        CASE(frames_and_pngs),
        CASE(labels_arrive),
        CASE(views_arrive),
        CASE(alpha_meets_the_background),
        CASE(asked_too_much),
        CASE(bad_starts),
        CASE(no_such_program),
        CASE(bad_files),
        CASE(bad_pictures),
        CASE(hangs),
        CASE(words_after_the_picture),
        CASE(dies_and_comes_back),
        CASE(killed_while_idle),
        CASE(nothing_to_inherit),
        CASE(leaves_another_behind),
        CASE(stays_behind),
        CASE(many_threads),
    };
    if (!getcwd(here, sizeof here) || !test_folder_make(folder))
        return 1;
    snprintf(program, sizeof program, "%s/tests/bad_engine", here);
    inherited = count_inherited();
    write_schema();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_folder_remove(folder);
    return failed;
}
