#include "config.h" /* scandir */

#include "datasets/labelled.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/augment.h"
#include "datasets/pairs.h"

enum { MAX_FOLDERS = 16, MAX_PATH = 4096 };

typedef struct Folder {
    char *path;
    Pairs *pairs; /* NULL: photos */
    char **name;  /* of the photos, without extension */
    int64_t count;
} Folder;

struct Labelled {
    int n_folder;
    Folder folder[MAX_FOLDERS];
    int64_t count;
};

static void folder_close(Folder *folder)
{
    pairs_close(folder->pairs);
    for (int64_t i = 0; folder->name && i < folder->count; i++)
        free(folder->name[i]);
    free(folder->name);
    free(folder->path);
}

void labelled_close(Labelled *set)
{
    if (!set)
        return;
    for (int i = 0; i < set->n_folder; i++)
        folder_close(&set->folder[i]);
    free(set);
}

static int is_png(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 4 && strcmp(entry->d_name + n - 4, ".png") == 0;
}

/* Names of the label maps, by the alphabet; takes the strings over. */
static bool list_photos(Folder *folder, Error *err)
{
    struct dirent **entry;
    int n = scandir(folder->path, &entry, is_png, alphasort);
    if (n < 0)
        return error_set(err, "the folder %.400s cannot be read: %s", folder->path,
                         strerror(errno));
    bool ok = n > 0;
    if (!ok)
        error_set(err,
                  "%.400s holds neither a dataset.json (render_dataset makes one) nor label maps "
                  "NAME.png",
                  folder->path);
    folder->name = ok ? calloc((size_t)n, sizeof *folder->name) : NULL;
    for (int i = 0; i < n; i++) {
        size_t length = strlen(entry[i]->d_name) - 4;
        if (folder->name && (folder->name[i] = malloc(length + 1))) {
            memcpy(folder->name[i], entry[i]->d_name, length);
            folder->name[i][length] = '\0';
            folder->count = i + 1;
        }
        free(entry[i]);
    }
    free(entry);
    if (ok && folder->count != n)
        return error_set(err, "out of memory while reading the folder %.400s", folder->path);
    return ok;
}

static bool exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file)
        fclose(file);
    return file != NULL;
}

static bool folder_open(Folder *folder, const char *path, size_t length, Error *err)
{
    char json[MAX_PATH];
    if (length == 0 || length >= MAX_PATH - 32)
        return error_set(err, "a folder's name in '%.300s' is empty or too long", path);
    folder->path = calloc(length + 1, 1);
    if (!folder->path)
        return error_set(err, "out of memory");
    memcpy(folder->path, path, length);
    snprintf(json, sizeof json, "%s/dataset.json", folder->path);
    if (!exists(json))
        return list_photos(folder, err);
    if (!pairs_open(&folder->pairs, folder->path, err))
        return false;
    if (!pairs_info(folder->pairs)->labels)
        return error_set(err, "%.400s holds renders without label maps: its engine has none",
                         folder->path);
    folder->count = pairs_info(folder->pairs)->count;
    return true;
}

bool labelled_open(Labelled **set, const char *dirs, Error *err)
{
    Labelled *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, "out of memory");
    bool ok = true;
    for (const char *path = dirs; ok && path;) {
        size_t length = strcspn(path, ",");
        if (s->n_folder == MAX_FOLDERS) {
            ok = error_set(err, "'%.300s' names more than %d folders", dirs, MAX_FOLDERS);
            break;
        }
        Folder *folder = &s->folder[s->n_folder++];
        ok = folder_open(folder, path, length, err);
        s->count += folder->count;
        path = path[length] ? path + length + 1 : NULL;
    }
    if (!ok) {
        labelled_close(s);
        return false;
    }
    *set = s;
    return true;
}

int64_t labelled_count(const Labelled *set)
{
    return set->count;
}

static void label_resize(uint8_t *to, int width, int height, const uint8_t *from, int from_width,
                         int from_height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int sy = (int)((2 * (int64_t)y + 1) * from_height / (2 * height));
            int sx = (int)((2 * (int64_t)x + 1) * from_width / (2 * width));
            to[y * width + x] = from[(int64_t)sy * from_width + sx];
        }
}

