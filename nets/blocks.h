/* The blocks networks are made of. */
#ifndef NETS_BLOCKS_H
#define NETS_BLOCKS_H

#include "libautograd/ops.h"

/* TRAIN: batch-norm with the batch's statistics, the running ones updated. EVAL: with the running
 * ones. */
typedef enum Mode { MODE_TRAIN, MODE_EVAL } Mode;

/* A convolution without bias and the batch-norm after it; or, folded, the one convolution with bias
 * that does the same in MODE_EVAL: w' = w gamma / sqrt(var + eps), b' = beta - mean gamma /
 * sqrt(var + eps). */
typedef struct ConvNorm {
    bool transposed, folded;
    int stride, pad;
    Param weight, bias;           /* bias: folded only */
    Param gamma, beta, mean, var; /* not folded only */
} ConvNorm;

typedef struct ConvNormShape {
    bool transposed;
    int in, out, kernel, stride, pad;
} ConvNormShape;

/* Declares CONV.weight and NORM.{weight,bias,running_mean,running_var} as PyTorch calls them, or,
 * folded, CONV.weight and CONV.bias. He's normal initialisation. */
ConvNorm conv_norm_declare(ParamSet *set, const char *conv, const char *norm, ConvNormShape shape,
                           bool folded);

/* No activation. A folded block has MODE_EVAL only. */
Var conv_norm_forward(Graph *graph, ParamSet *set, const ConvNorm *block, Var x, Mode mode);

/* Writes the folded weights of `from` into the folded block `to`. Fails only when out of memory. */
bool conv_norm_fold(ParamSet *to_set, const ConvNorm *to, const ParamSet *from_set,
                    const ConvNorm *from, Error *err);

/* Copies a parameter of equal shape from one set to another. Fails only when out of memory. */
bool param_copy(ParamSet *to_set, Param to, const ParamSet *from_set, Param from, Error *err);

#endif
