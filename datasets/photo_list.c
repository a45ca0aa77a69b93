#include "config.h"

#include "datasets/photo_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

enum { PATH = 4096, DEEPEST = 16, FIRST_ROOM = 1024, VALIDATION_SHARE = 20 };

#define PARTITION "list_eval_partition.txt"
#define ALIGNED "img_align_celeba"

PhotoSplit photo_split(const char *name)
{
    uint32_t hash = (uint32_t)crc32_z(0, (const unsigned char *)name, strlen(name));
    return hash % VALIDATION_SHARE == 0 ? PHOTO_VALIDATION : PHOTO_TRAIN;
}

void photo_list_free(PhotoList *list)
{
    for (int64_t i = 0; i < list->count; i++)
        free(list->entry[i].name);
    free(list->entry);
    free(list->dir);
    *list = (PhotoList){.dir = NULL};
}

/* A list that grows; room is what entry has space for. */
typedef struct Growing {
    PhotoList *list;
    int64_t room;
} Growing;

static bool add(Growing *g, const char *name, PhotoSplit split, Error *err)
{
    PhotoList *list = g->list;

    if (list->count == g->room) {
        int64_t room = g->room > 0 ? 2 * g->room : FIRST_ROOM;
        PhotoEntry *more = realloc(list->entry, (size_t)room * sizeof *more);
        if (!more)
            return error_set(err, "out of memory for a list of photos");
        list->entry = more;
        g->room = room;
    }
    char *copy = strdup(name);
    if (!copy)
        return error_set(err, "out of memory for a list of photos");
    list->entry[list->count++] = (PhotoEntry){.name = copy, .split = split};
    return true;
}

static bool is_photo(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && name[0] != '.' &&
           (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 ||
            strcasecmp(dot, ".png") == 0);
}

/* below: the path of a folder below the list's, "" for itself. Links to folders are not followed,
 * so that there are no circles. */
static bool walk(Growing *g, const char *below, int depth, Error *err)
{
    char path[PATH], name[PATH];
    struct dirent *entry;
    struct stat st;
    bool ok = true;

    if (snprintf(path, sizeof path, "%s%s%s", g->list->dir, *below ? "/" : "", below) >= PATH ||
        depth > DEEPEST)
        return error_set(err, "%.300s: folders are nested too deep", g->list->dir);
    DIR *dir = opendir(path);
    if (!dir)
        return error_set(err, "the folder %.400s cannot be read: %s", path, strerror(errno));
    while (ok && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(name, sizeof name, "%s%s%s", below, *below ? "/" : "", entry->d_name) >= PATH)
            ok = error_set(err, "%.300s: folders are nested too deep", g->list->dir);
        else if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                 S_ISDIR(st.st_mode))
            ok = walk(g, name, depth + 1, err);
        else if (is_photo(entry->d_name))
            ok = add(g, name, photo_split(name), err);
    }
    closedir(dir);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const PhotoEntry *)a)->name, ((const PhotoEntry *)b)->name);
}

static bool plain(Growing *g, Error *err)
{
    if (!walk(g, "", 0, err))
        return false;
    if (g->list->count == 0)
        return error_set(err, "%.400s holds no photos (.jpg, .jpeg or .png)", g->list->dir);
    qsort(g->list->entry, (size_t)g->list->count, sizeof *g->list->entry, by_name);
    return true;
}

static bool is_folder(const char *dir, const char *name)
{
    char path[PATH];
    struct stat st;
    return snprintf(path, sizeof path, "%s/%s", dir, name) < PATH && stat(path, &st) == 0 &&
           S_ISDIR(st.st_mode);
}

static bool celeba_lines(Growing *g, FILE *table, const char *path, const char *photos, Error *err)
{
    char line[512], file[256], name[PATH];
    int split;

    for (int64_t number = 1; fgets(line, sizeof line, table); number++) {
        if (line[strspn(line, " \t\r\n")] == '\0')
            continue;
        if (sscanf(line, "%255s %d", file, &split) != 2 || split < 0 || split >= PHOTO_SPLITS ||
            strchr(file, '/'))
            return error_set(err,
                             "%.400s, line %lld: it wants a photo's name and 0, 1 or 2 (training, "
                             "validation, test)",
                             path, (long long)number);
        snprintf(name, sizeof name, "%s/%s", photos, file);
        if (!add(g, name, (PhotoSplit)split, err))
            return false;
    }
    if (ferror(table) || g->list->count == 0)
        return error_set(err, "%.400s cannot be read or is empty", path);
    return true;
}

static bool celeba(Growing *g, FILE *table, const char *path, Error *err)
{
    const char *dir = g->list->dir;

    if (!is_folder(dir, ALIGNED))
        return error_set(err, "%.400s is there, but the folder " ALIGNED " beside it is not", path);
    return celeba_lines(g, table, path,
                        is_folder(dir, ALIGNED "/" ALIGNED) ? ALIGNED "/" ALIGNED : ALIGNED, err);
}

/* Keeps `limit` of the photos, evenly spread. */
static void thin_out(PhotoList *list, int64_t limit)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < list->count; i++) {
        if (kept < limit && i == kept * list->count / limit)
            list->entry[kept++] = list->entry[i];
        else
            free(list->entry[i].name);
    }
    list->count = kept;
}

bool photo_list_folder(PhotoList *list, const char *dir, int64_t limit, Error *err)
{
    char path[PATH];
    Growing g = {list, 0};

    *list = (PhotoList){.dir = strdup(dir)};
    if (!list->dir)
        return error_set(err, "out of memory for a list of photos");
    bool ok = snprintf(path, sizeof path, "%s/" PARTITION, dir) < PATH ||
              error_set(err, "the folder's name is too long: %.100s...", dir);
    if (ok) {
        FILE *table = fopen(path, "r");
        ok = table ? celeba(&g, table, path, err) : plain(&g, err);
        if (table)
            fclose(table);
    }
    if (!ok)
        photo_list_free(list);
    else if (limit > 0 && limit < list->count)
        thin_out(list, limit);
    return ok;
}

bool photo_list_names(PhotoList *list, const char *dir, const char *const *name, int64_t count,
                      Error *err)
{
    Growing g = {list, 0};

    *list = (PhotoList){.dir = strdup(dir)};
    bool ok = list->dir || error_set(err, "out of memory for a list of photos");
    for (int64_t i = 0; ok && i < count; i++)
        ok = add(&g, name[i], PHOTO_TEST, err);
    if (!ok)
        photo_list_free(list);
    return ok;
}

void photo_list_set_bytes(PhotoList *list, const uint8_t *const *bytes, const size_t *size)
{
    for (int64_t i = 0; i < list->count; i++) {
        list->entry[i].bytes = bytes[i];
        list->entry[i].size = size[i];
    }
}
