#include "nets/descriptor.h"

#include <assert.h>
#include <math.h>

#include "libautograd/ops.h"
#include "nets/losses.h"

ParamSet *descriptor_set(const Descriptor *d)
{
    return d->kind == DESCRIPTOR_LIGHTCNN ? d->net.lightcnn.set : d->net.recognizer.set;
}

const char *descriptor_name(const Descriptor *d)
{
    return d->kind == DESCRIPTOR_LIGHTCNN ? "lightcnn" : "recognizer";
}

int descriptor_dim(const Descriptor *d)
{
    return d->kind == DESCRIPTOR_LIGHTCNN ? d->net.lightcnn.config.dim : RECOGNIZER_DIM;
}

/* LightCNN's alignment, as its authors give it. */
static RecognizerChip lightcnn_chip(const float *landmark, int size)
{
    enum { EYES = 36, MOUTH = 48, LEFT_CORNER = 48, RIGHT_CORNER = 54 };
    const double side = 128, eye_to_mouth = 48, eye_x = 64, eye_y = 40;
    double eye[2] = {0, 0};
    for (int i = EYES; i < MOUTH; i++)
        for (int k = 0; k < 2; k++)
            eye[k] += landmark[2 * i + k] / (double)(MOUTH - EYES);
    double mouth = (landmark[2 * LEFT_CORNER + 1] + landmark[2 * RIGHT_CORNER + 1]) / 2.;
    double scale = (mouth - eye[1]) / eye_to_mouth / size; /* picture's sides per pixel */
    return (RecognizerChip){(float)(eye[0] / size - scale * eye_x),
                            (float)(eye[1] / size - scale * eye_y), (float)(scale * side)};
}

RecognizerChip descriptor_chip(const Descriptor *d, const float *landmark, int size)
{
    assert(size > 0);
    return d->kind == DESCRIPTOR_LIGHTCNN ? lightcnn_chip(landmark, size)
                                          : recognizer_chip(landmark, size);
}

Var descriptor_forward(Graph *graph, const Descriptor *d, Var picture, RecognizerChip chip)
{
    if (d->kind == DESCRIPTOR_RECOGNIZER)
        return recognizer_forward(graph, &d->net.recognizer, recognizer_crop(graph, picture, chip));
    real size = (real)ag_shape(graph, picture).dim[2];
    int side = d->net.lightcnn.config.size;
    Var cut = ag_resize_bilinear(graph, ag_grey(graph, picture),
                                 (ResizeParam){.height = side,
                                               .width = side,
                                               .y = chip.y * size,
                                               .x = chip.x * size,
                                               .src_height = chip.side * size,
                                               .src_width = chip.side * size});
    return lightcnn_forward(graph, &d->net.lightcnn, cut);
}

Var descriptor_loss(Graph *graph, const Descriptor *d, Var a, Var b)
{
    return d->kind == DESCRIPTOR_LIGHTCNN ? loss_identity(graph, a, b)
                                          : loss_identity_distance(graph, a, b);
}

void descriptor_normalise(const Descriptor *d, real *value)
{
    int dim = descriptor_dim(d);
    double sum = 0;
    if (d->kind != DESCRIPTOR_LIGHTCNN)
        return;
    for (int i = 0; i < dim; i++)
        sum += (double)value[i] * (double)value[i];
    for (int i = 0; sum > 0 && i < dim; i++)
        value[i] = (real)((double)value[i] / sqrt(sum));
}

double descriptor_loss_scale(const Descriptor *d)
{
    return d->kind == DESCRIPTOR_LIGHTCNN ? sqrt(0.5) : 1;
}

/* L2. */
static double length_between(const Descriptor *d, const real *a, const real *b)
{
    int dim = descriptor_dim(d);
    double sum = 0;
    for (int i = 0; i < dim; i++) {
        double difference = (double)a[i] - (double)b[i];
        sum += difference * difference;
    }
    return sqrt(sum);
}

double descriptor_loss_value(const Descriptor *d, const real *a, const real *b)
{
    double length = descriptor_loss_scale(d) * length_between(d, a, b);
    return length * length;
}

double descriptor_distance(const Descriptor *d, const real *a, const real *b)
{
    return d->kind == DESCRIPTOR_LIGHTCNN ? descriptor_loss_value(d, a, b)
                                          : length_between(d, a, b);
}
