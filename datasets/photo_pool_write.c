#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <zlib.h>

#include "datasets/photo_pool_internal.h"
#include "libtensor/parallel.h"

/* Photos in memory at once: enough to keep all threads busy, few enough to lose little when killed.
 */
enum { PER_THREAD = 8, BLOCK_LEAST = 16, POOL_PATH = 4096 };

/* ---- Where pictures come from ---- */

typedef struct Source {
    const PhotoList *list; /* photos, */
    const Pairs *renders;  /* or renders */
    const char *dir;
    int64_t count;
} Source;

static const char *source_name(const Source *s, int64_t i, char number[static 32])
{
    if (s->list)
        return s->list->entry[i].name;
    snprintf(number, 32, "sample %" PRId64, i);
    return number;
}

static PhotoSplit source_split(const Source *s, int64_t i)
{
    char number[32];
    return s->list ? s->list->entry[i].split : photo_split(source_name(s, i, number));
}

static bool memory_is_out(const Error *why)
{
    return strncmp(why->text, "out of memory", strlen("out of memory")) == 0;
}

/* Whether it is not the photo's fault that it could not be read, and another run may read it. */
static bool fault_passes(const char *path, const Error *why)
{
    if (memory_is_out(why))
        return true;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        return false;
    }
    return errno != ENOENT && errno != EACCES && errno != ENOTDIR && errno != ELOOP &&
           errno != ENAMETOOLONG;
}

/* *unreadable: a photo that cannot be read, which is no error. */
static bool load_photo(const Source *s, int64_t i, Image *image, bool *unreadable, Error *err)
{
    char path[POOL_PATH];
    const PhotoEntry *entry = &s->list->entry[i];
    const char *name = entry->name;
    Error why;

    if (entry->bytes) {
        *unreadable = !image_read(image, entry->bytes, entry->size, name, &why);
        return !*unreadable || !memory_is_out(&why) || error_set(err, "%s", why.text);
    }
    bool whole = *name == '/';
    if (snprintf(path, sizeof path, "%s%s%s", whole ? "" : s->dir, whole ? "" : "/", name) >=
        POOL_PATH)
        return error_set(err, "a photo's path is too long: %.200s", name);
    *unreadable = !image_load(image, path, &why);
    return !*unreadable || !fault_passes(path, &why) || error_set(err, "%s", why.text);
}

/* Whether the list knows where the face is. */
static bool photo_box(const PhotoList *list, const Image *photo, Face *face)
{
    const float *box = list->box, w = (float)photo->width, h = (float)photo->height;

    *face = (Face){box[0] * w, box[1] * h, box[2] * w, box[3] * h, INFINITY, {0}};
    return box[2] > box[0];
}

/* known: a face whose box needs no search. */
static bool load_render(const Source *s, int64_t i, const PhotoPoolConfig *config, Image *image,
                        Face *face, bool *known, float *x, Error *err)
{
    const PairsInfo *info = pairs_info(s->renders);
    Pair pair;

    if (!pairs_get(s->renders, i, &pair, err) || !image_new(image, info->size, info->size, err))
        return false;
    memcpy(image->pixel, pair.rgb, 3 * (size_t)info->size * (size_t)info->size);
    memcpy(x, pair.x, (size_t)info->dim * sizeof *x);
    *known = info->kind == PAIRS_IMITATOR;
    if (*known) {
        float scale = (float)info->size / (float)config->size;
        *face = (Face){.left = config->reference.left * scale,
                       .top = config->reference.top * scale,
                       .right = config->reference.right * scale,
                       .bottom = config->reference.bottom * scale,
                       .score = INFINITY};
    }
    return true;
}

/* ---- One photo ---- */

typedef struct Writer {
    const char *path;
    char growing[POOL_PATH];
    Source source;
    const PhotoPoolConfig *config;
    PhotoPoolProgress *progress;
    void *context;
    PoolHead head;
    uint8_t *names;
    PoolLayout layout;
    FaceDetector *detector[PARALLEL_SLOTS];
    int64_t block;
    uint8_t *record, *picture; /* of a block */
    int fd;
} Writer;

