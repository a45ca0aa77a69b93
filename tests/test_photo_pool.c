/* Pools of photos: lists of folders, what is counted, the same bytes however often a run is
 * stopped, damage found. What needs faces takes set-up's sample photos and is skipped without them.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
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
#include <unistd.h>
#include <cmocka.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "datasets/photo.h"
#include "datasets/photo_pool_internal.h"
#include "tests/test_folder.h"

#define MODEL "/usr/share/dlib/shape_predictor_68_face_landmarks.dat"

enum { SIZE = 64, FACES = 3, ALL = (1 << PHOTO_SPLITS) - 1 };

static char folder[TEST_PATH];
static bool have_assets;
static char assets[3000];
static FaceDetector *detector; /* opening one takes longer than a test may */
static PhotoPoolConfig config; /* the reference: made of sample2's own landmarks */

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static void put_text(const char *name, const char *text)
{
    char path[TEST_PATH];
    FILE *file = fopen(test_path(path, folder, name), "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void put_folder(const char *name)
{
    char path[TEST_PATH];
    assert_int_equal(mkdir(test_path(path, folder, name), 0777), 0);
}

static uint8_t *read_all(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*bytes);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *bytes, file), *bytes);
    fclose(file);
    return data;
}

static void same_files(const char *a, const char *b)
{
    size_t n, m;
    uint8_t *p = read_all(a, &n), *q = read_all(b, &m);
    assert_int_equal(n, m);
    assert_memory_equal(p, q, n);
    free(p);
    free(q);
}

static void copy_file(const char *to, const char *from)
{
    size_t n;
    uint8_t *data = read_all(from, &n);
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    free(data);
}

/* ---- A disk that gets full ---- */

static long room = -1; /* bytes that still fit; < 0: all */

ssize_t __real_pwrite(int fd, const void *data, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t n, off_t at);

/* The linker puts this in the place of pwrite: as the real one on a full disk, it writes what fits.
 */
ssize_t __wrap_pwrite(int fd, const void *data, size_t n, off_t at)
{
    if (room < 0)
        return __real_pwrite(fd, data, n, at);
    if (room == 0) {
        errno = ENOSPC;
        return -1;
    }
    size_t fits = n < (size_t)room ? n : (size_t)room;
    room -= (long)fits;
    return __real_pwrite(fd, data, fits, at);
}

/* ---- Lists ---- */

static void plain_folder(void **state)
{
    (void)state;
    char path[TEST_PATH];
    PhotoList list;
    Error err;
    put_folder("plain");
    put_folder("plain/b");
    put_folder("plain/b/c");
    put_folder("plain/.hidden");
    put_text("plain/z.JPG", "");
    put_text("plain/b/y.png", "");
    put_text("plain/b/c/x.jpeg", "");
    put_text("plain/a.txt", "");
    put_text("plain/.a.jpg", "");
    put_text("plain/.hidden/a.jpg", "");
    must(photo_list_folder(&list, test_path(path, folder, "plain"), 0, &err), &err);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.entry[0].name, "b/c/x.jpeg");
    assert_string_equal(list.entry[1].name, "b/y.png");
    assert_string_equal(list.entry[2].name, "z.JPG");
    photo_list_free(&list);

    assert_false(photo_list_folder(&list, "/nowhere/at/all", 0, &err));
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
    put_folder("none");
    assert_false(photo_list_folder(&list, test_path(path, folder, "none"), 0, &err));
    assert_non_null(strstr(err.text, "none holds no photos"));
}

static void limit_spreads(void **state)
{
    (void)state;
    char path[TEST_PATH], name[32];
    PhotoList list;
    Error err;
    put_folder("many");
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "many/%d.jpg", i);
        put_text(name, "");
    }
    must(photo_list_folder(&list, test_path(path, folder, "many"), 4, &err), &err);
    assert_int_equal(list.count, 4);
    assert_string_equal(list.entry[0].name, "0.jpg");
    assert_string_equal(list.entry[1].name, "2.jpg");
    assert_string_equal(list.entry[2].name, "5.jpg");
    assert_string_equal(list.entry[3].name, "7.jpg");
    photo_list_free(&list);
}

