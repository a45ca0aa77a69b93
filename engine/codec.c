#include "engine/codec.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

/* stb's own deflate packs a third worse than zlib and is slower. */
static unsigned char *compress_by_zlib(unsigned char *data, int n, int *out_n, int level)
{
    uLongf bound = compressBound((uLong)n);
    unsigned char *out = malloc(bound);

    if (!out || compress2(out, &bound, data, (uLong)n, level) != Z_OK || bound > INT_MAX) {
        free(out);
        return NULL;
    }
    *out_n = (int)bound;
    return out;
}

/* A damaged JPEG may leave planes unfilled: they shall be black, and not what was in memory before.
 */
#define STBI_MALLOC(n) calloc(1, n)
#define STBI_REALLOC(p, n) realloc(p, n)
#define STBI_FREE(p) free(p)

/* Not our code: its warnings are not our concern. gcc tells of functions declared but not defined
 * at the end of the file only, so that one stays off. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STBIW_ZLIB_COMPRESS compress_by_zlib
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

bool codec_size(const uint8_t *file, size_t n, int *width, int *height)
{
    int channels;

    return n <= INT_MAX && stbi_info_from_memory(file, (int)n, width, height, &channels);
}

uint8_t *codec_decode(const uint8_t *file, size_t n, int channels, int *width, int *height,
                      const char **reason)
{
    int in_file;
    uint8_t *pixel;

    if (n > INT_MAX) {
        *reason = "too many bytes";
        return NULL;
    }
    pixel = stbi_load_from_memory(file, (int)n, width, height, &in_file, channels);
    if (!pixel) {
        *reason = stbi_failure_reason();
        if (!*reason)
            *reason = "unknown format";
    }
    return pixel;
}

uint8_t *codec_encode_png(const uint8_t *pixel, int width, int height, int channels, size_t *n)
{
    int size = 0;
    uint8_t *file = stbi_write_png_to_mem(pixel, width * channels, width, height, channels, &size);

    *n = (size_t)size;
    return file;
}

typedef struct Buffer {
    uint8_t *data;
    size_t n, room;
    bool failed;
} Buffer;

static void append(void *context, void *data, int n)
{
    Buffer *b = context;

    if (b->failed)
        return;
    if (b->n + (size_t)n > b->room) {
        size_t room = 2 * b->room + (size_t)n;
        uint8_t *grown = realloc(b->data, room);
        if (!grown) {
            b->failed = true;
            return;
        }
        b->data = grown;
        b->room = room;
    }
    memcpy(b->data + b->n, data, (size_t)n);
    b->n += (size_t)n;
}

uint8_t *codec_encode_jpeg(const uint8_t *rgb, int width, int height, int quality, size_t *n)
{
    Buffer b = {0};

    if (!stbi_write_jpg_to_func(append, &b, width, height, 3, rgb, quality) || b.failed) {
        free(b.data);
        return NULL;
    }
    *n = b.n;
    return b.data;
}
