/* Picture files, whole and broken; resampling against arithmetic done by hand. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>

#include "engine/codec.h"
#include "datasets/exif.h"
#include "datasets/image.h"
#include "libtensor/rng.h"
#include "tests/test_folder.h"

static char folder[TEST_PATH];

static int make_folder(void **state)
{
    (void)state;
    return test_folder_make(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static void write_bytes(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static Image random_image(int width, int height, uint64_t seed)
{
    Image image;
    Rng rng = rng_make(seed, 1, 0);
    assert_true(image_new(&image, width, height, NULL));
    for (int i = 0; i < 3 * width * height; i++)
        image.pixel[i] = (uint8_t)rng_u32(&rng);
    return image;
}

/* A picture JPEG keeps well. */
static Image smooth_image(int width, int height)
{
    Image image;
    assert_true(image_new(&image, width, height, NULL));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *p = image.pixel + 3 * (y * width + x);
            p[0] = (uint8_t)(40 + 120 * x / width);
            p[1] = (uint8_t)(60 + 100 * y / height);
            p[2] = (uint8_t)(200 - 80 * x / width);
        }
    return image;
}

static void assert_same(const Image *a, const Image *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_memory_equal(a->pixel, b->pixel, 3 * (size_t)a->width * (size_t)a->height);
}

/* Fails with a text that has every one of the words, and leaves the image alone. */
static void assert_refused(const char *path, const char *word)
{
    Image image = {-1, -2, NULL};
    Error err = {""};
    assert_false(image_load(&image, path, &err));
    assert_non_null(strstr(err.text, path));
    if (!strstr(err.text, word))
        fail_msg("\"%s\" does not say \"%s\"", err.text, word);
    assert_int_equal(image.width, -1);
    assert_int_equal(image.height, -2);
    assert_null(image.pixel);
}

/* ---- Files ---- */

static void png_round_trip(void **state)
{
    static const int size[][2] = {{1, 1}, {7, 3}, {64, 64}, {1, 300}, {333, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        char path[TEST_PATH];
        Image a = random_image(size[i][0], size[i][1], i), b;
        uint8_t *grey;
        int width, height;
        test_path(path, folder, "round.png");
        assert_true(image_save_png(path, &a, NULL));
        assert_true(image_load(&b, path, NULL));
        assert_same(&a, &b);
        assert_true(image_save_grey_png(path, a.pixel, a.width, a.height, NULL));
        assert_true(image_load_grey(&grey, &width, &height, path, NULL));
        assert_int_equal(width, a.width);
        assert_int_equal(height, a.height);
        assert_memory_equal(grey, a.pixel, (size_t)width * (size_t)height);
        image_free(&a);
        image_free(&b);
        free(grey);
    }
}

static void alpha_and_grey_over_white(void **state)
{
    static const uint8_t rgba[] = {10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 51};
    static const uint8_t want[] = {10, 20, 30, 255, 255, 255, 204, 224, 255};
    static const uint8_t grey[] = {0, 99, 255};
    char path[TEST_PATH];
    Image image;
    size_t n;
    uint8_t *file = codec_encode_png(rgba, 3, 1, 4, &n);
    (void)state;
    test_path(path, folder, "alpha.png");
    write_bytes(path, file, n);
    assert_true(image_load(&image, path, NULL));
    assert_memory_equal(image.pixel, want, sizeof want);
    image_free(&image);
    free(file);
    assert_true(image_save_grey_png(path, grey, 3, 1, NULL));
    assert_true(image_load(&image, path, NULL));
    for (int i = 0; i < 9; i++)
        assert_int_equal(image.pixel[i], grey[i / 3]);
    image_free(&image);
}

/* A 48x32 JPEG whose quarters are black, dark, light and white, with an EXIF orientation. */
static uint8_t *jpeg_with_orientation(int orientation, bool little, size_t *n)
{
    uint8_t app1[] = {0xff, 0xe1, 0,   34, 'E', 'x', 'i', 'f', 0, 0,    /* TIFF: */ 'M',
                      'M',  0,    '*', 0,  0,   0,   8,   0,   1, 0x01, 0x12,
                      0,    3,    0,   0,  0,   1,   0,   0,   0, 0,    0,
                      0,    0,    0};
    size_t m;
    Image image;
    uint8_t *jpeg, *file;
    if (little) {
        static const uint8_t tiff[] = {'I', 'I',  '*',  0, 8, 0, 0, 0, 1,
                                       0,   0x12, 0x01, 3, 0, 1, 0, 0, 0};
        memcpy(app1 + 10, tiff, sizeof tiff);
    }
    app1[little ? 28 : 29] = (uint8_t)orientation;
    assert_true(image_new(&image, 48, 32, NULL));
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 48; x++)
            memset(image.pixel + 3 * (48 * y + x), 85 * (2 * (y / 16) + x / 24), 3);
    jpeg = codec_encode_jpeg(image.pixel, 48, 32, 95, &m);
    assert_non_null(jpeg);
    file = malloc(m + sizeof app1);
    memcpy(file, jpeg, 2);
    memcpy(file + 2, app1, sizeof app1);
    memcpy(file + 2 + sizeof app1, jpeg + 2, m - 2);
    *n = m + sizeof app1;
    free(jpeg);
    image_free(&image);
    return file;
}

