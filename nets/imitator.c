#include "nets/imitator.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

int imitator_hidden(int size)
{
    int n = 0;
    for (int side = 4; side < size; side *= 2)
        n++;
    return n;
}

ImitatorConfig imitator_paper(int dim, int size)
{
    static const int table_2[IMITATOR_MAX_HIDDEN] = {512, 512, 512, 256, 128, 64, 64};
    ImitatorConfig config = {.dim = dim, .size = size};
    memcpy(config.width, table_2, (size_t)imitator_hidden(size) * sizeof(int));
    return config;
}

ImitatorConfig imitator_small(int dim, int size, int width)
{
    ImitatorConfig config = {.dim = dim, .size = size};
    int n = imitator_hidden(size);
    for (int i = 0; i < n; i++) {
        int doublings = n - 1 - i;
        config.width[i] = doublings < 3 ? width << doublings : 7 * width;
    }
    return config;
}

bool imitator_check(const ImitatorConfig *config, Error *err)
{
    if (config->size < IMITATOR_MIN_SIZE || config->size > IMITATOR_MAX_SIZE ||
        (config->size & (config->size - 1)) != 0)
        return error_set(err, "imitator: the size %d is not a power of two from %d to %d",
                         config->size, IMITATOR_MIN_SIZE, IMITATOR_MAX_SIZE);
    if (config->dim < 1 || config->dim > 65536)
        return error_set(err, "imitator: %d facial parameters are not from 1 to 65536",
                         config->dim);
    for (int i = 0; i < imitator_hidden(config->size); i++)
        if (config->width[i] < 1 || config->width[i] > 4096)
            return error_set(err, "imitator: the width %d of layer %d is not from 1 to 4096",
                             config->width[i], i);
    if (config->n_groups < 0 || config->n_groups > OP_MAX_GROUPS)
        return error_set(err, "imitator: %d discrete groups are not from 0 to %d", config->n_groups,
                         OP_MAX_GROUPS);
    for (int i = 0; i < config->n_groups; i++)
        if (config->begin[i] < 0 || config->count[i] < 1 ||
            config->begin[i] > config->dim - config->count[i])
            return error_set(err,
                             "imitator: discrete group %d is not within the %d facial parameters",
                             i, config->dim);
    return true;
}

char *imitator_to_json(const ImitatorConfig *config)
{
    json_t *width = json_array(), *groups = json_array();
    for (int i = 0; i < imitator_hidden(config->size); i++)
        json_array_append_new(width, json_integer(config->width[i]));
    for (int i = 0; i < config->n_groups; i++)
        json_array_append_new(groups, json_pack("[ii]", config->begin[i], config->count[i]));
    json_t *root = json_pack("{si si so sb so}", "dim", config->dim, "size", config->size, "width",
                             width, "sigmoid", config->sigmoid, "groups", groups);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

static bool parse(ImitatorConfig *config, json_t *root)
{
    json_t *width, *groups;
    int sigmoid;
    if (json_unpack(root, "{si si so sb so}", "dim", &config->dim, "size", &config->size, "width",
                    &width, "sigmoid", &sigmoid, "groups", &groups) != 0)
        return false;
    config->sigmoid = sigmoid;
    if (config->size < IMITATOR_MIN_SIZE || config->size > IMITATOR_MAX_SIZE ||
        json_array_size(width) != (size_t)imitator_hidden(config->size) ||
        json_array_size(groups) > OP_MAX_GROUPS)
        return false;
    for (size_t i = 0; i < json_array_size(width); i++)
        config->width[i] = (int)json_integer_value(json_array_get(width, i));
    config->n_groups = (int)json_array_size(groups);
    for (int i = 0; i < config->n_groups; i++)
        if (json_unpack(json_array_get(groups, (size_t)i), "[ii]", &config->begin[i],
                        &config->count[i]) != 0)
            return false;
    return true;
}

bool imitator_from_json(ImitatorConfig *config, const char *text, Error *err)
{
    json_t *root = json_loads(text, 0, NULL);
    ImitatorConfig read = {0};
    bool ok = parse(&read, root);
    json_decref(root);
    if (!ok)
        return error_set(err, "imitator: '%.200s' is not a configuration of an imitator", text);
    if (!imitator_check(&read, err))
        return false;
    *config = read;
    return true;
}

Imitator imitator_declare(ParamSet *set, const ImitatorConfig *config, bool folded)
{
    assert(imitator_check(config, NULL));
    Imitator net = {.config = *config, .set = set};
    int n = imitator_hidden(config->size), in = config->dim;
    char conv[32], norm[32];
    for (int i = 0; i < n; i++) {
        snprintf(conv, sizeof conv, "net.%d", 3 * i);
        snprintf(norm, sizeof norm, "net.%d", 3 * i + 1);
        ConvNormShape shape = {.transposed = true,
                               .in = in,
                               .out = config->width[i],
                               .kernel = 4,
                               .stride = i == 0 ? 1 : 2,
                               .pad = i == 0 ? 0 : 1};
        net.hidden[i] = conv_norm_declare(set, conv, norm, shape, folded);
        in = config->width[i];
    }
    /* 4 taps of each channel reach a pixel; the picture's mean is near the middle of its range. */
    Init init = {INIT_NORMAL, (real)sqrt(.25 / (4 * in))};
    snprintf(conv, sizeof conv, "net.%d.weight", 3 * n);
    snprintf(norm, sizeof norm, "net.%d.bias", 3 * n);
    net.weight = params_declare(set, conv, shape4(in, 3, 4, 4), init);
    net.bias =
        params_declare(set, norm, shape1(3), (Init){INIT_CONSTANT, config->sigmoid ? 0 : (real).5});
    return net;
}

Var imitator_forward(Graph *graph, const Imitator *net, Var x, Mode mode)
{
    Shape shape = ag_shape(graph, x);
    Var y = ag_reshape(graph, x, shape4(shape.dim[0], net->config.dim, 1, 1));
    for (int i = 0; i < imitator_hidden(net->config.size); i++)
        y = ag_relu(graph, conv_norm_forward(graph, net->set, &net->hidden[i], y, mode));
    y = ag_conv_transpose2d(graph, y, ag_param(graph, net->set, net->weight),
                            ag_param(graph, net->set, net->bias), (ConvTranspose2dParam){2, 1});
    return net->config.sigmoid ? ag_sigmoid(graph, y) : y;
}

bool imitator_fold(const Imitator *to, const Imitator *from, Error *err)
{
    for (int i = 0; i < imitator_hidden(from->config.size); i++)
        if (!conv_norm_fold(to->set, &to->hidden[i], from->set, &from->hidden[i], err))
            return false;
    return param_copy(to->set, to->weight, from->set, from->weight, err) &&
           param_copy(to->set, to->bias, from->set, from->bias, err);
}

SoftmaxParam imitator_softmax(const ImitatorConfig *config, real beta)
{
    SoftmaxParam p = {.beta = beta, .n_groups = config->n_groups};
    memcpy(p.begin, config->begin, sizeof p.begin);
    memcpy(p.count, config->count, sizeof p.count);
    return p;
}
