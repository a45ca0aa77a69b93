#include "nets/recognizer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libautograd/ops.h"

static const struct {
    const char *name;
    int in, out;
    bool down;
} layout[RECOGNIZER_BLOCKS] = {
    {"conv32_1", 32, 32, false},      {"conv32_2", 32, 32, false},
    {"conv32_3", 32, 32, false},      {"conv64_down", 32, 64, true},
    {"conv64_1", 64, 64, false},      {"conv64_2", 64, 64, false},
    {"conv64_3", 64, 64, false},      {"conv128_down", 64, 128, true},
    {"conv128_1", 128, 128, false},   {"conv128_2", 128, 128, false},
    {"conv256_down", 128, 256, true}, {"conv256_1", 256, 256, false},
    {"conv256_2", 256, 256, false},   {"conv256_down_out", 256, 256, true},
};

static const float mean_colour[3] = {122.782f / 255, 117.001f / 255, 104.298f / 255};

void recognizer_declare(Recognizer *recognizer, ParamSet *set)
{
    const Init zero = {INIT_ZEROS, 0};
    char name[64];

    recognizer->set = set;
    recognizer->stem_weight = params_declare(set, "conv32_down.weight", shape4(32, 3, 7, 7), zero);
    recognizer->stem_bias = params_declare(set, "conv32_down.bias", shape1(32), zero);
    for (int i = 0; i < RECOGNIZER_BLOCKS; i++) {
        RecognizerBlock *block = &recognizer->block[i];
        block->in = layout[i].in;
        block->out = layout[i].out;
        block->down = layout[i].down;
        for (int k = 0; k < 2; k++) {
            int in = k == 0 ? block->in : block->out;
            snprintf(name, sizeof name, "%s.conv%d.weight", layout[i].name, k + 1);
            block->weight[k] = params_declare(set, name, shape4(block->out, in, 3, 3), zero);
            snprintf(name, sizeof name, "%s.conv%d.bias", layout[i].name, k + 1);
            block->bias[k] = params_declare(set, name, shape1(block->out), zero);
        }
    }
    recognizer->fc_weight = params_declare(set, "fc.weight", shape2(RECOGNIZER_DIM, 256), zero);
}

/* The file's tensor PREFIX/SUFFIX, checked to be float and of this shape; NULL on error. */
static const float *find(const TensorFile *file, const char *prefix, const char *suffix, Shape want,
                         Error *err)
{
    char name[96], have[88], wanted[88];

    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    Tensor t = tensor_file_find(file, name);
    if (!t.data) {
        error_set(err, "the recogniser's weights lack %s: is this face_recognition_model?", name);
        return NULL;
    }
    if (t.type != DTYPE_F32 || !shape_equal(t.shape, want)) {
        error_set(err, "%s is %s of %s in the recogniser's weights, but %s of %s is needed", name,
                  shape_text(t.shape, have), dtype_name(t.type), shape_text(want, wanted),
                  dtype_name(DTYPE_F32));
        return NULL;
    }
    return t.data;
}

/* One convolution and its scale layer: y = s (w * x + b) + t is a convolution by s w with bias s b
 * + t. With mean != NULL, x - mean is folded in as well, which is exact because the stem pads
 * nothing. */
static bool load_conv(Recognizer *recognizer, const TensorFile *file, const char *prefix,
                      Param weight, Param bias, const float *mean, bool write, Error *err)
{
    Shape s = params_shape(recognizer->set, weight);
    int64_t out = s.dim[0], in = s.dim[1], area = s.dim[2] * s.dim[3];
    const float *filters =
        find(file, prefix, "/conv/filters", shape4(s.dim[2], s.dim[3], in, out), err);
    const float *b = filters ? find(file, prefix, "/conv/bias", shape1(out), err) : NULL;
    const float *scale = b ? find(file, prefix, "/scale/weights", shape1(out), err) : NULL;
    const float *shift = scale ? find(file, prefix, "/scale/biases", shape1(out), err) : NULL;

    if (!shift) {
        return false;
    }
    if (!write) {
        return true;
    }
    real *w = malloc((size_t)(out * in * area + out) * sizeof *w);
    if (!w) {
        return error_set(err, "out of memory for the recogniser's weights");
    }
    real *folded = w + out * in * area;
    for (int64_t o = 0; o < out; o++) {
        double constant = b[o];
        for (int64_t i = 0; i < in; i++) {
            for (int64_t p = 0; p < area; p++) {
                float value = filters[(p * in + i) * out + o];
                w[(o * in + i) * area + p] = scale[o] * value;
                constant -= mean ? (double)value * mean[i] : 0;
            }
        }
        folded[o] = (real)(scale[o] * constant + shift[o]);
    }
    params_write(recognizer->set, weight, w);
    params_write(recognizer->set, bias, folded);
    free(w);
    return true;
}

