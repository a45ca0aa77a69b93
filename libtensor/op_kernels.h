/* The CPU's kernels, one triple per row of ops.def; formulas and shapes are in ops/NAME.c. */
#ifndef LIBTENSOR_OP_KERNELS_H
#define LIBTENSOR_OP_KERNELS_H

#include "libtensor/op.h"

#define OP(name, n_in, n_optional, Param, reads, flags) \
    Infer op_##name##_infer;                            \
    Kernel op_##name##_forward, op_##name##_backward;
#include "libtensor/ops.def"
#undef OP

#endif
