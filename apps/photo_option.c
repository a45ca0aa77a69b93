#include "config.h"

#include "apps/photo_option.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/app.h"
#include "apps/paths.h"
#include "apps/progress.h"

static bool show(void *context, int64_t done, int64_t total)
{
    Progress *progress = context;

    if (progress->total == 0)
        progress_start(progress, "faces", "photos", done, total);
    progress_update(progress, done, NULL);
    return !interrupted();
}

/* The last part of a folder's name. */
static char *last_part(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    char *part = strndup(path + begin, end - begin);
    if (!part)
        die("out of memory");
    return part;
}

static char *pool_path(const char *out, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s.pool", out, name) < 0)
        die("out of memory");
    return path;
}

static bool fits(const PhotoPool *pool, const char *path, const PhotoPoolConfig *config, Error *err)
{
    const PhotoPoolConfig *have = &photo_pool_info(pool)->config;
    float worst = 0;

    if (have->size != config->size)
        return error_set(err,
                         "%.400s holds faces of %d pixels, but %d are wanted; make it anew with "
                         "prepare_photos",
                         path, have->size, config->size);
    for (int i = 0; i < 2 * FACE_LANDMARKS; i++)
        worst = fmaxf(worst, fabsf(have->reference.landmark[i] - config->reference.landmark[i]));
    return worst < PHOTO_POOL_TOLERANCE ||
           error_set(err,
                     "%.400s is aligned onto another engine's average face; make it anew with "
                     "prepare_photos",
                     path);
}

/* Renders must be characters of the schema; photos, whose digest is "", and NULL: whatever there
 * is.
 */
static bool is_of(const Schema *schema, const char *path, const char *name, const char *digest,
                  Error *err)
{
    char wanted[17];

    if (!schema || !*digest)
        return true;
    schema_digest(schema, wanted);
    return strcmp(digest, wanted) == 0 ||
           error_set(err,
                     "%.300s holds characters of the schema '%.31s' (%.16s), the engine's is "
                     "'%.31s' (%s): render them anew with render_dataset",
                     path, name, digest, schema->name, wanted);
}

static void tell(const PhotoPool *pool)
{
    const PhotoPoolInfo *info = photo_pool_info(pool);
    int64_t none = info->in_state[PHOTO_NO_FACE], bad = info->in_state[PHOTO_UNREADABLE];

    if (none + bad > 0)
        fprintf(stderr,
                "%" PRId64 " of %" PRId64 " photos are left out: %" PRId64 " show no face, %" PRId64
                " cannot be read (prepare_photos --list)\n",
                none + bad, info->count, none, bad);
}

/* Makes the pool of one of the two, or finds it made. */
static bool write_pool(const char *path, const PhotoList *list, const Pairs *renders,
                       const char *dir, const PhotoPoolConfig *config, Error *err)
{
    Progress progress = {.total = 0};
    char *model = path_landmark_model();
    bool ok =
        renders ? photo_pool_write_renders(path, renders, dir, config, model, show, &progress, err)
                : photo_pool_write(path, list, config, model, show, &progress, err);

    free(model);
    if (ok && progress.total > 0)
        progress_end(&progress, progress.total, NULL);
    return ok;
}

static bool write_folder(const char *path, const char *dir, const PhotoPoolConfig *config,
                         const Schema *schema, int64_t limit, Error *err)
{
    char *json = path_join(dir, "dataset.json");
    struct stat st;
    bool is_set = stat(json, &st) == 0, ok;

    free(json);
    if (is_set) {
        Pairs *renders = NULL;
        ok = pairs_open(&renders, dir, err);
        const PairsInfo *info = ok ? pairs_info(renders) : NULL;
        ok = ok && is_of(schema, dir, info->schema, info->digest, err) &&
             write_pool(path, NULL, renders, dir, config, err);
        pairs_close(renders);
    } else {
        PhotoList list = {.dir = NULL};
        ok = photo_list_folder(&list, dir, limit, err) &&
             write_pool(path, &list, NULL, dir, config, err);
        photo_list_free(&list);
    }
    return ok;
}

static bool open_pool(PhotoPool **pool, const char *path, const PhotoPoolConfig *config,
                      const Schema *schema, Error *err)
{
    if (!photo_pool_open(pool, path, err))
        return false;
    const PhotoPoolInfo *info = photo_pool_info(*pool);
    if (!is_of(schema, path, info->schema, info->digest, err) || !fits(*pool, path, config, err)) {
        photo_pool_close(*pool);
        return false;
    }
    tell(*pool);
    return true;
}

bool photo_option_open(PhotoPool **pool, char **file, const char *arg, const char *out,
                       const PhotoPoolConfig *config, const Schema *schema, int64_t limit,
                       Error *err)
{
    struct stat st;
    char *path, *name = last_part(arg);
    bool is_folder = stat(arg, &st) == 0 && S_ISDIR(st.st_mode);

    path = is_folder ? pool_path(out, name) : strdup(arg);
    free(name);
    bool ok = path || error_set(err, "out of memory");
    ok = ok && (!is_folder || write_folder(path, arg, config, schema, limit, err)) &&
         open_pool(pool, path, config, schema, err);
    if (ok && file)
        *file = path;
    else
        free(path);
    return ok;
}

bool photo_list_open(PhotoPool **pool, const PhotoList *list, const char *out,
                     const char *pool_name, const PhotoPoolConfig *config, Error *err)
{
    char *path = pool_path(out, pool_name);
    bool ok = write_pool(path, list, NULL, list->dir, config, err) &&
              open_pool(pool, path, config, NULL, err);

    free(path);
    return ok;
}
