/* Whole files in memory. */
#ifndef LIBTENSOR_BYTES_H
#define LIBTENSOR_BYTES_H

#include <stddef.h>

#include "libtensor/error.h"

/* Owns data (free); {0} is empty. */
typedef struct Bytes {
    unsigned char *data;
    size_t size;
} Bytes;

/* Appends the contents of a regular file; on failure what was there stays. */
bool bytes_append_file(Bytes *bytes, const char *path, Error *err);

#endif
