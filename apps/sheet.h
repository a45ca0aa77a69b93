/* Contact sheets: a grid of pictures with gaps, as one PNG. */
#ifndef APPS_SHEET_H
#define APPS_SHEET_H

#include "datasets/image.h"

typedef struct Sheet {
    Image image;
    int columns, rows, cell, gap;
} Sheet;

/* A white sheet of square cells of `cell` pixels. Fails on one of more than a GB. */
bool sheet_new(Sheet *sheet, int columns, int rows, int cell, int gap, Error *err);
void sheet_free(Sheet *sheet);
/* Leaves only the first `rows`: of one that was laid out for more. */
void sheet_cut(Sheet *sheet, int rows);

/* Puts a picture into a cell, resized to it where it differs. */
bool sheet_put(Sheet *sheet, int column, int row, const Image *image, Error *err);
/* The same from planar [3,size,size] real in [0, 1]. */
bool sheet_put_planar(Sheet *sheet, int column, int row, const real *planar, int size, Error *err);

/* Prints a name at the foot of a cell, over what is there; what is too long is cut. ASCII. */
void sheet_caption(Sheet *sheet, int column, int row, const char *text);

bool sheet_save(const Sheet *sheet, const char *path, Error *err);

#endif
