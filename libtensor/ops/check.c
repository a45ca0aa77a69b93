#include "libtensor/ops/check.h"

bool check_type(const InferIn *in, int i, DType want, const char *op, const char *name, Error *err)
{
    if (in->type[i] != want)
        return error_set(err, "%s: %s is %s, wants %s", op, name, dtype_name(in->type[i]),
                         dtype_name(want));
    return true;
}

bool check_real(const InferIn *in, int i, int lo, int hi, const char *op, const char *name,
                Error *err)
{
    Shape s = in->in[i];
    char text[88];

    if (!check_type(in, i, DTYPE_REAL, op, name, err))
        return false;
    if (s.ndim < lo || s.ndim > hi) {
        if (lo == hi)
            return error_set(err, "%s: %s is %s, wants %d dimensions", op, name,
                             shape_text(s, text), lo);
        return error_set(err, "%s: %s is %s, wants %d to %d dimensions", op, name,
                         shape_text(s, text), lo, hi);
    }
    for (int d = 0; d < s.ndim; d++)
        if (s.dim[d] < 1)
            return error_set(err, "%s: %s is %s, wants every dimension to be at least 1", op, name,
                             shape_text(s, text));
    return true;
}

bool check_channels(const InferIn *in, int i, int64_t channels, const char *op, const char *name,
                    Error *err)
{
    char text[88];

    if (!check_real(in, i, 1, 1, op, name, err))
        return false;
    if (in->in[i].dim[0] != channels)
        return error_set(err, "%s: %s is %s, x has %lld channels", op, name,
                         shape_text(in->in[i], text), (long long)channels);
    return true;
}

bool check_equal(const InferIn *in, const char *op, Error *err)
{
    char a[88], b[88];

    if (!check_real(in, 0, 1, TENSOR_MAX_DIM, op, "a", err) ||
        !check_real(in, 1, 1, TENSOR_MAX_DIM, op, "b", err))
        return false;
    if (!shape_equal(in->in[0], in->in[1]))
        return error_set(err, "%s: a is %s, b is %s; they must be alike", op,
                         shape_text(in->in[0], a), shape_text(in->in[1], b));
    return true;
}

bool check_given(const InferIn *in, int i)
{
    return i < in->n_in && in->in[i].ndim > 0;
}