static void exif_orientation(void **state)
{
    /* Quarters of the upright picture, row by row: the stored ones are 0 1 / 2 3. */
    static const int upright[9][4] = {
        [1] = {0, 1, 2, 3}, [2] = {1, 0, 3, 2}, [3] = {3, 2, 1, 0}, [4] = {2, 3, 0, 1},
        [5] = {0, 2, 1, 3}, [6] = {2, 0, 3, 1}, [7] = {3, 1, 2, 0}, [8] = {1, 3, 0, 2}};
    char path[TEST_PATH];
    (void)state;
    test_path(path, folder, "turned.jpg");
    for (int little = 0; little < 2; little++)
        for (int o = 1; o <= 8; o++) {
            Image image;
            size_t n;
            uint8_t *file = jpeg_with_orientation(o, little, &n);
            assert_int_equal(jpeg_orientation(file, n), o);
            write_bytes(path, file, n);
            free(file);
            assert_true(image_load(&image, path, NULL));
            assert_int_equal(image.width, o < 5 ? 48 : 32);
            assert_int_equal(image.height, o < 5 ? 32 : 48);
            for (int q = 0; q < 4; q++) {
                int x = image.width / 4 * (1 + 2 * (q % 2)),
                    y = image.height / 4 * (1 + 2 * (q / 2));
                int got = image.pixel[3 * (y * image.width + x)];
                assert_in_range(got + 10, 85 * upright[o][q], 85 * upright[o][q] + 20);
            }
            image_free(&image);
        }
}

static void damaged_exif_is_ignored(void **state)
{
    Rng rng = rng_make(5, 0, 0);
    size_t n;
    uint8_t *file = jpeg_with_orientation(6, true, &n);
    (void)state;
    assert_int_equal(jpeg_orientation(file, n), 6);
    for (int i = 0; i < 20000; i++) {
        size_t at = 2 + rng_below(&rng, 36), cut = i % 2 ? n : rng_below(&rng, 40);
        uint8_t old = file[at], *exact;
        file[at] = (uint8_t)rng_u32(&rng);
        exact = malloc(cut + 1); /* so that a read past the end is seen */
        memcpy(exact, file, cut);
        exact = realloc(exact, cut ? cut : 1);
        assert_in_range(jpeg_orientation(exact, cut), 1, 8);
        free(exact);
        file[at] = old;
    }
    free(file);
}

static void broken_files(void **state)
{
    char path[TEST_PATH];
    Image image = random_image(200, 100, 1), big = {0};
    size_t n;
    uint8_t *png = codec_encode_png(image.pixel, 200, 100, 3, &n);
    (void)state;
    assert_refused(test_path(path, folder, "nothing.jpg"), "No such file");
    assert_refused(folder, "is a folder");
    assert_refused("/dev/null", "not a regular file");
    test_path(path, folder, "empty.jpg");
    write_bytes(path, (const uint8_t *)"", 0);
    assert_refused(path, "is empty");
    test_path(path, folder, "text.jpg");
    write_bytes(path, (const uint8_t *)"not a picture", 13);
    assert_refused(path, "neither a JPEG nor a PNG");
    test_path(path, folder, "flipped.png");
    png[n / 2] ^= 4;
    write_bytes(path, png, n);
    assert_refused(path, "damaged");
    png[n / 2] ^= 4;

    /* 100 megapixels, and a side beyond the most: refused by the header alone, here a lie. */
    test_path(path, folder, "big.png");
    memcpy(png + 16, "\0\0\x27\x10\0\0\x27\x10", 8);
    write_bytes(path, png, n);
    assert_refused(path, "10000x10000 pixels (100 megapixels");
    memcpy(png + 16, "\0\0\x40\x01\0\0\0\x01", 8);
    write_bytes(path, png, n);
    assert_refused(path, "too large");
    free(png);
    image_free(&image);
    image_free(&big);
}

