/* With stride s, tap j of small column x sees big column s x + j - pad = s (x + q) + phase. So a
 * big row is split into its s phases, each between margins of zeros, and every tap of every small
 * row is a plain copy of small_w elements from there (or, for the scatter, a plain addition to
 * there). */
#include "libtensor/patches.h"

#include <stdbool.h>
#include <string.h>

enum {
    MAX_STRIDE = 2,
    MARGIN = 32, /* columns left of column 0 of a phase: at least the pad */
    MAX_LINE = 1024 + 2 * MARGIN
};

typedef struct Line {
    real at[MAX_STRIDE * MAX_LINE]; /* phase after phase */
} Line;

static bool fits_line(const ConvShape *s)
{
    return s->stride <= MAX_STRIDE && s->pad <= MARGIN && s->kw <= MARGIN &&
           s->small_w + 2 * MARGIN <= MAX_LINE && s->big_w + 2 * MARGIN <= MAX_LINE;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/* Where each tap finds small column 0: its phase and its place there. */
typedef struct Taps {
    int64_t at[MARGIN]; /* from the start of the line */
} Taps;

static Taps find_taps(const ConvShape *s)
{
    Taps taps;

    for (int64_t j = 0; j < s->kw; j++) {
        int64_t q = floor_div(j - s->pad, s->stride), phase = j - s->pad - q * s->stride;
        taps.at[j] = phase * MAX_LINE + MARGIN + q;
    }
    return taps;
}

/* The small row whose tap row i sees big row y, in a phase that has one. */
static inline int64_t small_row(const ConvShape *s, int64_t y, int64_t i)
{
    int64_t row = y + s->pad - i; /* a multiple of the stride, 1 or 2 */

    return s->stride == 1 ? row : row / 2;
}

static inline void copy_vectors(real *restrict to, const real *restrict from, int64_t n,
                                int64_t unit)
{
    for (int64_t x = 0; x < n; x += unit)
        memcpy(to + x, from + x, (size_t)unit * sizeof *to);
}

/* memcpy of rows, which are short: without the call for the widths that nets have, else by vectors
 * of which the last overlaps the one before. */
static inline void copy_row(real *restrict to, const real *restrict from, int64_t n)
{
    if (n % 16 == 0) {
        copy_vectors(to, from, n, 16);
    } else if (n == 8) {
        copy_vectors(to, from, 8, 8);
    } else if (n == 4) {
        copy_vectors(to, from, 4, 4);
    } else if (n > 16) {
        copy_vectors(to, from, n / 16 * 16, 16);
        memcpy(to + n - 16, from + n - 16, 16 * sizeof *to);
    } else if (n > 8) {
        memcpy(to, from, 8 * sizeof *to);
        memcpy(to + n - 8, from + n - 8, 8 * sizeof *to);
    } else if (n > 4) {
        memcpy(to, from, 4 * sizeof *to);
        memcpy(to + n - 4, from + n - 4, 4 * sizeof *to);
    } else {
        for (int64_t x = 0; x < n; x++)
            to[x] = from[x];
    }
}

static inline void add_vectors(real *restrict to, const real *restrict from, int64_t n,
                               int64_t unit)
{
    for (int64_t x = 0; x < n; x += unit)
        for (int64_t l = 0; l < unit; l++)
            to[x + l] += from[x + l];
}

static inline void add_row(real *restrict to, const real *restrict from, int64_t n)
{
    if (n % 16 == 0)
        add_vectors(to, from, n, 16);
    else if (n == 8)
        add_vectors(to, from, 8, 8);
    else if (n == 4)
        add_vectors(to, from, 4, 4);
    else
        for (int64_t x = 0; x < n; x++)
            to[x] += from[x];
}

/* Writes the phases of a row between the margins, which stay 0. */
static void split_row(Line *line, const real *restrict row, int64_t width, int64_t stride)
{
    real *restrict even = line->at + MARGIN, *restrict odd = line->at + MAX_LINE + MARGIN;

    if (stride == 1) {
        copy_row(even, row, width);
        return;
    }
    for (int64_t x = 0; x < width / 2; x++) {
        even[x] = row[2 * x];
        odd[x] = row[2 * x + 1];
    }
    if (width % 2 != 0)
        even[width / 2] = row[width - 1];
}

/* row = beta row + bias + the phases. */
static void join_row(const Line *line, real *restrict row, int64_t width, int64_t stride, real bias,
                     real beta)
{
    const real *restrict even = line->at + MARGIN, *restrict odd = line->at + MAX_LINE + MARGIN;

    if (stride == 1 && beta == 0) {
        for (int64_t x = 0; x < width; x++)
            row[x] = even[x] + bias;
    } else if (stride == 1) {
        for (int64_t x = 0; x < width; x++)
            row[x] += even[x] + bias;
    } else if (beta == 0) {
        for (int64_t x = 0; x < width / 2; x++) {
            row[2 * x] = even[x] + bias;
            row[2 * x + 1] = odd[x] + bias;
        }
        if (width % 2 != 0)
            row[width - 1] = even[width / 2] + bias;
    } else {
        for (int64_t x = 0; x < width / 2; x++) {
            row[2 * x] += even[x] + bias;
            row[2 * x + 1] += odd[x] + bias;
        }
        if (width % 2 != 0)
            row[width - 1] += even[width / 2] + bias;
    }
}

/* One element after the other: any stride, any width. */
static void gather_plain(const ConvShape *s, const real *big, int64_t channels, int64_t y0,
                         int64_t rows, real *cols, int64_t stride)
{
    for (int64_t k = 0; k < channels * s->kh * s->kw; k++) {
        int64_t c = k / (s->kh * s->kw), i = k / s->kw % s->kh, j = k % s->kw;
        for (int64_t p = 0; p < rows * s->small_w; p++) {
            int64_t y = (y0 + p / s->small_w) * s->stride - s->pad + i;
            int64_t x = p % s->small_w * s->stride - s->pad + j;
            bool inside = y >= 0 && y < s->big_h && x >= 0 && x < s->big_w;
            cols[k * stride + p] = inside ? big[(c * s->big_h + y) * s->big_w + x] : 0;
        }
    }
}

/* The first big row that a call from small row y0 on works on: those above it are final. */
static int64_t first_row(const ConvShape *s, int64_t y0)
{
    int64_t row = y0 * s->stride - s->pad, fresh = patches_end(s, y0);

    if (y0 == s->small_h)
        return s->big_h;
    return row < 0 ? 0 : row < fresh ? row : fresh;
}

static void scatter_plain(const ConvShape *s, const real *cols, int64_t stride, int64_t channels,
                          int64_t y0, int64_t rows, Epilogue epilogue, real beta, real *big)
{
    int64_t begin = patches_end(s, y0), end = patches_end(s, y0 + rows);
    int64_t first = first_row(s, y0), final = first_row(s, y0 + rows);

    for (int64_t c = 0; c < channels; c++)
        for (int64_t p = begin * s->big_w; p < end * s->big_w; p++) {
            real *to = &big[c * s->big_h * s->big_w + p];
            real from = epilogue.bias != NULL ? epilogue.bias[c] : 0;
            *to = beta == 0 ? from : *to + from;
        }
    for (int64_t k = 0; k < channels * s->kh * s->kw; k++) {
        int64_t c = k / (s->kh * s->kw), i = k / s->kw % s->kh, j = k % s->kw;
        for (int64_t p = 0; p < rows * s->small_w; p++) {
            int64_t y = (y0 + p / s->small_w) * s->stride - s->pad + i;
            int64_t x = p % s->small_w * s->stride - s->pad + j;
            if (y >= 0 && y < s->big_h && x >= 0 && x < s->big_w)
                big[(c * s->big_h + y) * s->big_w + x] += cols[k * stride + p];
        }
    }
    for (int64_t c = 0; c < channels; c++)
        activate_row(epilogue.activation, big + (c * s->big_h + first) * s->big_w,
                     (final - first) * s->big_w);
}

/* Small rows outside the image, above or below, for tap row i. */
static void clear_outside(const ConvShape *s, int64_t i, int64_t y0, int64_t rows, real *cols,
                          int64_t stride)
{
    for (int64_t r = 0; r < rows; r++) {
        int64_t y = (y0 + r) * s->stride - s->pad + i;
        if (y < 0 || y >= s->big_h)
            for (int64_t j = 0; j < s->kw; j++)
                memset(cols + j * stride + r * s->small_w, 0, (size_t)s->small_w * sizeof *cols);
    }
}

void patches_gather(const ConvShape *s, const real *big, int64_t channels, int64_t y0, int64_t rows,
                    real *cols, int64_t stride)
{
    Line line;
    int64_t first = y0 * s->stride - s->pad;
    int64_t last = (y0 + rows - 1) * s->stride - s->pad + s->kh - 1;

    if (!fits_line(s)) {
        gather_plain(s, big, channels, y0, rows, cols, stride);
        return;
    }
    Taps taps = find_taps(s);
    memset(&line, 0, sizeof line);
    first = first < 0 ? 0 : first;
    last = last >= s->big_h ? s->big_h - 1 : last;
    for (int64_t c = 0; c < channels; c++, cols += s->kh * s->kw * stride) {
        for (int64_t i = 0; i < s->kh; i++)
            clear_outside(s, i, y0, rows, cols + i * s->kw * stride, stride);
        for (int64_t y = first; y <= last; y++) {
            split_row(&line, big + (c * s->big_h + y) * s->big_w, s->big_w, s->stride);
            for (int64_t i = (y + s->pad) % s->stride; i < s->kh; i += s->stride) {
                int64_t r = small_row(s, y, i) - y0;
                if (r < 0 || r >= rows)
                    continue;
                real *to = cols + i * s->kw * stride + r * s->small_w;
                for (int64_t j = 0; j < s->kw; j++)
                    copy_row(to + j * stride, line.at + taps.at[j], s->small_w);
            }
        }
    }
}

int64_t patches_end(const ConvShape *s, int64_t row)
{
    int64_t end = (row - 1) * s->stride - s->pad + s->kh;

    if (row == s->small_h || end > s->big_h)
        return s->big_h;
    return row == 0 || end < 0 ? 0 : end;
}

void patches_scatter(const ConvShape *s, const real *cols, int64_t stride, int64_t channels,
                     int64_t y0, int64_t rows, Epilogue epilogue, real beta, real *big)
{
    Line line;
    int64_t width = s->big_w / s->stride + 1; /* of a phase, both margins besides */
    int64_t fresh = patches_end(s, y0), end = patches_end(s, y0 + rows);
    int64_t final = first_row(s, y0 + rows);

    if (!fits_line(s)) {
        scatter_plain(s, cols, stride, channels, y0, rows, epilogue, beta, big);
        return;
    }
    Taps taps = find_taps(s);
    for (int64_t c = 0; c < channels; c++, cols += s->kh * s->kw * stride)
        for (int64_t y = first_row(s, y0); y < end; y++) {
            real *row = big + (c * s->big_h + y) * s->big_w;
            for (int64_t p = 0; p < s->stride; p++)
                memset(line.at + p * MAX_LINE + MARGIN, 0, (size_t)width * sizeof(real));
            for (int64_t i = (y + s->pad) % s->stride; i < s->kh; i += s->stride) {
                int64_t r = small_row(s, y, i) - y0;
                if (r < 0 || r >= rows)
                    continue;
                const real *from = cols + i * s->kw * stride + r * s->small_w;
                for (int64_t j = 0; j < s->kw; j++)
                    add_row(line.at + taps.at[j], from + j * stride, s->small_w);
            }
            join_row(&line, row, s->big_w, s->stride,
                     epilogue.bias != NULL && y >= fresh ? epilogue.bias[c] : 0,
                     y < fresh ? 1 : beta);
            if (y < final)
                activate_row(epilogue.activation, row, s->big_w);
        }
}