static bool photo_get(const Folder *folder, const char *name, Image *image, uint8_t *label,
                      Error *err)
{
    char path[MAX_PATH];
    uint8_t *map;
    int width, height;
    Image photo;
    snprintf(path, sizeof path, "%s/%s.jpg", folder->path, name);
    if (!exists(path))
        snprintf(path, sizeof path, "%s/%s.jpeg", folder->path, name);
    if (!image_load(&photo, path, err))
        return false;
    image_resize(image, &photo);
    image_free(&photo);
    snprintf(path, sizeof path, "%s/%s.png", folder->path, name);
    if (!image_load_grey(&map, &width, &height, path, err))
        return false;
    label_resize(label, image->width, image->height, map, width, height);
    free(map);
    return true;
}

bool labelled_get(const Labelled *set, int64_t i, Image *image, uint8_t *label, Error *err)
{
    assert(i >= 0 && i < set->count);
    const Folder *folder = set->folder;
    for (; i >= folder->count; folder++)
        i -= folder->count;
    if (!folder->pairs)
        return photo_get(folder, folder->name[i], image, label, err);
    Pair pair;
    if (!pairs_get(folder->pairs, i, &pair, err))
        return false;
    int size = pairs_info(folder->pairs)->size;
    Image view = {size, size, (uint8_t *)pair.rgb}; /* only read */
    if (size == image->width && size == image->height)
        memcpy(image->pixel, pair.rgb, 3 * (size_t)size * (size_t)size);
    else
        image_resize(image, &view);
    label_resize(label, image->width, image->height, pair.label, size, size);
    return true;
}

static uint8_t mirrored_class(uint8_t label)
{
    switch (label) {
    case LABEL_LEFT_BROW:
        return LABEL_RIGHT_BROW;
    case LABEL_RIGHT_BROW:
        return LABEL_LEFT_BROW;
    case LABEL_LEFT_EYE:
        return LABEL_RIGHT_EYE;
    case LABEL_RIGHT_EYE:
        return LABEL_LEFT_EYE;
    }
    return label;
}

static void mirror(Image *image, uint8_t *label)
{
    int width = image->width;
    for (int y = 0; y < image->height; y++) {
        uint8_t *row = image->pixel + 3 * (size_t)y * (size_t)width,
                *map = label + (size_t)y * (size_t)width;
        for (int a = 0, b = width - 1; a <= b; a++, b--) {
            uint8_t left = mirrored_class(map[a]);
            map[a] = mirrored_class(map[b]);
            map[b] = left;
            for (int c = 0; c < 3 && a < b; c++) {
                uint8_t t = row[3 * a + c];
                row[3 * a + c] = row[3 * b + c];
                row[3 * b + c] = t;
            }
        }
    }
}

/* Zoom .9 .. 1.12, turn +-8 degrees, shift +-6% about the middle. */
static bool move(Image *image, uint8_t *label, Rng *rng, Error *err)
{
    int width = image->width, height = image->height;
    size_t pixels = (size_t)width * (size_t)height;
    float zoom = rng_range(rng, .9f, 1.12f), angle = rng_range(rng, -.14f, .14f);
    float dx = rng_range(rng, -.06f, .06f) * (float)width,
          dy = rng_range(rng, -.06f, .06f) * (float)height;
    Similarity s = {.a = zoom * cosf(angle), .b = zoom * sinf(angle)};
    float cx = .5f * (float)width, cy = .5f * (float)height;
    s.tx = cx + dx - (s.a * cx - s.b * cy);
    s.ty = cy + dy - (s.b * cx + s.a * cy);
    Image from;
    uint8_t *map = malloc(pixels);
    if (!map || !image_new(&from, width, height, err)) {
        free(map);
        return error_set(err, "out of memory");
    }
    memcpy(from.pixel, image->pixel, 3 * pixels);
    memcpy(map, label, pixels);
    image_warp(image, &from, s);
    label_warp(label, width, height, map, width, height, s, LABEL_IGNORE);
    image_free(&from);
    free(map);
    return true;
}

static void colour(Image *image, Rng *rng)
{
    float contrast = rng_range(rng, .75f, 1.25f), light = rng_range(rng, -35, 35);
    uint8_t table[3][256];
    for (int c = 0; c < 3; c++) {
        float gain = contrast * rng_range(rng, .92f, 1.08f);
        for (int v = 0; v < 256; v++) {
            float y = ((float)v - 128) * gain + 128 + light;
            table[c][v] = (uint8_t)(y < 0 ? 0 : y > 255 ? 255 : y + .5f);
        }
    }
    size_t n = 3 * (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < n; i++)
        image->pixel[i] = table[i % 3][image->pixel[i]];
}

bool labelled_jitter(Image *image, uint8_t *label, Rng *rng, Error *err)
{
    if (rng_below(rng, 2) == 1)
        mirror(image, label);
    if (!move(image, label, rng, err))
        return false;
    colour(image, rng);
    return true;
}
