/* Files that appear whole or not at all. */
#ifndef LIBTENSOR_ATOMIC_FILE_H
#define LIBTENSOR_ATOMIC_FILE_H

#include <stdio.h>

#include "libtensor/error.h"

/* A file being written as PATH.tmp beside its final name. */
typedef struct AtomicFile {
    FILE *stream;
    char path[4096];
} AtomicFile;

/* Opens PATH.tmp for binary writing. */
bool atomic_file_open(AtomicFile *file, const char *path, Error *err);
/* Flushes, fsyncs, closes and renames to the final name. Any write error since open (a full disk)
 * is reported here and the temporary file removed. */
bool atomic_file_commit(AtomicFile *file, Error *err);
/* Closes and removes the temporary file. */
void atomic_file_abort(AtomicFile *file);

#endif
