/* A folder of renders as the imitator learns from it: parameters and planar pictures. */
#ifndef APPS_IMITATOR_DATA_H
#define APPS_IMITATOR_DATA_H

#include "datasets/pairs.h"

/* A part of a set, seen at the network's size. */
typedef struct ImitatorData {
    Pairs *pairs;
    const PairsInfo *info;
    int size;
    int64_t begin, count; /* the part; all of it once opened */
} ImitatorData;

/* size: the network's. The caller closes data->pairs. */
bool imitator_data_open(ImitatorData *data, const char *dir, int size, Error *err);

/* x and the picture, planar, of one sample; label may be NULL, else receives size x size classes:
 * skin all over where the data has no labels, so that all of the picture counts alike. */
bool imitator_data_get(const ImitatorData *data, int64_t i, real *x, real *planar, uint8_t *label,
                       Error *err);

#endif
