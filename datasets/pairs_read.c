#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/pairs_internal.h"

struct Pairs {
    char *dir;
    PairsInfo info;
    PairsLayout layout;
    int64_t n_shards;
    const uint8_t **shard; /* read-only maps */
};

static bool map_shard(const char *dir, const PairsInfo *info, int64_t s, const uint8_t **map,
                      Error *err)
{
    size_t bytes = (size_t)pairs_in_shard(info, s) * pairs_layout(info).bytes;
    char path[PAIRS_PATH];
    struct stat st;
    void *at;
    int fd;

    if (!pairs_shard_path(path, dir, s, err))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(
            err, "%s is missing: the set is not finished; run render_dataset on it again", path);
    if (fd < 0 || fstat(fd, &st) != 0) {
        error_set(err, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    if ((uintmax_t)st.st_size != bytes) {
        close(fd);
        return error_set(
            err, "%s has %lld bytes instead of %zu; run render_dataset again to mend the set", path,
            (long long)st.st_size, bytes);
    }
    at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return error_set(err, "%s cannot be mapped: %s", path, strerror(errno));
    *map = at;
    return true;
}

bool pairs_open(Pairs **pairs, const char *dir, Error *err)
{
    Pairs *p;
    PairsInfo info;

    if (!pairs_info_load(&info, dir, err))
        return false;
    p = calloc(1, sizeof *p);
    if (p) {
        p->info = info;
        p->layout = pairs_layout(&info);
        p->n_shards = pairs_shards(&info);
        p->dir = strdup(dir);
        p->shard = calloc((size_t)p->n_shards, sizeof *p->shard);
    }
    if (!p || !p->dir || !p->shard) {
        pairs_close(p);
        return error_set(err, "out of memory for the set %s", dir);
    }
    for (int64_t s = 0; s < p->n_shards; s++)
        if (!map_shard(dir, &info, s, &p->shard[s], err)) {
            pairs_close(p);
            return false;
        }
    *pairs = p;
    return true;
}

void pairs_close(Pairs *pairs)
{
    if (!pairs)
        return;
    for (int64_t s = 0; pairs->shard && s < pairs->n_shards; s++)
        if (pairs->shard[s])
            munmap((void *)(uintptr_t)pairs->shard[s],
                   (size_t)pairs_in_shard(&pairs->info, s) * pairs->layout.bytes);
    free(pairs->shard);
    free(pairs->dir);
    free(pairs);
}

const PairsInfo *pairs_info(const Pairs *pairs)
{
    return &pairs->info;
}

bool pairs_get(const Pairs *pairs, int64_t i, Pair *pair, Error *err)
{
    const uint8_t *record;

    assert(i >= 0 && i < pairs->info.count);
    record =
        pairs->shard[i / pairs->info.shard] + (size_t)(i % pairs->info.shard) * pairs->layout.bytes;
    if (!pairs_record_ok(&pairs->layout, record)) {
        char path[PAIRS_PATH];
        if (!pairs_shard_path(path, pairs->dir, i / pairs->info.shard, err))
            return false;
        return error_set(
            err, "%s: sample %lld is damaged; delete this file and run render_dataset again", path,
            (long long)i);
    }
    pair->x = (const float *)(const void *)record;
    pair->rgb = record + pairs->layout.rgb;
    pair->label = pairs->info.labels ? record + pairs->layout.label : NULL;
    return true;
}
