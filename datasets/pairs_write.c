#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/pairs_internal.h"
#include "libtensor/parallel.h"

/* Samples rendered in parallel before they are written: enough to keep all threads busy, few enough
 * to lose little when killed. */
enum { PER_THREAD = 8, BLOCK_LEAST = 16, BLOCK_BYTES = 1 << 28 };

typedef struct Writer {
    const char *dir;
    const Engine *engine;
    const PairsInfo *info;
    PairsLayout layout;
    bool (*progress)(void *, int64_t, int64_t);
    void *context;
    int64_t done;
    int64_t block; /* samples in memory at once */
    uint8_t *record;
} Writer;

/* ---- The folder ---- */

static bool folder_is_free(const char *dir, bool *is_free, Error *err)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    if (!d)
        return error_set(err, "%s: %s", dir, strerror(errno));
    *is_free = true;
    while ((entry = readdir(d))) {
        size_t n = strlen(entry->d_name);
        bool leftover = n > 4 && strcmp(entry->d_name + n - 4, ".tmp") == 0;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !leftover)
            *is_free = false;
    }
    closedir(d);
    return true;
}

/* The lock goes with the process, however it ends. */
static bool lock_folder(const char *dir, int *lock, Error *err)
{
    int fd;

    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return error_set(err, "%s cannot be made: %s", dir, strerror(errno));
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, "%s: %s", dir, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return error_set(
            err, "%s is being written by another run; wait for it or name another folder", dir);
    }
    *lock = fd;
    return true;
}

static bool same_set(const PairsInfo *a, const PairsInfo *b)
{
    return a->kind == b->kind && strcmp(a->schema, b->schema) == 0 &&
           strcmp(a->digest, b->digest) == 0 && a->dim == b->dim && a->size == b->size &&
           a->labels == b->labels && a->finished == b->finished && a->count == b->count &&
           a->shard == b->shard && a->seed == b->seed && strcmp(a->near, b->near) == 0;
}

static bool describe_folder(const char *dir, const PairsInfo *info, Error *err)
{
    char path[PAIRS_PATH];
    PairsInfo there;
    bool is_free = false;

    if (!pairs_info_path(path, dir, err))
        return false;
    if (access(path, F_OK) == 0) {
        if (!pairs_info_load(&there, dir, err))
            return false;
        if (!same_set(&there, info))
            return error_set(
                err,
                "%s holds a set of another configuration (see its dataset.json: %lld of schema "
                "%s %s, size %d, seed %llu); name another folder, or delete this one",
                dir, (long long)there.count, there.schema, there.digest, there.size,
                (unsigned long long)there.seed);
        return true;
    }
    if (!folder_is_free(dir, &is_free, err))
        return false;
    if (!is_free)
        return error_set(err, "%s is not empty and not a set of pairs; name a new folder", dir);
    return pairs_info_save(info, dir, err);
}

/* ---- One shard ---- */

/* How many whole records a shard that was being written begins with. */
static bool count_good(const Writer *w, FILE *file, int64_t most, int64_t *good)
{
    int64_t n = 0;

    while (n < most && fread(w->record, w->layout.bytes, 1, file) == 1 &&
           pairs_record_ok(&w->layout, w->record))
        n++;
    *good = n;
    return !ferror(file);
}

/* Samples [first, first + n) into w->record; returns how many there are before the first that
 * failed, which err tells of. */
static int64_t render_block(const Writer *w, int64_t first, int64_t n, Error *err)
{
    int64_t failed = n; /* the first of those that failed, whatever the order they ran in */

#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t k = 0; k < n; k++) {
        uint8_t *record = w->record + (size_t)k * w->layout.bytes;
        uint8_t *label = w->info->labels ? record + w->layout.label : NULL;
        Error why;
        uint32_t crc;
        int64_t before;
#pragma omp atomic read
        before = failed;
        if (k > before) /* what comes after a failure is thrown away */
            continue;
        memset(record, 0, w->layout.bytes);
        if (!pairs_render(w->engine, w->info, first + k, (float *)(void *)record,
                          record + w->layout.rgb, label, &why)) {
#pragma omp critical(pairs_failed)
            if (k < failed) {
#pragma omp atomic write
                failed = k;
                error_set(err, "sample %lld: %s", (long long)(first + k), why.text);
            }
            continue;
        }
        crc = pairs_crc(&w->layout, record);
        memcpy(record + w->layout.crc, &crc, sizeof crc);
    }
    return failed;
}

