/* LightCNN-29v2 (Wu, He, Sun, Tan: "A Light CNN for Deep Face Representation with Noisy Labels"),
 * the paper's F_recg: a grey face in, its descriptor out. */
#ifndef NETS_LIGHTCNN_H
#define NETS_LIGHTCNN_H

#include "nets/blocks.h"

enum { LIGHTCNN_STAGES = 4, LIGHTCNN_MAX_BLOCKS = 8 };

/* Every convolution is an MFM: with bias, to twice its channels, of which the larger of each pair
 * counts; there is no batch-norm and no other activation. A 5x5 MFM, then per stage residual blocks
 * of two 3x3 MFMs (nothing after the sum) and a group that leads to the next stage's width: a 1x1
 * MFM and a 3x3 MFM. Each of the four poolings is the sum of a 2x2 max pool and a 2x2 average pool:
 * after the first MFM and after the groups of stages 0, 1 and 3. Then a linear layer, which is the
 * descriptor. */
typedef struct LightCnnConfig {
    int width[LIGHTCNN_STAGES + 1]; /* of the stages, and of what the last group leads to */
    int blocks[LIGHTCNN_STAGES];    /* 1 .. LIGHTCNN_MAX_BLOCKS */
    int dim;                        /* of the descriptor */
    int size;                       /* side of the square picture, a multiple of 16 */
    int classes; /* people to tell apart while it is trained; 0: a descriptor only */
} LightCnnConfig;

/* As published: widths 48 96 192 128 128, blocks 1 2 3 4, 256-d, of 128x128. */
LightCnnConfig lightcnn_paper(int classes);

bool lightcnn_check(const LightCnnConfig *config, Error *err);

/* As JSON text, allocated; NULL when out of memory. And back, checked. */
char *lightcnn_to_json(const LightCnnConfig *config);
bool lightcnn_from_json(LightCnnConfig *config, const char *text, Error *err);

/* A convolution to the maximum of two halves. */
typedef struct Mfm {
    Param weight, bias;
    int pad;
} Mfm;

typedef struct LightCnn {
    LightCnnConfig config;
    ParamSet *set; /* borrowed */
    Mfm first;
    Mfm block[LIGHTCNN_STAGES][LIGHTCNN_MAX_BLOCKS][2];
    Mfm group[LIGHTCNN_STAGES][2];
    Param weight, bias; /* of the descriptor */
    Param classifier;   /* with classes only */
} LightCnn;

/* Declares the parameters under the names of the published checkpoint: conv1.filter.weight,
 * block1.0.conv1.filter.weight, group1.conv_a.filter.weight, fc.weight, fc2.weight (with classes).
 * config must have passed lightcnn_check. */
LightCnn lightcnn_declare(ParamSet *set, const LightCnnConfig *config);

/* x [N,1,size,size], 0 .. 1, aligned as descriptor_chip (nets/descriptor.h) does -> [N,dim]. */
Var lightcnn_forward(Graph *graph, const LightCnn *net, Var x);

/* The classes' logits [N,classes,1,1] of descriptors [N,dim], for ag_cross_entropy: the linear
 * layer without bias that is dropped after training. mask [N,dim] is dropout's, an input that
 * lightcnn_dropout fills before each step, or AG_NONE. */
Var lightcnn_classify(Graph *graph, const LightCnn *net, Var descriptor, Var mask);

/* Dropout's mask of n values: 0 with probability drop (the authors' is 0.5), else 1 / (1 - drop).
 * The same for the same seed and step. */
void lightcnn_dropout(real *mask, int64_t n, double drop, uint64_t seed, uint64_t step);

#endif