static void unwritable(void **state)
{
    char path[TEST_PATH], inner[TEST_PATH];
    Image image = random_image(4, 4, 1);
    Error err;
    (void)state;
    test_path(path, folder, "missing/x.png");
    assert_false(image_save_png(path, &image, &err));
    assert_non_null(strstr(err.text, path));
    test_path(path, folder, "plain");
    write_bytes(path, (const uint8_t *)"x", 1);
    test_path(inner, path, "x.png");
    assert_false(image_save_png(inner, &image, &err));
    assert_non_null(strstr(err.text, inner));
    assert_false(image_save_png(folder, &image, &err)); /* a folder stands there */
    assert_non_null(strstr(err.text, folder));
    image_free(&image);
}

/* Every file that lacks its end is refused. */
static void cut_short(void **state)
{
    char path[TEST_PATH];
    Image image = smooth_image(40, 30);
    (void)state;
    test_path(path, folder, "cut");
    for (int kind = 0; kind < 2; kind++) {
        size_t n;
        uint8_t *file = kind ? codec_encode_png(image.pixel, 40, 30, 3, &n)
                             : codec_encode_jpeg(image.pixel, 40, 30, 90, &n);
        Image whole;
        write_bytes(path, file, n);
        assert_true(image_load(&whole, path, NULL));
        image_free(&whole);
        for (size_t cut = 1; cut < n; cut++) {
            write_bytes(path, file, cut);
            assert_refused(path, "");
        }
        free(file);
    }
    image_free(&image);
}

/* Flipped bytes: a picture or a sentence, never a crash (run under the sanitizers). */
static void fuzzed(void **state)
{
    char path[TEST_PATH];
    Image image = random_image(24, 17, 3);
    Rng rng = rng_make(7, 0, 0);
    int refused = 0, loaded = 0;
    (void)state;
    test_path(path, folder, "fuzz");
    for (int kind = 0; kind < 3; kind++) {
        size_t n;
        uint8_t *file = kind == 0   ? codec_encode_jpeg(image.pixel, 24, 17, 60, &n)
                        : kind == 1 ? codec_encode_jpeg(image.pixel, 24, 17, 95, &n)
                                    : codec_encode_png(image.pixel, 24, 17, 3, &n);
        for (int i = 0; i < 1500; i++) {
            uint8_t *broken = malloc(n);
            Image got = {0};
            Error err = {""};
            memcpy(broken, file, n);
            for (uint32_t k = 1 + rng_below(&rng, 4); k > 0; k--)
                broken[rng_below(&rng, (uint32_t)n)] = (uint8_t)rng_u32(&rng);
            if (kind == 2 && i % 2) { /* let the damage past the checksums */
                for (size_t at = 8; at + 12 <= n;) {
                    size_t length = (size_t)broken[at + 2] << 8 | broken[at + 3];
                    uint32_t crc;
                    if (at + 12 + length > n)
                        break;
                    crc = (uint32_t)crc32(0, broken + at + 4, (uInt)length + 4);
                    for (int b = 0; b < 4; b++)
                        broken[at + 8 + length + (size_t)b] = (uint8_t)(crc >> (24 - 8 * b));
                    at += length + 12;
                }
            }
            write_bytes(path, broken, n);
            if (image_load(&got, path, &err)) {
                loaded++;
                assert_in_range(got.width, 1, IMAGE_MAX_SIDE);
                image_free(&got);
            } else {
                refused++;
                assert_non_null(strstr(err.text, path));
            }
            free(broken);
        }
        free(file);
    }
    assert_true(refused > 500 && loaded > 500);
    image_free(&image);
}

