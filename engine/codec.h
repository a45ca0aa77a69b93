/* JPEG and PNG in memory: the only file that knows stb's image code. */
#ifndef ENGINE_CODEC_H
#define ENGINE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Width and height from the header alone; false when it is neither a JPEG nor a PNG. */
bool codec_size(const uint8_t *file, size_t n, int *width, int *height);

/* Pixels with `channels` (1, 3 or 4) bytes each, free() them; NULL and a reason (static text) on
 * failure. */
uint8_t *codec_decode(const uint8_t *file, size_t n, int channels, int *width, int *height,
                      const char **reason);

/* The file in memory, free() it; NULL when out of memory. */
uint8_t *codec_encode_png(const uint8_t *pixel, int width, int height, int channels, size_t *n);
uint8_t *codec_encode_jpeg(const uint8_t *rgb, int width, int height, int quality, size_t *n);

#endif