static bool load_fc(Recognizer *recognizer, const TensorFile *file, bool write, Error *err)
{
    const float *fc = find(file, "fc", "", shape2(256, RECOGNIZER_DIM), err);

    if (!fc) {
        return false;
    }
    if (!write) {
        return true;
    }
    real *w = malloc(256 * RECOGNIZER_DIM * sizeof *w);
    if (!w) {
        return error_set(err, "out of memory for the recogniser's weights");
    }
    for (int o = 0; o < RECOGNIZER_DIM; o++) {
        for (int i = 0; i < 256; i++) {
            w[o * 256 + i] = fc[i * RECOGNIZER_DIM + o];
        }
    }
    params_write(recognizer->set, recognizer->fc_weight, w);
    free(w);
    return true;
}

static bool load_all(Recognizer *recognizer, const TensorFile *file, bool write, Error *err)
{
    char prefix[64];

    if (!load_conv(recognizer, file, "conv32_down", recognizer->stem_weight, recognizer->stem_bias,
                   mean_colour, write, err)) {
        return false;
    }
    for (int i = 0; i < RECOGNIZER_BLOCKS; i++) {
        for (int k = 0; k < 2; k++) {
            snprintf(prefix, sizeof prefix, "%s/conv%d", layout[i].name, k + 1);
            if (!load_conv(recognizer, file, prefix, recognizer->block[i].weight[k],
                           recognizer->block[i].bias[k], NULL, write, err)) {
                return false;
            }
        }
    }
    return load_fc(recognizer, file, write, err);
}

bool recognizer_load(Recognizer *recognizer, const TensorFile *file, Error *err)
{
    /* Everything is looked up before anything is written. */
    return load_all(recognizer, file, false, err) && load_all(recognizer, file, true, err);
}

static Var conv(Graph *g, const Recognizer *r, Var x, Param weight, Param bias, Conv2dParam p)
{
    return ag_conv2d(g, x, ag_param(g, r->set, weight), ag_param(g, r->set, bias), p);
}

static Var block_forward(Graph *g, const Recognizer *r, const RecognizerBlock *block, Var x)
{
    Conv2dParam first = block->down ? (Conv2dParam){2, 0} : (Conv2dParam){1, 1};
    Var y = ag_relu(g, conv(g, r, x, block->weight[0], block->bias[0], first));

    y = conv(g, r, y, block->weight[1], block->bias[1], (Conv2dParam){1, 1});
    if (block->down) {
        x = ag_avg_pool2d(g, x, (Pool2dParam){2, 2, 0});
        /* An even picture shrinks to one pixel less by the unpadded convolution than by the mean.
         */
        Shape skip = ag_shape(g, x), main = ag_shape(g, y);
        if (skip.ndim == 4 && main.ndim == 4 && skip.dim[2] != main.dim[2]) {
            y = ag_pad2d(g, y, (Pad2dParam){0, 0, 1, 1});
        }
        if (block->out != block->in) {
            Var zeros = ag_affine(g, ag_detach(g, x), (AffineParam){0, 0});
            x = ag_concat(g, (Var[]){x, zeros}, 2, (AxisParam){1, 0, 0});
        }
    }
    return ag_relu(g, ag_add(g, y, x));
}

