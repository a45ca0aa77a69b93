/* The translator T' (the paper's 3.2 and Table 4): a face's descriptor in, facial parameters out.
 */
#ifndef NETS_TRANSLATOR_H
#define NETS_TRANSLATOR_H

#include "nets/blocks.h"

enum { TRANSLATOR_MAX_BLOCKS = 8 };

/* FC embedding -> width, ReLU; residual attention blocks; and two heads, FC width -> continuous and
 * FC width -> discrete, which are concatenated. A block: h = FC hidden -> width (ReLU (FC width ->
 * hidden (v))); alpha = sigmoid(W2 ReLU(W1 h)) with W1 width -> gate, W2 gate -> width (SENet's
 * gate without its pooling); out = ReLU(v + alpha h). */
typedef struct TranslatorConfig {
    int size;      /* side of the pictures whose descriptors it is trained with */
    int embedding; /* of the descriptor: 256 of LightCNN-29v2, 128 of recognizer.h */
    int width, hidden, gate;
    int blocks;       /* 1 .. TRANSLATOR_MAX_BLOCKS */
    bool attention;   /* false: alpha = 1, a plain residual MLP, for the ablation of Table 8 */
    bool standardise; /* the descriptor is centred and scaled first (translator_standardise) */
    int continuous;   /* parameters 0 .. continuous - 1 of x */
    int n_groups;     /* the schema's one-hot groups, which follow them in x without gaps */
    int count[OP_MAX_GROUPS];
} TranslatorConfig;

/* Table 4: width 512, hidden 1024, gate 16, 3 blocks; size 512. count: n_groups of them. */
TranslatorConfig translator_paper(int embedding, int continuous, int n_groups, const int *count);

bool translator_check(const TranslatorConfig *config, Error *err);
/* Parameters that come out: continuous and discrete. */
int translator_dim(const TranslatorConfig *config);

/* As JSON text, allocated; NULL when out of memory. And back, checked. */
char *translator_to_json(const TranslatorConfig *config);
bool translator_from_json(TranslatorConfig *config, const char *text, Error *err);

/* A fully connected layer. */
typedef struct Dense {
    Param weight, bias;
} Dense;

typedef struct TranslatorBlock {
    Dense in, out;         /* width -> hidden -> width */
    Dense squeeze, excite; /* width -> gate -> width; with attention only */
} TranslatorBlock;

typedef struct Translator {
    TranslatorConfig config;
    ParamSet *set;      /* borrowed */
    Param scale, shift; /* [embedding] of a standardised descriptor: scale d + shift; buffers */
    Dense first;
    TranslatorBlock block[TRANSLATOR_MAX_BLOCKS];
    Dense continuous, discrete; /* each only if there are such parameters */
} Translator;

/* Declares fc1, block1.fc1, block1.fc2, block1.gate1, block1.gate2, ..., continuous, discrete, each
 * with weight and bias, and input.scale, input.shift. config must have passed translator_check. */
Translator translator_declare(ParamSet *set, const TranslatorConfig *config);

/* Scale and shift by the mean and the deviation of each of count descriptors' values (count x
 * embedding), in an allocated set: descriptors have small values around a large mean, which all
 * faces share. Fails only when out of memory. */
bool translator_standardise(const Translator *net, const real *descriptor, int64_t count,
                            Error *err);

/* descriptor [N,embedding] -> x [N,translator_dim], every value in [0, 1]: a sigmoid for the
 * continuous ones, the softmax h(., beta) of 3.6 for each group of the discrete ones (beta 1 in the
 * one-shot mode). */
Var translator_forward(Graph *graph, const Translator *net, Var descriptor, real beta);

#endif
