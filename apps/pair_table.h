/* Pairs of photos for verification, in the formats that such sets have. */
#ifndef APPS_PAIR_TABLE_H
#define APPS_PAIR_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "libtensor/error.h"

typedef struct PairTable {
    char *dir;      /* of the photos; or the file that holds them */
    char title[64]; /* what the set is called: "lfw", "cfp_fp", or as the file */
    int64_t names;  /* photos, each once, in the order in which they first appear */
    char **name;
    uint8_t *file;         /* a .bin's bytes; NULL: the photos are files */
    const uint8_t **bytes; /* names: in file, */
    size_t *size;          /* and how many */
    int64_t pairs, limit;  /* limit: so many were asked for; 0: these are all */
    int64_t *a, *b;        /* numbers of the names */
    bool *same;
    int *fold; /* 0, 1, ... as they first appear; where the set has none ten contiguous ones */
} PairTable;

/* Reads PATH, whichever of these it is:
 *   - a table, a text file with tab-separated columns
 *         path  path  same  [fold]
 *     same: 1 or 0; fold: any text, on all lines or on none;
 *   - LFW's pairs.txt: a line "folds pairs", then for each fold as many lines "Name n m" (the same
 *     person) and "Name n Other m"; of the photos Name/Name_0001.jpg. Its pairsDevTrain.txt and
 *     pairsDevTest.txt, whose first line is the number of pairs of each kind alone: either kind is
 *     dealt out over ten contiguous folds;
 *   - a folder of CFP's protocol, Protocol/Split/FF or FP: NN/same.txt and NN/diff.txt, lines "i,j"
 *     that count the lines of Pair_list_F.txt and Pair_list_P.txt two folders above, "number path";
 *   - insightface's .bin: a pickle of (list of 2 P byte strings, each a whole JPEG or PNG of an
 *     aligned face; list of P booleans). Nothing in it is executed. A photo that is there several
 *     times counts as one.
 * Paths are absolute or relative to photos, or, if it is NULL, to the folder of the file (CFP's to
 * the one that Pair_list says they are in). limit > 0: as many pairs as that, evenly spread. Errors
 * name the file and the line. */
bool pair_table_open(PairTable *table, const char *path, const char *photos, int64_t limit,
                     Error *err);
/* The same with photos NULL and without a limit. */
bool pair_table_read(PairTable *table, const char *path, Error *err);
void pair_table_free(PairTable *table);

#endif
