/* 8-bit RGB images: files (JPEG, PNG by stb), resampling, similarity warps. */
#ifndef DATASETS_IMAGE_H
#define DATASETS_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "libtensor/error.h"
#include "libtensor/real.h"

/* Rows top to bottom, width * height * 3 bytes, sRGB. Owned by whoever made it: image_free. */
typedef struct Image {
    int width, height;
    uint8_t *pixel;
} Image;

enum { IMAGE_MAX_SIDE = 16384, IMAGE_MAX_MEGAPIXELS = 64 };

bool image_new(Image *image, int width, int height, Error *err);
void image_free(Image *image); /* and zeroes it; an empty Image is fine */

/* Reads JPEG or PNG (grey and alpha become RGB over white), EXIF orientation applied. Refuses
 * missing, corrupt, truncated, empty and oversized files by name; the size is looked at before
 * anything is decoded. */
bool image_load(Image *image, const char *path, Error *err);
/* The same of a file's bytes in memory; name: what error texts call it. */
bool image_read(Image *image, const uint8_t *file, size_t n, const char *name, Error *err);
/* PNG by atomic rename. */
bool image_save_png(const char *path, const Image *image, Error *err);
/* One byte a pixel, as an 8-bit grey PNG (label maps); and back (the caller frees *pixel). */
bool image_save_grey_png(const char *path, const uint8_t *pixel, int width, int height, Error *err);
bool image_load_grey(uint8_t **pixel, int *width, int *height, const char *path, Error *err);

/* Four bytes a pixel, straight alpha. */
bool image_save_rgba_png(const char *path, const uint8_t *pixel, int width, int height, Error *err);

/* x' = a x - b y + tx, y' = b x + a y + ty: source pixel coordinates to target ones (pixel centres
 * at .5). */
typedef struct Similarity {
    float a, b, tx, ty;
} Similarity;

/* Least-squares similarity from n points to n points (Umeyama 1991), xy interleaved. */
Similarity similarity_fit(const float *from, const float *to, int n);
Similarity similarity_inverse(Similarity s);
void similarity_apply(Similarity s, const float from[2], float to[2]);

/* Resamples source through s into target (allocated by the caller); area-averaging where it
 * shrinks, border replicated. */
void image_warp(Image *target, const Image *source, Similarity s);
/* Same for labels, nearest neighbour, `outside` beyond the border. */
void label_warp(uint8_t *target, int width, int height, const uint8_t *source, int source_width,
                int source_height, Similarity s, uint8_t outside);
/* Area-averaging (shrink) or bilinear (grow) resize into target, allocated by the caller. */
void image_resize(Image *target, const Image *source);

/* To and from planar [3,H,W] real in [0, 1]; clamped and rounded on the way back. */
void image_to_planar(real *planar, const Image *image);
void image_from_planar(Image *image, const real *planar);

/* Copies source into target with its top left corner at (x, y), clipped: contact sheets. */
void image_paste(Image *target, const Image *source, int x, int y);

/* Gaussian blur, border replicated; sigma in pixels, 0 does nothing. False only when out of memory.
 */
bool image_blur(Image *image, float sigma, Error *err);

/* JPEG compression there and back in memory, quality 1 .. 100: augmentation. */
bool image_jpeg_roundtrip(Image *image, int quality, Error *err);

#endif
