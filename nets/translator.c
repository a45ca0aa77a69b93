#include "nets/translator.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TranslatorConfig translator_paper(int embedding, int continuous, int n_groups, const int *count)
{
    TranslatorConfig config = {.size = 512,
                               .embedding = embedding,
                               .width = 512,
                               .hidden = 1024,
                               .gate = 16,
                               .blocks = 3,
                               .attention = true,
                               .continuous = continuous,
                               .n_groups = n_groups};
    assert(n_groups >= 0 && n_groups <= OP_MAX_GROUPS);
    for (int i = 0; i < n_groups; i++)
        config.count[i] = count[i];
    return config;
}

static bool check_range(const char *what, int value, int lo, int hi, Error *err)
{
    return (value >= lo && value <= hi) ||
           error_set(err, "translator: %s is %d, which is not from %d to %d", what, value, lo, hi);
}

bool translator_check(const TranslatorConfig *config, Error *err)
{
    if (!check_range("size", config->size, 8, 2048, err) ||
        !check_range("embedding", config->embedding, 1, 65536, err) ||
        !check_range("width", config->width, 1, 65536, err) ||
        !check_range("hidden", config->hidden, 1, 65536, err) ||
        !check_range("gate", config->gate, 1, 65536, err) ||
        !check_range("blocks", config->blocks, 1, TRANSLATOR_MAX_BLOCKS, err) ||
        !check_range("continuous", config->continuous, 0, 65536, err) ||
        !check_range("the number of groups", config->n_groups, 0, OP_MAX_GROUPS, err))
        return false;
    for (int i = 0; i < config->n_groups; i++)
        if (!check_range("a group's count", config->count[i], 1, 65536, err))
            return false;
    return translator_dim(config) > 0 || error_set(err, "translator: it has no parameters to give");
}

static int discrete(const TranslatorConfig *config)
{
    int n = 0;
    for (int i = 0; i < config->n_groups; i++)
        n += config->count[i];
    return n;
}

int translator_dim(const TranslatorConfig *config)
{
    return config->continuous + discrete(config);
}

