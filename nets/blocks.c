#include "nets/blocks.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const real EPS = (real)1e-5, MOMENTUM = (real).1; /* PyTorch's */

static Param declare(ParamSet *set, const char *layer, const char *what, Shape shape, Init init,
                     bool buffer)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", layer, what);
    return (buffer ? params_declare_buffer : params_declare)(set, name, shape, init);
}

ConvNorm conv_norm_declare(ParamSet *set, const char *conv, const char *norm, ConvNormShape s,
                           bool folded)
{
    ConvNorm block = {
        .transposed = s.transposed, .folded = folded, .stride = s.stride, .pad = s.pad};
    /* A transposed convolution's output pixel sees kernel / stride taps a side, a plain one's
     * kernel. */
    double taps = s.transposed ? (double)s.kernel / s.stride : s.kernel;
    if (s.transposed && s.stride == 1 && s.pad == 0)
        taps = 1; /* of a 1x1 map */
    Init he = {INIT_NORMAL, (real)sqrt(2 / (s.in * taps * taps))};
    Shape shape = s.transposed ? shape4(s.in, s.out, s.kernel, s.kernel)
                               : shape4(s.out, s.in, s.kernel, s.kernel);
    Init zero = {INIT_ZEROS, 0}, one = {INIT_CONSTANT, 1};
    block.weight = declare(set, conv, "weight", shape, he, false);
    if (folded) {
        block.bias = declare(set, conv, "bias", shape1(s.out), zero, false);
        return block;
    }
    block.gamma = declare(set, norm, "weight", shape1(s.out), one, false);
    block.beta = declare(set, norm, "bias", shape1(s.out), zero, false);
    block.mean = declare(set, norm, "running_mean", shape1(s.out), zero, true);
    block.var = declare(set, norm, "running_var", shape1(s.out), one, true);
    return block;
}

Var conv_norm_forward(Graph *graph, ParamSet *set, const ConvNorm *block, Var x, Mode mode)
{
    assert(!block->folded || mode == MODE_EVAL);
    Var w = ag_param(graph, set, block->weight);
    Var b = block->folded ? ag_param(graph, set, block->bias) : AG_NONE;
    Var y =
        block->transposed
            ? ag_conv_transpose2d(graph, x, w, b, (ConvTranspose2dParam){block->stride, block->pad})
            : ag_conv2d(graph, x, w, b, (Conv2dParam){block->stride, block->pad});
    if (block->folded)
        return y;
    return ag_batch_norm(graph, y, ag_param(graph, set, block->gamma),
                         ag_param(graph, set, block->beta), ag_param(graph, set, block->mean),
                         ag_param(graph, set, block->var),
                         (BatchNormParam){EPS, MOMENTUM, mode == MODE_TRAIN});
}

static real *read_new(const ParamSet *set, Param param)
{
    real *data = malloc((size_t)shape_count(params_shape(set, param)) * sizeof(real));
    if (data)
        params_read(set, param, data);
    return data;
}

bool conv_norm_fold(ParamSet *to_set, const ConvNorm *to, const ParamSet *from_set,
                    const ConvNorm *from, Error *err)
{
    assert(to->folded && !from->folded);
    Shape shape = params_shape(from_set, from->weight);
    assert(shape_equal(shape, params_shape(to_set, to->weight)));
    real *w = read_new(from_set, from->weight);
    real *gamma = read_new(from_set, from->gamma), *beta = read_new(from_set, from->beta);
    real *mean = read_new(from_set, from->mean), *var = read_new(from_set, from->var);
    bool ok = w && gamma && beta && mean && var;
    if (ok) {
        int64_t out = shape.dim[from->transposed ? 1 : 0], area = shape.dim[2] * shape.dim[3];
        for (int64_t c = 0; c < out; c++) {
            real scale = gamma[c] / (real)sqrt((double)var[c] + (double)EPS);
            beta[c] -= mean[c] * scale;
            gamma[c] = scale;
        }
        int64_t per_in = shape.dim[1] * area; /* elements per index of dimension 0 */
        for (int64_t i = 0; i < shape_count(shape); i++)
            w[i] *= gamma[from->transposed ? i % per_in / area : i / per_in];
        params_write(to_set, to->weight, w);
        params_write(to_set, to->bias, beta);
    } else {
        error_set(err, "out of memory while folding batch-norm");
    }
    free(w);
    free(gamma);
    free(beta);
    free(mean);
    free(var);
    return ok;
}

bool param_copy(ParamSet *to_set, Param to, const ParamSet *from_set, Param from, Error *err)
{
    assert(shape_equal(params_shape(from_set, from), params_shape(to_set, to)));
    real *data = read_new(from_set, from);
    if (!data)
        return error_set(err, "out of memory while copying weights");
    params_write(to_set, to, data);
    free(data);
    return true;
}
