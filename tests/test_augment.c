/* Augmentation keeps pictures and label maps in register: tested with pictures whose colours are
 * their labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "datasets/augment.h"
#include "datasets/background.h"
#include "engine/engine.h"

enum { SIDE = 96, PIXELS = SIDE * SIDE };

/* A colour for each class, far from all others. */
static const uint8_t palette[LABEL_COUNT][3] = {
    {0, 0, 0},     {255, 0, 0},     {0, 255, 0},   {0, 0, 255},   {255, 255, 0}, {255, 0, 255},
    {0, 255, 255}, {255, 255, 255}, {128, 0, 128}, {0, 128, 128}, {128, 128, 0}};

static void put_box(uint8_t *label, int left, int top, int right, int bottom, uint8_t value)
{
    for (int y = top; y < bottom; y++)
        memset(label + SIDE * y + left, value, (size_t)(right - left));
}

/* Something like a face; the person's left is on the right of the picture. */
static void make_face(uint8_t *label)
{
    memset(label, LABEL_BACKGROUND, PIXELS);
    put_box(label, 24, 10, 72, 40, LABEL_HAIR);
    put_box(label, 28, 22, 68, 76, LABEL_SKIN);
    put_box(label, 52, 32, 64, 35, LABEL_LEFT_BROW);
    put_box(label, 32, 32, 44, 35, LABEL_RIGHT_BROW);
    put_box(label, 54, 38, 62, 43, LABEL_LEFT_EYE);
    put_box(label, 34, 38, 42, 43, LABEL_RIGHT_EYE);
    put_box(label, 44, 44, 52, 58, LABEL_NOSE);
    put_box(label, 40, 64, 56, 67, LABEL_UPPER_LIP);
    put_box(label, 42, 67, 54, 70, LABEL_INNER_MOUTH);
    put_box(label, 40, 70, 56, 74, LABEL_LOWER_LIP);
}

static Image painted(const uint8_t *label)
{
    Image image;
    assert_true(image_new(&image, SIDE, SIDE, NULL));
    for (int i = 0; i < PIXELS; i++)
        memcpy(image.pixel + 3 * i, palette[label[i]], 3);
    return image;
}

/* Index of the palette's colour, -1 for a mixture. */
static int class_of(const uint8_t *rgb)
{
    for (int k = 0; k < LABEL_COUNT; k++)
        if (memcmp(rgb, palette[k], 3) == 0)
            return k;
    return -1;
}

static int count_of(const uint8_t *label, int value)
{
    int n = 0;
    for (int i = 0; i < PIXELS; i++)
        n += label[i] == value;
    return n;
}

static void mirror(void **state)
{
    uint8_t label[PIXELS], before[PIXELS];
    Image image;
    (void)state;
    make_face(label);
    put_box(label, 60, 60, 66, 80, LABEL_HAIR); /* not symmetric */
    memcpy(before, label, PIXELS);
    image = painted(label);
    augment_mirror(&image, label);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int from = before[SIDE * y + SIDE - 1 - x], now = label[SIDE * y + x];
            assert_int_equal(class_of(image.pixel + 3 * (SIDE * y + x)), from);
            assert_int_equal(now, from == LABEL_LEFT_EYE     ? LABEL_RIGHT_EYE
                                  : from == LABEL_RIGHT_EYE  ? LABEL_LEFT_EYE
                                  : from == LABEL_LEFT_BROW  ? LABEL_RIGHT_BROW
                                  : from == LABEL_RIGHT_BROW ? LABEL_LEFT_BROW
                                                             : from);
        }
    /* The person's left stays on the right side of the picture, as a person facing us has it. */
    assert_int_equal(label[SIDE * 40 + 58], LABEL_LEFT_EYE);
    image_free(&image);
}

/* Wherever a warped pixel is of one pure colour, the label is that colour's. */
static void register_kept(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        uint8_t label[PIXELS];
        Rng rng = rng_make(seed, 0, 0);
        int pure = 0, mirrored = 0, inside = 0;
        Image image;
        make_face(label);
        image = painted(label);
        assert_true(augment_geometry(&image, label, &rng, NULL));
        for (int i = 0; i < PIXELS; i++) {
            int k = class_of(image.pixel + 3 * i);
            if (label[i] == LABEL_IGNORE)
                continue;
            inside++;
            if (k < 0)
                continue;
            pure++;
            if (k >= LABEL_LEFT_BROW && k <= LABEL_RIGHT_EYE && k != label[i]) {
                mirrored++; /* colours do not exchange sides */
                assert_int_equal((k - LABEL_LEFT_BROW) ^ 1, label[i] - LABEL_LEFT_BROW);
            } else {
                assert_int_equal(k, label[i]);
            }
        }
        assert_true(pure > inside * 7 / 10);
        assert_true(inside > PIXELS / 2);
        assert_true(mirrored == 0 || mirrored > 20);
        image_free(&image);
    }
}

