/* Sets of pairs: what is written is what is rendered, a killed run goes on without loss, damage is
 * found. The engine here is a stand-in, as small as it can be, so that the files are tested and not
 * the faces. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "datasets/pairs_internal.h"
#include "engine/engine_internal.h"
#include "libtensor/rng.h"
#include "tests/test_folder.h"

/* ---- The stand-in ---- */

enum { CONTROLS = 5, OPTIONS = 3, DIM = CONTROLS + OPTIONS, SIZE = 16 };

typedef struct Toy {
    Engine base;
    Schema schema;
    Control control[CONTROLS];
    ControlGroup group;
    ControlOption option[OPTIONS];
    float fails_above;   /* x[0] */
    long nanoseconds;    /* a render takes */
    RenderOptions *last; /* NULL, or where to note the view */
} Toy;

static bool toy_render(const Engine *engine, const float *x, const RenderOptions *options,
                       uint8_t *rgb, uint8_t *labels, Error *err)
{
    const Toy *toy = (const Toy *)engine;
    size_t n = (size_t)options->size * (size_t)options->size;
    if (x[0] > toy->fails_above)
        return error_set(err, "x is too large");
    if (toy->last)
        *toy->last = *options;
    nanosleep(&(struct timespec){.tv_nsec = toy->nanoseconds}, NULL);
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(200 * x[(i + c) % CONTROLS] + options->yaw);
        if (labels)
            labels[i] = (uint8_t)(i * 11 / n);
    }
    return true;
}

static const EngineClass toy_class = {.render = toy_render};

/* A folder of finished pictures: sample i is grey i, at x = i / 100. */
static bool finished_sample(const Engine *engine, int64_t i, int size, float *x, uint8_t *rgb,
                            uint8_t *labels, Error *err)
{
    (void)err;
    assert_true(i >= 0 && i < engine->n_samples);
    for (int k = 0; k < DIM; k++)
        x[k] = (float)i / 100;
    memset(rgb, (int)i, 3 * (size_t)size * (size_t)size);
    if (labels)
        memset(labels, LABEL_NOSE, (size_t)size * (size_t)size);
    return true;
}

static const EngineClass finished_class = {.sample = finished_sample};

static Toy make_engine(void)
{
    Toy e = {.base.class = &toy_class,
             .base.can = ENGINE_LABELS | ENGINE_VIEW | ENGINE_BACKGROUND,
             .fails_above = 2};
    for (int i = 0; i < CONTROLS; i++) {
        snprintf(e.control[i].name, sizeof e.control[i].name, "c%d", i);
        e.control[i].mean = .5f;
        e.control[i].deviation = .1f;
        e.control[i].hi = 1;
    }
    strcpy(e.group.name, "hair");
    e.group.begin = CONTROLS;
    e.group.count = OPTIONS;
    for (int i = 0; i < OPTIONS; i++) {
        snprintf(e.option[i].name, sizeof e.option[i].name, "o%d", i);
        e.option[i].weight = 1;
    }
    strcpy(e.schema.name, "toy");
    e.schema.version = 1;
    e.schema.n_continuous = CONTROLS;
    e.schema.n_groups = 1;
    e.schema.dim = DIM;
    return e;
}

/* Its pointers lead into itself, so it must not be moved after this. */
static void tie(Toy *e)
{
    e->base.schema = &e->schema;
    e->schema.control = e->control;
    e->schema.group = &e->group;
    e->group.option = e->option;
}

static PairsInfo info_of(const Engine *engine, PairsKind kind, int64_t count, int64_t shard)
{
    PairsInfo info = {.kind = kind, .size = SIZE, .count = count, .shard = shard, .seed = 77};
    Error err;
    if (!pairs_info_set_engine(&info, engine, &err))
        fail_msg("%s", err.text);
    return info;
}

/* ---- A disk that gets full ---- */

static int64_t room = INT64_MAX; /* bytes that can still be written */

size_t __real_fwrite(const void *data, size_t size, size_t n, FILE *file);
size_t __wrap_fwrite(const void *data, size_t size, size_t n, FILE *file);

/* The linker puts this in the place of fwrite: as the real one on a full disk, it writes what fits
 * and says that there is no more space. */
