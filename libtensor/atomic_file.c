#include "config.h"

#include "libtensor/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { TEMPORARY_PATH = sizeof((AtomicFile *)0)->path + 4 };

static void temporary_path(char text[static TEMPORARY_PATH], const char *path)
{
    snprintf(text, TEMPORARY_PATH, "%s.tmp", path);
}

bool atomic_file_open(AtomicFile *file, const char *path, Error *err)
{
    if (strlen(path) >= sizeof file->path)
        return error_set(err, "%.200s...: the path is too long", path);
    char temporary[TEMPORARY_PATH];
    temporary_path(temporary, path);
    FILE *stream = fopen(temporary, "wb");
    if (!stream)
        return error_set(err, "%s: cannot be written: %s", temporary, strerror(errno));
    file->stream = stream;
    strcpy(file->path, path);
    return true;
}

/* The new name is on the disk only once its directory is. Not every file system can do this, and
 * the file is whole either way, so a failure is no error. */
static void sync_directory(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = '\0'; /* "/name" is in "/" */
    int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

bool atomic_file_commit(AtomicFile *file, Error *err)
{
    char temporary[TEMPORARY_PATH];
    temporary_path(temporary, file->path);
    errno = 0;
    bool written =
        !ferror(file->stream) && fflush(file->stream) == 0 && fsync(fileno(file->stream)) == 0;
    int cause = errno;
    if (fclose(file->stream) != 0 && written) {
        written = false;
        cause = errno;
    }
    file->stream = NULL;
    if (written && rename(temporary, file->path) != 0) {
        written = false;
        cause = errno;
    }
    if (!written) {
        unlink(temporary);
        return error_set(err, "%s: cannot be written: %s", file->path,
                         cause ? strerror(cause) : "write error (is the disk full?)");
    }
    sync_directory(file->path);
    return true;
}

void atomic_file_abort(AtomicFile *file)
{
    char temporary[TEMPORARY_PATH];
    temporary_path(temporary, file->path);
    fclose(file->stream);
    file->stream = NULL;
    unlink(temporary);
}
