/* Everything that finding a character needs, opened once: engines, networks, landmark model. */
#ifndef APPS_STUDIO_H
#define APPS_STUDIO_H

#include "datasets/photo.h"
#include "engine/engine.h"
#include "nets/imitator.h"
#include "nets/measure.h"

enum { MODEL_MALE, MODEL_FEMALE, MODELS };
extern const char *const model_name[MODELS];

typedef struct StudioConfig {
    bool model[MODELS];           /* which to open */
    const char *imitator[MODELS]; /* checkpoint, or NULL: the pretrained one */
    const char *segmenter;        /* likewise */
} StudioConfig;

typedef struct Studio {
    Backend *backend;
    int size;               /* side of all pictures: the imitators' */
    Engine *engine[MODELS]; /* NULL: not opened */
    const Schema *schema[MODELS];
    Imitator imitator[MODELS];
    ParamSet *recognizer_set;
    Recognizer recognizer;
    Segmenter segmenter;
    Eyes eyes;
    Measure *measure;
    FaceDetector *detector;
    Face reference; /* the average face's box and landmarks, in a picture of `size` */
} Studio;

/* Missing files end the program with a sentence (paths.h); other faults are errors. */
bool studio_open(Studio *studio, const StudioConfig *config, Error *err);
void studio_close(Studio *studio); /* what is open of it; a zeroed one is fine */

/* Which model's imitator a checkpoint is: MODEL_MALE .. */
bool studio_checkpoint_model(const char *path, int *model, Error *err);

/* The engine's picture of a character, planar, 3 x size x size. */
bool studio_render(const Studio *studio, int model, const float *x, real *picture, Error *err);
/* The landmarks of the one face of a picture of `size`, looked for where the average face is. */
bool studio_landmarks(const Studio *studio, const Image *picture, float *landmark, Error *err);
/* Many characters at once: x count x dim; views: count of view_new; landmark: count x 136. */
bool studio_views(const Studio *studio, int model, int count, const float *x, View *views,
                  float *landmark, Error *err);

#endif
