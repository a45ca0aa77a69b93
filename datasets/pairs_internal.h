/* What the parts of pairs share: the record, the names of the files, dataset.json. */
#ifndef DATASETS_PAIRS_INTERNAL_H
#define DATASETS_PAIRS_INTERNAL_H

#include "datasets/pairs.h"

enum { PAIRS_PATH = 4096 };

/* Bytes of one record, and where its parts begin. A multiple of 4, so that every x is aligned. */
typedef struct PairsLayout {
    size_t rgb, label, crc, bytes;
} PairsLayout;

PairsLayout pairs_layout(const PairsInfo *info);
uint32_t pairs_crc(const PairsLayout *layout, const uint8_t *record);
/* Whether the record's own CRC is right. */
bool pairs_record_ok(const PairsLayout *layout, const uint8_t *record);

int64_t pairs_shards(const PairsInfo *info);
/* Samples in shard s: info->shard, but for the last. */
int64_t pairs_in_shard(const PairsInfo *info, int64_t s);

bool pairs_shard_path(char path[static PAIRS_PATH], const char *dir, int64_t s, Error *err);

/* DIR/dataset.json. */
bool pairs_info_load(PairsInfo *info, const char *dir, Error *err);
bool pairs_info_save(const PairsInfo *info, const char *dir, Error *err);
bool pairs_info_path(char path[static PAIRS_PATH], const char *dir, Error *err);

#endif
