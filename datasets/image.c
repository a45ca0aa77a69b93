#include "datasets/image.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/codec.h"
#include "datasets/exif.h"
#include "libtensor/atomic_file.h"

static const size_t MAX_FILE_BYTES = (size_t)1 << 29;

bool image_new(Image *image, int width, int height, Error *err)
{
    uint8_t *pixel;

    assert(width > 0 && height > 0);
    pixel = calloc((size_t)width * (size_t)height, 3);
    if (!pixel)
        return error_set(err, "out of memory for a picture of %dx%d", width, height);
    *image = (Image){width, height, pixel};
    return true;
}

void image_free(Image *image)
{
    free(image->pixel);
    *image = (Image){0};
}

static bool read_file(const char *path, uint8_t **data, size_t *n, Error *err)
{
    struct stat st;
    FILE *f;
    uint8_t *bytes;
    size_t got;

    if (stat(path, &st) != 0)
        return error_set(err, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return error_set(err, "%s is a folder; name a JPEG or PNG file", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, "%s is not a regular file; name a JPEG or PNG file", path);
    if (st.st_size == 0)
        return error_set(err, "%s is empty", path);
    if ((uintmax_t)st.st_size > MAX_FILE_BYTES)
        return error_set(err, "%s has more than %zu MiB; make the picture smaller", path,
                         MAX_FILE_BYTES >> 20);
    f = fopen(path, "rb");
    if (!f)
        return error_set(err, "%s: %s", path, strerror(errno));
    bytes = malloc((size_t)st.st_size);
    if (!bytes) {
        fclose(f);
        return error_set(err, "out of memory for reading %s", path);
    }
    got = fread(bytes, 1, (size_t)st.st_size, f);
    fclose(f);
    if (got != (size_t)st.st_size) {
        free(bytes);
        return error_set(err, "%s cannot be read to its end", path);
    }
    *data = bytes;
    *n = got;
    return true;
}

/* Everything about the file that can be told before decoding. */
static bool check_file(const uint8_t *file, size_t n, const char *path, Error *err)
{
    int width, height;

    if (!file_is_jpeg(file, n) && !file_is_png(file, n))
        return error_set(err, "%s is neither a JPEG nor a PNG file", path);
    if (!codec_size(file, n, &width, &height))
        return error_set(err, "%s is damaged: its header cannot be read", path);
    if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE ||
        (int64_t)width * height > (int64_t)IMAGE_MAX_MEGAPIXELS * 1000000)
        return error_set(
            err,
            "%s is too large: %dx%d pixels (%.0f megapixels; at most %d, and %d a side); "
            "make it smaller first",
            path, width, height, (double)width * height * 1e-6, IMAGE_MAX_MEGAPIXELS,
            IMAGE_MAX_SIDE);
    if (file_is_jpeg(file, n) ? !jpeg_is_whole(file, n) : !png_is_whole(file, n))
        return error_set(err, "%s is damaged or cut short; copy or download it again", path);
    return true;
}

/* What comes out of a file before it is a picture. */
typedef struct Raw {
    uint8_t *pixel;
    int width, height, channels, orientation;
} Raw;

/* channels of a JPEG, of a PNG. */
static bool raw_decode(Raw *raw, const uint8_t *file, size_t n, const char *name, int of_jpeg,
                       int of_png, Error *err)
{
    bool jpeg;
    const char *reason = "";
    Raw r;

    if (!check_file(file, n, name, err))
        return false;
    jpeg = file_is_jpeg(file, n);
    r.orientation = jpeg ? jpeg_orientation(file, n) : 1;
    r.channels = jpeg ? of_jpeg : of_png;
    r.pixel = codec_decode(file, n, r.channels, &r.width, &r.height, &reason);
    if (!r.pixel)
        return error_set(err, "%s is damaged (%s); copy or download it again", name, reason);
    *raw = r;
    return true;
}

static bool raw_load(Raw *raw, const char *path, int of_jpeg, int of_png, Error *err)
{
    uint8_t *file = NULL;
    size_t n = 0;
    bool ok;

    if (!read_file(path, &file, &n, err))
        return false;
    ok = raw_decode(raw, file, n, path, of_jpeg, of_png, err);
    free(file);
    return ok;
}

/* Where the upright picture's pixel (x, y) lies in a stored picture of w x h (EXIF 2.3, tag
 * 0x0112). */
static size_t stored_at(int orientation, int x, int y, int w, int h)
{
    int sx = x, sy = y;

    switch (orientation) {
    case 2:
        sx = w - 1 - x;
        break;
    case 3:
        sx = w - 1 - x;
        sy = h - 1 - y;
        break;
    case 4:
        sy = h - 1 - y;
        break;
    case 5:
        sx = y;
        sy = x;
        break;
    case 6:
        sx = y;
        sy = h - 1 - x;
        break;
    case 7:
        sx = w - 1 - y;
        sy = h - 1 - x;
        break;
    case 8:
        sx = w - 1 - y;
        sy = x;
        break;
    default:
        break;
    }
    return (size_t)sy * (size_t)w + (size_t)sx;
}

