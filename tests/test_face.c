/* Faces in real photos. Needs dlib's landmark model and the sample photos that set-up fetches;
 * skipped (77) without them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "datasets/photo.h"

#define MODEL "/usr/share/dlib/shape_predictor_68_face_landmarks.dat"

enum { SIZE = 256, RIGHT_EYE = 36, LEFT_EYE = 42, EYE_POINTS = 6 };

static char samples[3800];
static FaceDetector *detector;
static Image photo; /* sample2: one face that stands apart */
static Face face;
static float reference[2 * FACE_LANDMARKS];

/* Eye distance: the unit of what is near and far. */
static const float EYES_APART = 60;

static void eye_centre(const float *landmark, int first, float out[2])
{
    out[0] = out[1] = 0;
    for (int i = first; i < first + EYE_POINTS; i++)
        for (int k = 0; k < 2; k++)
            out[k] += landmark[2 * i + k] / EYE_POINTS;
}

static float distance(const float a[2], const float b[2])
{
    return hypotf(a[0] - b[0], a[1] - b[1]);
}

static int setup(void **state)
{
    static const float eyes_at[] = {98, 110, 158, 110};
    float eyes[4];
    char path[4096];
    Similarity s;
    int n;
    (void)state;
    snprintf(path, sizeof path, "%s/sample2.jpg", samples);
    if (!face_detector_open(&detector, MODEL, NULL) || !image_load(&photo, path, NULL) ||
        !face_detect(detector, &photo, &face, 1, &n, NULL) || n != 1)
        return -1;
    /* Its landmarks, upright and with the eyes at known places, are the reference. */
    eye_centre(face.landmark, RIGHT_EYE, eyes);
    eye_centre(face.landmark, LEFT_EYE, eyes + 2);
    s = similarity_fit(eyes, eyes_at, 2);
    for (int i = 0; i < FACE_LANDMARKS; i++)
        similarity_apply(s, face.landmark + 2 * i, reference + 2 * i);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    image_free(&photo);
    face_detector_close(detector);
    return 0;
}

static void faces_are_found(void **state)
{
    /* Women who face the camera, in each of the six photos: at least so many must be found. */
    static const int least[] = {3, 1, 3, 3, 5, 4};
    (void)state;
    for (int i = 0; i < 6; i++) {
        char path[4096];
        Image image;
        Face found[PHOTO_MAX_FACES];
        int n = -1;
        snprintf(path, sizeof path, "%s/sample%d.jpg", samples, i + 1);
        assert_true(image_load(&image, path, NULL));
        assert_true(face_detect(detector, &image, found, PHOTO_MAX_FACES, &n, NULL));
        assert_in_range(n, least[i], least[i] + 2);
        for (int k = 0; k < n; k++) {
            float right[2], left[2], width = found[k].right - found[k].left;
            float area = width * (found[k].bottom - found[k].top);
            eye_centre(found[k].landmark, RIGHT_EYE, right);
            eye_centre(found[k].landmark, LEFT_EYE, left);
            assert_true(left[0] > right[0]); /* the person's left is on our right */
            assert_true(distance(left, right) > .25f * width &&
                        distance(left, right) < .7f * width);
            assert_true(k == 0 || area <= (found[k - 1].right - found[k - 1].left) *
                                              (found[k - 1].bottom - found[k - 1].top));
        }
        if (n > 1) { /* at most as many as there is room for */
            int few = -1;
            assert_true(face_detect(detector, &image, found, 1, &few, NULL));
            assert_int_equal(few, 1);
        }
        image_free(&image);
    }
}

static void nothing_found_in_nothing(void **state)
{
    static const int size[][2] = {{1, 1}, {1, 600}, {9000, 1}, {300, 300}, {64, 64}};
    (void)state;
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        Image image, aligned = {0};
        Error err;
        Face found[4];
        char note[PHOTO_NOTE];
        int n = -1;
        assert_true(image_new(&image, size[i][0], size[i][1], NULL));
        memset(image.pixel, 130, 3 * (size_t)size[i][0] * (size_t)size[i][1]);
        assert_true(face_detect(detector, &image, found, 4, &n, NULL));
        assert_int_equal(n, 0);
        assert_false(photo_align(detector, &image, "blank.jpg", 0, reference, SIZE, &aligned, NULL,
                                 note, &err));
        assert_non_null(strstr(err.text, "blank.jpg: no face was found; try"));
        assert_null(aligned.pixel);
        assert_false(photo_reference(detector, &image, SIZE, reference, &err));
        image_free(&image);
    }
}

