/* The 128-d face recogniser of face-api: dlib's ResNet of 29 convolutions (King, dlib's
 * dnn_face_recognition_ex.cpp), trained on real people. It stands where the paper has LightCNN-29v2
 * (section 3.2): the identity loss only asks for a descriptor whose distances mean identity.
 * Two descriptors nearer than about 0.6 (L2) are the same person to it. */
#ifndef NETS_RECOGNIZER_H
#define NETS_RECOGNIZER_H

#include "libautograd/autograd.h"

enum {
    RECOGNIZER_SIZE = 150,
    RECOGNIZER_DIM = 128,
    RECOGNIZER_BLOCKS = 14,
    RECOGNIZER_LANDMARKS = 68
};

/* conv1 - ReLU - conv2, plus the skip, ReLU. A block that goes down halves the picture; its skip is
 * a 2x2 mean, filled up with zero channels where the block has more of them. */
typedef struct RecognizerBlock {
    Param weight[2], bias[2];
    int in, out; /* channels */
    bool down;
} RecognizerBlock;

typedef struct Recognizer {
    ParamSet *set;
    Param stem_weight, stem_bias, fc_weight;
    RecognizerBlock block[RECOGNIZER_BLOCKS];
} Recognizer;

/* Declares the parameters in a set that is not yet allocated; the set must outlive the struct's
 * use. */
void recognizer_declare(Recognizer *recognizer, ParamSet *set);

/* Fills the allocated set from the tensors of face_recognition_model (tfjs_read): kernels of
 * [h, w, in, out] become [out, in, h, w], and the per-channel scale layers as well as the
 * subtraction of the mean colour (122.782, 117.001, 104.298) are folded into the convolutions. A
 * missing tensor or one of another shape is an error that names it, and nothing is written. */
bool recognizer_load(Recognizer *recognizer, const TensorFile *file, Error *err);

/* picture [N,3,150,150], RGB in [0, 1] -> descriptors [N,128], not normalised (lengths about 1.4).
 */
Var recognizer_forward(Graph *graph, const Recognizer *recognizer, Var picture);

/* The square of a picture that the recogniser was trained to see, in units of the picture's side.
 */
typedef struct RecognizerChip {
    float x, y, side;
} RecognizerChip;

/* Where dlib's get_face_chip_details (padding 0.25) would cut a picture with these 68 landmarks (xy
 * interleaved, pixels of a size x size picture): the least-squares fit of shift and scale, without
 * rotation, of landmarks 17 .. 67 to dlib's mean face. */
RecognizerChip recognizer_chip(const float *landmark, int size);

/* Cuts and resizes: picture [N,3,S,S] -> [N,3,150,150]; differentiable. */
Var recognizer_crop(Graph *graph, Var picture, RecognizerChip chip);

#endif
