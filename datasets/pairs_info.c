#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <zlib.h>

#include "datasets/pairs_internal.h"
#include "libtensor/atomic_file.h"

enum { FORMAT = 3 };

static const char *const KIND[] = {[PAIRS_IMITATOR] = "imitator", [PAIRS_SEGMENTER] = "segmenter"};

/* What an engine must be able to do for the segmenter's pictures. */
static const unsigned VARIED = ENGINE_LABELS | ENGINE_VIEW | ENGINE_BACKGROUND;

bool pairs_info_set_engine(PairsInfo *info, const Engine *engine, Error *err)
{
    const Schema *schema = engine_schema(engine);
    int64_t finished = engine_sample_count(engine);

    if (schema->n_groups > OP_MAX_GROUPS)
        return error_set(err, "the schema %s has %d discrete groups; there may be up to %d",
                         schema->name, schema->n_groups, OP_MAX_GROUPS);
    if (info->kind == PAIRS_SEGMENTER && (finished > 0 || !engine_can(engine, VARIED)))
        return error_set(err,
                         "the engine of the schema %s cannot draw label maps, any view and any "
                         "background, so it makes no set for the segmenter",
                         schema->name);
    if (finished > 0 && info->count > finished)
        return error_set(err, "%lld samples are wanted, but the engine's folder has %lld",
                         (long long)info->count, (long long)finished);
    info->n_groups = schema->n_groups;
    for (int i = 0; i < schema->n_groups; i++) {
        info->begin[i] = schema->group[i].begin;
        info->group_size[i] = schema->group[i].count;
    }
    info->finished = finished > 0;
    info->labels = engine_can(engine, ENGINE_LABELS);
    snprintf(info->schema, sizeof info->schema, "%s", schema->name);
    schema_digest(schema, info->digest);
    info->dim = schema->dim;
    return true;
}

void pairs_info_set_near(PairsInfo *info, const float *character, int64_t n)
{
    size_t bytes = (size_t)n * (size_t)info->dim * sizeof *character;

    info->character = character;
    info->n_near = n;
    snprintf(info->near, sizeof info->near, "%08lx", crc32_z(0, (const Bytef *)character, bytes));
}

PairsLayout pairs_layout(const PairsInfo *info)
{
    size_t pixels = (size_t)info->size * (size_t)info->size;
    PairsLayout l = {.rgb = (size_t)info->dim * sizeof(float)};

    l.label = l.rgb + 3 * pixels;
    l.crc = (l.label + (info->labels ? pixels : 0) + 3) / 4 * 4;
    l.bytes = l.crc + 4;
    return l;
}

uint32_t pairs_crc(const PairsLayout *layout, const uint8_t *record)
{
    return (uint32_t)crc32_z(0, record, layout->crc);
}

bool pairs_record_ok(const PairsLayout *layout, const uint8_t *record)
{
    uint32_t stored;

    memcpy(&stored, record + layout->crc, sizeof stored);
    return stored == pairs_crc(layout, record);
}

int64_t pairs_shards(const PairsInfo *info)
{
    return (info->count + info->shard - 1) / info->shard;
}

int64_t pairs_in_shard(const PairsInfo *info, int64_t s)
{
    int64_t left = info->count - s * info->shard;

    return left < info->shard ? left : info->shard;
}

static bool path_made(int n, const char *dir, Error *err)
{
    if (n < 0 || n >= PAIRS_PATH)
        return error_set(err, "the folder's name is too long: %.100s...", dir);
    return true;
}

bool pairs_shard_path(char path[static PAIRS_PATH], const char *dir, int64_t s, Error *err)
{
    return path_made(snprintf(path, PAIRS_PATH, "%s/shard-%04" PRId64 ".bin", dir, s), dir, err);
}

bool pairs_info_path(char path[static PAIRS_PATH], const char *dir, Error *err)
{
    return path_made(snprintf(path, PAIRS_PATH, "%s/dataset.json", dir), dir, err);
}

static json_t *groups_json(const PairsInfo *info)
{
    json_t *groups = json_array();

    for (int i = 0; i < info->n_groups; i++)
        json_array_append_new(groups, json_pack("[ii]", info->begin[i], info->group_size[i]));
    return groups;
}

