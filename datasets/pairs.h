/* Render + parameter pairs (for the imitator) and render + label pairs (for the segmenter): folders
 * that render_dataset writes and the trainers read.
 *
 *   DIR/dataset.json   schema name, version, digest; count, size, seed, kind; shard size
 *   DIR/shard-NNNN.bin fixed-size records, one after the other: x (float32 dim), rgb, labels,
 * CRC-32
 */
#ifndef DATASETS_PAIRS_H
#define DATASETS_PAIRS_H

#include "engine/engine.h"
#include "libtensor/tensor.h"

typedef enum PairsKind {
    PAIRS_IMITATOR, /* fixed view and light: what the imitator learns */
    PAIRS_SEGMENTER /* random skin, light, background, hair, pose, blur, noise, JPEG */
} PairsKind;

typedef struct PairsInfo {
    PairsKind kind;
    char schema[32], digest[17];
    int dim, size; /* of x; of the square pictures */
    int64_t count, shard;
    uint64_t seed;
} PairsInfo;

/* One sample; the record's own memory (a read-only map of the file) lives as long as the set. */
typedef struct Pair {
    const float *x;       /* dim */
    const uint8_t *rgb;   /* size x size x 3 */
    const uint8_t *label; /* size x size */
} Pair;

typedef struct Pairs Pairs;

/* Renders what is missing of the set (a killed run goes on where it was), on all cores; progress is
 * called from one thread with what is done of what there is, and stops the run by returning false.
 */
bool pairs_write(const char *dir, const Engine *engine, const PairsInfo *info,
                 bool (*progress)(void *context, int64_t done, int64_t total), void *context,
                 Error *err);

/* Sample i alone, into memory of the caller: what pairs_write stores (deterministic by seed and i).
 */
bool pairs_render(const Engine *engine, const PairsInfo *info, int64_t i, float *x, uint8_t *rgb,
                  uint8_t *label, Error *err);

bool pairs_open(Pairs **pairs, const char *dir, Error *err);
void pairs_close(Pairs *pairs);
const PairsInfo *pairs_info(const Pairs *pairs);
/* Checks the record's CRC. */
bool pairs_get(const Pairs *pairs, int64_t i, Pair *pair, Error *err);

#endif
