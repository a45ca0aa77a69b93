#include "nets/segmenter.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

SegmenterConfig segmenter_paper(int classes, int size)
{
    return (SegmenterConfig){.stem = 64,
                             .bottleneck = true,
                             .blocks = {3, 4, 6, 3},
                             .width = {64, 128, 256, 512},
                             .stride = {2, 1, 1, 1},
                             .classes = classes,
                             .size = size};
}

bool segmenter_check(const SegmenterConfig *config, Error *err)
{
    if (config->stem < 1 || config->stem > 1024)
        return error_set(err, "segmenter: the stem's width %d is not from 1 to 1024", config->stem);
    if (config->classes < 2 || config->classes > 255)
        return error_set(err, "segmenter: %d classes are not from 2 to 255", config->classes);
    if (config->size < 32 || config->size > 2048)
        return error_set(err, "segmenter: the size %d is not from 32 to 2048", config->size);
    for (int i = 0; i < SEGMENTER_STAGES; i++) {
        if (config->blocks[i] < 1 || config->blocks[i] > SEGMENTER_MAX_BLOCKS)
            return error_set(err, "segmenter: %d blocks in stage %d are not from 1 to %d",
                             config->blocks[i], i, SEGMENTER_MAX_BLOCKS);
        if (config->width[i] < 1 || config->width[i] > 1024)
            return error_set(err, "segmenter: the width %d of stage %d is not from 1 to 1024",
                             config->width[i], i);
        if (config->stride[i] != 1 && config->stride[i] != 2)
            return error_set(err, "segmenter: the stride %d of stage %d is not 1 or 2",
                             config->stride[i], i);
    }
    if (config->size % segmenter_stride(config) != 0)
        return error_set(err, "segmenter: the size %d is not a multiple of the stride %d",
                         config->size, segmenter_stride(config));
    return true;
}

int segmenter_stride(const SegmenterConfig *config)
{
    int stride = 4; /* the stem's convolution and its pool */
    for (int i = 0; i < SEGMENTER_STAGES; i++)
        stride *= config->stride[i];
    return stride;
}

int segmenter_channels(const SegmenterConfig *config, int stage)
{
    return config->width[stage] * (config->bottleneck ? 4 : 1);
}

static json_t *four(const int v[SEGMENTER_STAGES])
{
    return json_pack("[iiii]", v[0], v[1], v[2], v[3]);
}

