/* Reading zip archives that are in memory: stored and deflated entries, with zip64's sizes. For
 * PyTorch's and NumPy's files. */
#ifndef LIBTENSOR_ZIP_H
#define LIBTENSOR_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "libtensor/error.h"

typedef struct ZipEntry {
    const char *name; /* not terminated; within the archive's bytes */
    size_t name_length;
    const unsigned char *packed; /* within the archive's bytes */
    uint64_t packed_size, size;
    uint32_t crc;
    bool deflated;
} ZipEntry;

typedef struct Zip {
    ZipEntry *entry;
    int count;
} Zip;

/* Reads the directory; every entry's bytes are checked to lie within the archive, and together they
 * are no more than it. An entry that claims to inflate to more than deflate can pack, or entries
 * that inflate to more than ZIP_MAX_INFLATED together, are refused. bytes are borrowed for as long
 * as the Zip lives. */
#define ZIP_MAX_INFLATED ((uint64_t)4 << 30)
bool zip_open(Zip *zip, const unsigned char *bytes, size_t size, Error *err);
void zip_close(Zip *zip);

/* The entry of this name, or NULL. */
const ZipEntry *zip_find(const Zip *zip, const char *name, size_t length);

/* An entry's contents: within the archive's bytes (owned NULL), or inflated (owned is to be freed).
 */
typedef struct ZipContents {
    const unsigned char *data;
    size_t size;
    void *owned;
} ZipContents;

/* Inflates if need be, and checks the checksum. */
bool zip_extract(const ZipEntry *entry, ZipContents *contents, Error *err);

#endif
