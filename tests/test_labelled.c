/* Folders of photos with label maps: order, sizes, errors; the jitter keeps picture and labels
 * together. */
#include "config.h" /* mkdtemp */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

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

    snprintf(path, sizeof path, "%s/00002.jpg", folder);
    assert_int_equal(unlink(path), 0);
    must(labelled_open(&set, folder, &err), &err);
    Image image;
    uint8_t label[PIXELS];
    must(image_new(&image, SIZE, SIZE, &err), &err);
    assert_false(labelled_get(set, 1, &image, label, &err));
    assert_non_null(strstr(err.text, "00002"));
    image_free(&image);
    labelled_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(photos),
        cmocka_unit_test(jitter),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