static void jpeg_in_memory(void **state)
{
    Image image = smooth_image(61, 45), before = smooth_image(61, 45);
    double coarse = 0, fine = 0;
    (void)state;
    assert_true(image_jpeg_roundtrip(&image, 95, NULL));
    for (int i = 0; i < 3 * 61 * 45; i++)
        fine += abs(image.pixel[i] - before.pixel[i]);
    assert_true(image_jpeg_roundtrip(&image, 5, NULL));
    for (int i = 0; i < 3 * 61 * 45; i++)
        coarse += abs(image.pixel[i] - before.pixel[i]);
    assert_true(fine / (3 * 61 * 45) < 2);
    assert_true(coarse > 2 * fine);
    image_free(&image);
    image_free(&before);
}

/* ---- Resampling ---- */

static double overlap(double lo, double hi, int pixel)
{
    double a = lo > pixel ? lo : pixel, b = hi < pixel + 1 ? hi : pixel + 1;
    return b > a ? b - a : 0;
}

/* Shrinking is the mean over the exact area of each pixel. */
static void area_average(void **state)
{
    Rng rng = rng_make(11, 0, 0);
    (void)state;
    for (int round = 0; round < 60; round++) {
        int w = 1 + (int)rng_below(&rng, 40), h = 1 + (int)rng_below(&rng, 40);
        int tw = 1 + (int)rng_below(&rng, (uint32_t)w), th = 1 + (int)rng_below(&rng, (uint32_t)h);
        Image from = random_image(w, h, (uint64_t)round), to;
        assert_true(image_new(&to, tw, th, NULL));
        image_resize(&to, &from);
        for (int y = 0; y < th; y++)
            for (int x = 0; x < tw; x++)
                for (int c = 0; c < 3; c++) {
                    double sum = 0, area = (double)w / tw * h / th;
                    for (int j = 0; j < h; j++)
                        for (int i = 0; i < w; i++)
                            sum += from.pixel[3 * (j * w + i) + c] *
                                   overlap((double)x * w / tw, (double)(x + 1) * w / tw, i) *
                                   overlap((double)y * h / th, (double)(y + 1) * h / th, j);
                    assert_true(fabs(to.pixel[3 * (y * tw + x) + c] - sum / area) < .502);
                }
        image_free(&from);
        image_free(&to);
    }
}

static void growing_is_linear(void **state)
{
    static const uint8_t two[] = {0, 40, 80, 100, 40, 0};
    static const int want[][3] = {{0, 40, 80}, {25, 40, 60}, {75, 40, 20}, {100, 40, 0}};
    Image from, to;
    (void)state;
    assert_true(image_new(&from, 2, 1, NULL) && image_new(&to, 4, 3, NULL));
    memcpy(from.pixel, two, sizeof two);
    image_resize(&to, &from);
    for (int i = 0; i < 12; i++)
        for (int c = 0; c < 3; c++)
            assert_int_equal(to.pixel[3 * i + c], want[i % 4][c]);
    image_free(&from);
    image_free(&to);
}

static void warp_exactly(void **state)
{
    Image from = random_image(32, 32, 2), to, small, mean;
    uint8_t label[32 * 32], moved[32 * 32];
    (void)state;
    assert_true(image_new(&to, 32, 32, NULL) && image_new(&small, 8, 8, NULL) &&
                image_new(&mean, 8, 8, NULL));
    image_warp(&to, &from, (Similarity){1, 0, 0, 0});
    assert_same(&to, &from);

    /* Shift by (3, -2), border replicated. */
    image_warp(&to, &from, (Similarity){1, 0, 3, -2});
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 32; x++) {
            int sx = x < 3 ? 0 : x - 3, sy = y > 29 ? 31 : y + 2;
            assert_memory_equal(to.pixel + 3 * (32 * y + x), from.pixel + 3 * (32 * sy + sx), 3);
        }

    /* A quarter turn: (x, y) goes to (32 - y, x). Labels alike. */
    for (int i = 0; i < 32 * 32; i++)
        label[i] = from.pixel[3 * i];
    image_warp(&to, &from, (Similarity){0, 1, 32, 0});
    label_warp(moved, 32, 32, label, 32, 32, (Similarity){0, 1, 32, 0}, 255);
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 32; x++) {
            const uint8_t *p = from.pixel + 3 * (32 * y + x);
            assert_memory_equal(to.pixel + 3 * (32 * x + 31 - y), p, 3);
            assert_int_equal(moved[32 * x + 31 - y], p[0]);
        }

    /* To a quarter of the size: the mean of 4 x 4 pixels, as image_resize has it. */
    image_warp(&small, &from, (Similarity){.25f, 0, 0, 0});
    image_resize(&mean, &from);
    for (int i = 0; i < 3 * 64; i++)
        assert_in_range(small.pixel[i] + 1 - mean.pixel[i], 0, 2);
    label_warp(moved, 32, 32, label, 32, 32, (Similarity){1, 0, 40, 0}, 7);
    for (int i = 0; i < 32 * 32; i++)
        assert_int_equal(moved[i], 7);
    image_free(&from);
    image_free(&to);
    image_free(&small);
    image_free(&mean);
}