char *segmenter_to_json(const SegmenterConfig *config)
{
    json_t *root =
        json_pack("{si sb so so so si si}", "stem", config->stem, "bottleneck", config->bottleneck,
                  "blocks", four(config->blocks), "width", four(config->width), "stride",
                  four(config->stride), "classes", config->classes, "size", config->size);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

bool segmenter_from_json(SegmenterConfig *config, const char *text, Error *err)
{
    json_t *root = json_loads(text, 0, NULL);
    SegmenterConfig c = {0};
    int bottleneck, *b = c.blocks, *w = c.width, *s = c.stride;
    bool ok = json_unpack(root, "{si sb s[iiii!] s[iiii!] s[iiii!] si si}", "stem", &c.stem,
                          "bottleneck", &bottleneck, "blocks", &b[0], &b[1], &b[2], &b[3], "width",
                          &w[0], &w[1], &w[2], &w[3], "stride", &s[0], &s[1], &s[2], &s[3],
                          "classes", &c.classes, "size", &c.size) == 0;
    json_decref(root);
    if (!ok)
        return error_set(err, "segmenter: '%.200s' is not a configuration of a segmenter", text);
    c.bottleneck = bottleneck;
    if (!segmenter_check(&c, err))
        return false;
    *config = c;
    return true;
}

static SegmenterBlock block_declare(ParamSet *set, const char *name, const SegmenterConfig *config,
                                    int stage, int in, int stride, bool folded)
{
    int width = config->width[stage], out = segmenter_channels(config, stage);
    SegmenterBlock block = {.project = in != out || stride != 1};
    ConvNormShape shape[3] = {{.in = in, .out = width, .kernel = 3, .stride = stride, .pad = 1},
                              {.in = width, .out = width, .kernel = 3, .stride = 1, .pad = 1}};
    block.n_conv = 2;
    if (config->bottleneck) {
        shape[0] = (ConvNormShape){.in = in, .out = width, .kernel = 1, .stride = 1};
        shape[1].stride = stride;
        shape[2] = (ConvNormShape){.in = width, .out = out, .kernel = 1, .stride = 1};
        block.n_conv = 3;
    }
    char conv[64], norm[64];
    for (int i = 0; i < block.n_conv; i++) {
        snprintf(conv, sizeof conv, "%s.conv%d", name, i + 1);
        snprintf(norm, sizeof norm, "%s.bn%d", name, i + 1);
        block.conv[i] = conv_norm_declare(set, conv, norm, shape[i], folded);
    }
    if (block.project) {
        snprintf(conv, sizeof conv, "%s.downsample.0", name);
        snprintf(norm, sizeof norm, "%s.downsample.1", name);
        ConvNormShape skip = {.in = in, .out = out, .kernel = 1, .stride = stride};
        block.skip = conv_norm_declare(set, conv, norm, skip, folded);
    }
    return block;
}

Segmenter segmenter_declare(ParamSet *set, const SegmenterConfig *config, bool folded)
{
    assert(segmenter_check(config, NULL));
    Segmenter net = {.config = *config, .set = set};
    ConvNormShape stem = {.in = 3, .out = config->stem, .kernel = 7, .stride = 2, .pad = 3};
    net.stem = conv_norm_declare(set, "conv1", "bn1", stem, folded);
    int in = config->stem;
    for (int i = 0; i < SEGMENTER_STAGES; i++)
        for (int j = 0; j < config->blocks[i]; j++) {
            char name[32];
            snprintf(name, sizeof name, "layer%d.%d", i + 1, j);
            net.block[i][j] =
                block_declare(set, name, config, i, in, j == 0 ? config->stride[i] : 1, folded);
            in = segmenter_channels(config, i);
        }
    net.weight = params_declare(set, "head.weight", shape4(config->classes, in, 1, 1),
                                (Init){INIT_NORMAL, (real)sqrt(.01 / in)});
    net.bias = params_declare(set, "head.bias", shape1(config->classes), (Init){INIT_ZEROS, 0});
    return net;
}

static Var block_forward(Graph *graph, ParamSet *set, const SegmenterBlock *block, Var x, Mode mode)
{
    Var y = x;
    for (int i = 0; i < block->n_conv; i++) {
        y = conv_norm_forward(graph, set, &block->conv[i], y, mode);
        if (i + 1 < block->n_conv)
            y = ag_relu(graph, y);
    }
    Var skip = block->project ? conv_norm_forward(graph, set, &block->skip, x, mode) : x;
    return ag_relu(graph, ag_add(graph, y, skip));
}

SegmenterOut segmenter_forward(Graph *graph, const Segmenter *net, Var x, Mode mode)
{
    SegmenterOut out;
    /* Pixels to mean about 0, deviation about 1. */
    Var y = ag_affine(graph, x, (AffineParam){4, -2});
    y = ag_relu(graph, conv_norm_forward(graph, net->set, &net->stem, y, mode));
    y = ag_max_pool2d(graph, y, (Pool2dParam){3, 2, 1});
    for (int i = 0; i < SEGMENTER_STAGES; i++) {
        for (int j = 0; j < net->config.blocks[i]; j++)
            y = block_forward(graph, net->set, &net->block[i][j], y, mode);
        out.stage[i] = y;
    }
    out.logits = ag_conv2d(graph, y, ag_param(graph, net->set, net->weight),
                           ag_param(graph, net->set, net->bias), (Conv2dParam){1, 0});
    return out;
}

static bool block_fold(ParamSet *to_set, const SegmenterBlock *to, const ParamSet *from_set,
                       const SegmenterBlock *from, Error *err)
{
    for (int i = 0; i < from->n_conv; i++)
        if (!conv_norm_fold(to_set, &to->conv[i], from_set, &from->conv[i], err))
            return false;
    return !from->project || conv_norm_fold(to_set, &to->skip, from_set, &from->skip, err);
}

bool segmenter_fold(const Segmenter *to, const Segmenter *from, Error *err)
{
    if (!conv_norm_fold(to->set, &to->stem, from->set, &from->stem, err))
        return false;
    for (int i = 0; i < SEGMENTER_STAGES; i++)
        for (int j = 0; j < from->config.blocks[i]; j++)
            if (!block_fold(to->set, &to->block[i][j], from->set, &from->block[i][j], err))
                return false;
    return param_copy(to->set, to->weight, from->set, from->weight, err) &&
           param_copy(to->set, to->bias, from->set, from->bias, err);
}
