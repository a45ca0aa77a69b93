#include "libautograd/pack.h"

#include <stdint.h>

static bool meet(const Block *a, const Block *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The tightest gap for `block` between the n placed ones, which are in order of offset. */
static size_t best_offset(const Block *all, const int *placed, int n, const Block *block)
{
    size_t best = 0, best_gap = SIZE_MAX, top = 0;
    for (int i = 0; i < n; i++) {
        const Block *other = &all[placed[i]];
        if (!meet(block, other))
            continue;
        if (other->offset > top && other->offset - top >= block->bytes &&
            other->offset - top < best_gap) {
            best = top;
            best_gap = other->offset - top;
        }
        if (other->offset + other->bytes > top)
            top = other->offset + other->bytes;
    }
    return best_gap == SIZE_MAX ? top : best;
}

size_t pack(Block *block, int n, bool share, int *order)
{
    size_t total = 0;
    if (!share) {
        for (int i = 0; i < n; i++) {
            block[i].offset = total;
            total += block[i].bytes;
        }
        return total;
    }
    int n_placed = 0; /* order[0 .. n_placed) is sorted by offset */
    for (int i = 0; i < n; i++)
        block[i].offset = SIZE_MAX; /* not placed */
    for (;;) {
        int largest = -1;
        for (int i = 0; i < n; i++)
            if (block[i].offset == SIZE_MAX &&
                (largest < 0 || block[i].bytes > block[largest].bytes))
                largest = i;
        if (largest < 0)
            return total;
        Block *b = &block[largest];
        b->offset = best_offset(block, order, n_placed, b);
        if (b->offset + b->bytes > total)
            total = b->offset + b->bytes;
        int at = n_placed++;
        for (; at > 0 && block[order[at - 1]].offset > b->offset; at--)
            order[at] = order[at - 1];
        order[at] = largest;
    }
}
