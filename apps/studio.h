/* Everything that finding a character needs, opened once: engines, networks, landmark model. */
#ifndef APPS_STUDIO_H
#define APPS_STUDIO_H

#include "apps/device_option.h"
#include "datasets/photo.h"
#include "engine/engine.h"
#include "nets/imitator.h"
#include "nets/measure.h"
#include "nets/one_shot.h"
#include "nets/prior.h"

enum { MAX_MODELS = 4 };

typedef struct StudioConfig {
    DeviceOption device;
    int models;                     /* 1 .. MAX_MODELS */
    const char *engine[MAX_MODELS]; /* names as in engine_option.h */
    int imitators;
    const char *imitator[MAX_MODELS]; /* checkpoints, in any order; a model without one takes the
                                         pretrained one */
    bool with_priors;                 /* and so for priors, if there are to be any, */
    int priors;
    const char *prior[MAX_MODELS];
    bool with_translators; /* and for translators */
    int translators;
    const char *translator[MAX_MODELS];
    const char *segmenter;  /* checkpoint, or NULL: the pretrained one */
    const char *descriptor; /* as descriptor_open takes it, or NULL: the 128-d recogniser
                               of the assets */
    int face_size; /* > 0: engines, descriptor and landmarks alone, for pictures of this size; no
                      imitators, no segmenter, no measure */
} StudioConfig;

typedef struct Studio {
    Backend *backend;
    const char *precision; /* of its products: "fp32" */
    int size;              /* side of all pictures: the imitators' */
    int models;
    Engine *engine[MAX_MODELS];
    const Schema *schema[MAX_MODELS];
    Imitator imitator[MAX_MODELS];
    Prior *prior[MAX_MODELS];      /* or NULL */
    OneShot *one_shot[MAX_MODELS]; /* of a picture of `size`; or NULL */
    Translator translator[MAX_MODELS];
    Descriptor descriptor;
    Segmenter segmenter;
    Eyes eyes;
    Measure *measure;
    FaceDetector *detector;
    Face reference; /* the mean of the models' average faces: box and landmarks, in a picture of
                       `size` */
} Studio;

/* Missing files end the program with a sentence (paths.h); other faults are errors. */
bool studio_open(Studio *studio, const StudioConfig *config, Error *err);
void studio_close(Studio *studio); /* what is open of it; a zeroed one is fine */

/* The engine's picture of a character, planar, 3 x size x size. */
bool studio_render(const Studio *studio, int model, const float *x, real *picture, Error *err);
/* The landmarks of the one face of a picture of `size`, looked for where the average face is. */
bool studio_landmarks(const Studio *studio, const Image *picture, float *landmark, Error *err);
/* Many characters at once: x count x dim; views: count of view_new; landmark: count x 136. */
bool studio_views(const Studio *studio, int model, int count, const float *x, View *views,
                  float *landmark, Error *err);

#endif