bool pairs_info_save(const PairsInfo *info, const char *dir, Error *err)
{
    char path[PAIRS_PATH], seed[24];
    AtomicFile file;
    json_t *json;

    if (!pairs_info_path(path, dir, err) || !atomic_file_open(&file, path, err))
        return false;
    snprintf(seed, sizeof seed, "%" PRIu64, info->seed); /* JSON's integers are signed */
    json = json_pack("{si, ss, ss, ss, si, so, sb, si, sI, sI, ss, ss, sb}", "format", FORMAT,
                     "kind", KIND[info->kind], "schema", info->schema, "digest", info->digest,
                     "dim", info->dim, "groups", groups_json(info), "labels", info->labels, "size",
                     info->size, "count", (json_int_t)info->count, "shard", (json_int_t)info->shard,
                     "seed", seed, "near", info->near, "finished", info->finished);
    if (!json) {
        atomic_file_abort(&file);
        return error_set(err, "out of memory for %s", path);
    }
    json_dumpf(json, file.stream, JSON_INDENT(2)); /* commit reports what goes wrong */
    fputc('\n', file.stream);
    json_decref(json);
    return atomic_file_commit(&file, err);
}

static bool parse_groups(PairsInfo *info, const json_t *groups)
{
    info->n_groups = (int)json_array_size(groups);
    if (!json_is_array(groups) || json_array_size(groups) > OP_MAX_GROUPS)
        return false;
    for (int i = 0; i < info->n_groups; i++) {
        int *begin = &info->begin[i], *size = &info->group_size[i];
        if (json_unpack(json_array_get(groups, (size_t)i), "[ii]", begin, size) != 0 ||
            *begin < 0 || *size < 1 || *size > info->dim || *begin > info->dim - *size)
            return false;
    }
    return true;
}

static bool parse(PairsInfo *info, json_t *json)
{
    const char *kind, *schema, *digest, *seed, *near;
    json_t *groups;
    int labels, finished = 0;
    json_int_t count, shard;
    int format;
    char *end;
    PairsInfo i = {0};

    if (json_unpack(json, "{si, ss, ss, ss, si, so, sb, si, sI, sI, ss, ss, s?b}", "format",
                    &format, "kind", &kind, "schema", &schema, "digest", &digest, "dim", &i.dim,
                    "groups", &groups, "labels", &labels, "size", &i.size, "count", &count, "shard",
                    &shard, "seed", &seed, "near", &near, "finished", &finished) != 0)
        return false;
    i.labels = labels;
    i.finished = finished;
    if (strcmp(kind, KIND[PAIRS_IMITATOR]) == 0)
        i.kind = PAIRS_IMITATOR;
    else if (strcmp(kind, KIND[PAIRS_SEGMENTER]) == 0)
        i.kind = PAIRS_SEGMENTER;
    else
        return false;
    errno = 0;
    i.seed = strtoull(seed, &end, 10);
    if (errno != 0 || *end != '\0' || end == seed || format != FORMAT ||
        strlen(schema) >= sizeof i.schema || strlen(digest) >= sizeof i.digest ||
        strlen(near) >= sizeof i.near || i.dim < 1 || i.dim > 1 << 20 || i.size < 1 ||
        i.size > 1 << 14 || count < 1 || count > (json_int_t)1 << 40 || shard < 1 ||
        shard > (json_int_t)1 << 40 || !parse_groups(&i, groups))
        return false;
    strcpy(i.schema, schema);
    strcpy(i.digest, digest);
    strcpy(i.near, near);
    i.count = count;
    i.shard = shard;
    *info = i;
    return true;
}

bool pairs_info_load(PairsInfo *info, const char *dir, Error *err)
{
    char path[PAIRS_PATH];
    json_error_t why;
    json_t *json;
    FILE *file;
    bool ok;

    if (!pairs_info_path(path, dir, err))
        return false;
    file = fopen(path, "rb");
    if (!file)
        return error_set(err, "%s: %s; render_dataset makes such a folder", path, strerror(errno));
    json = json_loadf(file, 0, &why);
    fclose(file);
    ok = json && parse(info, json);
    json_decref(json);
    if (!ok)
        return error_set(err, "%s is damaged or not of this version; render the set anew", path);
    return true;
}
