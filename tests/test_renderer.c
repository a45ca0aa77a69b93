/* The renderer on small made-up scenes: no assets needed. */
#include <pthread.h>

#include "tests/made_scene.h"

static double coverage(const Picture *picture, int size)
{
    double sum = 0;
    for (int i = 0; i < size * size; i++)
        sum += 1 - linear(picture->rgb[3 * i]);
    return sum;
}

static void coverage_of_a_quad(void **state)
{
    (void)state;
    Mesh mesh;
    Paint paint;
    Picture *picture = malloc(sizeof *picture);
    paint_plain(&paint, 200, 255);
    Scene scene;
    scene_begin(&scene);
    scene_add(&scene, quad(&mesh, MATERIAL_SKIN, &paint.texture,
                           (const float[4]){-0.53f, -0.77f, 0.61f, 0.42f}, 0, 0));
    for (int size = 128; size <= 512; size *= 2) {
        RenderOptions options = dark(size);
        draw(&scene, &options, picture);
        double scale = 1500.0 / 9 * size / 512, expected = 1.14 * scale * 1.19 * scale;
        /* 8 samples on an upright edge know its place to 1 / 16 pixel */
        double bound = (1.14 + 1.19) * 2 * scale / 16;
        assert_true(fabs(coverage(picture, size) - expected) < bound);
    }
    free(picture);
}

static void silhouette_of_a_sphere(void **state)
{
    (void)state;
    Mesh mesh;
    Paint paint;
    Picture *picture = malloc(sizeof *picture);
    paint_plain(&paint, 200, 255);
    Scene scene;
    scene_begin(&scene);
    scene_add(&scene, sphere(&mesh, MATERIAL_SKIN, &paint.texture, (const float[3]){0, 0, 0}, 1));
    RenderOptions options = dark(256);
    draw(&scene, &options, picture);
    /* the visible cap's rim, less what the 24-gons cut off */
    double radius = 750 / sqrt(9.0 * 9 - 1), area = 3.14159265 * radius * radius;
    double covered = coverage(picture, 256);
    assert_true(covered < area && covered > 0.97 * area);
    free(picture);
}

static void nearer_hides_farther(void **state)
{
    (void)state;
    Mesh near, far;
    Paint bright, dim;
    Picture *picture = malloc(sizeof *picture);
    paint_plain(&bright, 230, 255);
    paint_plain(&dim, 20, 255);
    const float box[4] = {-0.6f, -0.6f, 0.6f, 0.6f};
    for (int order = 0; order < 2; order++) {
        Scene scene;
        scene_begin(&scene);
        Surface a = quad(&near, MATERIAL_SKIN, &dim.texture, box, 0.3f, 0.3f);
        Surface b = quad(&far, MATERIAL_SKIN, &bright.texture, box, -0.3f, -0.3f);
        scene_add(&scene, order ? a : b);
        scene_add(&scene, order ? b : a);
        RenderOptions options = lit(128);
        draw(&scene, &options, picture);
        assert_true(picture->rgb[3 * (64 * 128 + 64)] < 60);
    }
    free(picture);
}

static void uv_is_perspective_correct(void **state)
{
    (void)state;
    Mesh mesh;
    Paint paint;
    Picture *picture = malloc(sizeof *picture);
    paint_halves(&paint, (const uint8_t[4]){0, 0, 0, 255}, (const uint8_t[4]){0, 0, 0, 0});
    Scene scene;
    scene_begin(&scene);
    scene_add(&scene,
              quad(&mesh, MATERIAL_HAIR, &paint.texture, (const float[4]){-1, -1, 1, 1}, 3, -3));
    RenderOptions options = dark(256);
    draw(&scene, &options, picture);
    /* u = .5 is x = 0: the middle of the picture; blending uv in screen space puts it 27 pixels
     * further right */
    const uint8_t *row = picture->rgb + 3 * 128 * 256;
    assert_int_equal(row[3 * 122], 0);
    assert_int_equal(row[3 * 134], 255);
    free(picture);
}

