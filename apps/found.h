/* Characters that are found one after the other, kept in a file, so that a long run that is stopped
 * goes on where it was. */
#ifndef APPS_FOUND_H
#define APPS_FOUND_H

#include <stdint.h>

#include "libtensor/error.h"

typedef struct Found {
    int64_t count;
    int dim;
    float *x;      /* count x dim */
    int32_t *done; /* count: whether it is there */
    char *path, *identity;
    double saved; /* seconds(), when the file was written last */
} Found;

/* identity: all that the characters depend on. A damaged file is as good as none; one of another
 * identity is an error, for it may have taken days. */
bool found_open(Found *found, const char *path, const char *identity, int64_t count, int dim,
                Error *err);
void found_close(Found *found);

int64_t found_missing(const Found *found);

/* Notes that x + i * dim is there; writes the file, by atomic rename, if the last time is some
 * seconds ago. */
bool found_note(Found *found, int64_t i, Error *err);
bool found_save(Found *found, Error *err);

#endif