static void celeba(void **state)
{
    (void)state;
    char path[TEST_PATH];
    PhotoList list;
    Error err;
    put_folder("celeba");
    put_text("celeba/list_eval_partition.txt", "000001.jpg 0\n000003.jpg 2\n\n000002.jpg 1\r\n");
    test_path(path, folder, "celeba");
    assert_false(photo_list_folder(&list, path, 0, &err));
    assert_non_null(strstr(err.text, "img_align_celeba"));
    put_folder("celeba/img_align_celeba");
    put_text("celeba/img_align_celeba/other.jpg", ""); /* not in the table: not in the set */
    must(photo_list_folder(&list, path, 0, &err), &err);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.entry[0].name, "img_align_celeba/000001.jpg");
    assert_int_equal(list.entry[0].split, PHOTO_TRAIN);
    assert_string_equal(list.entry[1].name, "img_align_celeba/000003.jpg");
    assert_int_equal(list.entry[1].split, PHOTO_TEST);
    assert_int_equal(list.entry[2].split, PHOTO_VALIDATION);
    photo_list_free(&list);

    put_folder("celeba/img_align_celeba/img_align_celeba");
    must(photo_list_folder(&list, path, 0, &err), &err);
    assert_string_equal(list.entry[0].name, "img_align_celeba/img_align_celeba/000001.jpg");
    photo_list_free(&list);

    static const char *const wrong[] = {"000001.jpg 0\n000002.jpg 3\n", "000001.jpg 0\nx\n",
                                        "000001.jpg 0\n../../etc/passwd 0\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        put_text("celeba/list_eval_partition.txt", wrong[i]);
        assert_false(photo_list_folder(&list, path, 0, &err));
        assert_non_null(strstr(err.text, "list_eval_partition.txt, line 2:"));
    }
}

static void split_of_names(void **state)
{
    (void)state;
    int validation = 0;
    for (int i = 0; i < 4000; i++) {
        char name[32];
        snprintf(name, sizeof name, "%05d.jpg", i);
        PhotoSplit split = photo_split(name);
        assert_true(split == PHOTO_TRAIN || split == PHOTO_VALIDATION);
        validation += split == PHOTO_VALIDATION;
    }
    assert_in_range(validation, 150, 250); /* 200 by chance */
}

/* ---- Quality ---- */

/* Renders of a known turn: the estimate is near it, and grows with it. */
static void yaw_of_renders(void **state)
{
    (void)state;
    char pack[TEST_PATH * 16];
    Engine *engine;
    Image image;
    Error err;
    if (!have_assets)
        skip();
    snprintf(pack, sizeof pack, "%s/engine.pack", assets);
    must(engine_open_builtin(&engine, pack, SRCDIR "/engine/schemas/female.json", &err), &err);
    must(image_new(&image, 256, 256, &err), &err);
    float *x = calloc((size_t)engine_schema(engine)->dim, sizeof *x);
    assert_non_null(x);
    schema_average(engine_schema(engine), x);
    for (int degrees = -30; degrees <= 30; degrees += 15) {
        RenderOptions options = render_options_default();
        Face face;
        int n = 0;
        options.size = 256;
        options.yaw = (float)degrees;
        must(engine_render(engine, x, &options, image.pixel, NULL, &err), &err);
        must(face_detect(detector, &image, &face, 1, &n, &err), &err);
        assert_int_equal(n, 1);
        float yaw = photo_yaw(face.landmark);
        if (fabsf(yaw - (float)degrees) > 4)
            fail_msg("%d degrees were taken for %g", degrees, (double)yaw);
        for (int k = 0; k < FACE_LANDMARKS; k++) { /* a tilt of 37 degrees changes nothing */
            float px = face.landmark[2 * k], py = face.landmark[2 * k + 1];
            face.landmark[2 * k] = .8f * px - .6f * py;
            face.landmark[2 * k + 1] = .6f * px + .8f * py;
        }
        assert_true(fabsf(photo_yaw(face.landmark) - yaw) < .1f);
    }
    free(x);
    image_free(&image);
    engine_close(engine);
}

static void thresholds(void **state)
{
    (void)state;
    const PhotoQuality quality = {.score = 1, .yaw = 10, .side = 50};
    const PoolPhoto good = {.status = PHOTO_FACE, .face = {.score = 1}, .yaw = -10, .side = 50};
    assert_true(photo_good_frontal(&good, &quality));
    PoolPhoto photo = good;
    photo.face.score = .9f;
    assert_false(photo_good_frontal(&photo, &quality));
    photo = good;
    photo.yaw = -10.1f;
    assert_false(photo_good_frontal(&photo, &quality));
    photo.yaw = 10.1f;
    assert_false(photo_good_frontal(&photo, &quality));
    photo = good;
    photo.side = 49;
    assert_false(photo_good_frontal(&photo, &quality));
    photo = good;
    photo.status = PHOTO_NO_FACE;
    assert_false(photo_good_frontal(&photo, &quality));
}