/* The same face in a larger and in a smaller picture has the same landmarks. */
static void any_scale(void **state)
{
    static const float scale[] = {2.2f, .6f, .35f};
    float apart = distance(face.landmark + 2 * RIGHT_EYE, face.landmark + 2 * (LEFT_EYE + 3));
    (void)state;
    for (int i = 0; i < 3; i++) {
        Image image;
        Face other;
        float worst = 0;
        int n;
        assert_true(image_new(&image, (int)(scale[i] * (float)photo.width),
                              (int)(scale[i] * (float)photo.height), NULL));
        image_resize(&image, &photo);
        assert_true(face_detect(detector, &image, &other, 1, &n, NULL));
        assert_int_equal(n, 1);
        for (int k = 0; k < FACE_LANDMARKS; k++) {
            float back[2] = {other.landmark[2 * k] * (float)photo.width / (float)image.width,
                             other.landmark[2 * k + 1] * (float)photo.height / (float)image.height};
            worst = fmaxf(worst, distance(back, face.landmark + 2 * k));
        }
        if (worst > .2f * apart)
            fail_msg("scale %g: a landmark is off by %g of the eyes' span", (double)scale[i],
                     (double)(worst / apart));
        image_free(&image);
    }
}

/* Aligned faces have their eyes where the reference has them: found again in the aligned picture.
 */
static void eyes_on_the_reference(void **state)
{
    (void)state;
    for (int i = 1; i <= 6; i++) {
        char path[4096], note[PHOTO_NOTE];
        Image image, aligned;
        Face chosen, again;
        int n;
        snprintf(path, sizeof path, "%s/sample%d.jpg", samples, i);
        assert_true(image_load(&image, path, NULL));
        assert_true(
            photo_align(detector, &image, path, 1, reference, SIZE, &aligned, &chosen, note, NULL));
        assert_string_equal(note, "");
        assert_int_equal(aligned.width, SIZE);
        assert_true(face_detect(detector, &aligned, &again, 1, &n, NULL));
        assert_int_equal(n, 1);
        for (int e = 0; e < 2; e++) {
            float want[2], got[2];
            eye_centre(reference, e ? LEFT_EYE : RIGHT_EYE, want);
            eye_centre(again.landmark, e ? LEFT_EYE : RIGHT_EYE, got);
            /* Other people's eyes lie elsewhere in the face; its own must fit closely. */
            if (distance(want, got) > (i == 2 ? .05f : .25f) * EYES_APART)
                fail_msg("%s: an eye is off by %g of the eyes' distance", path,
                         (double)(distance(want, got) / EYES_APART));
        }
        image_free(&image);
        image_free(&aligned);
    }
}

/* Turn the photo: the aligned picture stays. */
static void rotation_is_undone(void **state)
{
    static const float degrees[] = {-12, -6, 6, 12};
    char note[PHOTO_NOTE];
    Image straight, turned, aligned;
    (void)state;
    assert_true(
        photo_align(detector, &photo, "photo", 0, reference, SIZE, &straight, NULL, note, NULL));
    assert_true(image_new(&turned, photo.width, photo.height, NULL));
    for (int i = 0; i < 4; i++) {
        float angle = degrees[i] * .0174533f, cx = face.landmark[60], cy = face.landmark[61];
        Similarity s = {.a = cosf(angle), .b = sinf(angle)};
        Similarity there = face_alignment(&face, reference), here;
        Face chosen;
        double sum = 0;
        int count = 0;
        s.tx = cx - s.a * cx + s.b * cy;
        s.ty = cy - s.b * cx - s.a * cy;
        image_warp(&turned, &photo, s);
        assert_true(photo_align(detector, &turned, "photo", 0, reference, SIZE, &aligned, &chosen,
                                note, NULL));
        here = face_alignment(&chosen, reference);
        for (int k = 0; k < FACE_LANDMARKS;
             k++) { /* photo -> turned -> aligned is photo -> aligned */
            float round[2], direct[2];
            similarity_apply(s, face.landmark + 2 * k, round);
            similarity_apply(here, round, round);
            similarity_apply(there, face.landmark + 2 * k, direct);
            if (distance(round, direct) > .1f * EYES_APART)
                fail_msg("%g degrees: off by %g of the eyes' distance", (double)degrees[i],
                         (double)(distance(round, direct) / EYES_APART));
        }
        for (int y = 90; y < 200; y++)
            for (int x = 80; x < 176; x++, count++)
                sum += abs(aligned.pixel[3 * (SIZE * y + x)] - straight.pixel[3 * (SIZE * y + x)]);
        if (sum / count > 10)
            fail_msg("%g degrees: pixels differ by %g", (double)degrees[i], sum / count);
        image_free(&aligned);
    }
    image_free(&turned);
    image_free(&straight);
}