/* A ramp stays a ramp through any similarity; a fine pattern becomes grey and not moire. */
static void warp_anyhow(void **state)
{
    Rng rng = rng_make(13, 0, 0);
    Image ramp = smooth_image(200, 200), fine, to;
    (void)state;
    assert_true(image_new(&to, 50, 50, NULL) && image_new(&fine, 400, 400, NULL));
    for (int round = 0; round < 20; round++) {
        float zoom = expf(rng_range(&rng, -1.2f, 1)), angle = rng_range(&rng, -3, 3);
        Similarity s = {.a = zoom * cosf(angle), .b = zoom * sinf(angle)}, back;
        s.tx = 25 - s.a * 100 + s.b * 100;
        s.ty = 25 - s.b * 100 - s.a * 100;
        back = similarity_inverse(s);
        image_warp(&to, &ramp, s);
        for (int y = 0; y < 50; y++)
            for (int x = 0; x < 50; x++) {
                float at[2] = {(float)x + .5f, (float)y + .5f};
                similarity_apply(back, at, at);
                if (at[0] < 5 || at[1] < 5 || at[0] > 195 || at[1] > 195)
                    continue;
                assert_true(fabsf((float)to.pixel[3 * (50 * y + x)] - (40 + .6f * (at[0] - .5f))) <
                            1.6f);
                assert_true(fabsf((float)to.pixel[3 * (50 * y + x) + 1] -
                                  (60 + .5f * (at[1] - .5f))) < 1.6f);
            }
    }
    for (int i = 0; i < 400 * 400; i++)
        memset(fine.pixel + 3 * i, (i % 400 + i / 400) % 2 ? 255 : 0, 3);
    image_warp(&to, &fine, (Similarity){.137f, .02f, 0, 0});
    for (int y = 5; y < 45; y++)
        for (int x = 10; x < 45; x++)
            assert_in_range(to.pixel[3 * (50 * y + x)], 112, 143);
    image_free(&ramp);
    image_free(&fine);
    image_free(&to);
}

static void similarity_algebra(void **state)
{
    Rng rng = rng_make(17, 0, 0);
    (void)state;
    for (int round = 0; round < 100; round++) {
        Similarity s = {rng_range(&rng, -2, 2), rng_range(&rng, -2, 2), rng_range(&rng, -99, 99),
                        rng_range(&rng, -99, 99)};
        float from[20], to[20], noisy[20], back[2];
        double best = 0, other = 0;
        Similarity found, fit;
        for (int i = 0; i < 10; i++) {
            from[2 * i] = rng_range(&rng, 0, 200);
            from[2 * i + 1] = rng_range(&rng, 0, 200);
            similarity_apply(s, from + 2 * i, to + 2 * i);
            similarity_apply(similarity_inverse(s), to + 2 * i, back);
            assert_true(fabsf(back[0] - from[2 * i]) < 2e-2f &&
                        fabsf(back[1] - from[2 * i + 1]) < 2e-2f);
        }
        found = similarity_fit(from, to, 10);
        assert_true(fabsf(found.a - s.a) < 1e-4f && fabsf(found.b - s.b) < 1e-4f);
        assert_true(fabsf(found.tx - s.tx) < 1e-2f && fabsf(found.ty - s.ty) < 1e-2f);
        /* With noise: no neighbour of the fit is better. */
        for (int i = 0; i < 20; i++)
            noisy[i] = to[i] + 5 * rng_normal(&rng);
        fit = similarity_fit(from, noisy, 10);
        for (int k = 0; k < 9; k++) {
            Similarity t = fit;
            double sum = 0;
            t.a += k == 1 ? .01f : k == 2 ? -.01f : 0;
            t.b += k == 3 ? .01f : k == 4 ? -.01f : 0;
            t.tx += k == 5 ? .5f : k == 6 ? -.5f : 0;
            t.ty += k == 7 ? .5f : k == 8 ? -.5f : 0;
            for (int i = 0; i < 10; i++) {
                similarity_apply(t, from + 2 * i, back);
                sum += pow(back[0] - noisy[2 * i], 2) + pow(back[1] - noisy[2 * i + 1], 2);
            }
            if (k == 0)
                best = sum;
            else
                other = sum;
            assert_true(k == 0 || other > best);
        }
    }
}

