/* The transforms of Winograd's filtering F(4x4, 3x3), for winograd.c: between images and panels of
 * packed operands (libtensor/gemm_packed.h). One table per instruction set, from
 * winograd_kernel.inc. */
#ifndef LIBTENSOR_WINOGRAD_KERNEL_H
#define LIBTENSOR_WINOGRAD_KERNEL_H

#include <stdbool.h>

#include "libtensor/epilogue.h"

enum {
    WINOGRAD_OUT = 4,               /* side of a tile's results */
    WINOGRAD_IN = WINOGRAD_OUT + 2, /* and of the pixels they depend on */
    WINOGRAD_POINTS = WINOGRAD_IN * WINOGRAD_IN,
    WINOGRAD_TAPS = 9,
    WINOGRAD_STEPS = 16, /* of a panel of kernels, transformed together */
    WINOGRAD_MOST = 32   /* tiles of a panel */
};

/* Tiles beside each other: x to x + tiles - 1 in a row of tiles of a sample. */
typedef struct TileRun {
    int64_t sample, row, x, tiles;
} TileRun;

/* The tiles of a panel's columns, in order. */
typedef struct TilePanel {
    int64_t tiles;
    int runs;
    bool even; /* runs are of multiples of 4 tiles */
    TileRun run[WINOGRAD_MOST];
} TilePanel;

/* A channel of an image: plane n begins n * sample elements behind the first. */
typedef struct Planes {
    int64_t height, width, sample;
    int64_t pad; /* a tile's pixels begin at 4 times its place less this */
} Planes;

/* Kernels of a panel: row r's of step c are the nine taps at first + r * next_row + c * next_step;
 * turned: in reverse order. end: of all kernels. */
typedef struct WinogradKernels {
    const real *first, *end;
    int64_t rows, next_row, next_step;
    bool turned;
} WinogradKernels;

typedef struct WinogradTable {
    /* G g G^T: the packed rows of `steps` <= WINOGRAD_STEPS steps, for panels of `panel` <= 16
     * rows, to u: point k at k * step. next: the 15 elements behind them may be overwritten. */
    void (*kernels)(const WinogradKernels *w, int64_t steps, int64_t panel, bool next, real *u,
                    int64_t step);
    /* B^T d B of a channel's tiles: point k at v + k * step. */
    void (*image)(const TilePanel *p, const Planes *planes, const real *channel, real *v,
                  int64_t step);
    /* channel = beta channel + A^T m A + bias, activated. */
    void (*results)(const TilePanel *p, const Planes *planes, const real *m, int64_t step,
                    real bias, Activation activation, real beta, real *channel);
    /* The tiles of `channels` channels, next_channel elements apart, by the transform of images or,
     * `gradient`, A y A^T of their results: channel c of tile t at v + t * panel + c of each point.
     * channels <= panel; what else there is of the panel is overwritten with anything. */
    void (*image_lanes)(const TilePanel *p, const Planes *planes, const real *channel,
                        int64_t channels, int64_t next_channel, bool gradient, int64_t panel,
                        real *v, int64_t step);
    /* G^T u G of n kernels, point k at du + k * step, to g [TAPS, n]. */
    void (*kernel_gradients)(int64_t n, const real *du, int64_t step, real *g);
} WinogradTable;

extern const WinogradTable winograd_portable;
#ifdef __x86_64__
extern const WinogradTable winograd_avx2, winograd_avx512;
#endif

#endif
