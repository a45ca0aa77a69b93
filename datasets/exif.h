/* What stb does not look at in a file: whether it is whole, and how the camera was held. */
#ifndef DATASETS_EXIF_H
#define DATASETS_EXIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool file_is_jpeg(const uint8_t *file, size_t n);
bool file_is_png(const uint8_t *file, size_t n);

/* EXIF orientation of a JPEG, 1 .. 8; 1 where there is none or it is damaged (EXIF 2.3, tag
 * 0x0112). */
int jpeg_orientation(const uint8_t *file, size_t n);

/* A decoder fills what is missing of a JPEG with grey; this tells: true when the end marker is
 * there. */
bool jpeg_is_whole(const uint8_t *file, size_t n);

/* All chunks up to IEND are there and their checksums are right. */
bool png_is_whole(const uint8_t *file, size_t n);

#endif
