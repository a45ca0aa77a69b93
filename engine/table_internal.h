/* What the readers of tables share. */
#ifndef ENGINE_TABLE_INTERNAL_H
#define ENGINE_TABLE_INTERNAL_H

#include <stddef.h>

#include "engine/table.h"

/* A table that grows row by row. */
typedef struct TableWriter {
    Table table;
    const Schema *schema;
    const char *path;
    int64_t room;
} TableWriter;

/* A new row of zeros, or NULL when out of memory. */
float *table_row(TableWriter *w, Error *err);

/* The whole file and a 0 after it; free() it. */
char *table_file(const char *path, size_t *n, Error *err);

bool table_read_npy(TableWriter *w, const char *data, size_t n, Error *err);
bool table_read_csv(TableWriter *w, char *text, size_t n, Error *err);
bool table_read_jsonl(TableWriter *w, char *text, size_t n, Error *err);

#endif
