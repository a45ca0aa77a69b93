/* The layout (PKWARE's APPNOTE): local header + data per entry | directory | [zip64 end and its
 * locator] | end. What counts is the directory; of the local headers only their length is used. */
#include "config.h"

#include "libtensor/zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    DIRECTORY_SIZE = 46, /* of an entry, without its name, extra field and comment */
    LOCAL_SIZE = 30,
    MAX_COMMENT = 65535,
    MAX_ENTRIES = 1 << 16,
    DEFLATE_MOST = 1032 /* bytes that one byte can inflate to */
};

static uint64_t number(const unsigned char *p, int bytes)
{
    uint64_t x = 0;
    for (int i = bytes - 1; i >= 0; i--)
        x = x << 8 | p[i];
    return x;
}

static bool damaged(Error *err, const char *what)
{
    return error_set(err, "the zip archive is cut short or damaged (%s); copy it again", what);
}

/* Where the directory lies. */
typedef struct Directory {
    uint64_t offset, size, count;
} Directory;

static bool find_directory(const unsigned char *bytes, size_t size, Directory *d, Error *err)
{
    if (size < END_SIZE)
        return damaged(err, "no directory");
    size_t lowest = size > END_SIZE + MAX_COMMENT ? size - END_SIZE - MAX_COMMENT : 0;
    size_t at = size - END_SIZE;
    while (at > lowest && memcmp(bytes + at, "PK\5\6", 4) != 0)
        at--;
    const unsigned char *end = bytes + at;
    if (memcmp(end, "PK\5\6", 4) != 0)
        return damaged(err, "no directory");
    *d = (Directory){number(end + 16, 4), number(end + 12, 4), number(end + 10, 2)};
    if (at >= LOCATOR_SIZE && memcmp(end - LOCATOR_SIZE, "PK\6\7", 4) == 0) {
        uint64_t end64 = number(end - LOCATOR_SIZE + 8, 8);
        if (end64 > size || size - end64 < END64_SIZE || memcmp(bytes + end64, "PK\6\6", 4) != 0)
            return damaged(err, "the zip64 directory is not where it should be");
        *d = (Directory){number(bytes + end64 + 48, 8), number(bytes + end64 + 40, 8),
                         number(bytes + end64 + 32, 8)};
    }
    if (d->offset > size || d->size > size - d->offset || d->count > MAX_ENTRIES ||
        d->count * DIRECTORY_SIZE > d->size)
        return damaged(err, "the directory lies outside");
    return true;
}

/* zip64's extra field holds, in this order, those of the numbers that are all ones. */
static void widen(const unsigned char *extra, size_t length, uint64_t *value[3])
{
    for (size_t at = 0; at + 4 <= length;) {
        size_t id = number(extra + at, 2), n = number(extra + at + 2, 2);
        at += 4;
        if (n > length - at)
            return;
        if (id == 1) {
            for (int i = 0; i < 3; i++) {
                if (*value[i] != UINT32_MAX || n < 8)
                    continue;
                *value[i] = number(extra + at, 8);
                at += 8;
                n -= 8;
            }
            return;
        }
        at += n;
    }
}

/* The entry at p, of which `left` bytes are of the directory; *used: its length there. */
static bool parse_entry(const unsigned char *bytes, size_t size, const unsigned char *p,
                        uint64_t left, ZipEntry *entry, uint64_t *used, Error *err)
{
    if (left < DIRECTORY_SIZE || memcmp(p, "PK\1\2", 4) != 0)
        return damaged(err, "an entry is missing");
    size_t name = number(p + 28, 2), extra = number(p + 30, 2), comment = number(p + 32, 2);
    *used = DIRECTORY_SIZE + name + extra + comment;
    if (*used > left)
        return damaged(err, "an entry is cut");
    unsigned flags = (unsigned)number(p + 8, 2), method = (unsigned)number(p + 10, 2);
    uint64_t packed = number(p + 20, 4), full = number(p + 24, 4), local = number(p + 42, 4);
    widen(p + DIRECTORY_SIZE + name, extra, (uint64_t *[3]){&full, &packed, &local});
    *entry = (ZipEntry){.name = (const char *)p + DIRECTORY_SIZE,
                        .name_length = name,
                        .packed_size = packed,
                        .size = full,
                        .crc = (uint32_t)number(p + 16, 4),
                        .deflated = method == 8};
    if (flags & 1)
        return error_set(err, "the zip entry %.*s is encrypted, which cannot be read",
                         (int)(name < 100 ? name : 100), entry->name);
    if (method != 0 && method != 8)
        return error_set(err,
                         "the zip entry %.*s is packed by method %u; stored and deflated ones "
                         "can be read",
                         (int)(name < 100 ? name : 100), entry->name, method);
    if (local > size || size - local < LOCAL_SIZE || memcmp(bytes + local, "PK\3\4", 4) != 0)
        return damaged(err, "an entry's data are not where they should be");
    uint64_t header = LOCAL_SIZE + number(bytes + local + 26, 2) + number(bytes + local + 28, 2);
    if (size - local < header || packed > size - local - header || (method == 0 && packed != full))
        return damaged(err, "an entry's data lie outside");
    entry->packed = bytes + local + header;
    return true;
}

