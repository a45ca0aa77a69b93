#include "config.h"

#include "apps/pair_table_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nets/verification.h"

enum { COLUMNS = 4, FIRST_ROOM = 1024, PROTO = 0x80 };
_Static_assert(VERIFICATION_MAX_FOLDS == 64, "a message says so");

void pair_table_free(PairTable *t)
{
    for (int64_t i = 0; i < t->names; i++)
        free(t->name[i]);
    free(t->name);
    free(t->file);
    free(t->bytes);
    free(t->size);
    free(t->a);
    free(t->b);
    free(t->same);
    free(t->fold);
    free(t->dir);
    *t = (PairTable){.names = 0};
}

bool pair_no_memory(Error *err)
{
    return error_set(err, "out of memory for a table of pairs");
}

bool pair_bad_line(const PairReader *r, const char *what, Error *err)
{
    return error_set(err, "%.300s, line %" PRId64 ": %s", r->path, r->line, what);
}

/* A text's number: the one it was given before, or the next. */
static int64_t number_of(json_t *numbers, const char *text)
{
    json_t *known = json_object_get(numbers, text);

    if (known)
        return json_integer_value(known);
    json_int_t next = (json_int_t)json_object_size(numbers);
    return json_object_set_new(numbers, text, json_integer(next)) == 0 ? next : -1;
}

bool pair_add_name(PairReader *r, const char *name, int64_t *number, Error *err)
{
    PairTable *t = r->table;

    *number = number_of(r->names, name);
    if (*number < 0)
        return pair_bad_line(r, "a path is not UTF-8, or memory is out", err);
    if (*number < t->names)
        return true;
    if (t->names == r->name_room) {
        int64_t room = r->name_room > 0 ? 2 * r->name_room : FIRST_ROOM;
        char **more = realloc(t->name, (size_t)room * sizeof *more);
        if (!more)
            return pair_no_memory(err);
        t->name = more;
        r->name_room = room;
    }
    t->name[t->names] = strdup(name);
    return t->name[t->names++] || pair_no_memory(err);
}

static bool make_room(PairReader *r, Error *err)
{
    PairTable *t = r->table;

    if (t->pairs < r->room)
        return true;
    size_t room = (size_t)(r->room > 0 ? 2 * r->room : FIRST_ROOM);
    int64_t *a = realloc(t->a, room * sizeof *a);
    t->a = a ? a : t->a;
    int64_t *b = realloc(t->b, room * sizeof *b);
    t->b = b ? b : t->b;
    bool *same = realloc(t->same, room * sizeof *same);
    t->same = same ? same : t->same;
    int *fold = realloc(t->fold, room * sizeof *fold);
    t->fold = fold ? fold : t->fold;
    r->room = (int64_t)room;
    return (a && b && same && fold) || pair_no_memory(err);
}

bool pair_add(PairReader *r, int64_t a, int64_t b, bool same, const char *fold, Error *err)
{
    PairTable *t = r->table;
    int64_t number = fold ? number_of(r->folds, fold) : 0;

    if (number < 0)
        return pair_bad_line(r, "the fold is not UTF-8, or memory is out", err);
    if (number >= VERIFICATION_MAX_FOLDS)
        return pair_bad_line(r,
                             "this is the 65th fold, and up to 64 are told apart; leave "
                             "the column out for ten contiguous ones",
                             err);
    if (!make_room(r, err))
        return false;
    t->a[t->pairs] = a;
    t->b[t->pairs] = b;
    t->same[t->pairs] = same;
    t->fold[t->pairs++] = (int)number;
    r->has_folds = fold != NULL;
    return true;
}

bool pair_read_lines(PairReader *r, const char *path, PairLine *read, void *context, Error *err)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    bool ok = true;

    if (!file)
        return error_set(err, "%.400s: %s", path, strerror(errno));
    r->path = path;
    for (r->line = 1; ok && getline(&line, &size, file) > 0; r->line++) {
        line[strcspn(line, "\r\n")] = '\0';
        ok = *line == '\0' || read(r, context, line, err);
    }
    free(line);
    if (ok && ferror(file))
        ok = error_set(err, "%.400s cannot be read", path);
    fclose(file);
    return ok;
}

/* ---- A plain table ---- */

static bool tsv_line(PairReader *r, void *context, char *line, Error *err)
{
    int *columns = context; /* of the first line */
    char *column[COLUMNS];
    int64_t a, b;
    int n = 0;

    for (char *at = line; at && n < COLUMNS; n++) {
        column[n] = at;
        at = strchr(at, '\t');
        if (at)
            *at++ = '\0';
        if (n == COLUMNS - 1 && at)
            return pair_bad_line(r, "it has more than four columns", err);
    }
    if (*columns == 0)
        *columns = n;
    if (n < COLUMNS - 1 || n != *columns)
        return pair_bad_line(
            r, "it wants path, path, same and on all lines or none fold, with tabs", err);
    if (strcmp(column[2], "0") != 0 && strcmp(column[2], "1") != 0)
        return pair_bad_line(r, "the third column is 1 (the same person) or 0", err);
    return pair_add_name(r, column[0], &a, err) && pair_add_name(r, column[1], &b, err) &&
           pair_add(r, a, b, column[2][0] == '1', n == COLUMNS ? column[3] : NULL, err);
}

