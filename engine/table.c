#include "config.h" /* _GNU_SOURCE before any system header */

#include "engine/table_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libtensor/text.h"

static const long long MOST_BYTES = (long long)4 << 30;

char *table_file(const char *path, size_t *n, Error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        error_set(err, "%s: %s", path, strerror(errno));
        return NULL;
    }
    struct stat st;
    char *data = NULL;
    if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > MOST_BYTES)
        error_set(err, "%s is no file of at most 4 GiB", path);
    else if (!(data = malloc((size_t)st.st_size + 1)))
        error_set(err, "%s: out of memory", path);
    else if (fread(data, 1, (size_t)st.st_size, file) != (size_t)st.st_size) {
        error_set(err, "%s cannot be read", path);
        free(data);
        data = NULL;
    }
    fclose(file);
    if (data) {
        *n = (size_t)st.st_size;
        data[*n] = '\0';
    }
    return data;
}

float *table_row(TableWriter *w, Error *err)
{
    Table *t = &w->table;
    size_t dim = (size_t)w->schema->dim;
    if (t->count == w->room) {
        int64_t room = w->room ? 2 * w->room : 256;
        float *x = realloc(t->x, (size_t)room * dim * sizeof *x);
        if (x)
            t->x = x;
        char **image = x ? realloc(t->image, (size_t)room * sizeof *image) : NULL;
        if (!image) {
            error_set(err, "%s: out of memory", w->path);
            return NULL;
        }
        t->image = image;
        w->room = room;
    }
    t->image[t->count] = NULL;
    return memset(t->x + (size_t)t->count++ * dim, 0, dim * sizeof(float));
}

int table_field(const Schema *schema, const char *name)
{
    if (strcmp(name, TABLE_IMAGE) == 0)
        return FIELD_IMAGE;
    int i = schema_find(schema, name);
    if (i >= 0)
        return i;
    int g = schema_find_group(schema, name);
    return g >= 0 ? schema->n_continuous + g : FIELD_UNKNOWN;
}

int table_fields(const Schema *schema)
{
    return schema->n_continuous + schema->n_groups;
}

const char *table_field_name(const Schema *schema, int field)
{
    return field < schema->n_continuous ? schema->control[field].name
                                        : schema->group[field - schema->n_continuous].name;
}

bool table_put_number(const Schema *schema, float *x, int field, double value, Error *err)
{
    if (!(value >= 0 && value <= 1)) /* NaN neither */
        return error_set(err, "\"%s\" is %g, and must lie in [0, 1]",
                         table_field_name(schema, field), value);
    x[field] = (float)value;
    return true;
}

bool table_put_option(const Schema *schema, float *x, int field, const char *option, Error *err)
{
    const ControlGroup *g = &schema->group[field - schema->n_continuous];
    for (int k = 0; k < g->count; k++)
        if (strcmp(g->option[k].name, option) == 0) {
            x[g->begin + k] = 1;
            return true;
        }
    return error_set(err, "\"%s\" has no option \"%.60s\"", g->name, option);
}

bool table_put_image(TableWriter *w, const char *name, Error *err)
{
    if (!*name)
        return error_set(err, "\"" TABLE_IMAGE "\" is empty");
    char *copy = strdup(name);
    if (!copy)
        return error_set(err, "out of memory");
    w->table.image[w->table.count - 1] = copy;
    return true;
}

void table_free(Table *table)
{
    for (int64_t i = 0; table->image && i < table->count; i++)
        free(table->image[i]);
    free(table->image);
    free(table->x);
    *table = (Table){0};
}

bool table_read(Table *table, const char *path, const Schema *schema, Error *err)
{
    TableWriter w = {.schema = schema, .path = path};
    bool ok;
    if (text_ends_in(path, ".csv"))
        ok = table_read_csv(&w, err);
    else if (text_ends_in(path, ".jsonl"))
        ok = table_read_jsonl(&w, err);
    else if (text_ends_in(path, ".npy"))
        ok = table_read_npy(&w, err);
    else
        ok = error_set(err, "%s: a table of parameters ends in .csv, .jsonl or .npy", path);
    if (ok && w.table.count == 0)
        ok = error_set(err, "%s has no rows", path);
    if (!ok) {
        table_free(&w.table);
        return false;
    }
    if (!w.table.image[0]) { /* the readers see to it that all have one or none */
        free(w.table.image);
        w.table.image = NULL;
    }
    *table = w.table;
    return true;
}
