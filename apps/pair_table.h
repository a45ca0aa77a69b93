/* A table of pairs of photos for verification: a text file with tab-separated columns
 *
 *   path  path  same  [fold]
 *
 * paths relative to the table's folder; same: 1 or 0; fold: a number, on all lines or on none. */
#ifndef APPS_PAIR_TABLE_H
#define APPS_PAIR_TABLE_H

#include <stdint.h>

#include "libtensor/error.h"

typedef struct PairTable {
    char *dir;
    char title[64]; /* the file's name without folder and extension */
    int64_t names;  /* photos, each once, in the order in which they first appear */
    char **name;
    int64_t pairs;
    int64_t *a, *b; /* numbers of the names */
    bool *same;
    int *fold; /* 0, 1, ... as they first appear; without a column ten contiguous ones */
} PairTable;

/* Errors name the file and the line. */
bool pair_table_read(PairTable *table, const char *path, Error *err);
void pair_table_free(PairTable *table);

#endif
