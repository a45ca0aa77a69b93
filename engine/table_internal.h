/* What the readers of tables share. */
#ifndef ENGINE_TABLE_INTERNAL_H
#define ENGINE_TABLE_INTERNAL_H

#include <stddef.h>

#include "engine/table.h"

/* The column that is no parameter. */
#define TABLE_IMAGE "image"

/* A table that grows row by row. */
typedef struct TableWriter {
    Table table;
    const Schema *schema;
    const char *path;
    int64_t room;
} TableWriter;

/* A new row: its x, zeros; or NULL when out of memory. */
float *table_row(TableWriter *w, Error *err);

/* Fields of a row: the controls, then the groups, then what is not x. */
enum { FIELD_IMAGE = -1, FIELD_UNKNOWN = -2 };
int table_fields(const Schema *schema);
int table_field(const Schema *schema, const char *name);
const char *table_field_name(const Schema *schema, int field);

/* Puts a field into the last row, or says what is wrong with it. */
bool table_put_number(const Schema *schema, float *x, int field, double value, Error *err);
bool table_put_option(const Schema *schema, float *x, int field, const char *option, Error *err);
bool table_put_image(TableWriter *w, const char *name, Error *err);

/* The whole file and a 0 after it; free() it. */
char *table_file(const char *path, size_t *n, Error *err);

/* All rows of the file at w->path: either all of them get an image or none. */
bool table_read_csv(TableWriter *w, Error *err);
bool table_read_jsonl(TableWriter *w, Error *err);
bool table_read_npy(TableWriter *w, Error *err);

#endif