static void alpha_blends_over_the_background(void **state)
{
    (void)state;
    Mesh mesh[2];
    Paint paint;
    Picture *picture = malloc(sizeof *picture);
    const float box[4] = {-0.6f, -0.6f, 0.6f, 0.6f};
    for (int alpha = 5; alpha < 256; alpha += 50) {
        paint_plain(&paint, 128, (uint8_t)alpha);
        Scene scene;
        scene_begin(&scene);
        RenderOptions options = dark(128);
        memset(options.background, 180, sizeof options.background);
        float clear = 1 - (float)alpha / 255, expected = linear(180);
        for (int layer = 0; layer < 2; layer++) {
            scene_add(&scene, quad(&mesh[layer], MATERIAL_HAIR, &paint.texture, box,
                                   0.1f * (float)layer, 0.1f * (float)layer));
            expected *= clear;
            draw(&scene, &options, picture);
            assert_float_equal(picture->rgb[3 * (64 * 128 + 64)], srgb(expected), 0.75f);
        }
    }
    free(picture);
}

static void background_is_kept(void **state)
{
    (void)state;
    Mesh mesh;
    Paint paint;
    Picture *picture = malloc(sizeof *picture);
    paint_plain(&paint, 128, 255);
    Scene scene;
    scene_begin(&scene);
    scene_add(&scene, quad(&mesh, MATERIAL_SKIN, &paint.texture,
                           (const float[4]){-0.1f, -0.1f, 0.1f, 0.1f}, 0, 0));
    RenderOptions options = lit(64);
    uint8_t *image = malloc(64 * 64 * 3);
    for (int i = 0; i < 64 * 64 * 3; i++)
        image[i] = (uint8_t)(i * 7);
    options.background_image = image;
    draw(&scene, &options, picture);
    assert_memory_equal(picture->rgb, image, 64 * 20 * 3);
    options.background_image = NULL;
    memcpy(options.background, (const uint8_t[2][3]){{10, 20, 30}, {200, 210, 220}}, 6);
    draw(&scene, &options, picture);
    for (int c = 0; c < 3; c++) {
        assert_in_range(picture->rgb[c], 10 * c + 10, 10 * c + 35);
        assert_in_range(picture->rgb[3 * 64 * 63 + c], 10 * c + 195, 10 * c + 200);
    }
    free(image);
    free(picture);
}

static void labels_follow_materials_and_coverage(void **state)
{
    (void)state;
    Mesh mesh[7];
    Paint solid, thin, thick;
    Picture *picture = malloc(sizeof *picture);
    paint_plain(&solid, 128, 255);
    paint_plain(&thin, 128, 102);
    paint_plain(&thick, 128, 153);
    Scene scene;
    scene_begin(&scene);
    scene_add(&scene, quad(&mesh[0], MATERIAL_TEETH, &solid.texture,
                           (const float[4]){-0.9f, -0.9f, 0.9f, 0.9f}, 0, 0));
    scene_add(&scene, quad(&mesh[1], MATERIAL_EYE, &solid.texture,
                           (const float[4]){0.5f, 0.5f, 0.8f, 0.8f}, 0.2f, 0.2f));
    scene_add(&scene, quad(&mesh[2], MATERIAL_EYE, &solid.texture,
                           (const float[4]){-0.8f, 0.5f, -0.5f, 0.8f}, 0.2f, 0.2f));
    scene_add(&scene, quad(&mesh[3], MATERIAL_HAIR, &thick.texture,
                           (const float[4]){0.5f, -0.8f, 0.8f, -0.5f}, 0.2f, 0.2f));
    scene_add(&scene, quad(&mesh[4], MATERIAL_HAIR, &thin.texture,
                           (const float[4]){-0.8f, -0.8f, -0.5f, -0.5f}, 0.2f, 0.2f));
    /* a brow; a beard over mouth and background */
    scene_add(&scene, quad(&mesh[5], MATERIAL_BROW, &thin.texture,
                           (const float[4]){-0.05f, 0.5f, 0.2f, 0.8f}, 0.2f, 0.2f));
    scene_add(&scene, quad(&mesh[6], MATERIAL_BEARD, &thick.texture,
                           (const float[4]){-0.2f, -0.2f, 0.2f, 1.3f}, 0.1f, 0.1f));
    RenderOptions options = lit(256);
    draw(&scene, &options, picture);
    const float scale = 750.0f / 8.8f;
    int out = (int)(0.65f * scale); /* from the middle to the small quads */
    assert_int_equal(picture->label[(128 - out) * 256 + 128 + out], LABEL_LEFT_EYE);
    assert_int_equal(picture->label[(128 - out) * 256 + 128 - out], LABEL_RIGHT_EYE);
    assert_int_equal(picture->label[(128 + out) * 256 + 128 + out], LABEL_HAIR);
    assert_int_equal(picture->label[(128 + out) * 256 + 128 - out], LABEL_INNER_MOUTH);
    assert_int_equal(picture->label[128 * 256 + 128], LABEL_INNER_MOUTH);
    assert_int_equal(picture->label[(128 - out) * 256 + 128], LABEL_LEFT_BROW);
    assert_int_equal(picture->label[(int)(128 - 1.1f * scale) * 256 + 128], LABEL_SKIN);
    assert_int_equal(picture->label[0], LABEL_BACKGROUND);
    free(picture);
}