/* What is hidden is labelled so, and what is not labelled anew is not hidden. */
static void occlusion_labels(void **state)
{
    enum { ROUNDS = 600 };
    int glasses = 0, hidden = 0, clothes = 0;
    (void)state;
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        uint8_t label[PIXELS], before[PIXELS];
        Rng rng = rng_make(seed, 0, 0);
        int lost = 0, dressed = 0, covered = 0;
        Image image, old;
        make_face(label);
        memcpy(before, label, PIXELS);
        image = painted(label);
        old = painted(label);
        augment_occlude(&image, label, &rng);
        for (int i = 0; i < PIXELS; i++) {
            const uint8_t *p = image.pixel + 3 * i, *q = old.pixel + 3 * i;
            int change = 0;
            for (int c = 0; c < 3; c++)
                change = abs(p[c] - q[c]) > change ? abs(p[c] - q[c]) : change;
            assert_true(label[i] == before[i] || label[i] == LABEL_BACKGROUND ||
                        label[i] == LABEL_IGNORE);
            /* A soft edge covers less than half of a pixel that keeps its label; only where several
             * edges meet may more of it be hidden. */
            covered += label[i] == before[i] && label[i] != LABEL_BACKGROUND && change > 128;
            lost += before[i] != LABEL_BACKGROUND && label[i] == LABEL_BACKGROUND;
            dressed += i / SIDE > 86 && change > 0;
        }
        assert_true(covered <= 8);
        glasses += count_of(label, LABEL_IGNORE) > 0;
        hidden += lost > 0;
        clothes += dressed > 30;
        image_free(&image);
        image_free(&old);
    }
    assert_in_range(glasses, ROUNDS * 10 / 100, ROUNDS * 20 / 100);
    assert_in_range(hidden, ROUNDS * 15 / 100, ROUNDS * 40 / 100);
    assert_in_range(clothes, ROUNDS * 30 / 100, ROUNDS * 60 / 100);
}

/* The face's pixels change in most pictures, by the generator alone, and nothing else does but for
 * shadows, which only darken. */
static void skin_changes(void **state)
{
    enum { ROUNDS = 200 };
    int face = 0, brows = 0, shaded = 0;
    (void)state;
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        uint8_t label[PIXELS], before[PIXELS];
        Rng rng = rng_make(seed, 0, 0), again = rng_make(seed, 0, 0);
        bool skin = false, brow = false, shade = false;
        make_face(label);
        memcpy(before, label, PIXELS);
        Image image = painted(label), twin = painted(label), old = painted(label);
        augment_skin(&image, label, &rng);
        augment_skin(&twin, label, &again);
        assert_memory_equal(image.pixel, twin.pixel, 3 * PIXELS);
        assert_memory_equal(label, before, PIXELS);
        for (int i = 0; i < 3 * PIXELS; i++) {
            int k = label[i / 3], change = image.pixel[i] - old.pixel[i];
            if (k == LABEL_SKIN || k == LABEL_NOSE) {
                skin = skin || change != 0;
            } else if (k == LABEL_LEFT_BROW || k == LABEL_RIGHT_BROW) {
                brow = brow || change != 0;
            } else {
                assert_true(change <= 0);
                shade = shade || change < 0;
            }
        }
        face += skin;
        brows += brow;
        shaded += shade;
        image_free(&image);
        image_free(&twin);
        image_free(&old);
    }
    assert_in_range(face, ROUNDS * 65 / 100, ROUNDS * 92 / 100);
    assert_in_range(brows, ROUNDS * 30 / 100, ROUNDS * 65 / 100);
    assert_in_range(shaded, ROUNDS * 14 / 100, ROUNDS * 36 / 100);
}

