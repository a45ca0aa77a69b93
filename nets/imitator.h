/* The imitator G (the paper's 3.1, Table 2): facial parameters in, the engine's picture out. */
#ifndef NETS_IMITATOR_H
#define NETS_IMITATOR_H

#include "nets/blocks.h"

enum { IMITATOR_MIN_SIZE = 8, IMITATOR_MAX_SIZE = 512, IMITATOR_MAX_HIDDEN = 7 };

/* Table 2 with any output size and widths: 4x4 transposed convolutions, the first (stride 1, pad 0)
 * from the dim x 1 x 1 map to 4x4, each further one (stride 2, pad 1) doubling the side, the last
 * to 3 channels. Batch-norm and ReLU after all but the last. */
typedef struct ImitatorConfig {
    int dim;  /* of x */
    int size; /* of the output: a power of two, IMITATOR_MIN_SIZE .. IMITATOR_MAX_SIZE */
    int width[IMITATOR_MAX_HIDDEN]; /* channels of the hidden layers: imitator_hidden(size) of them
                                     */
    bool sigmoid;                   /* after the last layer; the paper has none */
    int n_groups;                   /* the schema's one-hot groups in x, for the discrete softmax */
    int begin[OP_MAX_GROUPS], count[OP_MAX_GROUPS];
} ImitatorConfig;

/* Hidden layers of an imitator of this output size: 7 for 512, 1 for 8. */
int imitator_hidden(int size);

/* The paper's widths 512 512 512 256 128 64 64 for size 512; for a smaller size the first of them,
 * so that a layer works at the resolution it has in the paper... */
ImitatorConfig imitator_paper(int dim, int size);

/* ... and a small one: the widths double from `width` at the last hidden layer backwards, up to 7
 * width: 224 224 128 64 32 for size 128 and width 32, 4.9 MB in float16. */
ImitatorConfig imitator_small(int dim, int size, int width);

bool imitator_check(const ImitatorConfig *config, Error *err);

/* As JSON text, allocated; NULL when out of memory. And back, checked. */
char *imitator_to_json(const ImitatorConfig *config);
bool imitator_from_json(ImitatorConfig *config, const char *text, Error *err);

typedef struct Imitator {
    ImitatorConfig config;
    ParamSet *set; /* borrowed */
    ConvNorm hidden[IMITATOR_MAX_HIDDEN];
    Param weight, bias; /* of the last layer */
} Imitator;

/* Declares the parameters as PyTorch's nn.Sequential would name them: net.0.weight, net.1.weight,
 * ... (every third a convolution). folded: batch-norm already in the convolutions, for MODE_EVAL
 * only. config must have passed imitator_check. */
Imitator imitator_declare(ParamSet *set, const ImitatorConfig *config, bool folded);

/* x [N,dim] -> [N,3,size,size] RGB, about 0 .. 1. x has its softmax behind it. */
Var imitator_forward(Graph *graph, const Imitator *net, Var x, Mode mode);

/* Fills `to` (declared folded with the same config, allocated) from a trained net. */
bool imitator_fold(const Imitator *to, const Imitator *from, Error *err);

/* h(x, beta) of the discrete groups (3.6), for ag_softmax on [N,dim]. */
SoftmaxParam imitator_softmax(const ImitatorConfig *config, real beta);

#endif
