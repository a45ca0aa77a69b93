/* Face detection and 68 landmarks by dlib; the only door to C++ (which includes this
 * header as extern "C"). */
#ifndef DATASETS_FACE_H
#define DATASETS_FACE_H

#include "datasets/image.h"

enum { FACE_LANDMARKS = 68 };

typedef struct Face {
    float left, top, right, bottom;     /* box, pixels */
    float score;                        /* HOG detector's confidence */
    float landmark[2 * FACE_LANDMARKS]; /* xy interleaved, pixels; iBUG 300-W order */
} Face;

typedef struct FaceDetector FaceDetector;

/* Loads shape_predictor_68_face_landmarks.dat. Not for use by two threads at once. */
bool face_detector_open(FaceDetector **detector, const char *landmark_model_path, Error *err);
/* Another detector for another thread, which shares the landmark model (100 MB). */
bool face_detector_share(FaceDetector **detector, const FaceDetector *with, Error *err);
void face_detector_close(FaceDetector *detector);

/* Faces by decreasing box area; at most max; *n may be 0. Big images are shrunk and small ones
 * enlarged for the search, coordinates are the caller's. */
bool face_detect(FaceDetector *detector, const Image *image, Face *face, int max, int *n,
                 Error *err);

/* Fills in the landmarks of a face whose box is known, without a search: two pictures that are
 * looked at in one place can be compared. May be called by many threads at once. */
bool face_landmarks(const FaceDetector *detector, const Image *image, Face *face, Error *err);

/* The similarity that takes a face onto reference landmarks (17 .. 67: brows, eyes, nose, mouth;
 * the contour depends on the head's shape and is left out). reference: 2 * 68. */
Similarity face_alignment(const Face *face, const float *reference);

#endif