static bool find_face(FaceDetector *detector, const Image *image, bool known, Face *face,
                      PhotoStatus *status, Error *err)
{
    int n = 1;

    if (known ? !face_landmarks(detector, image, face, err)
              : !face_detect(detector, image, face, 1, &n, err))
        return false;
    *status = n > 0 ? PHOTO_FACE : PHOTO_NO_FACE;
    return true;
}

static void align(const PhotoPoolConfig *config, const Image *image, PoolRecord *record,
                  uint8_t *picture)
{
    const Face *face = &record->face;
    Image aligned = {config->size, config->size, picture};

    image_warp(&aligned, image, face_alignment(face, config->reference.landmark));
    record->yaw = photo_yaw(face->landmark);
    record->side = sqrtf((face->right - face->left) * (face->bottom - face->top));
}

/* Photo i into slot k of the block. */
static bool make_one(const Writer *w, FaceDetector *detector, int64_t i, int64_t k, Error *err)
{
    uint8_t *bytes = w->record + (size_t)k * w->layout.record_bytes;
    uint8_t *picture = w->picture + (size_t)k * w->layout.picture_bytes;
    float *x = (float *)(void *)(bytes + sizeof(PoolRecord));
    PoolRecord record = {.status = PHOTO_UNREADABLE};
    PhotoStatus status = PHOTO_UNREADABLE;
    Image image = {0};
    Face face = {0};
    bool known = false, unreadable = false;

    memset(bytes, 0, w->layout.record_bytes);
    memset(picture, 0, w->layout.picture_bytes);
    bool ok = w->source.list ? load_photo(&w->source, i, &image, &unreadable, err)
                             : load_render(&w->source, i, w->config, &image, &face, &known, x, err);
    if (ok && !unreadable && w->source.list)
        known = photo_box(w->source.list, &image, &face);
    if (ok && !unreadable)
        ok = find_face(detector, &image, known, &face, &status, err);
    record.status = status;
    if (ok && status == PHOTO_FACE) {
        record.face = face;
        align(w->config, &image, &record, picture);
    }
    image_free(&image);
    record.picture_crc = pool_picture_crc(picture, w->layout.picture_bytes);
    memcpy(bytes, &record, sizeof record);
    record.crc = pool_record_crc(bytes, w->layout.record_bytes);
    memcpy(bytes, &record, sizeof record);
    return ok;
}

/* Photos [first, first + n) into the block; how many there are before the first that failed, which
 * err tells of. */
static int64_t make_block(const Writer *w, int64_t first, int64_t n, Error *err)
{
    int64_t failed = n;

#pragma omp parallel for schedule(dynamic, 1) num_threads(parallel_threads())
    for (int64_t k = 0; k < n; k++) {
        Error why;
        int64_t before;
#pragma omp atomic read
        before = failed;
        if (k > before) /* what comes after a failure is thrown away */
            continue;
        if (!make_one(w, w->detector[parallel_slot()], first + k, k, &why)) {
#pragma omp critical(photo_pool_failed)
            if (k < failed) {
#pragma omp atomic write
                failed = k;
                error_set(err, "%s", why.text);
            }
        }
    }
    return failed;
}

/* ---- The file ---- */

static bool write_failed(const Writer *w, Error *err)
{
    int why = errno;

    if (why == ENOSPC || why == EDQUOT || why == EFBIG)
        return error_set(err,
                         "%.400s: %s: the pool wants up to %lld MB; make room for it there and run "
                         "again, what is finished is kept",
                         w->growing, strerror(why), (long long)(w->layout.bytes / 1000000 + 1));
    return error_set(err, "%.400s: %s; what is finished is kept, so mend this and run again",
                     w->growing, strerror(why));
}

