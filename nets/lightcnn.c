#include "nets/lightcnn.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "libtensor/rng.h"

/* Whether a pooling follows the group of a stage; the one after the first MFM is the fourth. */
static const bool pooled[LIGHTCNN_STAGES] = {true, true, false, true};

enum { SHRINK = 16 }; /* by the four poolings */

LightCnnConfig lightcnn_paper(int classes)
{
    return (LightCnnConfig){.width = {48, 96, 192, 128, 128},
                            .blocks = {1, 2, 3, 4},
                            .dim = 256,
                            .size = 128,
                            .classes = classes};
}

bool lightcnn_check(const LightCnnConfig *config, Error *err)
{
    for (int i = 0; i <= LIGHTCNN_STAGES; i++)
        if (config->width[i] < 1 || config->width[i] > 1024)
            return error_set(err, "lightcnn: the width %d of stage %d is not from 1 to 1024",
                             config->width[i], i);
    for (int i = 0; i < LIGHTCNN_STAGES; i++)
        if (config->blocks[i] < 1 || config->blocks[i] > LIGHTCNN_MAX_BLOCKS)
            return error_set(err, "lightcnn: %d blocks in stage %d are not from 1 to %d",
                             config->blocks[i], i, LIGHTCNN_MAX_BLOCKS);
    if (config->dim < 1 || config->dim > 4096)
        return error_set(err, "lightcnn: %d dimensions are not from 1 to 4096", config->dim);
    if (config->size < SHRINK || config->size > 1024 || config->size % SHRINK != 0)
        return error_set(err, "lightcnn: the size %d is not a multiple of %d up to 1024",
                         config->size, SHRINK);
    if (config->classes < 0 || config->classes > 10000000)
        return error_set(err, "lightcnn: %d classes are not from 0 to 10000000", config->classes);
    return true;
}

