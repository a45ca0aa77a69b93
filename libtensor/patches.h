/* Between a big image and the columns of its patches (im2col and col2im), for libtensor/conv.c. */
#ifndef LIBTENSOR_PATCHES_H
#define LIBTENSOR_PATCHES_H

#include "libtensor/conv.h"

/* Row k = (c, i, j) of cols begins at cols + k * stride and gets the big pixels that tap (i, j) of
 * channel c sees from the small rows y0 .. y0 + rows - 1: rows * small_w elements, 0 outside the
 * image. big: the first of `channels` channels. */
void patches_gather(const ConvShape *s, const real *big, int64_t channels, int64_t y0, int64_t rows,
                    real *cols, int64_t stride);

/* big [channels, big_h, big_w] = beta big + the sum of the columns of small rows y0 to y0 + rows -
 * 1, at the pixels they were seen from, and the epilogue (bias [channels]). Small rows come from
 * top to bottom, a call each: the big rows above patches_end of the rows before are added to. */
void patches_scatter(const ConvShape *s, const real *cols, int64_t stride, int64_t channels,
                     int64_t y0, int64_t rows, Epilogue epilogue, real beta, real *big);

/* The first big row that no small row above `row` reaches; big_h for the last. */
int64_t patches_end(const ConvShape *s, int64_t row);

#endif