/* Whether a deflated entry can be what it claims to be, and is no more than limit. */
static bool inflates(const ZipEntry *entry, uint64_t limit, Error *err)
{
    if (entry->size <= limit && entry->size / DEFLATE_MOST <= entry->packed_size)
        return true;
    return error_set(err,
                     "the zip entry %.*s claims to inflate from %" PRIu64 " to %" PRIu64
                     " bytes, which is too much",
                     (int)(entry->name_length < 100 ? entry->name_length : 100), entry->name,
                     entry->packed_size, entry->size);
}

bool zip_open(Zip *zip, const unsigned char *bytes, size_t size, Error *err)
{
    Directory d = {0};
    if (!find_directory(bytes, size, &d, err))
        return false;
    ZipEntry *entries = calloc((size_t)d.count + 1, sizeof *entries);
    if (!entries)
        return error_set(err, "out of memory");
    const unsigned char *p = bytes + d.offset;
    uint64_t left = d.size, packed = 0, inflated = 0;
    for (uint64_t i = 0; i < d.count; i++) {
        uint64_t used = 0;
        bool ok = parse_entry(bytes, size, p, left, &entries[i], &used, err);
        if (ok) {
            packed += entries[i].packed_size;
            ok = packed <= size || damaged(err, "entries overlap");
        }
        if (ok && entries[i].deflated) {
            ok = inflates(&entries[i], ZIP_MAX_INFLATED - inflated, err);
            inflated += entries[i].size;
        }
        if (!ok) {
            free(entries);
            return false;
        }
        p += used;
        left -= used;
    }
    *zip = (Zip){entries, (int)d.count};
    return true;
}

void zip_close(Zip *zip)
{
    free(zip->entry);
    *zip = (Zip){0};
}

const ZipEntry *zip_find(const Zip *zip, const char *name, size_t length)
{
    for (int i = 0; i < zip->count; i++)
        if (zip->entry[i].name_length == length && memcmp(zip->entry[i].name, name, length) == 0)
            return &zip->entry[i];
    return NULL;
}

/* All of the entry, which inflates to exactly size bytes; zlib counts in 32 bits. */
static bool inflate_all(const ZipEntry *entry, unsigned char *to)
{
    z_stream z = {0};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return false;
    const unsigned char *from = entry->packed;
    uint64_t in = entry->packed_size, out = entry->size;
    int status = Z_OK;
    while (status == Z_OK) {
        uInt in_part = in < 1u << 30 ? (uInt)in : 1u << 30;
        uInt out_part = out < 1u << 30 ? (uInt)out : 1u << 30;
        z.next_in = (Bytef *)(uintptr_t)from;
        z.avail_in = in_part;
        z.next_out = to;
        z.avail_out = out_part;
        status = inflate(&z, Z_NO_FLUSH);
        from += in_part - z.avail_in;
        in -= in_part - z.avail_in;
        to += out_part - z.avail_out;
        out -= out_part - z.avail_out;
    }
    inflateEnd(&z);
    return status == Z_STREAM_END && in == 0 && out == 0;
}

static uint32_t checksum(const unsigned char *data, uint64_t n)
{
    uLong crc = crc32(0, NULL, 0);
    for (uInt part; n; data += part, n -= part) {
        part = n < 1u << 30 ? (uInt)n : 1u << 30;
        crc = crc32(crc, data, part);
    }
    return (uint32_t)crc;
}

bool zip_extract(const ZipEntry *entry, ZipContents *contents, Error *err)
{
    int shown = entry->name_length < 100 ? (int)entry->name_length : 100;
    ZipContents c = {entry->packed, (size_t)entry->size, NULL};
    if (entry->deflated) {
        unsigned char *data = malloc(c.size ? c.size : 1);
        if (!data)
            return error_set(err, "out of memory");
        if (!inflate_all(entry, data)) {
            free(data);
            return error_set(err, "the zip entry %.*s does not inflate; the file is damaged", shown,
                             entry->name);
        }
        c.data = c.owned = data;
    }
    if (checksum(c.data, c.size) != entry->crc) {
        free(c.owned);
        return error_set(err, "the zip entry %.*s has the wrong checksum; the file is damaged",
                         shown, entry->name);
    }
    *contents = c;
    return true;
}
