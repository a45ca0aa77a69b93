#include "datasets/exif.h"

#include <string.h>

#include <zlib.h>

enum { M_SOI = 0xd8, M_EOI = 0xd9, M_SOS = 0xda, M_APP1 = 0xe1, M_RST0 = 0xd0, M_RST7 = 0xd7 };
enum { TIFF_ORIENTATION = 0x0112, TIFF_SHORT = 3 };

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

bool file_is_jpeg(const uint8_t *file, size_t n)
{
    return n >= 3 && file[0] == 0xff && file[1] == M_SOI && file[2] == 0xff;
}

bool file_is_png(const uint8_t *file, size_t n)
{
    return n >= 8 && memcmp(file, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static uint32_t tiff_number(const uint8_t *p, int bytes, bool little)
{
    uint32_t v = 0;

    for (int i = 0; i < bytes; i++)
        v |= (uint32_t)p[i] << 8 * (little ? i : bytes - 1 - i);
    return v;
}

/* The orientation in the TIFF structure of an APP1 segment, 0 if there is none. */
static int tiff_orientation(const uint8_t *tiff, size_t n)
{
    bool little;
    uint32_t directory, entries;

    if (n < 8)
        return 0;
    little = memcmp(tiff, "II*\0", 4) == 0;
    if (!little && memcmp(tiff, "MM\0*", 4) != 0)
        return 0;
    directory = tiff_number(tiff + 4, 4, little);
    if (directory > n || n - directory < 2)
        return 0;
    entries = tiff_number(tiff + directory, 2, little);
    for (size_t i = 0, at = (size_t)directory + 2; i < entries && n - at >= 12; i++, at += 12) {
        uint32_t value;
        if (tiff_number(tiff + at, 2, little) != TIFF_ORIENTATION ||
            tiff_number(tiff + at + 2, 2, little) != TIFF_SHORT)
            continue;
        value = tiff_number(tiff + at + 8, 2, little);
        return value >= 1 && value <= 8 ? (int)value : 0;
    }
    return 0;
}

/* Walks one marker: *at moves past its segment. Returns the marker, or -1 at the end of the file.
 * Entropy-coded data and stuffing between markers are skipped. */
static int next_marker(const uint8_t *file, size_t n, size_t *at, const uint8_t **body,
                       size_t *body_n)
{
    size_t i = *at;
    int marker;

    for (;; i++) {
        while (i < n && file[i] != 0xff)
            i++;
        while (i < n && file[i] == 0xff)
            i++;
        if (i >= n)
            return -1;
        if (file[i] != 0 && !(file[i] >= M_RST0 && file[i] <= M_RST7))
            break;
    }
    marker = file[i++];
    *body = file + i;
    *body_n = 0;
    if (marker != M_SOI && marker != M_EOI && marker != 1) { /* all others carry a length */
        size_t length;
        if (n - i < 2)
            return -1;
        length = be16(file + i);
        if (length < 2 || length > n - i)
            return -1;
        *body = file + i + 2;
        *body_n = length - 2;
        i += length;
    }
    *at = i;
    return marker;
}

int jpeg_orientation(const uint8_t *file, size_t n)
{
    size_t at = 0, body_n;
    const uint8_t *body;

    for (;;) {
        int marker = next_marker(file, n, &at, &body, &body_n);
        if (marker < 0 || marker == M_EOI || marker == M_SOS)
            return 1;
        if (marker == M_APP1 && body_n > 6 && memcmp(body, "Exif\0\0", 6) == 0) {
            int orientation = tiff_orientation(body + 6, body_n - 6);
            if (orientation)
                return orientation;
        }
    }
}

bool jpeg_is_whole(const uint8_t *file, size_t n)
{
    size_t at = 0, body_n;
    const uint8_t *body;
    bool scan = false;

    for (;;) {
        int marker = next_marker(file, n, &at, &body, &body_n);
        if (marker < 0)
            return false;
        if (marker == M_SOS)
            scan = true;
        if (marker == M_EOI)
            return scan;
    }
}

bool png_is_whole(const uint8_t *file, size_t n)
{
    size_t at = 8;

    while (n - at >= 12) {
        size_t length = be32(file + at);
        const uint8_t *type = file + at + 4;
        if (length > n - at - 12)
            return false;
        if (crc32(0, type, (uInt)length + 4) != be32(type + 4 + length))
            return false;
        if (memcmp(type, "IEND", 4) == 0)
            return true;
        at += length + 12;
    }
    return false;
}
