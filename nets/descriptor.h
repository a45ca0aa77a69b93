/* F_recg behind one interface: a face's descriptor by LightCNN-29v2, the paper's, or by the 128-d
 * recogniser. Which of them is decided by whoever opens the weights. */
#ifndef NETS_DESCRIPTOR_H
#define NETS_DESCRIPTOR_H

#include "nets/lightcnn.h"
#include "nets/recognizer.h"

typedef enum DescriptorKind { DESCRIPTOR_RECOGNIZER, DESCRIPTOR_LIGHTCNN } DescriptorKind;

typedef struct Descriptor {
    DescriptorKind kind;
    union {
        Recognizer recognizer;
        LightCnn lightcnn;
    } net;
} Descriptor;

/* The set of its parameters. */
ParamSet *descriptor_set(const Descriptor *d);

/* "recognizer" or "lightcnn": for metadata and reports. */
const char *descriptor_name(const Descriptor *d);

/* Values of a descriptor: 128 of the recogniser, config.dim of LightCNN. */
int descriptor_dim(const Descriptor *d);

/* The square that it was trained to see of a picture with these 68 landmarks (xy interleaved,
 * pixels of a size x size picture) whose eyes are level. LightCNN: eye centre to centre of the
 * mouth's corners is 48 of 128, the eye centre at (64, 40). */
RecognizerChip descriptor_chip(const Descriptor *d, const float *landmark, int size);

/* picture [N,3,S,S], RGB in [0, 1], cut at the chip -> descriptors [N, descriptor_dim], not
 * normalised; differentiable. */
Var descriptor_forward(Graph *graph, const Descriptor *d, Var picture, RecognizerChip chip);

/* The identity loss that this descriptor was trained for: LightCNN the cosine of Eq. 5, the
 * recogniser the squared distance; mean over n. a, b [N, descriptor_dim]. */
Var descriptor_loss(Graph *graph, const Descriptor *d, Var a, Var b);

/* The same in memory, of descriptors that descriptor_normalise has brought to what the loss
 * compares: LightCNN's to length 1 (a zero one stays), the recogniser's stay as they are. Then
 *
 *   descriptor_loss = |a - b|^2 * descriptor_loss_scale^2,
 *
 * for the square of a chord is twice 1 - cos. descriptor_distance is how far two persons are in the
 * terms of the descriptor's authors: the recogniser's L2 distance as face-api measures it,
 * LightCNN's 1 - cos. */
void descriptor_normalise(const Descriptor *d, real *value);
double descriptor_loss_scale(const Descriptor *d);
double descriptor_loss_value(const Descriptor *d, const real *a, const real *b);
double descriptor_distance(const Descriptor *d, const real *a, const real *b);

#endif