/* ---- Pools of photos ---- */

/* Three faces, and between them a text that calls itself a photo. */
static const char *const names[] = {"a.png", "b.png", "broken.jpg", "c.png"};
enum { NAMES = sizeof names / sizeof *names, BROKEN = 2 };

static PhotoList list;

static bool write_pool(const char *path, PhotoPoolProgress *progress, void *context, Error *err)
{
    return photo_pool_write(path, &list, &config, MODEL, progress, context, err);
}

/* The pool of an undisturbed run. */
static const char *whole(char path[static TEST_PATH])
{
    return test_path(path, folder, "whole.pool");
}

static void contents(void **state)
{
    (void)state;
    char path[TEST_PATH];
    PhotoPool *pool;
    Error err;
    if (!have_assets)
        skip();
    must(photo_pool_open(&pool, whole(path), &err), &err);
    const PhotoPoolInfo *info = photo_pool_info(pool);
    assert_int_equal(info->count, NAMES);
    assert_int_equal(info->in_state[PHOTO_FACE], FACES);
    assert_int_equal(info->in_state[PHOTO_UNREADABLE], 1);
    assert_int_equal(info->in_state[PHOTO_NO_FACE], 0);
    assert_int_equal(info->dim, 0);
    assert_int_not_equal(info->crc, 0);
    for (int i = 0; i < NAMES; i++) {
        PoolPhoto photo;
        Image image, aligned;
        char note[PHOTO_NOTE], file[TEST_PATH];
        Face face;
        must(photo_pool_get(pool, i, &photo, &err), &err);
        assert_string_equal(photo.name, names[i]);
        assert_int_equal(photo.split, PHOTO_TEST);
        assert_null(photo.x);
        assert_int_equal(photo.status, i == BROKEN ? PHOTO_UNREADABLE : PHOTO_FACE);
        if (i == BROKEN)
            continue;
        /* As photo_align sees the same photo. */
        snprintf(file, sizeof file, "%s/%s", list.dir, names[i]);
        must(image_load(&image, file, &err), &err);
        must(photo_align(detector, &image, file, 0, config.reference.landmark, SIZE, &aligned,
                         &face, note, &err),
             &err);
        assert_memory_equal(photo.rgb, aligned.pixel, 3 * SIZE * SIZE);
        assert_memory_equal(&photo.face, &face, sizeof face);
        assert_true(photo.side > 20 && photo.side < 300 && fabsf(photo.yaw) < 40);
        image_free(&image);
        image_free(&aligned);
    }

    int64_t *index, n;
    must(photo_pool_select(pool, ALL, NULL, &index, &n, &err), &err);
    assert_int_equal(n, FACES);
    assert_int_equal(index[2], 3);
    free(index);
    must(photo_pool_select(pool, 1 << PHOTO_TRAIN, NULL, &index, &n, &err), &err);
    assert_int_equal(n, 0);
    free(index);
    PhotoQuality impossible = {.score = 100};
    must(photo_pool_select(pool, ALL, &impossible, &index, &n, &err), &err);
    assert_int_equal(n, 0);
    free(index);
    photo_pool_close(pool);
}

/* Photos in memory give the records of photos in files; a box that is known takes the place of the
 * search, and other bytes are another pool. */
