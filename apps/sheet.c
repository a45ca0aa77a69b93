#include "apps/sheet.h"

#include <assert.h>
#include <string.h>

bool sheet_new(Sheet *sheet, int columns, int rows, int cell, int gap, Error *err)
{
    Sheet s = {.columns = columns, .rows = rows, .cell = cell, .gap = gap};
    if (!image_new(&s.image, columns * cell + (columns + 1) * gap, rows * cell + (rows + 1) * gap,
                   err))
        return false;
    memset(s.image.pixel, 255, (size_t)s.image.width * (size_t)s.image.height * 3);
    *sheet = s;
    return true;
}

void sheet_free(Sheet *sheet)
{
    image_free(&sheet->image);
}

bool sheet_put(Sheet *sheet, int column, int row, const Image *image, Error *err)
{
    assert(column >= 0 && column < sheet->columns && row >= 0 && row < sheet->rows);
    int step = sheet->cell + sheet->gap;
    int x = sheet->gap + column * step, y = sheet->gap + row * step;
    if (image->width == sheet->cell && image->height == sheet->cell) {
        image_paste(&sheet->image, image, x, y);
        return true;
    }
    Image scaled;
    if (!image_new(&scaled, sheet->cell, sheet->cell, err))
        return false;
    image_resize(&scaled, image);
    image_paste(&sheet->image, &scaled, x, y);
    image_free(&scaled);
    return true;
}

bool sheet_put_planar(Sheet *sheet, int column, int row, const real *planar, int size, Error *err)
{
    Image image;
    if (!image_new(&image, size, size, err))
        return false;
    image_from_planar(&image, planar);
    bool ok = sheet_put(sheet, column, row, &image, err);
    image_free(&image);
    return ok;
}

bool sheet_save(const Sheet *sheet, const char *path, Error *err)
{
    return image_save_png(path, &sheet->image, err);
}
