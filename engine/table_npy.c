#include "engine/table_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* NumPy's format (numpy.lib.format): magic, version, the length of a header that is a Python
 * dictionary, then the numbers. */

typedef struct Npy {
    const char *numbers;
    size_t bytes; /* of one number */
    long long rows, columns;
} Npy;

/* What comes after 'KEY': in the header. */
static const char *value_of(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    return at ? at + strlen(key) + strspn(at + strlen(key), " ") : "";
}

static bool parse_header(const char *data, size_t n, Npy *npy)
{
    const unsigned char *u = (const unsigned char *)data;
    char header[1024];
    if (n < 12 || memcmp(data, "\x93NUMPY", 6) != 0 || u[6] < 1 || u[6] > 3)
        return false;
    size_t begin = u[6] == 1 ? 10 : 12, length = u[8] | (size_t)u[9] << 8;
    if (u[6] > 1)
        length |= (size_t)u[10] << 16 | (size_t)u[11] << 24;
    if (length >= sizeof header || begin + length > n)
        return false;
    memcpy(header, data + begin, length);
    header[length] = '\0';
    const char *type = value_of(header, "'descr':"), *order = value_of(header, "'fortran_order':");
    int end = 0;
    if (sscanf(value_of(header, "'shape':"), "(%lld, %lld)%n", &npy->rows, &npy->columns, &end) !=
            2 ||
        end == 0 || strncmp(order, "False", 5) != 0 || npy->rows < 0 || npy->columns < 1 ||
        npy->columns > 1 << 20)
        return false;
    if (strncmp(type, "'<f4'", 5) == 0)
        npy->bytes = 4;
    else if (strncmp(type, "'<f8'", 5) == 0)
        npy->bytes = 8;
    else
        return false;
    npy->numbers = data + begin + length;
    size_t there = n - begin - length, row = (size_t)npy->columns * npy->bytes;
    return there % row == 0 && (size_t)npy->rows == there / row;
}

static double number(const Npy *npy, long long i)
{
    const char *at = npy->numbers + (size_t)i * npy->bytes;
    float f;
    double d;
    if (npy->bytes == 8) {
        memcpy(&d, at, sizeof d);
        return d;
    }
    memcpy(&f, at, sizeof f);
    return f;
}

static bool check_groups(const Schema *schema, const float *x, Error *err)
{
    for (int g = 0; g < schema->n_groups; g++) {
        const ControlGroup *group = &schema->group[g];
        int ones = 0, others = 0;
        for (int k = 0; k < group->count; k++) {
            ones += x[group->begin + k] == 1;
            others += x[group->begin + k] != 1 && x[group->begin + k] != 0;
        }
        if (ones != 1 || others != 0)
            return error_set(err, "columns %d to %d (\"%s\") are not one 1 among 0s", group->begin,
                             group->begin + group->count - 1, group->name);
    }
    return true;
}

static bool read_row(TableWriter *w, const Npy *npy, long long row, Error *err)
{
    float *x = table_row(w, err);
    if (!x)
        return false;
    for (int i = 0; i < w->schema->dim; i++) {
        double value = number(npy, row * npy->columns + i);
        if (!(value >= 0 && value <= 1)) /* NaN neither */
            return error_set(err, "%s: row %lld: column %d is %g, and must lie in [0, 1]", w->path,
                             row, i, value);
        x[i] = (float)value;
    }
    return check_groups(w->schema, x, err) || error_prefix(err, "%s: row %lld", w->path, row);
}

bool table_read_npy(TableWriter *w, char *data, size_t n, Error *err)
{
    Npy npy;
    if (!parse_header(data, n, &npy))
        return error_set(err,
                         "%s is no whole .npy file of little-endian float32 or float64 of shape "
                         "(count, %d), in C order",
                         w->path, w->schema->dim);
    if (npy.columns != w->schema->dim)
        return error_set(err, "%s has %lld columns, and the schema %s %d values", w->path,
                         npy.columns, w->schema->name, w->schema->dim);
    for (long long row = 0; row < npy.rows; row++)
        if (!read_row(w, &npy, row, err))
            return false;
    return true;
}