char *translator_to_json(const TranslatorConfig *c)
{
    json_t *groups = json_array();
    for (int i = 0; i < c->n_groups; i++)
        json_array_append_new(groups, json_integer(c->count[i]));
    json_t *root = json_pack("{si si si si si si sb sb si so}", "size", c->size, "embedding",
                             c->embedding, "width", c->width, "hidden", c->hidden, "gate", c->gate,
                             "blocks", c->blocks, "attention", c->attention, "standardise",
                             c->standardise, "continuous", c->continuous, "groups", groups);
    char *text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

static bool parse(TranslatorConfig *c, json_t *root)
{
    json_t *groups;
    int attention, standardise;
    if (json_unpack(root, "{si si si si si si sb sb si so}", "size", &c->size, "embedding",
                    &c->embedding, "width", &c->width, "hidden", &c->hidden, "gate", &c->gate,
                    "blocks", &c->blocks, "attention", &attention, "standardise", &standardise,
                    "continuous", &c->continuous, "groups", &groups) != 0)
        return false;
    c->attention = attention;
    c->standardise = standardise;
    if (!json_is_array(groups) || json_array_size(groups) > OP_MAX_GROUPS)
        return false;
    c->n_groups = (int)json_array_size(groups);
    for (int i = 0; i < c->n_groups; i++)
        c->count[i] = (int)json_integer_value(json_array_get(groups, (size_t)i));
    return true;
}

bool translator_from_json(TranslatorConfig *config, const char *text, Error *err)
{
    json_t *root = json_loads(text, 0, NULL);
    TranslatorConfig read = {0};
    bool ok = parse(&read, root);
    json_decref(root);
    if (!ok)
        return error_set(err, "translator: '%.200s' is not a configuration of a translator", text);
    if (!translator_check(&read, err))
        return false;
    *config = read;
    return true;
}

static Dense dense_declare(ParamSet *set, const char *name, int in, int out, double gain)
{
    char full[64];
    Dense dense;
    snprintf(full, sizeof full, "%s.weight", name);
    dense.weight =
        params_declare(set, full, shape2(out, in), (Init){INIT_NORMAL, (real)sqrt(gain / in)});
    snprintf(full, sizeof full, "%s.bias", name);
    dense.bias = params_declare(set, full, shape1(out), (Init){INIT_ZEROS, 0});
    return dense;
}

Translator translator_declare(ParamSet *set, const TranslatorConfig *config)
{
    assert(translator_check(config, NULL));
    Translator net = {.config = *config, .set = set};
    int width = config->width;
    if (config->standardise) {
        Shape shape = shape1(config->embedding);
        net.scale = params_declare_buffer(set, "input.scale", shape, (Init){INIT_CONSTANT, 1});
        net.shift = params_declare_buffer(set, "input.shift", shape, (Init){INIT_ZEROS, 0});
    }
    net.first = dense_declare(set, "fc1", config->embedding, width, 2);
    for (int i = 0; i < config->blocks; i++) {
        TranslatorBlock *block = &net.block[i];
        char name[32];
        snprintf(name, sizeof name, "block%d.fc1", i + 1);
        block->in = dense_declare(set, name, width, config->hidden, 2);
        snprintf(name, sizeof name, "block%d.fc2", i + 1);
        block->out = dense_declare(set, name, config->hidden, width, 1);
        if (!config->attention)
            continue;
        snprintf(name, sizeof name, "block%d.gate1", i + 1);
        block->squeeze = dense_declare(set, name, width, config->gate, 2);
        snprintf(name, sizeof name, "block%d.gate2", i + 1);
        block->excite = dense_declare(set, name, config->gate, width, 1);
    }
    /* Small, so that training starts near the average face and at no choice. */
    if (config->continuous)
        net.continuous = dense_declare(set, "continuous", width, config->continuous, .01);
    if (config->n_groups)
        net.discrete = dense_declare(set, "discrete", width, discrete(config), .01);
    return net;
}

bool translator_standardise(const Translator *net, const real *descriptor, int64_t count,
                            Error *err)
{
    const double least = 1e-6; /* a value that never changes says nothing */
    int n = net->config.embedding;
    assert(net->config.standardise && count > 0);
    real *scale = malloc(2 * (size_t)n * sizeof *scale), *shift = scale + n;
    if (!scale)
        return error_set(err, "out of memory for the translator");
    for (int k = 0; k < n; k++) {
        double sum = 0, square = 0;
        for (int64_t i = 0; i < count; i++)
            sum += (double)descriptor[i * n + k];
        double mean = sum / (double)count;
        for (int64_t i = 0; i < count; i++)
            square +=
                ((double)descriptor[i * n + k] - mean) * ((double)descriptor[i * n + k] - mean);
        double deviation = sqrt(square / (double)count);
        scale[k] = deviation > least ? (real)(1 / deviation) : 0;
        shift[k] = (real)-mean * scale[k];
    }
    params_write(net->set, net->scale, scale);
    params_write(net->set, net->shift, shift);
    free(scale);
    return true;
}

static Var dense(Graph *graph, ParamSet *set, const Dense *layer, Var x)
{
    return ag_linear(graph, x, ag_param(graph, set, layer->weight),
                     ag_param(graph, set, layer->bias));
}

static Var block_forward(Graph *graph, const Translator *net, const TranslatorBlock *block, Var v)
{
    ParamSet *set = net->set;
    Var h = dense(graph, set, &block->out, ag_relu(graph, dense(graph, set, &block->in, v)));
    if (net->config.attention) {
        Var squeezed = ag_relu(graph, dense(graph, set, &block->squeeze, h));
        h = ag_mul(graph, h, ag_sigmoid(graph, dense(graph, set, &block->excite, squeezed)));
    }
    return ag_relu(graph, ag_add(graph, v, h));
}

/* The softmax of the groups of the discrete head, which stand one after the other. */
static SoftmaxParam choices(const TranslatorConfig *config, real beta)
{
    SoftmaxParam p = {.beta = beta, .n_groups = config->n_groups};
    int begin = 0;
    for (int i = 0; i < config->n_groups; i++) {
        p.begin[i] = begin;
        p.count[i] = config->count[i];
        begin += config->count[i];
    }
    return p;
}

Var translator_forward(Graph *graph, const Translator *net, Var descriptor, real beta)
{
    const TranslatorConfig *config = &net->config;
    if (config->standardise)
        descriptor = ag_channel_affine(graph, descriptor, ag_param(graph, net->set, net->scale),
                                       ag_param(graph, net->set, net->shift));
    Var v = ag_relu(graph, dense(graph, net->set, &net->first, descriptor));
    for (int i = 0; i < config->blocks; i++)
        v = block_forward(graph, net, &net->block[i], v);
    Var head[2];
    int n = 0;
    if (config->continuous)
        head[n++] = ag_sigmoid(graph, dense(graph, net->set, &net->continuous, v));
    if (config->n_groups)
        head[n++] =
            ag_softmax(graph, dense(graph, net->set, &net->discrete, v), choices(config, beta));
    return n == 1 ? head[0] : ag_concat(graph, head, n, (AxisParam){.axis = 1});
}
