/* Placement of blocks with known lifetimes in one slab. */
#ifndef LIBAUTOGRAD_PACK_H
#define LIBAUTOGRAD_PACK_H

#include "libtensor/error.h"

#include <stddef.h>

enum { PACK_ALIGN = 64 };

/* Bytes that are needed at the times first .. last, both included. */
typedef struct Block {
    size_t bytes; /* a multiple of PACK_ALIGN; 0: takes no place */
    int first, last;
    size_t offset; /* the result */
} Block;

/* Chooses offsets such that no two blocks alive at the same time share a byte; returns the bytes of
 * the slab. Greedy by size (Pisarchyk and Lee, "Efficient memory management for deep neural net
 * inference", 2020): largest first, each into the tightest gap among the blocks placed before whose
 * lifetimes meet its own. share = false: every block in bytes of its own. order: room for n
 * numbers. */
size_t pack(Block *block, int n, bool share, int *order);

#endif
