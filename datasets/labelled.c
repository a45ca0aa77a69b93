#include "config.h" /* scandir */

#include "datasets/labelled_internal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/augment.h"
#include "datasets/pairs.h"
#include "libtensor/text.h"

enum { MAX_FOLDERS = 16, MAX_PATH = 4096 };

typedef struct Folder {
    char *path;
    LabelledLayout layout;
    Pairs *pairs; /* renders */
    char **name;  /* of photos, without extension */
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
    return entry->d_name[0] != '.' && text_ends_in(entry->d_name, ".png");
}

static int is_jpg(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && text_ends_in(entry->d_name, ".jpg");
}

/* Where the photos of a layout lie under its folder, "/..." or "". */
static const char *photos_in(LabelledLayout layout)
{
    return layout == LAYOUT_HELEN ? "/images" : layout == LAYOUT_CELEBAMASK ? "/CelebA-HQ-img" : "";
}

static bool exists(const char *path)
{
    return access(path, R_OK) == 0;
}

/* Where a photo is or, if it is nowhere, should be. */
static void photo_path(char path[MAX_PATH], const Folder *folder, const char *name)
{
    snprintf(path, MAX_PATH, "%s%s/%s.jpg", folder->path, photos_in(folder->layout), name);
    if (folder->layout != LAYOUT_MAPS || exists(path))
        return;
    char other[MAX_PATH];
    snprintf(other, sizeof other, "%s/%s.jpeg", folder->path, name);
    if (exists(other))
        memcpy(path, other, sizeof other);
}

static bool add_name(Folder *folder, const char *name, size_t length, Error *err)
{
    int64_t n = folder->count;
    if ((n & (n - 1)) == 0) { /* room for the next power of two */
        char **more = realloc(folder->name, (size_t)(n ? 2 * n : 1) * sizeof *more);
        if (!more)
            return error_set(err, "out of memory");
        folder->name = more;
    }
    folder->name[n] = calloc(length + 1, 1);
    if (!folder->name[n])
        return error_set(err, "out of memory");
    memcpy(folder->name[n], name, length);
    folder->count++;
    return true;
}

/* Names of the photos, by the alphabet: those of the label maps, or of the pictures where there are
 * masks. */
static bool list_photos(Folder *folder, Error *err)
{
    struct dirent **entry;
    char path[MAX_PATH];
    bool maps = folder->layout == LAYOUT_MAPS;
    snprintf(path, sizeof path, "%s%s", folder->path, photos_in(folder->layout));
    int n = scandir(path, &entry, maps ? is_png : is_jpg, alphasort);
    if (n < 0)
        return error_set(err, "the folder %.400s cannot be read: %s", path, strerror(errno));
    bool ok = n > 0;
    if (!ok && maps)
        error_set(err,
                  "%.400s holds neither a dataset.json (render_dataset makes one) nor label maps "
                  "NAME.png, nor is it Helen's or CelebAMask-HQ's",
                  folder->path);
    else if (!ok)
        error_set(err, "%.400s holds no photos NAME.jpg", path);
    for (int i = 0; i < n; i++) {
        ok = ok && add_name(folder, entry[i]->d_name, strlen(entry[i]->d_name) - 4, err);
        free(entry[i]);
    }
    free(entry);
    return ok;
}

/* Names of the photos by a list, the last word of each line ("12 , NAME" or "NAME.jpg"). */
static bool read_list(Folder *folder, const char *path, Error *err)
{
    static const char between[] = " ,\t\r\n";
    char line[512];
    FILE *file = fopen(path, "r");
    bool ok = file != NULL;
    if (!ok)
        return error_set(err, "%.400s cannot be read: %s", path, strerror(errno));
    while (ok && fgets(line, sizeof line, file)) {
        char *word = NULL, *rest;
        for (char *w = strtok_r(line, between, &rest); w; w = strtok_r(NULL, between, &rest))
            word = w;
        if (!word)
            continue;
        size_t length = strlen(word) - (text_ends_in(word, ".jpg") ? 4 : 0);
        ok = add_name(folder, word, length, err);
    }
    fclose(file);
    return ok && (folder->count > 0 || error_set(err, "%.400s lists no photos", path));
}

/* A long training is not to end at a photo that never was there. */
static bool check_photos(const Folder *folder, const char *named_by, Error *err)
{
    char path[MAX_PATH];
    for (int64_t i = 0; i < folder->count; i++) {
        photo_path(path, folder, folder->name[i]);
        if (!exists(path))
            return error_set(err, "%.400s, which %.400s names, cannot be read: %s", path, named_by,
                             strerror(errno));
        if (folder->layout != LAYOUT_MAPS)
            continue;
        snprintf(path, sizeof path, "%s/%s.png", folder->path, folder->name[i]);
        if (!exists(path))
            return error_set(err, "the label map %.400s cannot be read: %s", path, strerror(errno));
    }
    return true;
}

