#include "config.h"

#include "libtensor/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool bytes_append_file(Bytes *bytes, const char *path, Error *err)
{
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return error_set(err, "%s: cannot be opened: %s", path, strerror(errno));
    struct stat status;
    bool regular = fstat(fileno(stream), &status) == 0 && S_ISREG(status.st_mode);
    size_t n = regular ? (size_t)status.st_size : 0;
    unsigned char *data = regular ? realloc(bytes->data, bytes->size + n + 1) : NULL;
    bool ok = false;
    if (!regular) {
        error_set(err, "%s: is not a regular file", path);
    } else if (!data) {
        error_set(err, "%s: out of memory", path);
    } else {
        bytes->data = data;
        ok = fread(data + bytes->size, 1, n, stream) == n;
        if (ok)
            bytes->size += n;
        else
            error_set(err, "%s: cannot be read", path);
    }
    fclose(stream);
    return ok;
}