bool pair_read_tsv(PairReader *r, Error *err)
{
    int columns = 0;
    return pair_read_lines(r, r->path, tsv_line, &columns, err);
}

/* ---- Any set ---- */

/* Which of the formats a file is, by its beginning: the pickle's byte, or LFW's "folds pairs" or
 * "pairs". */
static bool read_file(PairReader *r, Error *err)
{
    char begin[64] = "";
    int number[3];
    FILE *file = fopen(r->path, "r");

    if (!file)
        return error_set(err, "%.400s: %s", r->path, strerror(errno));
    begin[fread(begin, 1, sizeof begin - 1, file)] = '\0';
    fclose(file);
    if ((unsigned char)begin[0] == PROTO)
        return pair_read_bin(r, err);
    size_t line = strcspn(begin, "\r\n");
    bool numbers = begin[line] != '\0' && strspn(begin, "0123456789\t ") == line;
    begin[line] = '\0';
    int n = numbers ? sscanf(begin, "%d %d %d", &number[0], &number[1], &number[2]) : 0;
    bool lfw = n == 1 || n == 2;
    return lfw ? pair_read_lfw(r, err) : pair_read_tsv(r, err);
}

/* Leaves `limit` of the pairs, evenly spread; their folds are numbered anew, without gaps. */
static void thin_out(PairTable *t, int64_t limit)
{
    int64_t kept = 0;
    int number[VERIFICATION_MAX_FOLDS], folds = 0;

    for (int64_t i = 0; i < t->pairs; i++) {
        if (kept == limit || i != kept * t->pairs / limit)
            continue;
        t->a[kept] = t->a[i];
        t->b[kept] = t->b[i];
        t->same[kept] = t->same[i];
        t->fold[kept++] = t->fold[i];
    }
    t->pairs = kept;
    memset(number, -1, sizeof number);
    for (int64_t i = 0; i < kept; i++) {
        int *now = &number[t->fold[i]];
        *now = *now < 0 ? folds++ : *now;
        t->fold[i] = *now;
    }
}

/* Photos that are in no pair go. */
static bool drop_unused(PairTable *t, Error *err)
{
    int64_t names = 0, *number = malloc((size_t)t->names * sizeof *number);

    if (!number)
        return pair_no_memory(err);
    for (int64_t i = 0; i < t->names; i++)
        number[i] = -1;
    for (int64_t i = 0; i < t->pairs; i++)
        number[t->a[i]] = number[t->b[i]] = 0;
    for (int64_t i = 0; i < t->names; i++) {
        if (number[i] < 0) {
            free(t->name[i]);
            continue;
        }
        number[i] = names;
        if (t->bytes) {
            t->bytes[names] = t->bytes[i];
            t->size[names] = t->size[i];
        }
        t->name[names++] = t->name[i];
    }
    t->names = names;
    for (int64_t i = 0; i < t->pairs; i++) {
        t->a[i] = number[t->a[i]];
        t->b[i] = number[t->b[i]];
    }
    free(number);
    return true;
}

/* The folder that a path stands in, allocated; its last part as title, without extension. */
static char *take_title(PairTable *t, const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    const char *dot = memchr(path + begin, '.', end - begin);
    size_t stem = dot && dot > path + begin ? (size_t)(dot - path) - begin : end - begin;
    snprintf(t->title, sizeof t->title, "%.*s", (int)stem, path + begin);
    return begin > 1 ? strndup(path, begin - 1) : strdup(begin == 1 ? "/" : ".");
}

static bool read_set(PairReader *r, const char *path, const char *photos, int64_t limit, Error *err)
{
    PairTable *t = r->table;
    struct stat st;
    char *dir = take_title(t, path);

    if (!dir || !r->names || !r->folds) {
        free(dir);
        return pair_no_memory(err);
    }
    t->dir = photos ? strdup(photos) : strdup(dir);
    free(dir);
    r->path = path;
    bool is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    if (!t->dir || !(is_folder ? pair_read_cfp(r, photos, err) : read_file(r, err)))
        return t->dir ? false : pair_no_memory(err);
    if (t->pairs == 0)
        return error_set(err, "%.300s holds no pairs", path);
    if (!r->has_folds)
        verification_folds(t->pairs, VERIFICATION_FOLDS, t->fold);
    if (limit > 0 && limit < t->pairs) {
        thin_out(t, limit);
        t->limit = limit;
    }
    return drop_unused(t, err);
}

bool pair_table_open(PairTable *table, const char *path, const char *photos, int64_t limit,
                     Error *err)
{
    PairReader r = {.table = table, .names = json_object(), .folds = json_object()};

    *table = (PairTable){.dir = NULL};
    bool ok = read_set(&r, path, photos, limit, err);
    json_decref(r.names);
    json_decref(r.folds);
    if (!ok)
        pair_table_free(table);
    return ok;
}

bool pair_table_read(PairTable *table, const char *path, Error *err)
{
    return pair_table_open(table, path, NULL, 0, err);
}