size_t __wrap_fwrite(const void *data, size_t size, size_t n, FILE *file)
{
    if ((int64_t)(size * n) <= room) {
        room -= (int64_t)(size * n);
        return __real_fwrite(data, size, n, file);
    }
    size_t fits = __real_fwrite(data, 1, (size_t)room, file);
    room = 0;
    errno = ENOSPC;
    return fits / size;
}

/* ---- Help ---- */

static char folder[TEST_PATH];
static Toy engine;
static const char *self;

static int setup(void **state)
{
    (void)state;
    engine = make_engine();
    tie(&engine);
    return test_folder_make(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static uint8_t *read_all(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes;
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    bytes = malloc(*n + 1);
    assert_int_equal(fread(bytes, 1, *n, f), *n);
    fclose(f);
    return bytes;
}

static void change_byte(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    int c;
    assert_non_null(f);
    assert_int_equal(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    c = fgetc(f);
    assert_int_equal(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    fputc(c ^ 32, f);
    assert_int_equal(fclose(f), 0);
}

/* The same files with the same bytes. */
static void assert_same_folder(const char *a, const char *b)
{
    DIR *d = opendir(a);
    struct dirent *entry;
    int files[2] = {0};
    assert_non_null(d);
    while ((entry = readdir(d))) {
        char pa[2 * TEST_PATH], pb[2 * TEST_PATH];
        size_t na, nb;
        uint8_t *ba, *bb;
        if (entry->d_name[0] == '.')
            continue;
        files[0]++;
        snprintf(pa, sizeof pa, "%.200s/%.200s", a, entry->d_name);
        snprintf(pb, sizeof pb, "%.200s/%.200s", b, entry->d_name);
        ba = read_all(pa, &na);
        bb = read_all(pb, &nb);
        assert_non_null(bb);
        assert_int_equal(na, nb);
        assert_memory_equal(ba, bb, na);
        free(ba);
        free(bb);
    }
    closedir(d);
    d = opendir(b);
    while ((entry = readdir(d)))
        files[1] += entry->d_name[0] != '.';
    closedir(d);
    assert_int_equal(files[0], files[1]);
    assert_true(files[0] > 1);
}

static void write_set(const char *dir, const PairsInfo *info)
{
    Error err = {""};
    if (!pairs_write(dir, &engine.base, info, NULL, NULL, &err))
        fail_msg("%s", err.text);
}

static void assert_write_fails(const char *dir, const PairsInfo *info, const char *word)
{
    Error err = {""};
    assert_false(pairs_write(dir, &engine.base, info, NULL, NULL, &err));
    if (!strstr(err.text, word))
        fail_msg("\"%s\" does not say \"%s\"", err.text, word);
}

static void assert_open_fails(const char *dir, const char *word)
{
    Error err = {""};
    Pairs *pairs = NULL;
    assert_false(pairs_open(&pairs, dir, &err));
    assert_null(pairs);
    if (!strstr(err.text, word))
        fail_msg("\"%s\" does not say \"%s\"", err.text, word);
}

/* ---- Tests ---- */

typedef struct Seen {
    int64_t calls, last, stop_at;
} Seen;

static bool see(void *context, int64_t done, int64_t total)
{
    Seen *s = context;
    assert_true(done >= s->last && done <= total);
    s->calls++;
    s->last = done;
    return done < s->stop_at;
}

static void written_is_rendered(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        char dir[TEST_PATH];
        PairsInfo info = info_of(&engine.base, (PairsKind)kind, 107, 40);
        Seen seen = {.stop_at = 1000};
        Pairs *pairs;
        test_path(dir, folder, kind ? "segmenter" : "imitator");
        assert_true(pairs_write(dir, &engine.base, &info, see, &seen, NULL));
        assert_int_equal(seen.last, 107);
        assert_true(seen.calls >= 3);
        assert_true(pairs_open(&pairs, dir, NULL));
        assert_memory_equal(pairs_info(pairs)->digest, info.digest, 17);
        assert_int_equal(pairs_info(pairs)->count, 107);
        assert_int_equal(pairs_info(pairs)->seed, 77);
        assert_int_equal(pairs_info(pairs)->kind, kind);
        for (int64_t i = 0; i < 107; i++) {
            float x[DIM];
            uint8_t rgb[3 * SIZE * SIZE], label[SIZE * SIZE];
            Pair pair;
            assert_true(pairs_get(pairs, i, &pair, NULL));
            assert_true(pairs_render(&engine.base, &info, i, x, rgb, label, NULL));
            assert_memory_equal(pair.x, x, sizeof x);
            assert_memory_equal(pair.rgb, rgb, sizeof rgb);
            assert_memory_equal(pair.label, label, sizeof label);
        }
        pairs_close(pairs);
    }
}

/* Of four samples the first is spread over everything, the third lies near a given character, and
 * the others near the average. */
static void uniform_people_and_near(void **state)
{
    PairsInfo info = info_of(&engine.base, PAIRS_IMITATOR, 2000, 10);
    float character[2][DIM];
    double spread[4] = {0}, away = 0;
    int same = 0;
    (void)state;
    for (int c = 0; c < 2; c++) {
        schema_random_person(engine.base.schema, 5, (uint64_t)c, character[c]);
        for (int k = 0; k < CONTROLS; k++)
            character[c][k] = c == 0 ? .3f : .7f;
    }
    pairs_info_set_near(&info, character[0], 2);
    for (int64_t i = 0; i < info.count; i++) {
        const float *centre = character[i / 4 % 2];
        float x[DIM];
        uint8_t rgb[3 * SIZE * SIZE], label[SIZE * SIZE];
        assert_true(pairs_render(&engine.base, &info, i, x, rgb, label, NULL));
        for (int k = 0; k < CONTROLS; k++) {
            spread[i % 4] += (x[k] - .5) * (x[k] - .5) / (CONTROLS * 500);
            if (i % 4 == 2)
                away += (x[k] - centre[k]) * (x[k] - centre[k]) / (CONTROLS * 500);
        }
        if (i % 4 == 2)
            same += schema_choice(engine.base.schema, 0, x) ==
                    schema_choice(engine.base.schema, 0, centre);
    }
    assert_true(spread[0] > .078 && spread[0] < .089); /* 1/12 */
    assert_true(spread[1] > .009 && spread[1] < .011); /* .1 squared */
    assert_true(spread[3] > .009 && spread[3] < .011);
    assert_true(away > .0022 && away < .0028); /* half of it */
    assert_true(same >= 375 && same < 500);
}

/* A set near other characters is another set. */
static void near_others(void **state)
{
    PairsInfo info = info_of(&engine.base, PAIRS_IMITATOR, 6, 4);
    float character[DIM] = {0};
    char dir[TEST_PATH];
    Error err;
    (void)state;
    test_path(dir, folder, "near");
    pairs_info_set_near(&info, character, 1);
    assert_true(pairs_write(dir, &engine.base, &info, NULL, NULL, &err));
    assert_true(pairs_write(dir, &engine.base, &info, NULL, NULL, &err));
    character[0] = .25f;
    pairs_info_set_near(&info, character, 1);
    assert_false(pairs_write(dir, &engine.base, &info, NULL, NULL, &err));
    assert_non_null(strstr(err.text, "another configuration"));
}

static bool within(float lo, float value, float hi, float *least, float *most)
{
    *least = value < *least ? value : *least;
    *most = value > *most ? value : *most;
    return value >= lo && value <= hi;
}

/* The imitator's view is always the default one; the segmenter's covers its ranges. */
static void views(void **state)
{
    RenderOptions plain = render_options_default(), seen;
    float least[4] = {99, 99, 99, 99}, most[4] = {-99, -99, -99, -99};
    Toy watched = engine;
    (void)state;
    tie(&watched);
    watched.last = &seen;
    for (int kind = 0; kind < 2; kind++) {
        PairsInfo info = info_of(&engine.base, (PairsKind)kind, 300, 10);
        for (int64_t i = 0; i < info.count; i++) {
            float x[DIM];
            uint8_t rgb[3 * SIZE * SIZE], label[SIZE * SIZE];
            assert_true(pairs_render(&watched.base, &info, i, x, rgb, label, NULL));
            if (info.kind == PAIRS_IMITATOR) {
                assert_true(seen.yaw == 0 && seen.pitch == 0 && seen.roll == 0);
                assert_true(seen.focal == plain.focal && seen.distance == plain.distance);
                assert_true(
                    seen.light_yaw == plain.light_yaw && seen.light_pitch == plain.light_pitch &&
                    seen.light_warmth == plain.light_warmth &&
                    seen.light_gain == plain.light_gain && seen.ambient_gain == plain.ambient_gain);
                assert_memory_equal(seen.background, plain.background, sizeof plain.background);
                assert_null(seen.background_image);
                continue;
            }
            float zoom = seen.focal / plain.focal / (seen.distance / plain.distance);
            assert_true(within(-40, seen.yaw, 40, &least[0], &most[0]));
            assert_true(within(-22, seen.pitch, 22, &least[1], &most[1]));
            assert_true(within(-15, seen.roll, 15, &least[2], &most[2]));
            assert_true(within(-1, seen.light_warmth, 1, &least[3], &most[3]));
            assert_true(zoom > .94f && zoom < 1.56f); /* exp(-.06) .. exp(.44) */
            assert_non_null(seen.background_image);
        }
    }
    for (int k = 0; k < 4; k++) {
        static const float reach[] = {40, 22, 15, 1};
        assert_true(least[k] < -.7f * reach[k] && most[k] > .7f * reach[k]);
    }
}

/* Where a schema has the controls of an expression, every second segmenter's sample sets each of
 * them anew; the imitator's samples and all other controls are as they were drawn. */
static void expressions(void **state)
{
    enum { N = 400 };
    Toy smiling = engine;
    int set = 0, closed = 0;
    (void)state;
    strcpy(smiling.control[1].name, "smile");
    strcpy(smiling.control[3].name, "eye-opening");
    tie(&smiling);
    PairsInfo calm = info_of(&engine.base, PAIRS_SEGMENTER, N, 10);
    PairsInfo info = info_of(&smiling.base, PAIRS_SEGMENTER, N, 10);
    PairsInfo imitator = info_of(&smiling.base, PAIRS_IMITATOR, N, 10);
    for (int64_t i = 0; i < N; i++) {
        float x[3][DIM];
        uint8_t rgb[3 * SIZE * SIZE], label[SIZE * SIZE];
        assert_true(pairs_render(&engine.base, &calm, i, x[0], rgb, label, NULL) &&
                    pairs_render(&smiling.base, &imitator, i, x[1], rgb, label, NULL) &&
                    pairs_render(&smiling.base, &info, i, x[2], rgb, label, NULL));
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        for (int k = 0; k < DIM; k++)
            if (k != 1 && k != 3)
                assert_true(x[2][k] == x[1][k]);
        if (x[2][1] != x[1][1]) {
            set++;
            assert_true(x[2][1] >= .3f && x[2][1] <= 1);
        }
        if (x[2][3] != x[1][3]) {
            closed++;
            assert_true(x[2][3] >= 0 && x[2][3] <= .6f);
        }
    }
    assert_in_range(set, N * 4 / 10, N * 6 / 10);
    assert_in_range(closed, N * 4 / 10, N * 6 / 10);
}

static void any_thread_count(void **state)
{
    char one[TEST_PATH], two[TEST_PATH];
    PairsInfo info = info_of(&engine.base, PAIRS_SEGMENTER, 50, 20);
    (void)state;
    test_path(one, folder, "one");
    test_path(two, folder, "two");
#ifdef _OPENMP
    omp_set_num_threads(1);
#endif
    write_set(one, &info);
#ifdef _OPENMP
    omp_set_num_threads(3);
#endif
    write_set(two, &info);
    assert_same_folder(one, two);
}

static void stop_and_go_on(void **state)
{
    char whole[TEST_PATH], part[TEST_PATH];
    PairsInfo info = info_of(&engine.base, PAIRS_IMITATOR, 300, 100);
    Error err;
    (void)state;
    test_path(whole, folder, "whole");
    test_path(part, folder, "part");
    write_set(whole, &info);
    for (int64_t at = 30; at < 300; at += 70) {
        Seen seen = {.stop_at = at};
        assert_false(pairs_write(part, &engine.base, &info, see, &seen, &err));
        assert_non_null(strstr(err.text, "run again"));
        assert_open_fails(part, "not finished");
    }
    write_set(part, &info);
    assert_same_folder(whole, part);
}

/* The child of the next test: renders slowly until it is done or killed. */
static int child(const char *dir, const char *limit)
{
    PairsInfo info = info_of(&engine.base, PAIRS_SEGMENTER, 400, 90);
    struct rlimit files = {(rlim_t)atol(limit), (rlim_t)atol(limit)};
    Error err;
    engine.nanoseconds = 300000;
    if (files.rlim_cur > 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &files);
    }
    if (pairs_write(dir, &engine.base, &info, NULL, NULL, &err))
        return 0;
    fputs(err.text, stderr);
    return strstr(err.text, "File too large") && strstr(err.text, "make room") ? 3 : 1;
}

static pid_t start_child(const char *dir, const char *limit)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDERR_FILENO);
        execl(self, self, "--child", dir, limit, (char *)NULL);
        _exit(9);
    }
    return pid;
}

