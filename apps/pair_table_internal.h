/* What the readers of sets of pairs have in common. */
#ifndef APPS_PAIR_TABLE_INTERNAL_H
#define APPS_PAIR_TABLE_INTERNAL_H

#include <jansson.h>
#include <stdio.h>

#include "apps/pair_table.h"

/* A table that grows. */
typedef struct PairReader {
    PairTable *table;
    const char *path; /* of the file being read, and */
    int64_t line;     /* its line, for messages */
    int64_t room, name_room;
    json_t *names, *folds; /* text: its number */
    bool has_folds;
} PairReader;

/* "PATH, line N: what" */
bool pair_bad_line(const PairReader *r, const char *what, Error *err);
bool pair_no_memory(Error *err);

/* Number of a photo of this name: the one it was given before, or the next. */
bool pair_add_name(PairReader *r, const char *name, int64_t *number, Error *err);
/* Adds a pair of photos; fold: NULL, or the text of its fold. */
bool pair_add(PairReader *r, int64_t a, int64_t b, bool same, const char *fold, Error *err);

/* Reads a text file line by line, without their ends; empty ones are left out. */
typedef bool PairLine(PairReader *r, void *context, char *line, Error *err);
bool pair_read_lines(PairReader *r, const char *path, PairLine *read, void *context, Error *err);

/* Each reads a whole set; table->title is the file's name. */
bool pair_read_tsv(PairReader *r, Error *err);
bool pair_read_lfw(PairReader *r, Error *err);
bool pair_read_cfp(PairReader *r, const char *photos, Error *err);
bool pair_read_bin(PairReader *r, Error *err);

#endif