static bool put(const Writer *w, const void *bytes, size_t n, size_t at)
{
    for (size_t done = 0; done < n;) {
        ssize_t wrote = pwrite(w->fd, (const uint8_t *)bytes + done, n - done, (off_t)(at + done));
        if (wrote < 0 && errno != EINTR)
            return false;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

/* Pictures before records: a record says that its picture is there. */
static bool write_block(const Writer *w, int64_t first, int64_t n, Error *err)
{
    const PoolLayout *l = &w->layout;
    size_t f = (size_t)first, k = (size_t)n;

    return (put(w, w->picture, k * l->picture_bytes, l->pictures + f * l->picture_bytes) &&
            put(w, w->record, k * l->record_bytes, l->records + f * l->record_bytes)) ||
           write_failed(w, err);
}

static bool record_good(const Writer *w, int64_t i)
{
    const PoolLayout *l = &w->layout;
    PoolRecord record;

    if (pread(w->fd, w->record, l->record_bytes,
              (off_t)(l->records + (size_t)i * l->record_bytes)) != (ssize_t)l->record_bytes ||
        pread(w->fd, w->picture, l->picture_bytes,
              (off_t)(l->pictures + (size_t)i * l->picture_bytes)) != (ssize_t)l->picture_bytes)
        return false;
    memcpy(&record, w->record, sizeof record);
    return record.crc == pool_record_crc(w->record, l->record_bytes) &&
           record.picture_crc == pool_picture_crc(w->picture, l->picture_bytes);
}

static bool keep_going(const Writer *w, int64_t done, Error *err)
{
    if (w->progress && !w->progress(w->context, done, w->head.count))
        return error_set(err, "%.400s: stopped after %lld of %lld photos; run again to go on",
                         w->path, (long long)done, (long long)w->head.count);
    return true;
}

static bool write_rest(Writer *w, int64_t done, Error *err)
{
    while (done < w->head.count) {
        int64_t left = w->head.count - done, n = left < w->block ? left : w->block;
        int64_t good = make_block(w, done, n, err);
        if (!write_block(w, done, good, err))
            return false;
        done += good;
        if (good < n || !keep_going(w, done, err))
            return false;
    }
    return true;
}

/* The same photos and the same alignment. */
static bool same_pool(const PoolHead *a, const uint8_t *a_names, const PoolHead *b,
                      const uint8_t *b_names)
{
    bool same = a->count == b->count && a->size == b->size && a->dim == b->dim &&
                a->source == b->source && strcmp(a->schema, b->schema) == 0 &&
                strcmp(a->digest, b->digest) == 0 && a->names_bytes == b->names_bytes &&
                memcmp(a_names, b_names, (size_t)a->names_bytes) == 0;

    for (int i = 0; same && i < 2 * FACE_LANDMARKS; i++)
        same = fabsf(a->reference.landmark[i] - b->reference.landmark[i]) < PHOTO_POOL_TOLERANCE;
    return same;
}

/* Compares an open file with what is wanted. */
static bool compare(const Writer *w, int fd, bool *whole, bool *same, Error *err)
{
    PoolHead head;
    uint8_t *names;

    if (!pool_head_read(fd, &head, &names, whole, err))
        return false;
    *same = *whole && same_pool(&head, names, &w->head, w->names);
    free(names);
    return true;
}

/* Whether PATH is there already, as wanted; another file of this name is an error. */
static bool is_finished(const Writer *w, bool *finished, Error *err)
{
    int fd = open(w->path, O_RDONLY | O_CLOEXEC);
    bool whole, same;

    *finished = fd >= 0;
    if (fd < 0)
        return errno == ENOENT || error_set(err, "%.400s: %s", w->path, strerror(errno));
    bool ok = compare(w, fd, &whole, &same, err);
    close(fd);
    if (ok && !same)
        return error_set(
            err, "%.400s is there already and %s; delete it or give the pool another name", w->path,
            whole ? "holds other photos, or the same in another alignment"
                  : "is no pool of photos");
    return ok;
}

/* Photos that the growing file has already; begins it if there is none. */
static bool begin(Writer *w, int64_t *done, Error *err)
{
    bool whole, same;

    *done = 0;
    if (!compare(w, w->fd, &whole, &same, err))
        return false;
    if (whole && !same)
        return error_set(err,
                         "%.400s is an unfinished pool of other photos; delete it or give the "
                         "pool another name",
                         w->growing);
    if (same) {
        while (*done < w->head.count && record_good(w, *done))
            ++*done;
        return true;
    }
    return (ftruncate(w->fd, 0) == 0 &&
            put(w, w->names, (size_t)w->head.names_bytes, sizeof w->head) &&
            put(w, &w->head, sizeof w->head, 0)) ||
           write_failed(w, err);
}

static bool sync_folder(const Writer *w, Error *err)
{
    char dir[POOL_PATH];
    snprintf(dir, sizeof dir, "%s", w->path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = '\0';
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok || write_failed(w, err);
}

static bool make_block_memory(Writer *w, Error *err)
{
    int threads = parallel_threads();

    w->block = PER_THREAD * threads < BLOCK_LEAST ? BLOCK_LEAST : PER_THREAD * threads;
    w->record = malloc((size_t)w->block * w->layout.record_bytes);
    w->picture = malloc((size_t)w->block * w->layout.picture_bytes);
    return (w->record && w->picture) ||
           error_set(err, "out of memory for %lld photos", (long long)w->block);
}

/* One for each thread. */
static bool open_detectors(Writer *w, const char *landmark_model, Error *err)
{
    int threads = parallel_threads();

    if (!face_detector_open(&w->detector[0], landmark_model, err))
        return false;
    for (int t = 1; t < threads; t++)
        if (!face_detector_share(&w->detector[t], w->detector[0], err))
            return false;
    return true;
}

static bool grow(Writer *w, const char *landmark_model, Error *err)
{
    int64_t done;

    if (!make_block_memory(w, err) || !begin(w, &done, err) || !keep_going(w, done, err) ||
        !open_detectors(w, landmark_model, err) || !write_rest(w, done, err))
        return false;
    if (ftruncate(w->fd, (off_t)w->layout.bytes) != 0 || fsync(w->fd) != 0 ||
        rename(w->growing, w->path) != 0)
        return write_failed(w, err);
    return sync_folder(w, err);
}

/* ---- The pool ---- */

/* The table of splits and names. */
static bool make_names(Writer *w, Error *err)
{
    char number[32];
    size_t bytes = 0;

    for (int64_t i = 0; i < w->source.count; i++)
        bytes += strlen(source_name(&w->source, i, number)) + 2;
    uint8_t *at = w->names = malloc(bytes);
    if (!at)
        return error_set(err, "out of memory for a pool's names");
    for (int64_t i = 0; i < w->source.count; i++) {
        const char *name = source_name(&w->source, i, number);
        *at++ = (uint8_t)source_split(&w->source, i);
        memcpy(at, name, strlen(name) + 1);
        at += strlen(name) + 1;
    }
    w->head.names_bytes = (int64_t)bytes;
    return true;
}

/* Photos in memory have no names of their own that could tell two sets apart. */
static void describe_photos(Writer *w)
{
    const PhotoList *list = w->source.list;
    uLong hash = 0;

    for (int64_t i = 0; i < list->count; i++)
        if (list->entry[i].bytes)
            hash = crc32_z(hash, list->entry[i].bytes, list->entry[i].size);
    w->head.source = (uint32_t)hash;
}

/* Two sets of one schema differ in what they draw. */
static bool describe_renders(Writer *w, Error *err)
{
    const PairsInfo *info = pairs_info(w->source.renders);
    uLong hash = crc32_z(0, (const uint8_t *)&info->size, sizeof info->size);

    for (int last = 0; last < 2; last++) {
        Pair pair;
        if (!pairs_get(w->source.renders, last ? info->count - 1 : 0, &pair, err))
            return false;
        hash = crc32_z(hash, (const uint8_t *)pair.x, (size_t)info->dim * sizeof *pair.x);
        hash = crc32_z(hash, pair.rgb, 3 * (size_t)info->size * (size_t)info->size);
    }
    w->head.source = (uint32_t)hash;
    w->head.dim = info->dim;
    snprintf(w->head.schema, sizeof w->head.schema, "%s", info->schema);
    snprintf(w->head.digest, sizeof w->head.digest, "%s", info->digest);
    return true;
}

static bool make_head(Writer *w, Error *err)
{
    memcpy(w->head.magic, POOL_MAGIC, sizeof w->head.magic);
    w->head.count = w->source.count;
    w->head.size = w->config->size;
    w->head.reference = w->config->reference;
    if (w->source.list)
        describe_photos(w);
    else if (!describe_renders(w, err))
        return false;
    if (snprintf(w->head.dir, sizeof w->head.dir, "%s", w->source.dir) >= (int)sizeof w->head.dir)
        return error_set(err, "the folder's name is too long: %.100s...", w->source.dir);
    if (!make_names(w, err))
        return false;
    w->head.crc = pool_head_crc(&w->head, w->names);
    w->layout = pool_layout(&w->head);
    return true;
}

/* The lock goes with the process, however it ends. */
static bool write_locked(Writer *w, const char *landmark_model, Error *err)
{
    bool finished = false;

    w->fd = open(w->growing, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (w->fd < 0)
        return error_set(err, "%.400s cannot be written: %s", w->growing, strerror(errno));
    bool ok =
        flock(w->fd, LOCK_EX | LOCK_NB) == 0 ||
        error_set(err, "%.400s is being made by another run; wait for it or name another file",
                  w->path);
    /* Another run may have finished it between our look and our lock. */
    ok = ok && is_finished(w, &finished, err);
    if (ok && finished)
        unlink(w->growing);
    else
        ok = ok && grow(w, landmark_model, err);
    close(w->fd);
    return ok;
}

static bool pool_write(const char *path, Source source, const PhotoPoolConfig *config,
                       const char *landmark_model, PhotoPoolProgress *progress, void *context,
                       Error *err)
{
    Writer *w = calloc(1, sizeof *w);
    bool finished = false;

    if (!w)
        return error_set(err, "out of memory for the pool %.400s", path);
    w->path = path;
    w->source = source;
    w->config = config;
    w->progress = progress;
    w->context = context;
    bool ok = snprintf(w->growing, sizeof w->growing, "%s.tmp", path) < POOL_PATH ||
              error_set(err, "the pool's name is too long: %.100s...", path);
    ok = ok && make_head(w, err) && is_finished(w, &finished, err);
    if (ok && !finished)
        ok = write_locked(w, landmark_model, err);
    for (int t = 0; t < PARALLEL_SLOTS; t++)
        face_detector_close(w->detector[t]);
    free(w->record);
    free(w->picture);
    free(w->names);
    free(w);
    return ok;
}

bool photo_pool_write(const char *path, const PhotoList *list, const PhotoPoolConfig *config,
                      const char *landmark_model, PhotoPoolProgress *progress, void *context,
                      Error *err)
{
    return pool_write(path, (Source){.list = list, .dir = list->dir, .count = list->count}, config,
                      landmark_model, progress, context, err);
}

bool photo_pool_write_renders(const char *path, const Pairs *renders, const char *dir,
                              const PhotoPoolConfig *config, const char *landmark_model,
                              PhotoPoolProgress *progress, void *context, Error *err)
{
    return pool_write(path,
                      (Source){.renders = renders, .dir = dir, .count = pairs_info(renders)->count},
                      config, landmark_model, progress, context, err);
}
