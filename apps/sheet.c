#include "apps/sheet.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Not our code: its warnings are not our concern. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <stb/stb_easy_font.h>
#pragma GCC diagnostic pop

bool sheet_new(Sheet *sheet, int columns, int rows, int cell, int gap, Error *err)
{
    Sheet s = {.columns = columns, .rows = rows, .cell = cell, .gap = gap};
    int64_t width = (int64_t)columns * (cell + gap) + gap,
            height = (int64_t)rows * (cell + gap) + gap;
    if (3 * width * height > INT_MAX / 2)
        return error_set(err, "a sheet of %lld x %lld pixels: ask for fewer or smaller pictures",
                         (long long)width, (long long)height);
    if (!image_new(&s.image, (int)width, (int)height, err))
        return false;
    memset(s.image.pixel, 255, (size_t)s.image.width * (size_t)s.image.height * 3);
    *sheet = s;
    return true;
}

void sheet_free(Sheet *sheet)
{
    image_free(&sheet->image);
}

void sheet_cut(Sheet *sheet, int rows)
{
    assert(rows >= 0 && rows <= sheet->rows);
    sheet->rows = rows;
    sheet->image.height = rows * (sheet->cell + sheet->gap) + sheet->gap;
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

/* What stb_easy_font gives of each corner of its boxes. */
typedef struct Corner {
    float x, y, z;
    uint8_t colour[4];
} Corner;

enum { CAPTION_HEIGHT = 13, CAPTION_LETTERS = 96, CORNERS = 4 * 24 * CAPTION_LETTERS };

static void fill(Image *image, int x0, int y0, int x1, int y1, uint8_t value)
{
    for (int y = y0; y < y1; y++)
        memset(image->pixel + 3 * ((size_t)y * (size_t)image->width + (size_t)x0), value,
               3 * (size_t)(x1 - x0));
}

void sheet_caption(Sheet *sheet, int column, int row, const char *text)
{
    assert(column >= 0 && column < sheet->columns && row >= 0 && row < sheet->rows);
    int step = sheet->cell + sheet->gap;
    int left = sheet->gap + column * step, bottom = (row + 1) * step, top = bottom - CAPTION_HEIGHT;
    char line[CAPTION_LETTERS];
    Corner corner[CORNERS];
    snprintf(line, sizeof line, "%s", text);
    while (line[0] && stb_easy_font_width(line) > sheet->cell - 6)
        line[strlen(line) - 1] = '\0';
    int boxes = stb_easy_font_print(0, 0, line, NULL, corner, sizeof corner);
    fill(&sheet->image, left, top, left + sheet->cell, bottom, 24);
    for (int i = 0; i < boxes; i++) {
        const Corner *from = &corner[4 * i], *to = &corner[4 * i + 2];
        fill(&sheet->image, left + 3 + (int)from->x, top + 3 + (int)from->y, left + 3 + (int)to->x,
             top + 3 + (int)to->y, 240);
    }
}

bool sheet_save(const Sheet *sheet, const char *path, Error *err)
{
    return image_save_png(path, &sheet->image, err);
}