static void in_memory(void **state)
{
    (void)state;
    char path[TEST_PATH];
    uint8_t *bytes[NAMES];
    const uint8_t *borrowed[NAMES];
    size_t size[NAMES];
    PhotoPool *files, *memory;
    PoolPhoto a, b;
    PhotoList copy;
    Error err;
    if (!have_assets)
        skip();
    must(photo_list_names(&copy, "a set", names, NAMES, &err), &err);
    for (int i = 0; i < NAMES; i++)
        borrowed[i] = bytes[i] = read_all(test_path(path, list.dir, names[i]), &size[i]);
    photo_list_set_bytes(&copy, borrowed, size);
    test_path(path, folder, "memory.pool");
    must(photo_pool_write(path, &copy, &config, MODEL, NULL, NULL, &err), &err);
    must(photo_pool_open(&memory, path, &err), &err);
    char other[TEST_PATH];
    must(photo_pool_open(&files, whole(other), &err), &err);
    assert_string_equal(photo_pool_info(memory)->dir, "a set");
    assert_int_equal(photo_pool_info(memory)->in_state[PHOTO_UNREADABLE], 1);
    for (int i = 0; i < NAMES; i++) {
        must(photo_pool_get(memory, i, &a, &err), &err);
        must(photo_pool_get(files, i, &b, &err), &err);
        assert_int_equal(a.status, b.status);
        assert_memory_equal(&a.face, &b.face, sizeof a.face);
        assert_memory_equal(a.rgb, b.rgb, 3 * SIZE * SIZE);
    }
    borrowed[0] = bytes[1];
    size[0] = size[1];
    photo_list_set_bytes(&copy, borrowed, size);
    assert_false(photo_pool_write(path, &copy, &config, MODEL, NULL, NULL, &err));
    assert_non_null(strstr(err.text, "other photos"));
    photo_pool_close(memory);

    Image image;
    must(image_read(&image, bytes[1], size[1], "b", &err), &err);
    must(photo_pool_get(files, 1, &a, &err), &err);
    const float w = (float)image.width, h = (float)image.height;
    const float box[4] = {a.face.left / w, a.face.top / h, a.face.right / w, a.face.bottom / h};
    memcpy(copy.box, box, sizeof box);
    test_path(path, folder, "box.pool");
    must(photo_pool_write(path, &copy, &config, MODEL, NULL, NULL, &err), &err);
    must(photo_pool_open(&memory, path, &err), &err);
    must(photo_pool_get(memory, 1, &b, &err), &err);
    assert_true(isinf(b.face.score));
    assert_true(fabsf(b.face.left - a.face.left) < .5f &&
                fabsf(b.face.bottom - a.face.bottom) < .5f);
    for (int k = 0; k < 2 * FACE_LANDMARKS; k++)
        assert_true(fabsf(a.face.landmark[k] - b.face.landmark[k]) < .05f * a.side);
    photo_pool_close(memory);
    photo_pool_close(files);
    photo_list_free(&copy);
    image_free(&image);
    for (int i = 0; i < NAMES; i++)
        free(bytes[i]);
}

/* A blank picture is a photo without a face, in a list of itself alone. */
static void faceless(void **state)
{
    (void)state;
    static const char *const name = "blank.png";
    char path[TEST_PATH], pool_path[TEST_PATH];
    PhotoList blank;
    PhotoPool *pool;
    PoolPhoto photo;
    Image image;
    Error err;
    if (!have_assets)
        skip();
    must(image_new(&image, 64, 64, &err), &err);
    memset(image.pixel, 130, 3 * 64 * 64);
    must(image_save_png(test_path(path, folder, name), &image, &err), &err);
    image_free(&image);
    must(photo_list_names(&blank, folder, &name, 1, &err), &err);
    test_path(pool_path, folder, "blank.pool");
    must(photo_pool_write(pool_path, &blank, &config, MODEL, NULL, NULL, &err), &err);
    must(photo_pool_open(&pool, pool_path, &err), &err);
    uint32_t crc = photo_pool_info(pool)->crc;
    assert_int_equal(photo_pool_info(pool)->in_state[PHOTO_NO_FACE], 1);
    must(photo_pool_get(pool, 0, &photo, &err), &err);
    assert_int_equal(photo.status, PHOTO_NO_FACE);
    photo_pool_close(pool);

    /* Another photo of that name makes another pool. */
    assert_int_equal(unlink(pool_path), 0);
    assert_int_equal(unlink(path), 0);
    must(photo_pool_write(pool_path, &blank, &config, MODEL, NULL, NULL, &err), &err);
    must(photo_pool_open(&pool, pool_path, &err), &err);
    assert_int_equal(photo_pool_info(pool)->in_state[PHOTO_UNREADABLE], 1);
    assert_int_not_equal(photo_pool_info(pool)->crc, crc);
    photo_pool_close(pool);
    photo_list_free(&blank);
}