char *lightcnn_to_json(const LightCnnConfig *c)
{
    json_t *root =
        json_pack("{s[iiiii] s[iiii] si si si}", "width", c->width[0], c->width[1], c->width[2],
                  c->width[3], c->width[4], "blocks", c->blocks[0], c->blocks[1], c->blocks[2],
                  c->blocks[3], "dim", c->dim, "size", c->size, "classes", c->classes);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

bool lightcnn_from_json(LightCnnConfig *config, const char *text, Error *err)
{
    json_t *root = json_loads(text, 0, NULL);
    LightCnnConfig c = {0};
    int *w = c.width, *b = c.blocks;
    bool ok = json_unpack(root, "{s[iiiii!] s[iiii!] si si si}", "width", &w[0], &w[1], &w[2],
                          &w[3], &w[4], "blocks", &b[0], &b[1], &b[2], &b[3], "dim", &c.dim, "size",
                          &c.size, "classes", &c.classes) == 0;
    json_decref(root);
    if (!ok)
        return error_set(err, "lightcnn: '%.200s' is not a configuration of a LightCNN", text);
    if (!lightcnn_check(&c, err))
        return false;
    *config = c;
    return true;
}

static Mfm mfm_declare(ParamSet *set, const char *name, int in, int out, int kernel)
{
    Mfm mfm = {.pad = kernel / 2};
    char full[64];
    /* The larger of two normal values has the mean square of one, so 1 / fan-in keeps the scale. */
    Init init = {INIT_NORMAL, (real)sqrt(1. / (in * kernel * kernel))};
    snprintf(full, sizeof full, "%s.filter.weight", name);
    mfm.weight = params_declare(set, full, shape4(2 * out, in, kernel, kernel), init);
    snprintf(full, sizeof full, "%s.filter.bias", name);
    mfm.bias = params_declare(set, full, shape1(2 * out), (Init){INIT_ZEROS, 0});
    return mfm;
}

LightCnn lightcnn_declare(ParamSet *set, const LightCnnConfig *config)
{
    assert(lightcnn_check(config, NULL));
    LightCnn net = {.config = *config, .set = set};
    const int *width = config->width;
    char name[48];
    net.first = mfm_declare(set, "conv1", 1, width[0], 5);
    for (int i = 0; i < LIGHTCNN_STAGES; i++) {
        for (int j = 0; j < config->blocks[i]; j++)
            for (int k = 0; k < 2; k++) {
                snprintf(name, sizeof name, "block%d.%d.conv%d", i + 1, j, k + 1);
                net.block[i][j][k] = mfm_declare(set, name, width[i], width[i], 3);
            }
        snprintf(name, sizeof name, "group%d.conv_a", i + 1);
        net.group[i][0] = mfm_declare(set, name, width[i], width[i], 1);
        snprintf(name, sizeof name, "group%d.conv", i + 1);
        net.group[i][1] = mfm_declare(set, name, width[i], width[i + 1], 3);
    }
    int side = config->size / SHRINK, in = width[LIGHTCNN_STAGES] * side * side;
    /* Each of the poolings sums a maximum and a mean, so that values grow by as much as the picture
     * shrinks. Descriptors are to begin at the size of 1, and logits near 0: dropout of large ones
     * is noise that drowns the persons. */
    net.weight = params_declare(set, "fc.weight", shape2(config->dim, in),
                                (Init){INIT_NORMAL, (real)(sqrt(1. / in) / SHRINK)});
    net.bias = params_declare(set, "fc.bias", shape1(config->dim), (Init){INIT_ZEROS, 0});
    if (config->classes)
        net.classifier = params_declare(set, "fc2.weight", shape2(config->classes, config->dim),
                                        (Init){INIT_NORMAL, (real)(0.1 * sqrt(1. / config->dim))});
    return net;
}

static Var mfm_forward(Graph *graph, ParamSet *set, const Mfm *mfm, Var x)
{
    return ag_max_halves(graph,
                         ag_conv2d(graph, x, ag_param(graph, set, mfm->weight),
                                   ag_param(graph, set, mfm->bias), (Conv2dParam){1, mfm->pad}));
}

static Var pool(Graph *graph, Var x)
{
    Pool2dParam halved = {2, 2, 0};
    return ag_add(graph, ag_max_pool2d(graph, x, halved), ag_avg_pool2d(graph, x, halved));
}

Var lightcnn_forward(Graph *graph, const LightCnn *net, Var x)
{
    x = pool(graph, mfm_forward(graph, net->set, &net->first, x));
    for (int i = 0; i < LIGHTCNN_STAGES; i++) {
        for (int j = 0; j < net->config.blocks[i]; j++) {
            Var y = mfm_forward(graph, net->set, &net->block[i][j][0], x);
            x = ag_add(graph, mfm_forward(graph, net->set, &net->block[i][j][1], y), x);
        }
        for (int k = 0; k < 2; k++)
            x = mfm_forward(graph, net->set, &net->group[i][k], x);
        if (pooled[i])
            x = pool(graph, x);
    }
    Shape s = ag_shape(graph, x);
    x = ag_reshape(graph, x, shape2(s.dim[0], s.dim[1] * s.dim[2] * s.dim[3]));
    return ag_linear(graph, x, ag_param(graph, net->set, net->weight),
                     ag_param(graph, net->set, net->bias));
}

Var lightcnn_classify(Graph *graph, const LightCnn *net, Var descriptor, Var mask)
{
    assert(net->config.classes > 0);
    Var x = mask.id == AG_NONE.id ? descriptor : ag_mul(graph, descriptor, mask);
    Var y = ag_linear(graph, x, ag_param(graph, net->set, net->classifier), AG_NONE);
    return ag_reshape(graph, y, shape4(ag_shape(graph, y).dim[0], net->config.classes, 1, 1));
}

void lightcnn_dropout(real *mask, int64_t n, double drop, uint64_t seed, uint64_t step)
{
    enum { STREAM = 0xd209 }; /* no parameter's */
    assert(drop >= 0 && drop < 1);
    Rng rng = rng_make(seed, STREAM, step);
    for (int64_t i = 0; i < n; i++)
        mask[i] = (double)rng_uniform(&rng) < drop ? 0 : (real)(1 / (1 - drop));
}
