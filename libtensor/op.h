/* What an op is: its call, its shape inference, its kernels, its row in ops.def. */
#ifndef LIBTENSOR_OP_H
#define LIBTENSOR_OP_H

#include "libtensor/epilogue.h"
#include "libtensor/kept.h"
#include "libtensor/tensor.h"

enum { OP_MAX_IN = 8, OP_MAX_SAVED = 2, OP_MAX_GROUPS = 16, STEP_MAX_WEIGHTS = 16 };

/* What changes from step to step while the graph stays the same. It lives in device memory and is
 * written before each run. */
typedef struct StepState {
    uint64_t step; /* 0, 1, 2, ...: the RNG's step, and Adam's bias correction (step + 1) */
    uint64_t seed; /* the RNG's key */
    real learning_rate;
    real weight[STEP_MAX_WEIGHTS]; /* loss weights (lambda) that weighted_sum reads */
} StepState;

/* One call of a kernel. Forward reads in[], writes out and saved[]. Backward reads dout, saved[]
 * and those of in[] and out that the op's row in ops.def names (others have data NULL), and for
 * each i with din[i].data != NULL computes din[i] = beta[i] * din[i] + J_i^T dout, beta 0 (then
 * din[i] may hold NaN and must not be read) or 1. Two din never alias, and no operand aliases
 * another unless the row says so:
 *   IN_PLACE      forward's out may be in[0], and backward's din[0] may be dout
 *   GRAD_OVER_IN  backward's din[0] may be in[0]: what reads in[0] comes before what writes din[0]
 * The planner merges an activation into the op before it where the row says ACTIVATES: forward
 * writes activation(result) to out. Backward then gets the gradient of the result as dout, from the
 * activation's own backward; but where the row says MASKS it gets the activation too, dout is the
 * gradient of its value, and backward multiplies by its derivative. */
typedef struct Call {
    Tensor in[OP_MAX_IN]; /* shape.ndim 0: an optional operand that was left out */
    int n_in;
    Tensor out;
    Tensor saved[OP_MAX_SAVED];
    Tensor dout;
    Tensor din[OP_MAX_IN];
    real beta[OP_MAX_IN];
    Activation activation; /* of the result; ACTIVATION_NONE where the row says nothing of it */
    void *scratch;         /* infer's scratch bytes, 64-byte aligned; undefined on entry */
    Kept *kept;            /* of in[1]: infer's kept bytes; NULL where the weights learn */
    const void *param;
    const StepState *step;
    struct Backend *backend; /* whose kernel this is; the CPU's do not read it */
} Call;

/* Cannot fail: infer has checked everything. */
typedef void Kernel(const Call *call);

typedef struct InferIn {
    Shape in[OP_MAX_IN];
    DType type[OP_MAX_IN];
    int n_in;
    const void *param;
} InferIn;

typedef struct InferOut {
    Shape out;
    DType out_type;            /* DTYPE_REAL; for a Scratch, as the plan stores it */
    Shape saved[OP_MAX_SAVED]; /* DTYPE_REAL, or as saved_type says; ndim 0: unused */
    DType saved_type[OP_MAX_SAVED];
    size_t forward_scratch, backward_scratch; /* bytes */
    size_t forward_kept, backward_kept;       /* bytes; backward's: for din[0] */
} InferOut;

/* Checks shapes, types and parameters. The error text begins with the op's name and names the
 * operand and both numbers: "conv2d: x has 3 channels, w wants 64". out is zeroed on entry, but
 * out_type and saved_type are DTYPE_REAL. */
typedef bool Infer(const InferIn *in, InferOut *out, Error *err);

/* Replaces the scratch sizes that infer has set for the CPU by those of another backend, which
 * keeps nothing. */
typedef void Scratch(const InferIn *in, InferOut *out);

/* ---- Parameters of ops, one struct per op that has any. ---- */

typedef struct NoParam {
    char unused;
} NoParam;

typedef struct Conv2dParam {
    int stride, pad; /* both directions alike; use pad2d before it for lopsided padding */
} Conv2dParam;

typedef struct ConvTranspose2dParam {
    int stride, pad;
} ConvTranspose2dParam;

typedef struct BatchNormParam {
    real eps;      /* 1e-5 in PyTorch */
    real momentum; /* 0.1 in PyTorch: running = (1 - momentum) * running + momentum * batch */
    bool train;    /* true: batch statistics, running ones updated; false: running ones used */
} BatchNormParam;

typedef struct LeakyReluParam {
    real slope;
} LeakyReluParam;

typedef struct SoftmaxParam {
    real beta; /* h = exp(beta x_k) / sum exp(beta x_i): the paper's 3.6; 1 is the plain softmax */
    int n_groups;                                   /* 0: one group, all of dimension 1 */
    int begin[OP_MAX_GROUPS], count[OP_MAX_GROUPS]; /* along dimension 1; the rest passes through */
} SoftmaxParam;

typedef struct Pool2dParam {
    int kernel, stride,
        pad; /* avg_pool2d divides by kernel * kernel less the padding, max ignores it */
} Pool2dParam;

typedef struct Pad2dParam {
    int top, left, bottom, right; /* zeros */
} Pad2dParam;

typedef struct ResizeParam {
    int height, width; /* of the output */
    real y, x, src_height,
        src_width; /* source box in pixels of the input; src_height 0: all of it.
                      Samples at half-pixel centres (align_corners = false),
                      clamped at the image's border, so the box may overlap it. */
} ResizeParam;

typedef struct AxisParam {
    int axis;             /* concat, slice: 0 .. ndim - 1 */
    int64_t begin, count; /* slice only */
} AxisParam;

typedef struct AffineParam {
    real mul, add; /* y = mul * x + add */
} AffineParam;

typedef struct CrossEntropyParam {
    int32_t ignore; /* label without loss, for example 255 */
} CrossEntropyParam;

typedef struct WeightedSumParam {
    int weight[OP_MAX_IN]; /* input i is multiplied by StepState.weight[weight[i]] */
} WeightedSumParam;

/* ---- The registry, made from ops.def. ---- */

typedef enum Op {
#define OP(name, n_in, n_optional, Param, reads, flags) OP_##name,
#include "libtensor/ops.def"
#undef OP
    OP_COUNT
} Op;

/* Bits of `reads`: what backward needs of the forward operands. */
#define READS_NOTHING 0u
#define READS_IN(i) (1u << (i))
#define READS_OUT (1u << OP_MAX_IN)

/* Bits of `flags`. */
#define OP_PLAIN 0u
#define OP_IN_PLACE 1u                   /* out may share in[0]'s bytes, din[0] may share dout's */
#define OP_NO_GRAD(i) (1u << (8 + (i)))  /* input i never gets a gradient (labels, statistics) */
#define OP_UPDATES(i) (1u << (16 + (i))) /* forward writes input i as well (running statistics) */
#define OP_VARIADIC 2u                   /* n_in is the most; at least one */
#define OP_GRAD_OVER_IN 4u               /* din[0] may share in[0]'s bytes */
#define OP_ACTIVATES 8u                  /* forward applies Call.activation */
#define OP_MASKS 16u                     /* so does backward, from what it reads anyway */

typedef struct OpInfo {
    const char *name;
    int n_in, n_optional; /* the last n_optional inputs may be left out */
    size_t param_size;
    unsigned reads, flags;
    Infer *infer;
} OpInfo;

const OpInfo *op_info(Op op);

#endif
