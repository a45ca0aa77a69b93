#include "engine/table_internal.h"

#include <stdlib.h>
#include <string.h>

/* RFC 4180, cut up in place. */
typedef struct Csv {
    char *at, *end;
    long line;
    bool row_over; /* the cell before was the last of its row */
} Csv;

/* The next cell of a row, without the blanks around it; NULL for a quote that does not close or
 * that something follows. */
static char *next_cell(Csv *csv)
{
    csv->at += strspn(csv->at, " \t");
    char *cell = csv->at, *to = cell;
    if (*cell == '"') {
        cell = to = ++csv->at;
        for (; *csv->at != '"' || csv->at[1] == '"'; csv->at++) {
            if (csv->at >= csv->end)
                return NULL;
            csv->line += *csv->at == '\n';
            csv->at += *csv->at == '"';
            *to++ = *csv->at;
        }
        csv->at++;
        csv->at += strspn(csv->at, " \t\r");
    } else {
        csv->at += strcspn(csv->at, ",\n");
        for (to = csv->at; to > cell && strchr(" \t\r", to[-1]);)
            to--;
    }
    if (csv->at < csv->end && *csv->at != ',' && *csv->at != '\n')
        return NULL;
    csv->row_over = *csv->at != ',';
    csv->at += csv->at < csv->end;
    *to = '\0';
    return cell;
}

static bool at_line(const TableWriter *w, const Csv *csv, Error *err)
{
    return error_prefix(err, "%s: line %ld", w->path, csv->line);
}

/* Which field each column is; free() it. */
static int *read_header(TableWriter *w, Csv *csv, int *columns, Error *err)
{
    int fields = table_fields(w->schema), room = fields + 1;
    int *field = malloc((size_t)room * sizeof *field);
    bool *seen = calloc((size_t)room, sizeof *seen);
    bool ok = (field && seen) || error_set(err, "out of memory");
    int n = 0;
    while (ok && !csv->row_over) {
        const char *name = next_cell(csv);
        int f = name ? table_field(w->schema, name) : FIELD_UNKNOWN;
        if (!name)
            ok = error_set(err, "a quote is not closed, or something follows it");
        else if (f == FIELD_UNKNOWN)
            ok = error_set(err, "\"%.60s\" is no control or group of the schema %s", name,
                           w->schema->name);
        else if (seen[f == FIELD_IMAGE ? fields : f])
            ok = error_set(err, "\"%s\" is there twice", name);
        else {
            seen[f == FIELD_IMAGE ? fields : f] = true;
            field[n++] = f;
        }
    }
    for (int f = 0; ok && f < fields; f++)
        if (!seen[f])
            ok = error_set(err, "the column \"%s\" of the schema %s is missing",
                           table_field_name(w->schema, f), w->schema->name);
    free(seen);
    if (!ok) {
        free(field);
        at_line(w, csv, err);
        return NULL;
    }
    *columns = n;
    return field;
}

static bool put(TableWriter *w, float *x, int field, const char *cell, Error *err)
{
    if (field == FIELD_IMAGE)
        return table_put_image(w, cell, err);
    if (field >= w->schema->n_continuous)
        return table_put_option(w->schema, x, field, cell, err);
    char *end;
    double value = strtod(cell, &end);
    if (end == cell || *end)
        return error_set(err, "\"%s\" is '%.40s', not a number", table_field_name(w->schema, field),
                         cell);
    return table_put_number(w->schema, x, field, value, err);
}

static bool read_row(TableWriter *w, Csv *csv, const int *field, int columns, Error *err)
{
    float *x = table_row(w, err);
    if (!x)
        return false;
    int n = 0;
    for (csv->row_over = false; !csv->row_over; n++) {
        const char *cell = next_cell(csv);
        if (!cell)
            return error_set(err, "a quote is not closed, or something follows it");
        if (n < columns && !put(w, x, field[n], cell, err))
            return false;
    }
    if (n != columns)
        return error_set(err, "has %d cells, and the header %d", n, columns);
    return true;
}

static bool blank(const Csv *csv)
{
    return *csv->at == '\n' || (*csv->at == '\r' && csv->at[1] == '\n');
}

static bool read_text(TableWriter *w, char *text, size_t n, Error *err)
{
    Csv csv = {.at = text, .end = text + n, .line = 1};
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
        csv.at += 3;
    int columns;
    int *field = read_header(w, &csv, &columns, err);
    if (!field)
        return false;
    bool ok = true;
    while (ok && csv.at < csv.end) {
        csv.line++;
        if (blank(&csv))
            csv.at += *csv.at == '\r' ? 2 : 1;
        else
            ok = read_row(w, &csv, field, columns, err) || at_line(w, &csv, err);
    }
    free(field);
    return ok;
}

bool table_read_csv(TableWriter *w, Error *err)
{
    size_t n;
    char *text = table_file(w->path, &n, err);
    bool ok = text && read_text(w, text, n, err);
    free(text);
    return ok;
}
