/* Folders of photos with label maps: order, sizes, errors; the layouts of Helen and CelebAMask-HQ;
 * the jitter keeps picture and labels together. */
#include "config.h" /* mkdtemp */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "datasets/augment.h"
#include "datasets/labelled.h"
#include "engine/engine.h"

enum { SIZE = 32, PIXELS = SIZE * SIZE };

static char folder[] = "/tmp/test_labelled.XXXXXX";

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

/* A picture of one colour with a map that is LEFT_EYE in its left half and RIGHT_BROW in its right
 * one. */
static void sample(Image *image, uint8_t *label, uint8_t value)
{
    Error err;
    must(image_new(image, SIZE, SIZE, &err), &err);
    memset(image->pixel, value, 3 * PIXELS);
    for (int i = 0; i < PIXELS; i++)
        label[i] = i % SIZE < SIZE / 2 ? LABEL_LEFT_EYE : LABEL_RIGHT_BROW;
}

static void write_sample(const char *name, uint8_t value)
{
    Error err;
    Image image;
    uint8_t label[PIXELS];
    char path[96];
    sample(&image, label, value);
    snprintf(path, sizeof path, "%s/%s.jpg", folder, name); /* readers go by content */
    must(image_save_png(path, &image, &err), &err);
    snprintf(path, sizeof path, "%s/%s.png", folder, name);
    must(image_save_grey_png(path, label, SIZE, SIZE, &err), &err);
    image_free(&image);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    write_sample("00002", 90);
    write_sample("00001", 40);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void photos(void **state)
{
    (void)state;
    Error err;
    Labelled *set;
    Image image;
    uint8_t label[PIXELS / 4];
    char twice[96];
    snprintf(twice, sizeof twice, "%s,%s", folder, folder);
    must(labelled_open(&set, twice, &err), &err);
    assert_int_equal(labelled_count(set), 4);
    must(image_new(&image, SIZE / 2, SIZE / 2, &err), &err);
    for (int i = 0; i < 4; i++) {
        must(labelled_get(set, i, &image, label, &err), &err);
        assert_int_equal(image.pixel[0], i % 2 == 0 ? 40 : 90); /* by name */
        for (int p = 0; p < PIXELS / 4; p++)
            assert_int_equal(label[p],
                             p % (SIZE / 2) < SIZE / 4 ? LABEL_LEFT_EYE : LABEL_RIGHT_BROW);
    }
    image_free(&image);
    labelled_close(set);
}

static void jitter(void **state)
{
    (void)state;
    Error err;
    int mirrored = 0, kept = 0;
    for (uint64_t step = 0; step < 40; step++) {
        Image image[2];
        uint8_t label[2][PIXELS];
        for (int k = 0; k < 2; k++) {
            Rng rng = rng_make(1, 2, step);
            sample(&image[k], label[k], 128);
            /* The picture shows its labels, in a colour no jitter makes the other's. */
            for (int i = 0; i < PIXELS; i++)
                memset(image[k].pixel + 3 * i, label[k][i] == LABEL_LEFT_EYE ? 20 : 230, 3);
            must(labelled_jitter(&image[k], label[k], &rng, &err), &err);
        }
        assert_memory_equal(label[0], label[1], PIXELS); /* by the generator alone */
        assert_memory_equal(image[0].pixel, image[1].pixel, 3 * PIXELS);
        /* Well inside either half, picture and label still agree: dark was the left eye and, in a
         * mirror image, is the right eye now. */
        for (int x = SIZE / 4; x < SIZE; x += SIZE / 2) {
            int p = SIZE / 2 * SIZE + x;
            bool dark = image[0].pixel[3 * p] < 128;
            uint8_t l = label[0][p];
            assert_true(l == LABEL_LEFT_EYE || l == LABEL_RIGHT_EYE || l == LABEL_LEFT_BROW ||
                        l == LABEL_RIGHT_BROW);
            assert_int_equal(dark, l == LABEL_LEFT_EYE || l == LABEL_RIGHT_EYE);
        }
        uint8_t left = label[0][SIZE / 2 * SIZE + SIZE / 4];
        assert_true(left == LABEL_LEFT_EYE ||
                    left == LABEL_LEFT_BROW); /* never a right one on the left */
        mirrored += left == LABEL_LEFT_BROW;
        kept += left == LABEL_LEFT_EYE;
        image_free(&image[0]);
        image_free(&image[1]);
    }
    assert_true(mirrored > 8 && kept > 8);
}

/* folder/NAME, its folders made. */
static void place(char path[256], const char *name)
{
    snprintf(path, 256, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

static void write_photo(const char *name, int side, uint8_t value)
{
    Error err;
    char path[256];
    Image image;
    place(path, name);
    must(image_new(&image, side, side, &err), &err);
    memset(image.pixel, value, 3 * (size_t)side * (size_t)side);
    must(image_save_png(path, &image, &err), &err);
    image_free(&image);
}

/* A mask of 2 SIZE a side; the box in cells of SIZE. */
static void write_mask(const char *name, int left, int top, int right, int bottom, uint8_t value)
{
    Error err;
    char path[256];
    uint8_t mask[4 * PIXELS] = {0};
    place(path, name);
    for (int y = 2 * top; y < 2 * bottom; y++)
        memset(mask + 2 * SIZE * y + 2 * left, value, (size_t)(2 * (right - left)));
    must(image_save_grey_png(path, mask, 2 * SIZE, 2 * SIZE, &err), &err);
}

static void write_text(const char *name, const char *text)
{
    char path[256];
    place(path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static Labelled *opened(const char *name)
{
    Error err;
    Labelled *set;
    char path[256];
    place(path, name);
    must(labelled_open(&set, path, &err), &err);
    return set;
}

static void refusals(void **state)
{
    (void)state;
    Error err;
    Labelled *set = NULL;
    char path[96];
    assert_false(labelled_open(&set, "/nowhere/at/all", &err));
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
    snprintf(path, sizeof path, "%s,", folder);
    assert_false(labelled_open(&set, path, &err));
    assert_null(set);

    must(labelled_open(&set, folder, &err), &err);
    Image image;
    uint8_t label[PIXELS];
    must(image_new(&image, SIZE, SIZE, &err), &err);
    memset(label, 0, sizeof label);
    label[PIXELS - 1] = 17;
    snprintf(path, sizeof path, "%s/00001.png", folder);
    must(image_save_grey_png(path, label, SIZE, SIZE, &err), &err);
    assert_false(labelled_get(set, 0, &image, label, &err));
    assert_non_null(strstr(err.text, "00001.png has the class 17"));
    label[PIXELS - 1] = 255;
    must(image_save_grey_png(path, label, SIZE, SIZE, &err), &err);
    must(labelled_get(set, 0, &image, label, &err), &err);
    image_free(&image);
    labelled_close(set);
}

static void refuse_to_open(const char *name, const char *says)
{
    Error err;
    Labelled *set = NULL;
    char path[256];
    place(path, name);
    assert_false(labelled_open(&set, path, &err));
    assert_null(set);
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
}

/* Before the training, and not when their turn comes. */
static void missing_photos(void **state)
{
    char path[256];
    (void)state;
    write_photo("some/a.jpeg", SIZE, 7);
    write_mask("some/a.png", 0, 0, 1, 1, 1);
    write_mask("some/b.png", 0, 0, 1, 1, 1);
    refuse_to_open("some", "some/b.jpg, which a label map names, cannot be read");
    write_mask("some/.png", 0, 0, 1, 1, 1); /* hidden: no label map of a photo without a name */
    write_text("some/list.txt", "a\nc.jpg\n");
    refuse_to_open("some/list.txt", "some/c.jpg, which ");
    write_photo("some/c.jpg", SIZE, 7);
    refuse_to_open("some/list.txt", "the label map ");
    write_mask("some/c.png", 0, 0, 1, 1, 1);
    labelled_close(opened("some/list.txt"));
    write_photo("some/b.jpg", SIZE, 7);
    Labelled *set = opened("some");
    assert_int_equal(labelled_count(set), 3);
    labelled_close(set);

    write_photo("people/images/1.jpg", SIZE, 7);
    place(path, "people/labels/");
    write_text("people/list.txt", "1 , 1\n2 , 2\n");
    refuse_to_open("people/list.txt", "people/images/2.jpg, which ");
}

/* ---- Published sets ---- */

/* Sample i of a set; fails with a text that has `says` in it, or works if says is NULL. */
static void get(const Labelled *set, int i, uint8_t label[PIXELS], int grey, const char *says)
{
    Error err;
    Image image;
    must(image_new(&image, SIZE, SIZE, &err), &err);
    if (says) {
        assert_false(labelled_get(set, i, &image, label, &err));
        if (!strstr(err.text, says))
            fail_msg("'%s' does not say '%s'", err.text, says);
    } else {
        must(labelled_get(set, i, &image, label, &err), &err);
        assert_int_equal(image.pixel[0], grey);
    }
    image_free(&image);
}

static int at(const uint8_t *label, int x, int y)
{
    return label[SIZE * y + x];
}

#define C "celeb/CelebAMask-HQ-mask-anno/"

static void celebamask(void **state)
{
    uint8_t label[PIXELS];
    (void)state;
    write_photo("celeb/CelebA-HQ-img/7.jpg", 64, 70);
    write_photo("celeb/CelebA-HQ-img/2001.jpg", 48, 80);
    write_photo("celeb/CelebA-HQ-img/30.jpg", 64, 90);
    write_mask(C "0/00007_skin.png", 4, 4, 28, 28, 255);
    write_mask(C "0/00007_nose.png", 14, 12, 18, 18, 255);
    write_mask(C "0/00007_l_brow.png", 6, 8, 12, 10, 255); /* on the picture's left */
    write_mask(C "0/00007_r_brow.png", 20, 8, 26, 10, 255);
    write_mask(C "0/00007_l_eye.png", 20, 11, 26, 13, 255); /* and on its right */
    write_mask(C "0/00007_r_eye.png", 6, 11, 12, 13, 255);
    write_mask(C "0/00007_mouth.png", 10, 20, 22, 24, 255);
    write_mask(C "0/00007_u_lip.png", 10, 20, 22, 21, 255);
    write_mask(C "0/00007_l_lip.png", 10, 23, 22, 24, 255);
    write_mask(C "0/00007_hair.png", 0, 0, 32, 6, 255);
    write_mask(C "0/00007_hat.png", 0, 0, 32, 3, 255);
    write_mask(C "0/00007_l_ear.png", 2, 10, 6, 16, 255);
    write_mask(C "0/00007_neck.png", 10, 26, 22, 32, 255);
    write_mask(C "0/00007_eye_g.png", 20, 10, 28, 14, 255);
    write_mask(C "1/02001_skin.png", 4, 4, 28, 28, 127); /* less than a half */
    write_mask(C "1/02001_hair.png", 0, 0, 32, 6, 128);

    Labelled *set = opened("celeb");
    assert_int_equal(labelled_count(set), 3); /* 2001, 30, 7: the order of the alphabet */
    get(set, 2, label, 70, NULL);
    assert_int_equal(at(label, 8, 5), LABEL_HAIR); /* over the skin */
    assert_int_equal(at(label, 8, 2), LABEL_BACKGROUND);
    assert_int_equal(at(label, 16, 15), LABEL_NOSE);
    assert_int_equal(at(label, 8, 9), LABEL_RIGHT_BROW);
    assert_int_equal(at(label, 22, 9), LABEL_LEFT_BROW);
    assert_int_equal(at(label, 8, 12), LABEL_RIGHT_EYE);
    assert_int_equal(at(label, 22, 12), LABEL_IGNORE);
    assert_int_equal(at(label, 16, 20), LABEL_UPPER_LIP);
    assert_int_equal(at(label, 16, 22), LABEL_INNER_MOUTH);
    assert_int_equal(at(label, 16, 23), LABEL_LOWER_LIP);
    assert_int_equal(at(label, 5, 14), LABEL_BACKGROUND);
    assert_int_equal(at(label, 16, 27), LABEL_BACKGROUND);
    assert_int_equal(at(label, 26, 20), LABEL_SKIN);
    get(set, 0, label, 80, NULL);
    assert_int_equal(at(label, 8, 2), LABEL_HAIR);
    assert_int_equal(at(label, 16, 16), LABEL_BACKGROUND);
    get(set, 1, label, 0, "mask-anno/0 has no masks 00030_PART.png");
    labelled_close(set);

    /* One brow alone, named after the wrong side. */
    write_mask(C "0/00030_nose.png", 14, 12, 18, 18, 255);
    write_mask(C "0/00030_l_brow.png", 6, 8, 12, 10, 255);
    write_text("celeb/some.txt", "30\n\n 7.jpg\n");
    set = opened("celeb/some.txt");
    assert_int_equal(labelled_count(set), 2);
    get(set, 0, label, 90, NULL);
    assert_int_equal(at(label, 8, 9), LABEL_RIGHT_BROW);
    assert_int_equal(at(label, 22, 9), LABEL_BACKGROUND);
    get(set, 1, label, 70, NULL);

    write_photo(C "0/00030_hair.png", 16, 255); /* of another size */
    get(set, 0, label, 0, "00030_hair.png is 16x16, its photo's other masks are 64x64");
    write_text(C "0/00030_hair.png", "not a picture");
    get(set, 0, label, 0, "00030_hair.png");
    labelled_close(set);
    write_photo("celeb/CelebA-HQ-img/me.jpg", 16, 1);
    set = opened("celeb");
    get(set, 3, label, 0, "me.jpg");
    labelled_close(set);
}

static void helen(void **state)
{
    uint8_t label[PIXELS];
    char name[96], path[256];
    (void)state;
    write_photo("helen/images/100_1.jpg", 40, 50);
    write_photo("helen/images/99_2.jpg", 80, 60);
    for (int k = 0; k < LABEL_COUNT; k++) {
        snprintf(name, sizeof name, "helen/labels/100_1/100_1_lbl%02d.png", k);
        write_mask(name, 2 * k, 0, 2 * k + 3, 32, (uint8_t)(100 + k)); /* each hides the last */
    }
    write_text("helen/exemplars.txt", "1 , 100_1\r\n\r\n");
    write_text("helen/testing.txt", "1 , 99_2\n2 , 100_1\n");
    write_text("helen/tuning.txt", "\n");
    Labelled *set = opened("helen/exemplars.txt");
    assert_int_equal(labelled_count(set), 1);
    get(set, 0, label, 50, NULL);
    /* As made, the left ones lie on the picture's left: they are the person's right. */
    static const uint8_t class[LABEL_COUNT] = {LABEL_BACKGROUND, LABEL_SKIN,      LABEL_RIGHT_BROW,
                                               LABEL_LEFT_BROW,  LABEL_RIGHT_EYE, LABEL_LEFT_EYE,
                                               LABEL_NOSE,       LABEL_UPPER_LIP, LABEL_INNER_MOUTH,
                                               LABEL_LOWER_LIP,  LABEL_HAIR};
    for (int k = 0; k < LABEL_COUNT; k++)
        assert_int_equal(at(label, 2 * k + 1, 16), class[k]);
    assert_int_equal(at(label, 30, 16), LABEL_BACKGROUND); /* no map has anything */
    labelled_close(set);

    set = opened("helen/testing.txt");
    assert_int_equal(labelled_count(set), 2);
    get(set, 1, label, 50, NULL);
    get(set, 0, label, 0, "99_2_lbl00.png");
    labelled_close(set);
    set = opened("helen"); /* all there are */
    assert_int_equal(labelled_count(set), 2);
    place(path, "helen/labels/100_1/100_1_lbl07.png");
    assert_int_equal(unlink(path), 0);
    get(set, 0, label, 0, "100_1_lbl07.png");
    labelled_close(set);

    Error err;
    place(path, "helen/tuning.txt");
    assert_false(labelled_open(&set, path, &err));
    assert_non_null(strstr(err.text, "lists no photos"));
    place(path, "helen/none.txt");
    assert_false(labelled_open(&set, path, &err));
    assert_non_null(strstr(err.text, "none.txt"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photos), cmocka_unit_test(jitter),   cmocka_unit_test(celebamask),
        cmocka_unit_test(helen),  cmocka_unit_test(refusals), cmocka_unit_test(missing_photos),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