static bool write_failed(const Writer *w, const char *path, Error *err)
{
    int why = errno;
    int64_t missing = (w->info->count - w->done) * (int64_t)w->layout.bytes;

    if (why == ENOSPC || why == EDQUOT || why == EFBIG)
        return error_set(err,
                         "%s: %s: the set still wants %lld MB; make room for it there and run "
                         "again, what is finished is kept",
                         path, strerror(why), (long long)(missing / 1000000 + 1));
    return error_set(err, "%s: %s; what is finished is kept, so mend this and run again", path,
                     strerror(why));
}

static bool keep_going(Writer *w, Error *err)
{
    if (w->progress && !w->progress(w->context, w->done, w->info->count))
        return error_set(err, "%s: stopped after %lld of %lld samples; run again to go on", w->dir,
                         (long long)w->done, (long long)w->info->count);
    return true;
}

static bool render_rest(Writer *w, FILE *file, const char *path, int64_t first, int64_t from,
                        int64_t n, Error *err)
{
    for (int64_t at = from; at < n;) {
        int64_t block = n - at < w->block ? n - at : w->block;
        int64_t good = render_block(w, first + at, block, err);
        if (fwrite(w->record, w->layout.bytes, (size_t)good, file) != (size_t)good ||
            fflush(file) != 0)
            return write_failed(w, path, err);
        at += good;
        w->done += good;
        if (good < block || !keep_going(w, err))
            return false;
    }
    return true;
}

/* A shard grows under another name and gets its own when it is whole and on the disk. */
static bool write_shard(Writer *w, int64_t s, Error *err)
{
    char path[PAIRS_PATH], growing[PAIRS_PATH + 8];
    int64_t n = pairs_in_shard(w->info, s), good = 0;
    struct stat st;
    FILE *file;
    bool ok;
    int fd;

    if (!pairs_shard_path(path, w->dir, s, err))
        return false;
    if (stat(path, &st) == 0 && st.st_size == (off_t)((size_t)n * w->layout.bytes)) {
        w->done += n;
        return true;
    }
    snprintf(growing, sizeof growing, "%s.tmp", path);
    fd = open(growing, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    file = fd < 0 ? NULL : fdopen(fd, "r+b");
    if (!file) {
        write_failed(w, growing, err);
        if (fd >= 0)
            close(fd);
        return false;
    }
    ok = (count_good(w, file, n, &good) && fflush(file) == 0 &&
          fseeko(file, (off_t)((size_t)good * w->layout.bytes), SEEK_SET) == 0 &&
          ftruncate(fd, (off_t)((size_t)good * w->layout.bytes)) == 0) ||
         write_failed(w, growing, err);
    w->done += good;
    ok =
        ok && keep_going(w, err) && render_rest(w, file, growing, s * w->info->shard, good, n, err);
    if (ok && fsync(fd) != 0)
        ok = write_failed(w, growing, err);
    if (fclose(file) != 0 && ok)
        ok = write_failed(w, growing, err);
    if (ok && rename(growing, path) != 0)
        ok = write_failed(w, path, err);
    return ok;
}

static bool write_shards(Writer *w, int lock, Error *err)
{
    for (int64_t s = 0; s < pairs_shards(w->info); s++)
        if (!write_shard(w, s, err))
            return false;
    if (fsync(lock) != 0) /* the names */
        return write_failed(w, w->dir, err);
    return true;
}

bool pairs_write(const char *dir, const Engine *engine, const PairsInfo *info,
                 bool (*progress)(void *context, int64_t done, int64_t total), void *context,
                 Error *err)
{
    Writer w = {
        .dir = dir, .engine = engine, .info = info, .progress = progress, .context = context};
    int lock = -1;
    bool ok;

    assert(info->count > 0 && info->shard > 0 && info->size > 0);
    assert(info->dim == engine_schema(engine)->dim);
    w.layout = pairs_layout(info);
    w.block = PER_THREAD * parallel_threads();
    if (w.block < BLOCK_LEAST)
        w.block = BLOCK_LEAST;
    if (w.block > (int64_t)(BLOCK_BYTES / w.layout.bytes))
        w.block = (int64_t)(BLOCK_BYTES / w.layout.bytes);
    if (w.block < 1)
        w.block = 1;
    w.record = malloc((size_t)w.block * w.layout.bytes);
    if (!w.record)
        return error_set(err, "out of memory for %lld samples", (long long)w.block);
    ok = lock_folder(dir, &lock, err);
    if (ok) {
        ok = describe_folder(dir, info, err) && write_shards(&w, lock, err);
        close(lock);
    }
    free(w.record);
    return ok;
}
