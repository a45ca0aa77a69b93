#include "config.h"

#include "apps/pair_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "nets/verification.h"

enum { COLUMNS = 4, FIRST_ROOM = 1024 };
_Static_assert(VERIFICATION_MAX_FOLDS == 64, "a message says so");

typedef struct Reader {
    PairTable *table;
    const char *path;
    int64_t line, room, name_room;
    json_t *names, *folds; /* text: its number */
    int columns;           /* of the first line */
} Reader;

void pair_table_free(PairTable *t)
{
    for (int64_t i = 0; i < t->names; i++)
        free(t->name[i]);
    free(t->name);
    free(t->a);
    free(t->b);
    free(t->same);
    free(t->fold);
    free(t->dir);
    *t = (PairTable){.names = 0};
}

static bool no_memory(Error *err)
{
    return error_set(err, "out of memory for a table of pairs");
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

static bool number_name(Reader *r, const char *name, int64_t *number, Error *err)
{
    PairTable *t = r->table;

    *number = number_of(r->names, name);
    if (*number < 0)
        return error_set(err, "%.300s, line %" PRId64 ": a path is not UTF-8, or memory is out",
                         r->path, r->line);
    if (*number < t->names)
        return true;
    if (t->names == r->name_room) {
        int64_t room = r->name_room > 0 ? 2 * r->name_room : FIRST_ROOM;
        char **more = realloc(t->name, (size_t)room * sizeof *more);
        if (!more)
            return no_memory(err);
        t->name = more;
        r->name_room = room;
    }
    t->name[t->names] = strdup(name);
    return t->name[t->names++] || no_memory(err);
}

static bool make_room(Reader *r, Error *err)
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
    return (a && b && same && fold) || no_memory(err);
}

static bool bad_line(const Reader *r, const char *what, Error *err)
{
    return error_set(err, "%.300s, line %" PRId64 ": %s", r->path, r->line, what);
}

static bool read_line(Reader *r, char *line, Error *err)
{
    PairTable *t = r->table;
    char *column[COLUMNS];
    int n = 0;

    line[strcspn(line, "\r\n")] = '\0';
    if (*line == '\0')
        return true;
    for (char *at = line; at && n < COLUMNS; n++) {
        column[n] = at;
        at = strchr(at, '\t');
        if (at)
            *at++ = '\0';
        if (n == COLUMNS - 1 && at)
            return bad_line(r, "it has more than four columns", err);
    }
    if (r->columns == 0)
        r->columns = n;
    if (n < COLUMNS - 1 || n != r->columns)
        return bad_line(r, "it wants path, path, same and on all lines or none fold, with tabs",
                        err);
    if (strcmp(column[2], "0") != 0 && strcmp(column[2], "1") != 0)
        return bad_line(r, "the third column is 1 (the same person) or 0", err);
    if (!make_room(r, err) || !number_name(r, column[0], &t->a[t->pairs], err) ||
        !number_name(r, column[1], &t->b[t->pairs], err))
        return false;
    t->same[t->pairs] = column[2][0] == '1';
    if (n == COLUMNS) {
        int64_t fold = number_of(r->folds, column[3]);
        if (fold < 0)
            return bad_line(r, "the fold is not UTF-8, or memory is out", err);
        if (fold >= VERIFICATION_MAX_FOLDS)
            return bad_line(r, "there are more than 64 folds", err);
        t->fold[t->pairs] = (int)fold;
    }
    t->pairs++;
    return true;
}

static bool read_lines(Reader *r, FILE *file, Error *err)
{
    char *line = NULL;
    size_t size = 0;
    bool ok = true;

    for (r->line = 1; ok && getline(&line, &size, file) > 0; r->line++)
        ok = read_line(r, line, err);
    free(line);
    if (ok && (ferror(file) || r->table->pairs == 0))
        return error_set(err, "%.300s cannot be read or holds no pairs", r->path);
    if (ok && r->columns < COLUMNS)
        verification_folds(r->table->pairs, VERIFICATION_FOLDS, r->table->fold);
    return ok;
}

bool pair_table_read(PairTable *table, const char *path, Error *err)
{
    const char *slash = strrchr(path, '/');
    Reader r = {.table = table, .path = path, .names = json_object(), .folds = json_object()};
    FILE *file = fopen(path, "r");

    *table = (PairTable){.dir = slash ? strndup(path, (size_t)(slash - path)) : strdup(".")};
    const char *base = slash ? slash + 1 : path;
    snprintf(table->title, sizeof table->title, "%.*s", (int)strcspn(base, "."), base);
    bool ok = file || error_set(err, "%.400s: %s", path, strerror(errno));
    if (ok && (!table->dir || !r.names || !r.folds))
        ok = no_memory(err);
    ok = ok && read_lines(&r, file, err);
    if (file)
        fclose(file);
    json_decref(r.names);
    json_decref(r.folds);
    if (!ok)
        pair_table_free(table);
    return ok;
}