static void *draw_thread(void *argument)
{
    struct {
        const RenderTables *tables;
        const Scene *scene;
        RenderOptions options;
        Picture picture;
        bool ok;
    } *job = argument;
    Error err;
    job->ok = render_scene(job->tables, job->scene, &job->options, job->picture.rgb,
                           job->picture.label, &err);
    return NULL;
}

static void same_bits_twice_and_in_threads(void **state)
{
    (void)state;
    Still *still = malloc(sizeof *still);
    still_begin(still, 1);
    struct Job {
        const RenderTables *tables;
        const Scene *scene;
        RenderOptions options;
        Picture picture;
        bool ok;
    } *job = calloc(3, sizeof *job);
    RenderTables *tables;
    Error err;
    assert_true(render_tables_new(&tables, &still->scene.surface[0], &err));
    pthread_t thread[2];
    for (int i = 0; i < 3; i++) {
        job[i].tables = tables;
        job[i].scene = &still->scene;
        job[i].options = lit(256);
        job[i].options.yaw = 13;
        if (i > 0)
            assert_int_equal(pthread_create(&thread[i - 1], NULL, draw_thread, &job[i]), 0);
    }
    draw_thread(&job[0]);
    for (int i = 1; i < 3; i++) {
        pthread_join(thread[i - 1], NULL);
        assert_true(job[i].ok);
        assert_memory_equal(&job[i].picture, &job[0].picture, sizeof(Picture));
    }
    render_tables_free(tables);
    free(job);
    free(still);
}

static void odd_and_small_sizes(void **state)
{
    (void)state;
    Still *still = malloc(sizeof *still);
    still_begin(still, 1);
    Picture *picture = malloc(sizeof *picture);
    const int sizes[] = {64, 65, 513};
    for (int i = 0; i < 3; i++) {
        int size = sizes[i];
        RenderOptions options = lit(size);
        memset(picture, 0xab, sizeof *picture);
        draw(&still->scene, &options, picture);
        /* drawn to the last pixel and no further */
        assert_int_equal(picture->label[(size - 1) * size], LABEL_BACKGROUND);
        assert_true(picture->rgb[3 * size * size - 1] < 0xab);
        if (size < MAX_SIZE)
            assert_int_equal(picture->rgb[3 * size * size], 0xab);
    }
    RenderTables *tables;
    Error err = {.text = ""};
    assert_true(render_tables_new(&tables, &still->scene.surface[0], &err));
    RenderOptions options = lit(63);
    memset(picture, 0xab, sizeof *picture);
    assert_false(render_scene(tables, &still->scene, &options, picture->rgb, picture->label, &err));
    assert_non_null(strstr(err.text, "63"));
    assert_int_equal(picture->rgb[0], 0xab);
    render_tables_free(tables);
    free(picture);
    free(still);
}

static void nan_vertices_are_left_out(void **state)
{
    (void)state;
    Still *still = malloc(sizeof *still);
    still_begin(still, 1);
    Picture *picture = calloc(2, sizeof *picture);
    RenderOptions options = lit(128);
    /* in front; of a card with alpha; far outside */
    const int broken[3] = {(GRID / 2) * (GRID + 1) + 1, 0, 0};
    const float bad[3] = {NAN, INFINITY, -1e30f};
    for (int m = 0; m < 3; m++)
        still->mesh[m].position[3 * broken[m] + m % 2] = bad[m];
    draw(&still->scene, &options, &picture[0]);
    /* the same without the triangles at those vertices */
    for (int m = 0; m < 3; m++) {
        still->mesh[m].position[3 * broken[m] + m % 2] = 0;
        int32_t *t = still->mesh[m].triangle;
        for (int i = 0; i < still->scene.surface[m].n_triangle; i++)
            if (t[3 * i] == broken[m] || t[3 * i + 1] == broken[m] || t[3 * i + 2] == broken[m])
                t[3 * i + 1] = t[3 * i + 2] = t[3 * i];
    }
    draw(&still->scene, &options, &picture[1]);
    assert_memory_equal(&picture[0], &picture[1], sizeof *picture);
    free(picture);
    free(still);
}

