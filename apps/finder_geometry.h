/* Likeness of shape by the 68 landmarks: what a caricaturist measures. */
#ifndef APPS_FINDER_GEOMETRY_H
#define APPS_FINDER_GEOMETRY_H

#include "datasets/face.h"

enum { GEOMETRY_COUNT = FACE_LANDMARKS };

/* Half the distance and the mean height of each pair of landmarks that mirror each other, the
 * height of those on the middle line, in distances between the eyes of `reference` (2 * 68). A head
 * turned a little keeps them. The jaw's count half, since they are the least sure. */
void geometry_features(const float *landmark, const float *reference, float *feature);

/* Mean squared difference. */
double geometry_loss(const float *a, const float *b);

#endif