#ifdef _OPENMP
static void threads(void **state)
{
    (void)state;
    char path[TEST_PATH], one[TEST_PATH];
    int before = omp_get_max_threads();
    Error err;
    if (!have_assets)
        skip();
    omp_set_num_threads(before > 1 ? 1 : 2);
    must(write_pool(test_path(one, folder, "threads.pool"), NULL, NULL, &err), &err);
    omp_set_num_threads(before);
    same_files(one, whole(path));
}
#endif

static bool stop_at_once(void *context, int64_t done, int64_t total)
{
    int64_t *seen = context;
    *seen = done;
    assert_int_equal(total, NAMES);
    return false;
}

/* Forgets a growing pool's records from `kept` on, as if the run had been killed there. */
static void cut_growing(const char *growing, int64_t kept)
{
    PoolHead head;
    uint8_t *head_names;
    bool is_whole;
    Error err;
    int fd = open(growing, O_RDWR);
    assert_true(fd >= 0);
    must(pool_head_read(fd, &head, &head_names, &is_whole, &err), &err);
    assert_true(is_whole);
    free(head_names);
    PoolLayout l = pool_layout(&head);
    assert_int_equal(ftruncate(fd, (off_t)(l.records + (size_t)kept * l.record_bytes)), 0);
    close(fd);
}

static void stopped_and_resumed(void **state)
{
    (void)state;
    char path[TEST_PATH], part[TEST_PATH], growing[TEST_PATH];
    int64_t seen = -1;
    Error err;
    if (!have_assets)
        skip();
    test_path(part, folder, "part.pool");
    test_path(growing, folder, "part.pool.tmp");
    /* An older run was killed while it wrote the head. */
    put_text("part.pool.tmp", "VISPOOL1 and then");
    assert_false(write_pool(part, stop_at_once, &seen, &err));
    assert_int_equal(seen, 0);
    assert_non_null(strstr(err.text, "part.pool: stopped after 0 of 4 photos"));
    assert_int_equal(access(part, F_OK), -1);

    /* A run that got as far as the second photo: its records, no picture of the third. */
    copy_file(growing, whole(path));
    int fd = open(growing, O_RDWR);
    assert_true(fd >= 0);
    PoolHead head;
    uint8_t *head_names;
    bool is_whole;
    must(pool_head_read(fd, &head, &head_names, &is_whole, &err), &err);
    free(head_names);
    PoolLayout l = pool_layout(&head);
    assert_int_equal(ftruncate(fd, (off_t)(l.pictures + l.picture_bytes * 3 - 5)), 0);
    close(fd);
    seen = -1;
    assert_false(write_pool(part, stop_at_once, &seen, &err));
    assert_int_equal(seen, 2);
    must(write_pool(part, NULL, NULL, &err), &err);
    same_files(part, whole(path));
    assert_int_equal(access(growing, F_OK), -1);

    /* A finished one is left alone. */
    struct stat before, after;
    assert_int_equal(stat(part, &before), 0);
    must(write_pool(part, stop_at_once, &seen, &err), &err);
    assert_int_equal(stat(part, &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_mtime == after.st_mtime);

    /* A growing one of which only the head is left begins anew. */
    assert_int_equal(rename(part, growing), 0);
    cut_growing(growing, 0);
    seen = -1;
    assert_false(write_pool(part, stop_at_once, &seen, &err));
    assert_int_equal(seen, 0);
}

static void killed(void **state)
{
    (void)state;
    char path[TEST_PATH], part[TEST_PATH];
    Error err;
    if (!have_assets)
        skip();
    test_path(part, folder, "killed.pool");
    pid_t child_id = fork();
    assert_true(child_id >= 0);
    if (child_id == 0) {
        execl("/proc/self/exe", "test_photo_pool", "--write", part, list.dir, NULL);
        _exit(1);
    }
    usleep(400000);
    kill(child_id, SIGKILL);
    assert_int_equal(waitpid(child_id, NULL, 0), child_id);
    PhotoPool *pool; /* whole or not at all */
    if (photo_pool_open(&pool, part, &err))
        photo_pool_close(pool);
    else
        assert_non_null(strstr(err.text, "No such file"));
    must(write_pool(part, NULL, NULL, &err), &err);
    same_files(part, whole(path));
}

static void disk_full(void **state)
{
    (void)state;
    char path[TEST_PATH], part[TEST_PATH];
    int failures = 0;
    Error err;
    if (!have_assets)
        skip();
    test_path(part, folder, "full.pool");
    for (room = 500; room < 60000; room = 30000 * failures) {
        bool done = write_pool(part, NULL, NULL, &err);
        assert_false(done);
        failures++;
        assert_non_null(strstr(err.text, "full.pool.tmp: No space left on device: the pool"));
        assert_int_equal(access(part, F_OK), -1);
    }
    room = -1;
    assert_int_equal(failures, 2);
    must(write_pool(part, NULL, NULL, &err), &err);
    same_files(part, whole(path));
}

#ifdef _OPENMP
static bool take_files_away(void *context, int64_t done, int64_t total)
{
    struct rlimit none;
    (void)context;
    if (done > 0 && done < total) {
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &none), 0);
        none.rlim_cur = 3;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    }
    return true;
}

