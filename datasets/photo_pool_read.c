#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "datasets/photo_pool_internal.h"

/* ---- The file ---- */

PoolLayout pool_layout(const PoolHead *head)
{
    enum { RECORD_ALIGN = 64, PICTURE_ALIGN = 4096 };
    size_t count = (size_t)head->count, size = (size_t)head->size;
    PoolLayout l = {.record_bytes = sizeof(PoolRecord) + (size_t)head->dim * sizeof(float),
                    .picture_bytes = 3 * size * size};

    l.records =
        (sizeof *head + (size_t)head->names_bytes + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
    l.pictures =
        (l.records + count * l.record_bytes + PICTURE_ALIGN - 1) / PICTURE_ALIGN * PICTURE_ALIGN;
    l.bytes = l.pictures + count * l.picture_bytes;
    return l;
}

uint32_t pool_head_crc(const PoolHead *head, const uint8_t *names)
{
    uLong crc = crc32_z(0, (const uint8_t *)head, offsetof(PoolHead, crc));
    return (uint32_t)crc32_z(crc, names, (size_t)head->names_bytes);
}

uint32_t pool_record_crc(const uint8_t *record, size_t record_bytes)
{
    size_t from = offsetof(PoolRecord, picture_crc);
    return (uint32_t)crc32_z(0, record + from, record_bytes - from);
}

uint32_t pool_picture_crc(const uint8_t *picture, size_t picture_bytes)
{
    return (uint32_t)crc32_z(0, picture, picture_bytes);
}

/* Numbers that no writer would have written are damage: what is counted by them must fit. */
static bool sane(const PoolHead *h)
{
    const int64_t most = (int64_t)1 << 32;
    return memcmp(h->magic, POOL_MAGIC, sizeof h->magic) == 0 && h->count > 0 && h->count < most &&
           h->names_bytes >= 2 * h->count && h->names_bytes < most && h->size > 0 &&
           h->size <= IMAGE_MAX_SIDE && h->dim >= 0 && h->dim < 1 << 20 &&
           memchr(h->schema, 0, sizeof h->schema) && memchr(h->digest, 0, sizeof h->digest) &&
           memchr(h->dir, 0, sizeof h->dir);
}

bool pool_head_read(int fd, PoolHead *head, uint8_t **names, bool *whole, Error *err)
{
    struct stat st;

    *names = NULL;
    *whole = false;
    if (fstat(fd, &st) != 0 || pread(fd, head, sizeof *head, 0) != (ssize_t)sizeof *head ||
        !sane(head) || (int64_t)sizeof *head + head->names_bytes > st.st_size)
        return true;
    uint8_t *made = malloc((size_t)head->names_bytes);
    if (!made)
        return error_set(err, "out of memory for a pool's names");
    if (pread(fd, made, (size_t)head->names_bytes, sizeof *head) == (ssize_t)head->names_bytes &&
        made[head->names_bytes - 1] == 0 && pool_head_crc(head, made) == head->crc) {
        *names = made;
        *whole = true;
    } else {
        free(made);
    }
    return true;
}

/* ---- The pool ---- */

struct PhotoPool {
    PhotoPoolInfo info;
    PoolLayout layout;
    char *path;
    const uint8_t *map;
    uint8_t *names;
    const uint8_t **name; /* into names: the split, then the text */
};

static bool damaged(const char *path, Error *err)
{
    return error_set(
        err, "%.400s is damaged, cut off or no pool of photos; delete it and make it anew", path);
}

static bool list_names(PhotoPool *pool, int64_t names_bytes, Error *err)
{
    const uint8_t *at = pool->names, *end = at + names_bytes;

    pool->name = malloc((size_t)pool->info.count * sizeof *pool->name);
    if (!pool->name)
        return error_set(err, "out of memory for a pool's names");
    for (int64_t i = 0; i < pool->info.count; i++) {
        if (at >= end || *at >= PHOTO_SPLITS)
            return damaged(pool->path, err);
        pool->name[i] = at;
        at += 1 + strlen((const char *)at + 1) + 1; /* the last byte of all is 0 */
    }
    return at == end || damaged(pool->path, err);
}

static const uint8_t *record_at(const PhotoPool *pool, int64_t i)
{
    return pool->map + pool->layout.records + (size_t)i * pool->layout.record_bytes;
}

/* Records are small: all are checked at once. */
static bool check_records(PhotoPool *pool, uint32_t head_crc, Error *err)
{
    uLong crc = crc32_z(0, (const uint8_t *)&head_crc, sizeof head_crc);

    for (int64_t i = 0; i < pool->info.count; i++) {
        const uint8_t *bytes = record_at(pool, i);
        PoolRecord record;
        memcpy(&record, bytes, sizeof record);
        if (record.crc != pool_record_crc(bytes, pool->layout.record_bytes) || record.status < 0 ||
            record.status >= PHOTO_STATES)
            return damaged(pool->path, err);
        pool->info.in_state[record.status]++;
        crc = crc32_z(crc, (const uint8_t *)&record.crc, sizeof record.crc); /* the picture's too */
    }
    pool->info.crc = (uint32_t)crc;
    return true;
}

static bool open_file(PhotoPool *pool, int fd, Error *err)
{
    PoolHead head;
    struct stat st;
    bool whole;

    if (!pool_head_read(fd, &head, &pool->names, &whole, err))
        return false;
    if (!whole)
        return damaged(pool->path, err);
    pool->layout = pool_layout(&head);
    if (fstat(fd, &st) != 0 || (uintmax_t)st.st_size != pool->layout.bytes)
        return damaged(pool->path, err);
    pool->info = (PhotoPoolInfo){.config = {.size = head.size, .reference = head.reference},
                                 .count = head.count,
                                 .dim = head.dim};
    memcpy(pool->info.schema, head.schema, sizeof head.schema);
    snprintf(pool->info.digest, sizeof pool->info.digest, "%.16s", head.digest);
    memcpy(pool->info.dir, head.dir, sizeof head.dir);
    void *map = mmap(NULL, pool->layout.bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return error_set(err, "%.400s cannot be mapped: %s", pool->path, strerror(errno));
    pool->map = map;
    return list_names(pool, head.names_bytes, err) && check_records(pool, head.crc, err);
}

bool photo_pool_open(PhotoPool **pool, const char *path, Error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, "%.400s: %s", path, strerror(errno));
    PhotoPool *p = calloc(1, sizeof *p);
    bool ok = p && (p->path = strdup(path));
    ok = ok ? open_file(p, fd, err) : error_set(err, "out of memory for the pool %.400s", path);
    close(fd);
    if (!ok) {
        photo_pool_close(p);
        return false;
    }
    *pool = p;
    return true;
}

void photo_pool_close(PhotoPool *pool)
{
    if (!pool)
        return;
    if (pool->map)
        munmap((void *)(uintptr_t)pool->map, pool->layout.bytes);
    free(pool->name);
    free(pool->names);
    free(pool->path);
    free(pool);
}

const PhotoPoolInfo *photo_pool_info(const PhotoPool *pool)
{
    return &pool->info;
}

/* All but the picture. */
static void describe(const PhotoPool *pool, int64_t i, PoolPhoto *photo, uint32_t *picture_crc)
{
    const uint8_t *bytes = record_at(pool, i);
    PoolRecord record;

    memcpy(&record, bytes, sizeof record);
    *photo = (PoolPhoto){.name = (const char *)pool->name[i] + 1,
                         .status = (PhotoStatus)record.status,
                         .split = (PhotoSplit)pool->name[i][0],
                         .face = record.face,
                         .yaw = record.yaw,
                         .side = record.side};
    if (pool->info.dim > 0)
        photo->x = (const float *)(const void *)(bytes + sizeof record);
    *picture_crc = record.picture_crc;
}

bool photo_pool_get(const PhotoPool *pool, int64_t i, PoolPhoto *photo, Error *err)
{
    uint32_t crc;

    assert(i >= 0 && i < pool->info.count);
    describe(pool, i, photo, &crc);
    photo->rgb = pool->map + pool->layout.pictures + (size_t)i * pool->layout.picture_bytes;
    if (pool_picture_crc(photo->rgb, pool->layout.picture_bytes) != crc)
        return error_set(err,
                         "%.400s: the picture of %.200s is damaged; delete the pool and make "
                         "it anew",
                         pool->path, photo->name);
    return true;
}

bool photo_pool_select(const PhotoPool *pool, unsigned splits, const PhotoQuality *quality,
                       int64_t **index, int64_t *n, Error *err)
{
    int64_t *made = malloc((size_t)pool->info.count * sizeof *made), found = 0;

    if (!made)
        return error_set(err, "out of memory for a choice of photos");
    for (int64_t i = 0; i < pool->info.count; i++) {
        PoolPhoto photo;
        uint32_t crc;
        describe(pool, i, &photo, &crc);
        if (photo.status == PHOTO_FACE && (splits >> photo.split & 1) &&
            (!quality || photo_good_frontal(&photo, quality)))
            made[found++] = i;
    }
    *index = made;
    *n = found;
    return true;
}