/* Brows grow by one row and one column, over skin alone, to any of the four sides. */
static void brows_grow(void **state)
{
    enum { ROUNDS = 40 };
    int up = 0, left = 0;
    (void)state;
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        uint8_t label[PIXELS], before[PIXELS];
        Rng rng = rng_make(seed, 0, 0);
        make_face(label);
        put_box(label, 20, 30, 70, 32, LABEL_HAIR); /* over the brows' upper edges */
        put_box(label, 52, 25, 64, 28, LABEL_LEFT_BROW);
        memcpy(before, label, PIXELS);
        assert_true(augment_brows(label, SIDE, SIDE, &rng, NULL));
        assert_int_equal(count_of(label, LABEL_HAIR), count_of(before, LABEL_HAIR));
        assert_int_equal(count_of(label, LABEL_RIGHT_BROW) + count_of(label, LABEL_LEFT_BROW) +
                             count_of(label, LABEL_SKIN),
                         count_of(before, LABEL_RIGHT_BROW) + count_of(before, LABEL_LEFT_BROW) +
                             count_of(before, LABEL_SKIN));
        bool upper = label[SIDE * 24 + 58] == LABEL_LEFT_BROW,
             lefter = label[SIDE * 26 + 51] == LABEL_LEFT_BROW;
        assert_int_equal(label[SIDE * 28 + 58], upper ? LABEL_SKIN : LABEL_LEFT_BROW);
        assert_int_equal(label[SIDE * 26 + 64], lefter ? LABEL_SKIN : LABEL_LEFT_BROW);
        assert_int_equal(label[SIDE * 23 + 58], LABEL_SKIN);
        up += upper;
        left += lefter;
    }
    assert_in_range(up, 8, ROUNDS - 8);
    assert_in_range(left, 8, ROUNDS - 8);
}

/* The same seed gives the same bytes; pixels change, labels do not. */
static void colour_changes(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        uint8_t label[PIXELS];
        Image a, b, plain;
        Rng ra = rng_make(seed, 0, 0), rb = rng_make(seed, 0, 0);
        make_face(label);
        a = painted(label);
        b = painted(label);
        plain = painted(label);
        assert_true(augment_colour(&a, &ra, NULL) && augment_colour(&b, &rb, NULL));
        assert_int_equal(a.width, SIDE);
        assert_memory_equal(a.pixel, b.pixel, 3 * PIXELS);
        assert_memory_not_equal(a.pixel, plain.pixel, 3 * PIXELS);
        image_free(&a);
        image_free(&b);
        image_free(&plain);
    }
}

/* A picture without a face, or of one pixel, is no reason to fail. */
static void nothing_to_see(void **state)
{
    static const int side[] = {1, 2, 5, 64};
    (void)state;
    for (size_t k = 0; k < 4; k++)
        for (uint64_t seed = 0; seed < 30; seed++) {
            Rng rng = rng_make(seed, 0, k);
            size_t n = (size_t)side[k] * (size_t)side[k];
            uint8_t *label = calloc(n, 1);
            Image image;
            assert_true(image_new(&image, side[k], side[k], NULL));
            assert_true(background_random(&image, &rng, NULL));
            assert_true(augment(&image, label, &rng, NULL));
            for (size_t i = 0; i < n; i++)
                assert_true(label[i] == LABEL_BACKGROUND || label[i] == LABEL_IGNORE);
            image_free(&image);
            free(label);
        }
}

static void backgrounds_differ(void **state)
{
    enum { N = 40 };
    Image image[N];
    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        Rng rng = rng_make(9, 0, i), again = rng_make(9, 0, i);
        Image twin;
        assert_true(image_new(&image[i], SIDE, SIDE, NULL) && image_new(&twin, SIDE, SIDE, NULL));
        assert_true(background_random(&image[i], &rng, NULL));
        assert_true(background_random(&twin, &again, NULL));
        assert_memory_equal(image[i].pixel, twin.pixel, 3 * PIXELS);
        image_free(&twin);
        for (uint64_t j = 0; j < i; j++)
            assert_memory_not_equal(image[i].pixel, image[j].pixel, 3 * PIXELS);
    }
    for (int i = 0; i < N; i++)
        image_free(&image[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mirror),           cmocka_unit_test(register_kept),
        cmocka_unit_test(occlusion_labels), cmocka_unit_test(colour_changes),
        cmocka_unit_test(skin_changes),     cmocka_unit_test(brows_grow),
        cmocka_unit_test(nothing_to_see),   cmocka_unit_test(backgrounds_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
