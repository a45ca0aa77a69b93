/* What a kernel may make of its weights once, as long as they do not change. */
#ifndef LIBTENSOR_KEPT_H
#define LIBTENSOR_KEPT_H

#include <stdbool.h>

typedef struct Kept {
    void *bytes; /* 64-byte aligned; nothing else touches them */
    bool made;   /* of the weights as they are: set by the kernel, taken back by who changes them */
} Kept;

#endif