/* ---- The rest ---- */

static void planar(void **state)
{
    Image image, back;
    real value[3 * 256];
    (void)state;
    assert_true(image_new(&image, 16, 16, NULL) && image_new(&back, 16, 16, NULL));
    for (int i = 0; i < 256; i++)
        for (int c = 0; c < 3; c++)
            image.pixel[3 * i + c] = (uint8_t)(i + 85 * c);
    image_to_planar(value, &image);
    assert_true(value[0] == 0 && value[255] == 1 && value[256] == (real)85 / 255);
    image_from_planar(&back, value);
    assert_same(&image, &back);
    value[0] = -3;
    value[1] = 7;
    value[2] = NAN;
    value[3] = (real)(100.4 / 255);
    value[4] = (real)(100.6 / 255);
    image_from_planar(&back, value);
    assert_int_equal(back.pixel[0], 0);
    assert_int_equal(back.pixel[3], 255);
    assert_int_equal(back.pixel[6], 0);
    assert_int_equal(back.pixel[9], 100);
    assert_int_equal(back.pixel[12], 101);
    image_free(&image);
    image_free(&back);
}

static void paste(void **state)
{
    Image sheet, tile = random_image(5, 4, 1);
    (void)state;
    for (int oy = -6; oy < 12; oy++)
        for (int ox = -7; ox < 14; ox++) {
            assert_true(image_new(&sheet, 11, 9, NULL));
            image_paste(&sheet, &tile, ox, oy);
            for (int y = 0; y < 9; y++)
                for (int x = 0; x < 11; x++) {
                    int u = x - ox, v = y - oy;
                    static const uint8_t black[3] = {0};
                    const uint8_t *want =
                        u >= 0 && v >= 0 && u < 5 && v < 4 ? tile.pixel + 3 * (5 * v + u) : black;
                    assert_memory_equal(sheet.pixel + 3 * (11 * y + x), want, 3);
                }
            image_free(&sheet);
        }
    image_free(&tile);
}

static void blur(void **state)
{
    Image image;
    double sum = 0, spread = 0;
    (void)state;
    assert_true(image_new(&image, 41, 41, NULL));
    memset(image.pixel, 100, 3 * 41 * 41);
    assert_true(image_blur(&image, 3, NULL));
    for (int i = 0; i < 3 * 41 * 41; i++)
        assert_int_equal(image.pixel[i], 100);
    memset(image.pixel, 0, 3 * 41 * 41);
    for (int y = 19; y < 22; y++) /* a 3 x 3 block, whose own variance is 2/3 */
        memset(image.pixel + 3 * (41 * y + 19), 255, 9);
    assert_true(image_blur(&image, 2, NULL));
    for (int y = 0; y < 41; y++)
        for (int x = 0; x < 41; x++) {
            double v = image.pixel[3 * (41 * y + x)];
            sum += v;
            spread += v * (x - 20) * (x - 20);
        }
    assert_true(fabs(sum / (9 * 255) - 1) < .03);
    assert_true(fabs(spread / sum - (4 + 2. / 3)) < .4);
    image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_round_trip),
        cmocka_unit_test(alpha_and_grey_over_white),
        cmocka_unit_test(exif_orientation),
        cmocka_unit_test(damaged_exif_is_ignored),
        cmocka_unit_test(broken_files),
        cmocka_unit_test(unwritable),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(fuzzed),
        cmocka_unit_test(jpeg_in_memory),
        cmocka_unit_test(area_average),
        cmocka_unit_test(growing_is_linear),
        cmocka_unit_test(warp_exactly),
        cmocka_unit_test(warp_anyhow),
        cmocka_unit_test(similarity_algebra),
        cmocka_unit_test(planar),
        cmocka_unit_test(paste),
        cmocka_unit_test(blur),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
