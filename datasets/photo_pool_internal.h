/* A pool's file, which its writer and its reader share. In this order:
 *   PoolHead
 *   names    per photo its split (a byte) and its name with a NUL; head.names_bytes in all
 *   records  per photo a PoolRecord and x; from layout.records on
 *   pictures size x size x 3 each, all zero without a face; from layout.pictures on
 * Byte order and floats are the machine's. */
#ifndef DATASETS_PHOTO_POOL_INTERNAL_H
#define DATASETS_PHOTO_POOL_INTERNAL_H

#include "datasets/photo_pool.h"

#define POOL_MAGIC "VISPOOL1"

typedef struct PoolHead {
    char magic[8];
    int64_t count, names_bytes;
    int32_t size, dim;
    char schema[32], digest[24], dir[1024];
    Face reference;
    uint32_t source; /* a hash of renders that tells two sets of one schema apart, and of photos
                        that were in memory */
    uint32_t crc;    /* of what comes before it, and the names */
} PoolHead;

typedef struct PoolRecord {
    uint32_t crc, picture_crc; /* crc: of what comes after it in the record, and x */
    int32_t status;
    float yaw, side;
    Face face;
} PoolRecord;

typedef struct PoolLayout {
    size_t records, record_bytes, pictures, picture_bytes, bytes; /* bytes: of the file */
} PoolLayout;

PoolLayout pool_layout(const PoolHead *head);
uint32_t pool_head_crc(const PoolHead *head, const uint8_t *names);
/* record: a PoolRecord and x, record_bytes long. */
uint32_t pool_record_crc(const uint8_t *record, size_t record_bytes);
uint32_t pool_picture_crc(const uint8_t *picture, size_t picture_bytes);

/* Reads a file's head and names (the caller frees *names). *whole: it has both, undamaged; else
 * *names is NULL. False only when memory is out. */
bool pool_head_read(int fd, PoolHead *head, uint8_t **names, bool *whole, Error *err);

#endif