/* From the second block on no file can be opened: that is no photo's fault, and the run ends. */
static void out_of_files(void **state)
{
    (void)state;
    enum { TEXTS = 17 };
    char part[TEST_PATH], dir[TEST_PATH], name[32];
    struct rlimit before;
    PhotoList texts;
    PhotoPool *pool;
    Error err;
    int threads_before = omp_get_max_threads();
    if (!have_assets)
        skip();
    put_folder("texts");
    for (int i = 0; i < TEXTS; i++) {
        snprintf(name, sizeof name, "texts/%d.jpg", i);
        put_text(name, "not a photo");
    }
    test_path(part, folder, "files.pool");
    must(photo_list_folder(&texts, test_path(dir, folder, "texts"), 0, &err), &err);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    omp_set_num_threads(1);
    bool ok = photo_pool_write(part, &texts, &config, MODEL, take_files_away, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(ok);
    assert_non_null(strstr(err.text, "Too many open files"));
    must(photo_pool_write(part, &texts, &config, MODEL, NULL, NULL, &err), &err);
    omp_set_num_threads(threads_before);
    must(photo_pool_open(&pool, part, &err), &err);
    assert_int_equal(photo_pool_info(pool)->in_state[PHOTO_UNREADABLE], TEXTS);
    photo_pool_close(pool);
    photo_list_free(&texts);
}
#endif

static void refusals(void **state)
{
    (void)state;
    char path[TEST_PATH], other[TEST_PATH];
    PhotoList fewer;
    PhotoPool *pool;
    Error err;
    if (!have_assets)
        skip();
    /* Other photos, another size, another reference, something else. */
    whole(path);
    must(photo_list_names(&fewer, list.dir, names, 2, &err), &err);
    assert_false(photo_pool_write(path, &fewer, &config, MODEL, NULL, NULL, &err));
    assert_non_null(strstr(err.text, "whole.pool is there already and holds other photos"));
    photo_list_free(&fewer);
    PhotoPoolConfig changed = config;
    changed.size = 32;
    assert_false(photo_pool_write(path, &list, &changed, MODEL, NULL, NULL, &err));
    changed = config;
    changed.reference.landmark[100] += .5f;
    assert_false(photo_pool_write(path, &list, &changed, MODEL, NULL, NULL, &err));
    changed = config;
    changed.reference.landmark[100] += .001f; /* another processor's rounding */
    must(photo_pool_write(path, &list, &changed, MODEL, NULL, NULL, &err), &err);
    put_text("text.pool", "no pool");
    assert_false(write_pool(test_path(other, folder, "text.pool"), NULL, NULL, &err));
    assert_non_null(strstr(err.text, "text.pool is there already and is no pool"));
    assert_false(photo_pool_open(&pool, other, &err));
    assert_non_null(strstr(err.text, "text.pool is damaged"));
    assert_false(write_pool("/nowhere/at/all.pool", NULL, NULL, &err));
    assert_non_null(strstr(err.text, "/nowhere/at/all.pool"));

    /* Another run at work. */
    test_path(other, folder, "busy.pool.tmp");
    int fd = open(other, O_RDWR | O_CREAT, 0666);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    test_path(other, folder, "busy.pool");
    assert_false(write_pool(other, NULL, NULL, &err));
    assert_non_null(strstr(err.text, "busy.pool is being made by another run"));
    close(fd);
}

/* A byte changed anywhere is found at the opening or with its picture. */
static void damage(void **state)
{
    (void)state;
    char path[TEST_PATH], spoilt[TEST_PATH];
    size_t bytes;
    Error err;
    if (!have_assets)
        skip();
    uint8_t *data = read_all(whole(path), &bytes);
    PoolHead head;
    memcpy(&head, data, sizeof head);
    PoolLayout l = pool_layout(&head);
    size_t at[] = {3,
                   offsetof(PoolHead, count),
                   offsetof(PoolHead, size),
                   offsetof(PoolHead, reference) + 20,
                   sizeof head + 3,
                   l.records + offsetof(PoolRecord, status),
                   l.records + l.record_bytes + 30,
                   l.pictures + 100,
                   bytes - 1};
    test_path(spoilt, folder, "spoilt.pool");
    for (size_t k = 0; k <= sizeof at / sizeof *at; k++) {
        bool cut = k == sizeof at / sizeof *at, found = false;
        PhotoPool *pool;
        if (!cut)
            data[at[k]] ^= 0x10;
        FILE *file = fopen(spoilt, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(data, 1, bytes - cut, file), bytes - cut);
        fclose(file);
        if (!photo_pool_open(&pool, spoilt, &err)) {
            found = true;
        } else {
            for (int i = 0; i < NAMES; i++) {
                PoolPhoto photo;
                found = found || !photo_pool_get(pool, i, &photo, &err);
            }
            photo_pool_close(pool);
        }
        if (!found)
            fail_msg("damage %zu was not found", k);
        assert_non_null(strstr(err.text, "spoilt.pool"));
        if (!cut)
            data[at[k]] ^= 0x10;
    }
    free(data);
}

/* ---- Renders ---- */

static void renders(void **state)
{
    (void)state;
    enum { COUNT = 3, SIDE = 128 };
    char pack[TEST_PATH * 16], set_path[TEST_PATH], pool_path[TEST_PATH];
    PairsInfo info = {.kind = PAIRS_IMITATOR, .size = SIDE, .count = COUNT, .shard = 8, .seed = 3};
    PhotoPoolConfig wanted = {.size = SIZE};
    Engine *engine;
    Pairs *pairs;
    PhotoPool *pool;
    Image average;
    int n = 0;
    Error err;
    if (!have_assets)
        skip();
    snprintf(pack, sizeof pack, "%s/engine.pack", assets);
    must(engine_open_builtin(&engine, pack, SRCDIR "/engine/schemas/male.json", &err), &err);
    must(pairs_info_set_engine(&info, engine, &err), &err);
    test_path(set_path, folder, "renders");
    must(pairs_write(set_path, engine, &info, NULL, NULL, &err), &err);
    must(pairs_open(&pairs, set_path, &err), &err);

    /* The reference is the average face's. */
    must(image_new(&average, SIZE, SIZE, &err), &err);
    float *x = calloc((size_t)info.dim, sizeof *x);
    assert_non_null(x);
    schema_average(engine_schema(engine), x);
    RenderOptions options = render_options_default();
    options.size = SIZE;
    must(engine_render(engine, x, &options, average.pixel, NULL, &err), &err);
    must(face_detect(detector, &average, &wanted.reference, 1, &n, &err), &err);
    assert_int_equal(n, 1);

    test_path(pool_path, folder, "renders.pool");
    must(photo_pool_write_renders(pool_path, pairs, set_path, &wanted, MODEL, NULL, NULL, &err),
         &err);
    must(photo_pool_open(&pool, pool_path, &err), &err);
    assert_int_equal(photo_pool_info(pool)->dim, info.dim);
    assert_string_equal(photo_pool_info(pool)->schema, "male");
    assert_string_equal(photo_pool_info(pool)->digest, info.digest);
    for (int i = 0; i < COUNT; i++) {
        PoolPhoto photo;
        Pair pair;
        must(photo_pool_get(pool, i, &photo, &err), &err);
        must(pairs_get(pairs, i, &pair, &err), &err);
        assert_int_equal(photo.status, PHOTO_FACE);
        assert_memory_equal(photo.x, pair.x, (size_t)info.dim * sizeof(float));
        assert_true(fabsf(photo.yaw) < 12); /* they face the camera */
        /* Where the eyes of the aligned picture are is where the reference has them. */
        Face again = wanted.reference;
        Image aligned = {SIZE, SIZE, (uint8_t *)(uintptr_t)photo.rgb}; /* only read */
        must(face_landmarks(detector, &aligned, &again, &err), &err);
        for (int k = 36; k < 48; k++)
            for (int c = 0; c < 2; c++)
                assert_true(fabsf(again.landmark[2 * k + c] -
                                  wanted.reference.landmark[2 * k + c]) < .05f * SIZE);
    }
    photo_pool_close(pool);
    pairs_close(pairs);

    /* Another set of the same schema is another pool. */
    test_path(set_path, folder, "renders2");
    info.seed++;
    must(pairs_write(set_path, engine, &info, NULL, NULL, &err), &err);
    must(pairs_open(&pairs, set_path, &err), &err);
    assert_false(
        photo_pool_write_renders(pool_path, pairs, set_path, &wanted, MODEL, NULL, NULL, &err));
    assert_non_null(strstr(err.text, "renders.pool is there already and holds other photos"));
    pairs_close(pairs);
    free(x);
    image_free(&average);
    engine_close(engine);
}

/* ---- Set-up ---- */

/* Sample 2 at three sizes; the landmarks of the first, the face's box cut out, are the reference.
 */
static void make_photos(void)
{
    static const int width[FACES] = {420, 360, 300};
    Error err;
    must(face_detector_open(&detector, MODEL, &err), &err);
    put_folder("photos");
    for (int i = 0; i < FACES; i++) {
        char path[TEST_PATH * 16];
        Image large, small;
        snprintf(path, sizeof path, "%s/samples/sample2.jpg", assets);
        must(image_load(&large, path, &err), &err);
        must(image_new(&small, width[i], width[i] * large.height / large.width, &err), &err);
        image_resize(&small, &large);
        snprintf(path, sizeof path, "%s/photos/%s", folder, names[i < BROKEN ? i : i + 1]);
        must(image_save_png(path, &small, &err), &err);
        if (i == 0) {
            int n;
            Face face;
            must(face_detect(detector, &small, &face, 1, &n, &err), &err);
            assert_int_equal(n, 1);
            config.size = SIZE;
            for (int k = 0; k < 2 * FACE_LANDMARKS; k++) {
                float corner = k % 2 ? face.top : face.left;
                config.reference.landmark[k] =
                    (face.landmark[k] - corner) * SIZE / (face.right - face.left);
            }
        }
        image_free(&large);
        image_free(&small);
    }
    put_text("photos/broken.jpg", "not a photo");
    char dir[TEST_PATH], path[TEST_PATH];
    must(photo_list_names(&list, test_path(dir, folder, "photos"), names, NAMES, &err), &err);
    must(write_pool(whole(path), NULL, NULL, &err), &err);
}

static int set_up(void **state)
{
    (void)state;
    if (!test_folder_make(folder))
        return -1;
    if (have_assets)
        make_photos();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    photo_list_free(&list);
    face_detector_close(detector);
    test_folder_remove(folder);
    return 0;
}

/* The child of `killed`: a run that a signal ends. The reference does not matter before its end:
 * the parent's is handed on in a file. */
static int child(const char *pool, const char *dir)
{
    char path[TEST_PATH * 16];
    PhotoPool *made;
    Error err;
    snprintf(path, sizeof path, "%s/../whole.pool", dir);
    if (!photo_pool_open(&made, path, &err))
        return 1;
    config = photo_pool_info(made)->config;
    photo_pool_close(made);
    return photo_list_names(&list, dir, names, NAMES, &err) && write_pool(pool, NULL, NULL, &err)
               ? 0
               : 1;
}

int main(int argc, char **argv)
{
    if (argc == 4)
        return child(argv[2], argv[3]);
    const char *data = getenv("VISAGIST_DATA");
    snprintf(assets, sizeof assets, "%s", data ? data : "");
    char path[4096];
    snprintf(path, sizeof path, "%s/samples/sample2.jpg", assets);
    have_assets = access(path, R_OK) == 0 && access(MODEL, R_OK) == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_folder),
        cmocka_unit_test(limit_spreads),
        cmocka_unit_test(celeba),
        cmocka_unit_test(split_of_names),
        cmocka_unit_test(thresholds),
        cmocka_unit_test(yaw_of_renders),
        cmocka_unit_test(contents),
        cmocka_unit_test(in_memory),
        cmocka_unit_test(faceless),
#ifdef _OPENMP
        cmocka_unit_test(threads),
        cmocka_unit_test(out_of_files),
#endif
        cmocka_unit_test(stopped_and_resumed),
        cmocka_unit_test(killed),
        cmocka_unit_test(disk_full),
        cmocka_unit_test(refusals),
        cmocka_unit_test(damage),
        cmocka_unit_test(renders),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
