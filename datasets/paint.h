/* Coloured shapes with soft edges, painted over pictures and, where asked, over their label maps.
 */
#ifndef DATASETS_PAINT_H
#define DATASETS_PAINT_H

#include "datasets/image.h"
#include "libtensor/rng.h"

/* A colour per pixel: two colours, mixed by a plain share, a gradient, blotches or stripes. 0 ..
 * 255. */
typedef struct Fill {
    enum { FILL_PLAIN, FILL_GRADIENT, FILL_BLOTCHES, FILL_STRIPES, FILL_COUNT } kind;
    float colour[2][3];
    float direction[2]; /* unit vector */
    float period;       /* pixels: of the gradient, a blotch, a stripe */
    uint64_t key;       /* of the blotches */
} Fill;

/* An ellipse or a box of half sizes rx, ry, turned by `angle` (radians) about its centre. */
typedef struct Blob {
    bool box;
    float x, y, rx, ry, angle;
    float rim; /* 0: filled; otherwise only a rim of so many pixels */
} Blob;

void random_colour(Rng *rng, float rgb[3]);
/* side: of the picture, for the scale of the pattern. */
Fill random_fill(Rng *rng, int side);

/* How much of the pixel with the centre (x, y) the shape covers, 0 .. 1. */
typedef float Coverage(const void *shape, float x, float y);
float blob_coverage(const void *blob, float x, float y);

/* Mixes the fill into the picture by coverage * opacity. label may be NULL; where the coverage is
 * at least a half it becomes `value`. only >= 0: pixels of that label alone are touched. */
typedef struct PaintTarget {
    Image *image;
    uint8_t *label;
    int value, only;
} PaintTarget;

void paint(const PaintTarget *target, Coverage *coverage, const void *shape, const Fill *fill,
           float opacity);

#endif