static bool has_folder(const char *path, const char *name)
{
    char inner[MAX_PATH + 64];
    struct stat st;
    snprintf(inner, sizeof inner, "%s/%s", path, name);
    return stat(inner, &st) == 0 && S_ISDIR(st.st_mode);
}

static LabelledLayout layout_of(const char *path)
{
    char json[MAX_PATH];
    snprintf(json, sizeof json, "%s/dataset.json", path);
    if (exists(json))
        return LAYOUT_RENDERS;
    if (has_folder(path, "CelebA-HQ-img") && has_folder(path, "CelebAMask-HQ-mask-anno"))
        return LAYOUT_CELEBAMASK;
    if (has_folder(path, "images") && has_folder(path, "labels"))
        return LAYOUT_HELEN;
    return LAYOUT_MAPS;
}

static bool folder_open(Folder *folder, const char *path, size_t length, Error *err)
{
    char list[MAX_PATH];
    if (length == 0 || length >= MAX_PATH - 32)
        return error_set(err, "a folder's name in '%.300s' is empty or too long", path);
    folder->path = calloc(length + 2, 1); /* room for "." */
    if (!folder->path)
        return error_set(err, "out of memory");
    memcpy(folder->path, path, length);
    bool listed = text_ends_in(folder->path, ".txt");
    if (listed) {
        char *slash = strrchr(folder->path, '/');
        snprintf(list, sizeof list, "%s", folder->path);
        strcpy(slash ? slash : folder->path, slash ? "" : ".");
    }
    folder->layout = layout_of(folder->path);
    if (listed && folder->layout == LAYOUT_RENDERS)
        return error_set(err, "%.400s is a list, but its folder holds renders: name the folder",
                         list);
    if (listed)
        return read_list(folder, list, err) && check_photos(folder, list, err);
    if (folder->layout != LAYOUT_RENDERS)
        return list_photos(folder, err) && check_photos(folder, "a label map", err);
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

/* Whether a label map is one of ours, and not of another set's classes. */
static bool check_classes(const uint8_t *map, int width, int height, const char *path, Error *err)
{
    for (int64_t i = 0; i < (int64_t)width * height; i++)
        if (map[i] >= LABEL_COUNT && map[i] != LABEL_IGNORE)
            return error_set(err,
                             "%.400s has the class %d; classes are 0 .. %d, and %d where nothing "
                             "counts",
                             path, map[i], LABEL_COUNT - 1, LABEL_IGNORE);
    return true;
}

static bool photo_get(const Folder *folder, const char *name, Image *image, uint8_t *label,
                      Error *err)
{
    char path[MAX_PATH];
    uint8_t *map;
    int width, height;
    Image photo;
    photo_path(path, folder, name);
    if (!image_load(&photo, path, err))
        return false;
    image_resize(image, &photo);
    image_free(&photo);
    if (folder->layout != LAYOUT_MAPS)
        return masks_read(label, image->width, image->height, folder->layout, folder->path, name,
                          err);
    snprintf(path, sizeof path, "%s/%s.png", folder->path, name);
    if (!image_load_grey(&map, &width, &height, path, err))
        return false;
    bool ok = check_classes(map, width, height, path, err);
    if (ok)
        label_resize(label, image->width, image->height, map, width, height);
    free(map);
    return ok;
}

bool labelled_get(const Labelled *set, int64_t i, Image *image, uint8_t *label, Error *err)
{
    assert(i >= 0 && i < set->count);
    const Folder *folder = set->folder;
    for (; i >= folder->count; folder++)
        i -= folder->count;
    if (folder->layout != LAYOUT_RENDERS)
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

/* Zoom .9 .. 1.12, turn +-8 degrees, shift +-6% about the middle. */
static Similarity random_move(int width, int height, Rng *rng)
{
    float zoom = rng_range(rng, .9f, 1.12f), angle = rng_range(rng, -.14f, .14f);
    float dx = rng_range(rng, -.06f, .06f) * (float)width,
          dy = rng_range(rng, -.06f, .06f) * (float)height;
    Similarity s = {.a = zoom * cosf(angle), .b = zoom * sinf(angle)};
    float cx = .5f * (float)width, cy = .5f * (float)height;
    s.tx = cx + dx - (s.a * cx - s.b * cy);
    s.ty = cy + dy - (s.b * cx + s.a * cy);
    return s;
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
        augment_mirror(image, label);
    if (!augment_warp(image, label, random_move(image->width, image->height, rng), err))
        return false;
    colour(image, rng);
    return true;
}
