/* Tables of parameter vectors: what a folder of finished pictures shows. */
#ifndef ENGINE_TABLE_H
#define ENGINE_TABLE_H

#include "engine/schema.h"

typedef struct Table {
    int64_t count;
    float *x;     /* count x schema dim, in [0, 1], every group one-hot */
    char **image; /* the names in the column "image", or NULL if there is none */
} Table;

/* By the end of path's name:
 *   .csv    a header with the name of every control and group of the schema, and "image" if it
 *           likes, in any order; numbers in [0, 1], options by name (RFC 4180)
 *   .jsonl  one object a line, with the same names
 *   .npy    numbers of shape (count, dim): the vectors as they are
 * An error names the file and the line (or the row). */
bool table_read(Table *table, const char *path, const Schema *schema, Error *err);
void table_free(Table *table);

#endif
