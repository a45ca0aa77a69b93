/* Render + parameter pairs (for the imitator) and render + label pairs (for the segmenter): folders
 * that render_dataset writes and the trainers read.
 *
 *   DIR/dataset.json   the schema's name, digest and groups; count, size, seed, kind; shard size
 *   DIR/shard-NNNN.bin fixed-size records, one after the other: x (float32 dim), rgb, labels (if
 *                      the engine has them), CRC-32
 */
#ifndef DATASETS_PAIRS_H
#define DATASETS_PAIRS_H

#include "datasets/image.h"
#include "engine/engine.h"
#include "libtensor/op.h"

typedef enum PairsKind {
    /* The default view and light: what the imitator learns. Of an engine that has finished samples
     * the first `count` of them, in their order. */
    PAIRS_IMITATOR,
    /* pairs_random_view below. */
    PAIRS_SEGMENTER
} PairsKind;

/* Who is drawn: of four samples one uniform over the whole space (the paper's), two plausible
 * people, and one near a given character (draws of a prior, solutions that searches found), or
 * without such a third person: a net is to be right everywhere and best where it will be asked. */
typedef struct PairsInfo {
    PairsKind kind;
    char schema[32], digest[17];
    int dim, size; /* of x; of the square pictures */
    int n_groups;  /* the schema's one-hots in x */
    int begin[OP_MAX_GROUPS], group_size[OP_MAX_GROUPS];
    bool labels;   /* whether there are label maps */
    bool finished; /* the samples are an engine's finished pictures */
    int64_t count, shard;
    uint64_t seed;
    char near[17];          /* identifies the characters below; "" without */
    const float *character; /* n_near x dim, the caller's: when rendering only */
    int64_t n_near;
} PairsInfo;

/* One sample; the record's own memory (a read-only map of the file) lives as long as the set. */
typedef struct Pair {
    const float *x;       /* dim */
    const uint8_t *rgb;   /* size x size x 3 */
    const uint8_t *label; /* size x size; NULL in a set without labels */
} Pair;

typedef struct Pairs Pairs;

/* Fills schema, digest, dim, groups and labels from the engine; kind, size, count, shard and seed
 * are the caller's: a size the engine renders, count > 0, shard > 0 samples a file. Fails if the
 * engine cannot make such a set: too many groups, too few finished samples, no labels for the
 * segmenter. */
bool pairs_info_set_engine(PairsInfo *info, const Engine *engine, Error *err);

/* How sample i was drawn. */
typedef enum PairsDrawn {
    PAIRS_GIVEN, /* a finished picture */
    PAIRS_UNIFORM,
    PAIRS_PEOPLE /* plausible people, and those near given characters */
} PairsDrawn;
PairsDrawn pairs_drawn(const PairsInfo *info, int64_t i);

/* Sets near, character and n_near: n characters of the engine's schema, n x dim in memory that
 * outlives the rendering. */
void pairs_info_set_near(PairsInfo *info, const float *character, int64_t n);

/* Renders what is missing of the set, on all cores. A run that was killed at any moment, or failed
 * (the disk is full, the engine dies), goes on where it was; a folder of another configuration, or
 * of other things, is refused; of two runs on one folder the second is refused. progress is called
 * from one thread with what is done of what there is, and stops the run by returning false, which
 * is an error ("stopped") that keeps what is done. progress may be NULL. */
bool pairs_write(const char *dir, const Engine *engine, const PairsInfo *info,
                 bool (*progress)(void *context, int64_t done, int64_t total), void *context,
                 Error *err);

/* Sample i alone, into memory of the caller: what pairs_write stores (deterministic by seed and i).
 * label is NULL for a set without labels. */
bool pairs_render(const Engine *engine, const PairsInfo *info, int64_t i, float *x, uint8_t *rgb,
                  uint8_t *label, Error *err);

/* The i-th random view of a character: with another expression (which changes x, schema dim
 * values), in a random pose, lens, light and before a random background, then augment() of
 * augment.h. picture: size x size, and label with it, the caller's. The engine must be able to draw
 * labels and views. */
bool pairs_random_view(const Engine *engine, uint64_t seed, int64_t i, float *x, Image *picture,
                       uint8_t *label, Error *err);

/* Opens a finished set: every file there, at its full size. */
bool pairs_open(Pairs **pairs, const char *dir, Error *err);
void pairs_close(Pairs *pairs);
const PairsInfo *pairs_info(const Pairs *pairs);
/* Checks the record's CRC. */
bool pairs_get(const Pairs *pairs, int64_t i, Pair *pair, Error *err);

#endif