static void mirrored_scene_gives_mirrored_picture(void **state)
{
    (void)state;
    enum { SIZE = 256 };
    Still *still = malloc(sizeof *still);
    Picture *picture = malloc(2 * sizeof *picture);
    for (int side = 0; side < 2; side++) {
        float mirror = side ? -1 : 1;
        still_begin(still, mirror);
        /* one colour: the texture itself is not symmetrical */
        still->scene.surface[0].layer[0].texture = &still->paint[1].texture;
        RenderOptions options = lit(SIZE);
        options.yaw = 20 * mirror;
        options.light_yaw *= mirror;
        options.roll = -7 * mirror;
        draw(&still->scene, &options, &picture[side]);
    }
    double sum = 0, unmirrored = 0;
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++)
            for (int c = 0; c < 3; c++) {
                int here = picture[0].rgb[3 * (y * SIZE + x) + c];
                sum += abs(here - picture[1].rgb[3 * (y * SIZE + SIZE - 1 - x) + c]);
                unmirrored += abs(here - picture[1].rgb[3 * (y * SIZE + x) + c]);
            }
    assert_true(sum / (SIZE * SIZE * 3) < 0.5);
    assert_true(unmirrored / (SIZE * SIZE * 3) > 5);
    free(picture);
    free(still);
}

static void small_picture_is_the_large_one_reduced(void **state)
{
    (void)state;
    Still *still = malloc(sizeof *still);
    still_begin(still, 1);
    /* stripes finer than the small picture's pixels */
    enum { WIDE = 512 };
    uint8_t *stripes = malloc(texture_bytes(WIDE, WIDE, 3));
    for (int i = 0; i < WIDE * WIDE; i++)
        memset(stripes + 3 * i, i % 4 < 2 ? 190 : 90, 3);
    Texture texture;
    texture_prepare(&texture, WIDE, WIDE, 3, stripes);
    still->scene.surface[0].layer[0].texture = &texture;
    Picture *picture = malloc(2 * sizeof *picture);
    RenderOptions options = lit(128);
    draw(&still->scene, &options, &picture[0]);
    options.size = 512;
    draw(&still->scene, &options, &picture[1]);
    double sum = 0;
    for (int y = 0; y < 128; y++)
        for (int x = 0; x < 128; x++)
            for (int c = 0; c < 3; c++) {
                int box = 0;
                for (int k = 0; k < 16; k++)
                    box += picture[1].rgb[3 * ((4 * y + k / 4) * 512 + 4 * x + k % 4) + c];
                sum += fabs(picture[0].rgb[3 * (y * 128 + x) + c] - box / 16.0);
            }
    assert_true(sum / (128 * 128 * 3) < 1.5);
    free(picture);
    free(stripes);
    free(still);
}

static void light_comes_from_its_side(void **state)
{
    (void)state;
    Still *still = malloc(sizeof *still);
    still_begin(still, 1);
    still->scene.n_surface = 1;
    still->scene.surface[0].layer[0].texture = &still->paint[1].texture;
    Picture *picture = malloc(sizeof *picture);
    RenderOptions options = lit(256);
    options.light_pitch = 0;
    paint_plain(&still->paint[1], 160, 255);
    for (int side = -1; side <= 1; side += 2) {
        options.light_yaw = 50.0f * (float)side;
        draw(&still->scene, &options, picture);
        const uint8_t *row = picture->rgb + 3 * 128 * 256;
        assert_true(row[3 * (134 + 35 * side) + 1] > row[3 * (134 - 35 * side) + 1] + 30);
    }
    free(picture);
    free(still);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coverage_of_a_quad),
        cmocka_unit_test(silhouette_of_a_sphere),
        cmocka_unit_test(nearer_hides_farther),
        cmocka_unit_test(uv_is_perspective_correct),
        cmocka_unit_test(alpha_blends_over_the_background),
        cmocka_unit_test(background_is_kept),
        cmocka_unit_test(labels_follow_materials_and_coverage),
        cmocka_unit_test(same_bits_twice_and_in_threads),
        cmocka_unit_test(odd_and_small_sizes),
        cmocka_unit_test(nan_vertices_are_left_out),
        cmocka_unit_test(mirrored_scene_gives_mirrored_picture),
        cmocka_unit_test(small_picture_is_the_large_one_reduced),
        cmocka_unit_test(light_comes_from_its_side),
    };
    return cmocka_run_group_tests_name("renderer", tests, NULL, NULL);
}
