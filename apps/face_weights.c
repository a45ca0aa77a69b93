#include "apps/face_weights.h"

#include <assert.h>

#include "engine/engine.h"

static const real CLASS_WEIGHT[LABEL_COUNT] = {
    [LABEL_BACKGROUND] = 1,  [LABEL_SKIN] = 2,      [LABEL_LEFT_BROW] = 4, [LABEL_RIGHT_BROW] = 4,
    [LABEL_LEFT_EYE] = 6,    [LABEL_RIGHT_EYE] = 6, [LABEL_NOSE] = 2.5f,   [LABEL_UPPER_LIP] = 4,
    [LABEL_INNER_MOUTH] = 6, [LABEL_LOWER_LIP] = 4, [LABEL_HAIR] = 1};

/* Each of n elements, `step` apart, becomes the greatest of those up to `reach` away. */
static void dilate(real *at, int n, int step, int reach)
{
    real old[IMITATOR_MAX_SIZE];

    for (int i = 0; i < n; i++)
        old[i] = at[i * step];
    for (int i = 0; i < n; i++) {
        int last = i + reach < n ? i + reach : n - 1;
        real most = 0;
        for (int k = i < reach ? 0 : i - reach; k <= last; k++)
            most = old[k] > most ? old[k] : most;
        at[i * step] = most;
    }
}

void face_weights(const uint8_t *label, int size, real *weight)
{
    int pixels = size * size, reach = size / 64; /* lids, lashes, corners of the mouth */
    double sum = 0;

    assert(size <= IMITATOR_MAX_SIZE);
    for (int i = 0; i < pixels; i++)
        weight[i] = CLASS_WEIGHT[label[i] < LABEL_COUNT ? label[i] : LABEL_BACKGROUND];
    for (int y = 0; y < size; y++)
        dilate(weight + y * size, size, 1, reach);
    for (int x = 0; x < size; x++)
        dilate(weight + x, size, size, reach);
    for (int i = 0; i < pixels; i++)
        sum += (double)weight[i];
    for (int i = 0; i < pixels; i++)
        weight[i] *= (real)(pixels / sum);
}
