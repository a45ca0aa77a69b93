#include "apps/imitator_data.h"

#include <string.h>

#include "datasets/image.h"

bool imitator_data_open(ImitatorData *data, const char *dir, int size, Error *err)
{
    if (!pairs_open(&data->pairs, dir, err))
        return false;
    data->info = pairs_info(data->pairs);
    data->size = size;
    data->begin = 0;
    data->count = data->info->count;
    if (data->info->kind == PAIRS_IMITATOR)
        return true;
    pairs_close(data->pairs);
    return error_set(
        err,
        "%.300s holds renders for the segmenter; render_dataset --kind imitator makes what "
        "the imitator learns from",
        dir);
}

bool imitator_data_get(const ImitatorData *data, int64_t i, real *x, real *planar, uint8_t *label,
                       Error *err)
{
    Pair pair;
    if (!pairs_get(data->pairs, data->begin + i, &pair, err))
        return false;
    int from = data->info->size, to = data->size;
    for (int k = 0; k < data->info->dim; k++)
        x[k] = (real)pair.x[k];
    Image view = {from, from, (uint8_t *)pair.rgb}; /* only read */
    if (label && !pair.label)
        memset(label, LABEL_SKIN, (size_t)to * (size_t)to);
    else if (label && from == to)
        memcpy(label, pair.label, (size_t)to * (size_t)to);
    else if (label)
        for (int j = 0; j < to * to; j++)
            label[j] = pair.label[(2 * (j / to) + 1) * from / (2 * to) * from +
                                  (2 * (j % to) + 1) * from / (2 * to)];
    if (from == to) {
        image_to_planar(planar, &view);
        return true;
    }
    Image scaled;
    if (!image_new(&scaled, to, to, err))
        return false;
    image_resize(&scaled, &view);
    image_to_planar(planar, &scaled);
    image_free(&scaled);
    return true;
}
