#include "libtensor/op_kernels.h"

#include <assert.h>

static const OpInfo table[OP_COUNT] = {
#define OP(name, n_in, n_optional, Param, reads, flags) \
    [OP_##name] = {#name, n_in, n_optional, sizeof(Param), reads, flags, op_##name##_infer},
#include "libtensor/ops.def"
#undef OP
};

const OpInfo *op_info(Op op)
{
    assert((unsigned)op < OP_COUNT);
    return &table[op];
}
