#include "engine/table_internal.h"

#include <stdlib.h>

#include "libtensor/tensor_file.h"

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

/* value: dim of them, scratch. */
static bool read_row(TableWriter *w, Tensor t, int64_t row, double *value, Error *err)
{
    int dim = w->schema->dim;
    float *x = table_row(w, err);
    if (!x)
        return false;
    tensor_convert(value, DTYPE_F64,
                   (const char *)t.data + (size_t)(row * dim) * dtype_size(t.type), t.type, dim);
    for (int i = 0; i < dim; i++) {
        if (!(value[i] >= 0 && value[i] <= 1)) /* NaN neither */
            return error_set(err, "%s: row %lld: column %d is %g, and must lie in [0, 1]", w->path,
                             (long long)row, i, value[i]);
        x[i] = (float)value[i];
    }
    return check_groups(w->schema, x, err) ||
           error_prefix(err, "%s: row %lld", w->path, (long long)row);
}

static bool read_rows(TableWriter *w, Tensor t, Error *err)
{
    int dim = w->schema->dim;
    char text[88];
    if (t.shape.ndim != 2 || t.shape.dim[1] != dim)
        return error_set(err, "%s is an array of shape %s, and for the schema %s it must be Nx%d",
                         w->path, shape_text(t.shape, text), w->schema->name, dim);
    double *value = malloc((size_t)dim * sizeof *value);
    bool ok = value || error_set(err, "%s: out of memory", w->path);
    for (int64_t row = 0; ok && row < t.shape.dim[0]; row++)
        ok = read_row(w, t, row, value, err);
    free(value);
    return ok;
}

bool table_read_npy(TableWriter *w, Error *err)
{
    TensorFile *file;
    if (!npz_read(w->path, &file, err))
        return false;
    bool ok = read_rows(w, tensor_file_get(file, 0), err);
    tensor_file_free(file);
    return ok;
}
