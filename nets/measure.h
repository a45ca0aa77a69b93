/* What the frozen networks see in a picture: the descriptor of F_recg, the class maps, features and
 * class colours of F_seg. The same for a photo, the imitator's output and the engine's render. */
#ifndef NETS_MEASURE_H
#define NETS_MEASURE_H

#include "nets/descriptor.h"
#include "nets/segmenter.h"

/* The networks that look, and how. */
typedef struct Eyes {
    const Descriptor *descriptor;
    const Segmenter *segmenter;
    RecognizerChip chip; /* where the descriptor looks: descriptor_chip */
    int size;            /* side of the pictures; the segmenter gets them at its own */
} Eyes;

/* Values of a graph. */
typedef struct Sight {
    Var descriptor; /* [N,descriptor_dim], not normalised */
    Var maps;       /* [N,K,h,w] class probabilities */
    Var features;   /* [N,C,h,w] the segmenter's last stage: the paper's f */
    Var colour;     /* [N,K,3] mean colour of each class */
} Sight;

/* picture [N,3,size,size], RGB in [0, 1]. */
Sight eyes_look(Graph *graph, const Eyes *eyes, Var picture);

/* The side h = w of maps and features, their classes K, and the channels C. */
int eyes_map_size(const Eyes *eyes);
int eyes_classes(const Eyes *eyes);
int eyes_channels(const Eyes *eyes);

/* The same values in memory, of one picture. */
typedef struct View {
    real *descriptor;               /* descriptor_dim, normalised (descriptor_normalise) */
    real *maps, *features, *colour; /* K h w, C h w, K 3 */
} View;

bool view_new(View *view, const Eyes *eyes, Error *err);
void view_free(View *view);

/* A forward plan for one picture at a time. */
typedef struct Measure Measure;

/* eyes is copied; its networks must outlive the measure. */
bool measure_new(Measure **measure, const Eyes *eyes, Backend *backend, Error *err);
void measure_free(Measure *measure);
/* picture: 3 x size x size. view: made by view_new for the same eyes. */
void measure_view(Measure *measure, const real *picture, View *view);

/* descriptor_distance of what they hold. */
double view_distance(const View *a, const View *b, const Eyes *eyes);

#endif