Var recognizer_forward(Graph *g, const Recognizer *r, Var picture)
{
    Var x = conv(g, r, picture, r->stem_weight, r->stem_bias, (Conv2dParam){2, 0});

    x = ag_max_pool2d(g, ag_relu(g, x), (Pool2dParam){3, 2, 0});
    for (int i = 0; i < RECOGNIZER_BLOCKS; i++) {
        x = block_forward(g, r, &r->block[i], x);
    }
    x = ag_avg_pool2d(g, x, (Pool2dParam){2, 2, 0}); /* the global mean: 2x2 are left */
    Shape s = ag_shape(g, x);
    x = ag_reshape(g, x, shape2(s.dim[0], 256));
    return ag_linear(g, x, ag_param(g, r->set, r->fc_weight), AG_NONE);
}

/* dlib's mean face, landmarks 17 .. 67, in units of its chip without padding
 * (dlib/image_transforms/interpolation.h). */
static const float mean_face[RECOGNIZER_LANDMARKS - 17][2] = {
    {0.000213256f, 0.106454f}, {0.0752622f, 0.038915f}, {0.18113f, 0.0187482f},
    {0.29077f, 0.0344891f},    {0.393397f, 0.0773906f}, {0.586856f, 0.0773906f},
    {0.689483f, 0.0344891f},   {0.799124f, 0.0187482f}, {0.904991f, 0.038915f},
    {0.98004f, 0.106454f},     {0.490127f, 0.203352f},  {0.490127f, 0.307009f},
    {0.490127f, 0.409805f},    {0.490127f, 0.515625f},  {0.36688f, 0.587326f},
    {0.426036f, 0.609345f},    {0.490127f, 0.628106f},  {0.554217f, 0.609345f},
    {0.613373f, 0.587326f},    {0.121737f, 0.216423f},  {0.187122f, 0.178758f},
    {0.265825f, 0.179852f},    {0.334606f, 0.231733f},  {0.260918f, 0.245099f},
    {0.182743f, 0.244077f},    {0.645647f, 0.231733f},  {0.714428f, 0.179852f},
    {0.793132f, 0.178758f},    {0.858516f, 0.216423f},  {0.79751f, 0.244077f},
    {0.719335f, 0.245099f},    {0.254149f, 0.780233f},  {0.340985f, 0.745405f},
    {0.428858f, 0.727388f},    {0.490127f, 0.742578f},  {0.551395f, 0.727388f},
    {0.639268f, 0.745405f},    {0.726104f, 0.780233f},  {0.642159f, 0.864805f},
    {0.556721f, 0.902192f},    {0.490127f, 0.909281f},  {0.423532f, 0.902192f},
    {0.338094f, 0.864805f},    {0.290379f, 0.784792f},  {0.428096f, 0.778746f},
    {0.490127f, 0.785343f},    {0.552157f, 0.778746f},  {0.689874f, 0.784792f},
    {0.553364f, 0.824182f},    {0.490127f, 0.831803f},  {0.42689f, 0.824182f},
};

RecognizerChip recognizer_chip(const float *landmark, int size)
{
    enum { N = RECOGNIZER_LANDMARKS - 17 };
    const double padding = 0.25;
    double from[2] = {0, 0}, to[2] = {0, 0}, cross = 0, square = 0;

    assert(size > 0);
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 2; k++) {
            from[k] += (padding + mean_face[i][k]) / (1 + 2 * padding) / N;
            to[k] += landmark[2 * (17 + i) + k] / (double)size / N;
        }
    }
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 2; k++) {
            double f = (padding + mean_face[i][k]) / (1 + 2 * padding) - from[k];
            cross += f * (landmark[2 * (17 + i) + k] / (double)size - to[k]);
            square += f * f;
        }
    }
    double side = cross / square;
    return (RecognizerChip){(float)(to[0] - side * from[0]), (float)(to[1] - side * from[1]),
                            (float)side};
}

Var recognizer_crop(Graph *g, Var picture, RecognizerChip chip)
{
    real size = (real)ag_shape(g, picture).dim[2];

    return ag_resize_bilinear(g, picture,
                              (ResizeParam){.height = RECOGNIZER_SIZE,
                                            .width = RECOGNIZER_SIZE,
                                            .y = chip.y * size,
                                            .x = chip.x * size,
                                            .src_height = chip.side * size,
                                            .src_width = chip.side * size});
}