static void killed_at_any_moment(void **state)
{
    char whole[TEST_PATH], part[TEST_PATH];
    PairsInfo info = info_of(&engine.base, PAIRS_SEGMENTER, 400, 90);
    Rng rng = rng_make((uint64_t)getpid(), 0, 0);
    int kills = 0, status = 0;
    (void)state;
    test_path(whole, folder, "never_killed");
    test_path(part, folder, "killed");
    write_set(whole, &info);
    for (int run = 0; run < 400; run++) {
        /* Ever longer lives, so that a child on a busy machine gets somewhere too. */
        uint32_t longest = 40000000u + 2000000u * (uint32_t)run;
        pid_t pid = start_child(part, "0");
        nanosleep(&(struct timespec){.tv_nsec = 4000000 + (long)rng_below(&rng, longest)}, NULL);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status))
            break;
        kills++;
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(kills >= 3);
    assert_same_folder(whole, part);
}

/* A disk that is full again and again says so, and each time the run goes on where it was. */
static void disk_full(void **state)
{
    char whole[TEST_PATH], part[TEST_PATH];
    PairsInfo info = info_of(&engine.base, PAIRS_IMITATOR, 200, 70);
    Rng rng = rng_make(5, 0, 0);
    int64_t before = 0;
    int fulls = 0;
    Error err;
    (void)state;
    test_path(whole, folder, "whole_disk");
    test_path(part, folder, "full_disk");
    write_set(whole, &info);
    for (;; fulls++) {
        Seen seen = {.stop_at = 1000};
        room = rng_below(&rng, 60000);
        bool ok = pairs_write(part, &engine.base, &info, see, &seen, &err);
        room = INT64_MAX;
        assert_true(seen.last >= before);
        before = seen.last;
        if (ok)
            break;
        if (!strstr(err.text, part) || !strstr(err.text, "No space left on device") ||
            !strstr(err.text, "make room"))
            fail_msg("%s", err.text);
        assert_open_fails(part, "not finished");
    }
    assert_true(fulls >= 5);
    assert_same_folder(whole, part);
}

