#include "config.h"

#include "libtensor/tensor_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Whether the archive is NumPy's: then its first entry is an array. */
static bool is_npz(const unsigned char *head, size_t n)
{
    size_t length = n >= 30 ? head[26] | (size_t)head[27] << 8 : 0;
    return length > 4 && n >= 30 + length && memcmp(head + 30 + length - 4, ".npy", 4) == 0;
}

bool weights_read(const char *path, TensorFile **file, Error *err)
{
    unsigned char head[1024];
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return error_set(err, "%s: cannot be opened: %s", path, strerror(errno));
    size_t n = fread(head, 1, sizeof head, stream);
    fclose(stream);
    if (n >= 9 && head[8] == '{') /* before it a length, which can look like anything */
        return safetensors_read(path, file, err);
    if (n >= 6 && memcmp(head, "\x93NUMPY", 6) == 0)
        return npz_read(path, file, err);
    if (n >= 4 && memcmp(head, "PK\3\4", 4) == 0)
        return is_npz(head, n) ? npz_read(path, file, err) : torch_read(path, file, err);
    if (n >= 2 && head[0] == 0x80 && head[1] <= 5)
        return torch_read(path, file, err);
    if (n >= 512 && memcmp(head + 257, "ustar", 5) == 0)
        return torch_read(path, file, err);
    if (n >= 1 && head[0] == '[')
        return tfjs_read(path, file, err);
    return safetensors_read(path, file, err);
}
