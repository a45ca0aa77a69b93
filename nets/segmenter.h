/* The face segmentation net F_seg (the paper's Table 3): a picture in, class maps and features out.
 */
#ifndef NETS_SEGMENTER_H
#define NETS_SEGMENTER_H

#include "nets/blocks.h"

enum { SEGMENTER_STAGES = 4, SEGMENTER_MAX_BLOCKS = 8 };

/* A ResNet without its classifier: 7x7/2 convolution, 3x3/2 max pool, four stages of residual
 * blocks, and a 1x1 convolution to the classes. */
typedef struct SegmenterConfig {
    int stem;        /* channels of the 7x7 convolution */
    bool bottleneck; /* blocks of 1x1, 3x3, 1x1 (x4 out) convolutions; false: of two 3x3 */
    int blocks[SEGMENTER_STAGES]; /* 1 .. SEGMENTER_MAX_BLOCKS */
    int width[SEGMENTER_STAGES];
    int stride[SEGMENTER_STAGES]; /* of a stage's first block, 1 or 2 */
    int classes;
    int size; /* side of the square pictures it is trained for; any multiple of the stride runs */
} SegmenterConfig;

/* Table 3: stem 64, bottleneck, 3 4 6 3 blocks of 64 128 256 512, strides 2 1 1 1: output at 1/8,
 * 2048 features. */
SegmenterConfig segmenter_paper(int classes, int size);

bool segmenter_check(const SegmenterConfig *config, Error *err);
/* Input pixels per output pixel, a side. */
int segmenter_stride(const SegmenterConfig *config);
/* Channels of stage i's output. */
int segmenter_channels(const SegmenterConfig *config, int stage);

/* As JSON text, allocated; NULL when out of memory. And back, checked. */
char *segmenter_to_json(const SegmenterConfig *config);
bool segmenter_from_json(SegmenterConfig *config, const char *text, Error *err);

typedef struct SegmenterBlock {
    int n_conv;
    ConvNorm conv[3];
    bool project; /* the skip has a 1x1 convolution of its own */
    ConvNorm skip;
} SegmenterBlock;

typedef struct Segmenter {
    SegmenterConfig config;
    ParamSet *set; /* borrowed */
    ConvNorm stem;
    SegmenterBlock block[SEGMENTER_STAGES][SEGMENTER_MAX_BLOCKS];
    Param weight, bias; /* of the 1x1 head */
} Segmenter;

/* Declares the parameters under torchvision's names (conv1, bn1, layer1.0.conv1, ...,
 * layer1.0.downsample.0) and head.weight, head.bias. folded: batch-norm already in the
 * convolutions, for MODE_EVAL only. config must have passed segmenter_check. */
Segmenter segmenter_declare(ParamSet *set, const SegmenterConfig *config, bool folded);

typedef struct SegmenterOut {
    Var logits;                  /* [N, classes, H / stride, W / stride], before the softmax */
    Var stage[SEGMENTER_STAGES]; /* each stage's output; the last is the paper's feature map f */
} SegmenterOut;

/* x [N,3,H,W] RGB, 0 .. 1; H and W multiples of segmenter_stride. */
SegmenterOut segmenter_forward(Graph *graph, const Segmenter *net, Var x, Mode mode);

/* Fills `to` (declared folded with the same config, allocated) from a trained net. */
bool segmenter_fold(const Segmenter *to, const Segmenter *from, Error *err);

#endif