/* The same with a limit of the system, in the child. */
static void file_too_large(void **state)
{
    char whole[TEST_PATH], part[TEST_PATH];
    int status;
    pid_t pid;
    (void)state;
    test_path(whole, folder, "never_killed");
    test_path(part, folder, "full");
    pid = start_child(part, "50000");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    pid = start_child(part, "0");
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_same_folder(whole, part);
}

static void damage_is_found_and_mended(void **state)
{
    char whole[TEST_PATH], dir[TEST_PATH], shard[TEST_PATH], growing[TEST_PATH];
    PairsInfo info = info_of(&engine.base, PAIRS_IMITATOR, 100, 40);
    PairsLayout layout = pairs_layout(&info);
    Pairs *pairs;
    Pair pair;
    Error err;
    (void)state;
    test_path(whole, folder, "good");
    test_path(dir, folder, "damaged");
    test_path(shard, dir, "shard-0001.bin");
    test_path(growing, dir, "shard-0001.bin.tmp");
    write_set(whole, &info);
    write_set(dir, &info);

    assert_int_equal(truncate(shard, (off_t)(17 * layout.bytes)), 0);
    assert_open_fails(dir, "shard-0001.bin has");
    write_set(dir, &info);
    assert_same_folder(whole, dir);

    change_byte(shard, (long)(13 * layout.bytes + layout.rgb + 5));
    assert_true(pairs_open(&pairs, dir, NULL));
    for (int64_t i = 0; i < 100; i++)
        assert_int_equal(pairs_get(pairs, i, &pair, &err), i != 53);
    assert_non_null(strstr(err.text, "shard-0001.bin: sample 53 is damaged"));
    pairs_close(pairs);
    assert_int_equal(unlink(shard), 0);
    assert_open_fails(dir, "shard-0001.bin is missing");
    write_set(dir, &info);
    assert_same_folder(whole, dir);

    /* A half-written shard with damage in its middle, and with half a record at its end. */
    for (int k = 0; k < 2; k++) {
        assert_int_equal(rename(shard, growing), 0);
        if (k == 0)
            change_byte(growing, (long)(9 * layout.bytes + 1));
        else
            assert_int_equal(truncate(growing, (off_t)(21 * layout.bytes + 100)), 0);
        write_set(dir, &info);
        assert_same_folder(whole, dir);
    }
}

