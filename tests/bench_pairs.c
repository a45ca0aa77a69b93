/* Times the reading of a set: bench_pairs DIR. Every record is checked and its bytes are summed, in
 * order and shuffled, from the disk (the system is asked to forget the files first) and from
 * memory. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "datasets/pairs_internal.h"
#include "libtensor/rng.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Only files that nobody has mapped are forgotten. */
static void forget(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        int fd = openat(dirfd(d), entry->d_name, O_RDONLY);
        if (fd >= 0) {
            fsync(fd);
            posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
            close(fd);
        }
    }
    if (d)
        closedir(d);
}

static bool read_all(const Pairs *pairs, const int64_t *order, uint64_t *sum, Error *err)
{
    const PairsInfo *info = pairs_info(pairs);
    size_t pixels = (size_t)info->size * (size_t)info->size;
    for (int64_t i = 0; i < info->count; i++) {
        Pair pair;
        if (!pairs_get(pairs, order[i], &pair, err))
            return false;
        for (size_t k = 0; k < 3 * pixels; k++)
            *sum += pair.rgb[k];
    }
    return true;
}

static int64_t *make_order(int64_t count, bool shuffled)
{
    int64_t *order = malloc((size_t)count * sizeof *order);
    Rng rng = rng_make(1, 0, 0);
    for (int64_t i = 0; order && i < count; i++)
        order[i] = i;
    for (int64_t i = count - 1; order && shuffled && i > 0; i--) {
        int64_t j = rng_below(&rng, (uint32_t)(i + 1)), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    return order;
}

static bool bench(const char *dir, bool cold, bool shuffled, Error *err)
{
    Pairs *pairs;
    uint64_t sum = 0;
    if (cold)
        forget(dir);
    double start = now();
    if (!pairs_open(&pairs, dir, err))
        return false;
    const PairsInfo *info = pairs_info(pairs);
    double megabytes = (double)info->count * (double)pairs_layout(info).bytes * 1e-6;
    int64_t *order = make_order(info->count, shuffled);
    bool ok = order ? read_all(pairs, order, &sum, err) : error_set(err, "out of memory");
    double s = now() - start;
    if (ok)
        printf(
            "%s, %-8s %7lld samples, %6.0f MB: %6.2f s, %7.0f samples/s, %5.0f MB/s (sum %llu)\n",
            cold ? "disk  " : "memory", shuffled ? "shuffled" : "in order", (long long)info->count,
            megabytes, s, (double)info->count / s, megabytes / s, (unsigned long long)sum);
    free(order);
    pairs_close(pairs);
    return ok;
}

int main(int argc, char **argv)
{
    Error err;
    if (argc != 2) {
        fprintf(stderr, "usage: bench_pairs DIR\n");
        return 2;
    }
    for (int k = 0; k < 4; k++)
        if (!bench(argv[1], k % 2 == 0, k >= 2, &err)) {
            fprintf(stderr, "bench_pairs: %s\n", err.text);
            return 1;
        }
    return 0;
}
