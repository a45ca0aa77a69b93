#include "datasets/labelled_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datasets/augment.h"
#include "engine/engine.h"

enum { MAX_PATH = 4096, CELEBAMASK_PER_FOLDER = 2000 };

void label_resize(uint8_t *to, int width, int height, const uint8_t *from, int from_width,
                  int from_height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int sy = (int)((2 * (int64_t)y + 1) * from_height / (2 * height));
            int sx = (int)((2 * (int64_t)x + 1) * from_width / (2 * width));
            to[y * width + x] = from[(int64_t)sy * from_width + sx];
        }
}

/* The masks of one photo, one after the other, all of one size. */
typedef struct Masks {
    int width, height;       /* of the target */
    int of_width, of_height; /* of the files; 0: none was read yet */
    uint8_t *mask;           /* the last one, at the target's size */
} Masks;

static bool next_mask(Masks *m, const char *path, Error *err)
{
    uint8_t *pixel;
    int width, height;

    if (!image_load_grey(&pixel, &width, &height, path, err))
        return false;
    if (m->of_width && (width != m->of_width || height != m->of_height)) {
        free(pixel);
        return error_set(err,
                         "%.400s is %dx%d, its photo's other masks are %dx%d: fetch the set again",
                         path, width, height, m->of_width, m->of_height);
    }
    m->of_width = width;
    m->of_height = height;
    label_resize(m->mask, m->width, m->height, pixel, width, height);
    free(pixel);
    return true;
}

static bool read_helen(Masks *m, uint8_t *label, const char *root, const char *name, Error *err)
{
    size_t n = (size_t)m->width * (size_t)m->height;
    uint8_t *most = calloc(n, 1);
    char path[MAX_PATH];
    bool ok = most != NULL || error_set(err, "out of memory");

    for (int k = 0; ok && k < LABEL_COUNT; k++) {
        snprintf(path, sizeof path, "%s/labels/%s/%s_lbl%02d.png", root, name, name, k);
        ok = next_mask(m, path, err);
        for (size_t i = 0; ok && i < n; i++)
            if (m->mask[i] > most[i]) {
                most[i] = m->mask[i];
                label[i] = (uint8_t)k;
            }
    }
    free(most);
    return ok;
}

static bool read_celebamask(Masks *m, uint8_t *label, const char *root, const char *name,
                            Error *err)
{
    static const struct {
        const char *name;
        uint8_t label;
    } part[] = {
        {"skin", LABEL_SKIN},        {"nose", LABEL_NOSE},        {"l_eye", LABEL_LEFT_EYE},
        {"r_eye", LABEL_RIGHT_EYE},  {"l_brow", LABEL_LEFT_BROW}, {"r_brow", LABEL_RIGHT_BROW},
        {"l_ear", LABEL_BACKGROUND}, {"r_ear", LABEL_BACKGROUND}, {"mouth", LABEL_INNER_MOUTH},
        {"u_lip", LABEL_UPPER_LIP},  {"l_lip", LABEL_LOWER_LIP},  {"hair", LABEL_HAIR},
        {"hat", LABEL_BACKGROUND},   {"ear_r", LABEL_BACKGROUND}, {"neck_l", LABEL_BACKGROUND},
        {"neck", LABEL_BACKGROUND},  {"cloth", LABEL_BACKGROUND}, {"eye_g", LABEL_IGNORE}};
    size_t n = (size_t)m->width * (size_t)m->height;
    char path[MAX_PATH], *end;
    long number = strtol(name, &end, 10);
    int found = 0;

    if (*end || number < 0 || number > 999999)
        return error_set(err,
                         "%.300s/CelebA-HQ-img/%.64s.jpg is not called by a number as in "
                         "CelebAMask-HQ: move it elsewhere",
                         root, name);
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
        snprintf(path, sizeof path, "%s/CelebAMask-HQ-mask-anno/%ld/%05ld_%s.png", root,
                 number / CELEBAMASK_PER_FOLDER, number, part[k].name);
        if (access(path, F_OK) != 0)
            continue;
        if (!next_mask(m, path, err))
            return false;
        found++;
        for (size_t i = 0; i < n; i++)
            if (m->mask[i] >= 128)
                label[i] = part[k].label;
    }
    return found > 0 ||
           error_set(err,
                     "%.300s/CelebAMask-HQ-mask-anno/%ld has no masks %05ld_PART.png: fetch "
                     "the set again",
                     root, number / CELEBAMASK_PER_FOLDER, number);
}

typedef struct Side {
    int64_t n, x;
} Side;

static Side side_of(const uint8_t *label, int width, int height, uint8_t value)
{
    Side s = {0, 0};

    for (int i = 0; i < width * height; i++)
        if (label[i] == value) {
            s.n++;
            s.x += i % width;
        }
    return s;
}

/* Whether a lies to the right of b, by their means. */
static bool right_of(Side a, Side b)
{
    return a.x * b.n > b.x * a.n;
}

static void sort_sides(uint8_t *label, int width, int height)
{
    static const uint8_t pair[2][2] = {{LABEL_LEFT_BROW, LABEL_RIGHT_BROW},
                                       {LABEL_LEFT_EYE, LABEL_RIGHT_EYE}};
    Side nose = side_of(label, width, height, LABEL_NOSE);

    for (int k = 0; k < 2; k++) {
        Side left = side_of(label, width, height, pair[k][0]);
        Side right = side_of(label, width, height, pair[k][1]);
        bool swap = left.n && right.n ? right_of(right, left)
                    : !nose.n         ? false
                    : left.n          ? right_of(nose, left)
                                      : right.n && right_of(right, nose);
        for (int i = 0; swap && i < width * height; i++)
            if (label[i] == pair[k][0] || label[i] == pair[k][1])
                label[i] = label[i] == pair[k][0] ? pair[k][1] : pair[k][0];
    }
}

bool masks_read(uint8_t *label, int width, int height, LabelledLayout layout, const char *root,
                const char *name, Error *err)
{
    size_t n = (size_t)width * (size_t)height;
    Masks m = {.width = width, .height = height, .mask = malloc(n)};

    if (!m.mask)
        return error_set(err, "out of memory");
    memset(label, LABEL_BACKGROUND, n);
    bool ok = layout == LAYOUT_HELEN ? read_helen(&m, label, root, name, err)
                                     : read_celebamask(&m, label, root, name, err);
    free(m.mask);
    if (ok)
        sort_sides(label, width, height);
    return ok;
}