static void over_white(uint8_t rgb[3], const uint8_t rgba[4])
{
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)((rgba[c] * rgba[3] + 255 * (255 - rgba[3]) + 127) / 255);
}

/* The upright picture; raw's pixels are freed, whatever happens. */
static bool raw_upright(Raw raw, Image *image, const char *name, Error *err)
{
    Image upright = {0};
    bool turned = raw.orientation >= 5, ok;

    ok = image_new(&upright, turned ? raw.height : raw.width, turned ? raw.width : raw.height, err);
    if (ok) {
        uint8_t *to = upright.pixel;
        for (int y = 0; y < upright.height; y++)
            for (int x = 0; x < upright.width; x++, to += 3) {
                size_t at = stored_at(raw.orientation, x, y, raw.width, raw.height);
                if (raw.channels == 4)
                    over_white(to, raw.pixel + 4 * at);
                else
                    memcpy(to, raw.pixel + 3 * at, 3);
            }
        *image = upright;
    } else {
        error_prefix(err, "%s", name);
    }
    free(raw.pixel);
    return ok;
}

/* A PNG may have alpha. */
bool image_load(Image *image, const char *path, Error *err)
{
    Raw raw = {0};

    return raw_load(&raw, path, 3, 4, err) && raw_upright(raw, image, path, err);
}

bool image_read(Image *image, const uint8_t *file, size_t n, const char *name, Error *err)
{
    Raw raw = {0};

    return raw_decode(&raw, file, n, name, 3, 4, err) && raw_upright(raw, image, name, err);
}

bool image_load_grey(uint8_t **pixel, int *width, int *height, const char *path, Error *err)
{
    Raw raw = {0};

    if (!raw_load(&raw, path, 1, 1, err))
        return false;
    *pixel = raw.pixel;
    *width = raw.width;
    *height = raw.height;
    return true;
}

static bool save_png(const char *path, const uint8_t *pixel, int width, int height, int channels,
                     Error *err)
{
    AtomicFile out;
    size_t n;
    uint8_t *file;

    if (!atomic_file_open(&out, path, err))
        return false;
    file = codec_encode_png(pixel, width, height, channels, &n);
    if (!file) {
        atomic_file_abort(&out);
        return error_set(err, "out of memory for writing %s", path);
    }
    fwrite(file, 1, n, out.stream); /* commit reports what goes wrong */
    free(file);
    return atomic_file_commit(&out, err);
}

bool image_save_png(const char *path, const Image *image, Error *err)
{
    return save_png(path, image->pixel, image->width, image->height, 3, err);
}

bool image_save_grey_png(const char *path, const uint8_t *pixel, int width, int height, Error *err)
{
    return save_png(path, pixel, width, height, 1, err);
}

bool image_save_rgba_png(const char *path, const uint8_t *pixel, int width, int height, Error *err)
{
    return save_png(path, pixel, width, height, 4, err);
}

bool image_jpeg_roundtrip(Image *image, int quality, Error *err)
{
    size_t n;
    int width, height;
    const char *reason;
    uint8_t *file, *pixel = NULL;

    assert(quality >= 1 && quality <= 100);
    file = codec_encode_jpeg(image->pixel, image->width, image->height, quality, &n);
    if (file)
        pixel = codec_decode(file, n, 3, &width, &height, &reason);
    free(file);
    if (!pixel)
        return error_set(err, "out of memory for a JPEG of %dx%d", image->width, image->height);
    assert(width == image->width && height == image->height);
    free(image->pixel);
    image->pixel = pixel;
    return true;
}

void image_to_planar(real *planar, const Image *image)
{
    size_t n = (size_t)image->width * (size_t)image->height;

    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            planar[c * n + i] = (real)image->pixel[3 * i + c] / 255;
}

void image_from_planar(Image *image, const real *planar)
{
    size_t n = (size_t)image->width * (size_t)image->height;

    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++) {
            real v = planar[c * n + i] * 255;
            image->pixel[3 * i + c] = v > 0 ? (uint8_t)((v < 255 ? v : 255) + (real).5) : 0;
        }
}

void image_paste(Image *target, const Image *source, int x, int y)
{
    int left = x > 0 ? x : 0, top = y > 0 ? y : 0;
    int64_t right = (int64_t)x + source->width, bottom = (int64_t)y + source->height;

    if (right > target->width)
        right = target->width;
    if (bottom > target->height)
        bottom = target->height;
    for (int64_t row = top; row < bottom && left < right; row++)
        memcpy(target->pixel + 3 * (row * target->width + left),
               source->pixel + 3 * ((row - y) * source->width + ((int64_t)left - x)),
               (size_t)(3 * (right - left)));
}