static void other_sets_are_refused(void **state)
{
    char dir[TEST_PATH], inner[TEST_PATH], json[TEST_PATH];
    PairsInfo info = info_of(&engine.base, PAIRS_IMITATOR, 30, 40), other;
    int lock;
    FILE *f;
    (void)state;
    test_path(dir, folder, "mine");
    write_set(dir, &info);
    for (int k = 0; k < 7; k++) {
        other = info;
        other.kind = k == 0 ? PAIRS_SEGMENTER : other.kind;
        other.count += k == 1;
        other.shard += k == 2;
        other.seed += k == 3;
        other.size += 4 * (k == 4);
        other.digest[0] ^= k == 5;
        other.schema[0] ^= k == 6;
        assert_write_fails(dir, &other, "another configuration");
    }
    write_set(dir, &info); /* and its own is not touched */

    lock = open(dir, O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_write_fails(dir, &info, "another run");
    close(lock);

    test_path(json, dir, "dataset.json");
    f = fopen(json, "w");
    fputs("{\"format\": 1, \"kind\": \"imitator\"}", f);
    fclose(f);
    assert_open_fails(dir, "dataset.json is damaged");
    assert_write_fails(dir, &info, "dataset.json is damaged");

    assert_write_fails(folder, &info, "not empty");
    test_path(inner, dir, "dataset.json/x");
    assert_write_fails(inner, &info, "cannot be made");
    assert_write_fails("/proc/visagist", &info, "/proc/visagist cannot be made");
    test_path(inner, folder, "nowhere");
    assert_open_fails(inner, "No such file");
}

static void engine_failure(void **state)
{
    char dir[TEST_PATH], word[64];
    PairsInfo info = info_of(&engine.base, PAIRS_IMITATOR, 60, 60);
    Toy fragile = engine;
    Error err;
    int first = -1;
    (void)state;
    tie(&fragile);
    fragile.fails_above = .6f;
    test_path(dir, folder, "fragile");
    for (int i = 59; i >= 0; i--) {
        float x[DIM];
        uint8_t rgb[3 * SIZE * SIZE], label[SIZE * SIZE];
        if (!pairs_render(&fragile.base, &info, i, x, rgb, label, NULL))
            first = i;
    }
    assert_true(first >= 0);
    assert_false(pairs_write(dir, &fragile.base, &info, NULL, NULL, &err));
    snprintf(word, sizeof word, "sample %d: x is too large", first);
    assert_string_equal(err.text, word);
    Seen seen = {.stop_at = 0}; /* what came before it is there */
    assert_false(pairs_write(dir, &engine.base, &info, see, &seen, &err));
    assert_int_equal(seen.last, first);
}

static void without_labels(void **state)
{
    char dir[TEST_PATH];
    Toy blind = engine;
    PairsInfo info, with = info_of(&engine.base, PAIRS_IMITATOR, 50, 20);
    Pairs *pairs;
    Error err;
    (void)state;
    tie(&blind);
    blind.base.can = 0;
    info = info_of(&blind.base, PAIRS_IMITATOR, 50, 20);
    assert_false(info.labels);
    assert_int_equal(pairs_layout(&with).bytes - pairs_layout(&info).bytes, SIZE * SIZE);
    test_path(dir, folder, "blind");
    if (!pairs_write(dir, &blind.base, &info, NULL, NULL, &err))
        fail_msg("%s", err.text);
    assert_true(pairs_open(&pairs, dir, NULL));
    assert_false(pairs_info(pairs)->labels);
    assert_int_equal(pairs_info(pairs)->n_groups, 1);
    assert_int_equal(pairs_info(pairs)->begin[0], CONTROLS);
    assert_int_equal(pairs_info(pairs)->group_size[0], OPTIONS);
    for (int64_t i = 0; i < 50; i++) {
        float x[DIM];
        uint8_t rgb[3 * SIZE * SIZE];
        Pair pair;
        assert_true(pairs_get(pairs, i, &pair, NULL));
        assert_null(pair.label);
        assert_true(pairs_render(&blind.base, &info, i, x, rgb, NULL, NULL));
        assert_memory_equal(pair.x, x, sizeof x);
        assert_memory_equal(pair.rgb, rgb, sizeof rgb);
    }
    pairs_close(pairs);
    assert_write_fails(dir, &with, "another configuration");
    info.kind = PAIRS_SEGMENTER;
    assert_false(pairs_info_set_engine(&info, &blind.base, &err));
    assert_non_null(strstr(err.text, "no set for the segmenter"));
}

static void finished_samples(void **state)
{
    char dir[TEST_PATH];
    Toy finished = engine;
    PairsInfo info;
    Pairs *pairs;
    Error err;
    (void)state;
    tie(&finished);
    finished.base.class = &finished_class;
    finished.base.can = ENGINE_LABELS;
    finished.base.n_samples = 70;
    info = info_of(&finished.base, PAIRS_IMITATOR, 70, 20);
    test_path(dir, folder, "finished");
    if (!pairs_write(dir, &finished.base, &info, NULL, NULL, &err))
        fail_msg("%s", err.text);
    assert_true(pairs_open(&pairs, dir, NULL));
    for (int64_t i = 0; i < 70; i++) {
        Pair pair;
        assert_true(pairs_get(pairs, i, &pair, NULL));
        assert_true(pair.x[0] == (float)i / 100 && pair.rgb[7] == i);
        assert_int_equal(pair.label[3], LABEL_NOSE);
        assert_int_equal(pairs_drawn(pairs_info(pairs), i), PAIRS_GIVEN);
    }
    pairs_close(pairs);
    info.count = 71;
    assert_false(pairs_info_set_engine(&info, &finished.base, &err));
    assert_non_null(strstr(err.text, "71 samples are wanted"));
    info.count = 70;
    info.kind = PAIRS_SEGMENTER;
    finished.base.can = ENGINE_LABELS | ENGINE_VIEW | ENGINE_BACKGROUND;
    assert_false(pairs_info_set_engine(&info, &finished.base, &err));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_is_rendered),
        cmocka_unit_test(uniform_people_and_near),
        cmocka_unit_test(near_others),
        cmocka_unit_test(views),
        cmocka_unit_test(expressions),
        cmocka_unit_test(any_thread_count),
        cmocka_unit_test(stop_and_go_on),
        cmocka_unit_test(killed_at_any_moment),
        cmocka_unit_test(disk_full),
        cmocka_unit_test(file_too_large),
        cmocka_unit_test(damage_is_found_and_mended),
        cmocka_unit_test(other_sets_are_refused),
        cmocka_unit_test(engine_failure),
        cmocka_unit_test(without_labels),
        cmocka_unit_test(finished_samples),
    };
    self = argv[0];
    if (argc == 4 && strcmp(argv[1], "--child") == 0) {
        engine = make_engine();
        tie(&engine);
        return child(argv[2], argv[3]);
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
