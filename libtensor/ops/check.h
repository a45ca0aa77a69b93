/* What every infer checks: types and shapes of operands, in one wording. `op` and `name` are the
 * names of the op and of the operand in the text; all return false with the text set. */
#ifndef LIBTENSOR_OPS_CHECK_H
#define LIBTENSOR_OPS_CHECK_H

#include "libtensor/op.h"

/* "add: b is i32, wants f32" */
bool check_type(const InferIn *in, int i, DType want, const char *op, const char *name, Error *err);

/* Of type DTYPE_REAL, with lo to hi dimensions, none of them 0. */
bool check_real(const InferIn *in, int i, int lo, int hi, const char *op, const char *name,
                Error *err);

/* One real per channel: "batch_norm: gamma is 3, x has 4 channels". */
bool check_channels(const InferIn *in, int i, int64_t channels, const char *op, const char *name,
                    Error *err);

/* Operands 0 and 1 of equal shape, real. */
bool check_equal(const InferIn *in, const char *op, Error *err);

/* Whether optional operand i is there. */
bool check_given(const InferIn *in, int i);

#endif