static void choice_of_face(void **state)
{
    char path[4096], note[PHOTO_NOTE];
    Image image, aligned = {0};
    Face largest, first, second;
    Error err;
    (void)state;
    snprintf(path, sizeof path, "%s/sample4.jpg", samples);
    assert_true(image_load(&image, path, NULL));
    assert_true(
        photo_align(detector, &image, path, 0, reference, SIZE, &aligned, &largest, note, &err));
    assert_non_null(strstr(note, "3 faces"));
    image_free(&aligned);
    assert_true(
        photo_align(detector, &image, path, 1, reference, SIZE, &aligned, &first, note, &err));
    image_free(&aligned);
    assert_true(
        photo_align(detector, &image, path, 2, reference, SIZE, &aligned, &second, note, &err));
    image_free(&aligned);
    assert_memory_equal(&largest, &first, sizeof first);
    assert_memory_not_equal(&second, &first, sizeof first);
    assert_false(
        photo_align(detector, &image, path, 9, reference, SIZE, &aligned, &first, note, &err));
    assert_non_null(strstr(err.text, "face 9 was asked for, but 3 were found"));
    assert_null(aligned.pixel);
    image_free(&image);
}

static void reference_of_a_picture(void **state)
{
    float own[2 * FACE_LANDMARKS];
    (void)state;
    assert_true(photo_reference(detector, &photo, SIZE, own, NULL));
    for (int i = 0; i < FACE_LANDMARKS; i++) {
        assert_true(fabsf(own[2 * i] - face.landmark[2 * i] * SIZE / (float)photo.width) < 1e-3f);
        assert_true(fabsf(own[2 * i + 1] - face.landmark[2 * i + 1] * SIZE / (float)photo.height) <
                    1e-3f);
    }
}

static void no_model(void **state)
{
    FaceDetector *other = NULL;
    char path[4096];
    Error err;
    (void)state;
    assert_false(face_detector_open(&other, "/nowhere/model.dat", &err));
    assert_non_null(strstr(err.text, "/nowhere/model.dat"));
    assert_non_null(strstr(err.text, "libdlib-data"));
    snprintf(path, sizeof path, "%s/sample1.jpg", samples); /* not a model */
    assert_false(face_detector_open(&other, path, &err));
    assert_null(other);
    face_detector_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faces_are_found),        cmocka_unit_test(any_scale),
        cmocka_unit_test(eyes_on_the_reference),  cmocka_unit_test(rotation_is_undone),
        cmocka_unit_test(choice_of_face),         cmocka_unit_test(nothing_found_in_nothing),
        cmocka_unit_test(reference_of_a_picture), cmocka_unit_test(no_model),
    };
    const char *data = getenv("VISAGIST_DATA");
    char path[4096];

    snprintf(samples, sizeof samples, "%s/samples", data ? data : SRCDIR "/assets");
    snprintf(path, sizeof path, "%s/sample2.jpg", samples);
    if (access(MODEL, R_OK) != 0 || access(path, R_OK) != 0) {
        printf("skipped: %s or %s is missing; scripts/setup.sh fetches them\n", MODEL, path);
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
