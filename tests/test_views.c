/* Views, light and backgrounds of the renderer, on small made-up scenes: no assets needed. */
#include "tests/made_scene.h"

enum { SIZE = 192, PIXELS = SIZE * SIZE };

/* A head of sorts: a ball behind cards of hair that let light through. */
static Still *still_new(void)
{
    Still *still = malloc(sizeof *still);
    still_begin(still, 1);
    return still;
}

static void render(const Scene *scene, const RenderOptions *options, uint8_t *rgb, uint8_t *label)
{
    RenderTables *tables;
    Error err;
    assert_true(render_tables_new(&tables, &scene->surface[0], &err));
    assert_true(render_scene(tables, scene, options, rgb, label, &err));
    render_tables_free(tables);
}

static void transparent_over_a_background_is_the_opaque_picture(void **state)
{
    (void)state;
    Still *still = still_new();
    uint8_t *clear = malloc(PIXELS * 4), *opaque = malloc(PIXELS * 3);
    RenderOptions options = lit(SIZE);
    options.transparent = true;
    render(&still->scene, &options, clear, NULL);
    options.transparent = false;
    const uint8_t background[2][3] = {{255, 240, 200}, {90, 128, 110}};
    for (int b = 0; b < 2; b++) {
        memcpy(options.background[0], background[b], 3);
        memcpy(options.background[1], background[b], 3);
        render(&still->scene, &options, opaque, NULL);
        for (int i = 0; i < PIXELS; i++) {
            float alpha = (float)clear[4 * i + 3] / 255;
            for (int c = 0; c < 3; c++) {
                float over =
                    alpha * linear(clear[4 * i + c]) + (1 - alpha) * linear(background[b][c]);
                assert_float_equal(srgb(over), opaque[3 * i + c], 2);
            }
        }
    }
    int partial = 0, empty = 0;
    for (int i = 0; i < PIXELS; i++) {
        partial += clear[4 * i + 3] > 20 && clear[4 * i + 3] < 235;
        empty += clear[4 * i + 3] == 0;
    }
    assert_true(partial > 1000 && empty > 1000);
    free(opaque);
    free(clear);
    free(still);
}

/* Where hair covers little, its colour is still that of hair. */
static void transparent_colours_are_not_darkened(void **state)
{
    (void)state;
    Mesh mesh;
    Paint paint;
    uint8_t *picture = malloc(PIXELS * 4), full[3] = {0};
    for (int alpha = 255; alpha > 10; alpha -= 61) {
        paint_plain(&paint, 200, (uint8_t)alpha);
        Scene scene;
        scene_begin(&scene);
        scene_add(&scene, quad(&mesh, MATERIAL_HAIR, &paint.texture,
                               (const float[4]){-0.6f, -0.6f, 0.6f, 0.6f}, 0, 0));
        RenderOptions options = lit(SIZE);
        options.transparent = true;
        render(&scene, &options, picture, NULL);
        const uint8_t *middle = picture + 4 * (SIZE / 2 * SIZE + SIZE / 2);
        assert_int_equal(middle[3], alpha);
        for (int c = 0; c < 3; c++) {
            full[c] = alpha == 255 ? middle[c] : full[c];
            assert_true(full[c] > 60);
            assert_in_range(middle[c], full[c] - 1, full[c] + 1);
        }
        assert_int_equal(picture[3], 0);
    }
    free(picture);
}

static void light_has_a_colour(void **state)
{
    (void)state;
    static const Material material[] = {MATERIAL_SKIN, MATERIAL_EYE,  MATERIAL_TEETH,
                                        MATERIAL_HAIR, MATERIAL_BROW, MATERIAL_BEARD};
    Mesh mesh;
    Paint paint;
    paint_plain(&paint, 220, 255);
    uint8_t *picture = malloc(PIXELS * 3);
    for (size_t m = 0; m < sizeof material / sizeof *material; m++)
        for (int c = 0; c < 3; c++) {
            Scene scene;
            scene_begin(&scene);
            scene_add(&scene, quad(&mesh, material[m], &paint.texture,
                                   (const float[4]){-0.6f, -0.6f, 0.6f, 0.6f}, 1.5f, 1.5f));
            RenderOptions options = lit(SIZE);
            memset(options.background, 0, sizeof options.background);
            for (int k = 0; k < 3; k++)
                options.light_colour[k] = k == c;
            render(&scene, &options, picture, NULL);
            const uint8_t *middle = picture + 3 * (SIZE / 2 * SIZE + SIZE / 2);
            for (int k = 0; k < 3; k++)
                assert_true(k == c ? middle[k] > 40 : middle[k] == 0);
        }
    free(picture);
}

static void light_colour_is_a_factor(void **state)
{
    (void)state;
    Still *still = still_new();
    uint8_t *picture[2] = {malloc(PIXELS * 3), malloc(PIXELS * 3)};
    RenderOptions options = lit(SIZE);
    options.light_gain = options.ambient_gain = 0.5f;
    render(&still->scene, &options, picture[0], NULL);
    options.light_gain = options.ambient_gain = 1;
    for (int c = 0; c < 3; c++)
        options.light_colour[c] = 0.5f;
    render(&still->scene, &options, picture[1], NULL);
    assert_memory_equal(picture[0], picture[1], PIXELS * 3);
    free(picture[1]);
    free(picture[0]);
    free(still);
}

static void refused(const Scene *scene, const RenderOptions *options, const char *word)
{
    static uint8_t rgb[64 * 64 * 4];
    RenderTables *tables;
    Error err = {.text = ""};
    assert_true(render_tables_new(&tables, &scene->surface[0], &err));
    memset(rgb, 0xab, sizeof rgb);
    assert_false(render_scene(tables, scene, options, rgb, NULL, &err));
    assert_non_null(strstr(err.text, word));
    assert_non_null(strstr(err.text, "give"));
    assert_int_equal(rgb[0], 0xab);
    render_tables_free(tables);
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *word; /* "": a view too narrow or too wide */
        size_t offset;
        float lo, hi; /* the last that are allowed */
    } range[] = {
        {"yaw", offsetof(RenderOptions, yaw), -180, 180},
        {"pitch", offsetof(RenderOptions, pitch), -90, 90},
        {"roll", offsetof(RenderOptions, roll), -180, 180},
        {"", offsetof(RenderOptions, focal), 100, 15300},
        {"", offsetof(RenderOptions, distance), 4, 175},
        {"light yaw", offsetof(RenderOptions, light_yaw), -180, 180},
        {"light pitch", offsetof(RenderOptions, light_pitch), -90, 90},
        {"light warmth", offsetof(RenderOptions, light_warmth), -1, 1},
        {"light gain", offsetof(RenderOptions, light_gain), 0, 100},
        {"ambient gain", offsetof(RenderOptions, ambient_gain), 0, 100},
        {"light colour", offsetof(RenderOptions, light_colour) + sizeof(float), 0, 100},
    };
    Still *still = still_new();
    uint8_t *picture = malloc(64 * 64 * 3);
    for (size_t i = 0; i < sizeof range / sizeof *range; i++) {
        const float lo = range[i].lo, hi = range[i].hi, past = 0.01f * (hi - lo);
        const float allowed[2] = {lo, hi}, refuse[4] = {lo - past, hi + past, NAN, -INFINITY};
        for (int k = 0; k < 6; k++) {
            RenderOptions options = lit(64);
            float *value = (float *)((char *)&options + range[i].offset);
            *value = k < 2 ? allowed[k] : refuse[k - 2];
            if (k < 2)
                render(&still->scene, &options, picture, NULL);
            else
                refused(&still->scene, &options, range[i].word);
        }
    }
    const int sizes[] = {63, 2049, -1, 0};
    for (int i = 0; i < 4; i++) {
        RenderOptions options = lit(sizes[i]);
        refused(&still->scene, &options, "size");
    }
    free(picture);
    free(still);
}

static void labels_agree_with_pictures_in_every_view(void **state)
{
    (void)state;
    Still *still = still_new();
    uint8_t *picture = malloc(PIXELS * 4), *label = malloc(PIXELS);
    for (int yaw = -180; yaw <= 180; yaw += 60)
        for (int pitch = -90; pitch <= 90; pitch += 45) {
            RenderOptions options = lit(SIZE);
            options.yaw = (float)yaw;
            options.pitch = (float)pitch;
            options.transparent = true;
            render(&still->scene, &options, picture, label);
            int drawn = 0;
            for (int i = 0; i < PIXELS; i++) {
                drawn += picture[4 * i + 3] == 255;
                assert_true(label[i] < LABEL_COUNT);
                if (label[i] == LABEL_HAIR)
                    assert_true(picture[4 * i + 3] >= 127);
                if (picture[4 * i + 3] == 0)
                    assert_int_equal(label[i], LABEL_BACKGROUND);
            }
            assert_true(drawn > 2000); /* the ball */
        }
    free(label);
    free(picture);
    free(still);
}

/* A ball without its lowest caps, as the skin's mesh is open below. */
static void open_meshes_are_closed_by_a_level_cut(void **state)
{
    (void)state;
    Mesh mesh;
    Paint paint;
    paint_plain(&paint, 200, 255);
    static int32_t source[GRID_VERTICES];
    memset(source, -1, sizeof source); /* no vertex of the lips or lids */
    Scene scene;
    scene_begin(&scene);
    Surface ball =
        sphere(&mesh, MATERIAL_SKIN, &paint.texture, (const float[3]){0, 0, -0.7f}, 0.8f);
    const int removed = 2 * GRID * 3 + 8; /* three rows, and a step in the next one */
    ball.triangle += 3 * removed;
    ball.n_triangle -= removed;
    ball.source = source;
    scene_add(&scene, ball);
    uint8_t *picture = malloc(PIXELS * 4), *label = malloc(PIXELS);
    RenderOptions options = lit(SIZE);
    options.transparent = true;
    /* from below: a disc without a hole */
    options.pitch = 90;
    render(&scene, &options, picture, label);
    int holes = 0, filled = 0;
    for (int y = 0; y < SIZE; y++) {
        int first = SIZE, last = -1, solid = 0;
        for (int x = 0; x < SIZE; x++)
            if (picture[4 * (y * SIZE + x) + 3] == 255) {
                first = x < first ? x : first;
                last = x;
                solid++;
            }
        holes += last >= first ? last - first + 1 - solid : 0;
        filled += solid;
    }
    assert_int_equal(holes, 0);
    assert_true(filled > 2000);
    /* from the side: no step in the lower edge */
    options.pitch = 0;
    render(&scene, &options, picture, label);
    int bottom[SIZE] = {0};
    for (int i = 0; i < PIXELS; i++)
        if (picture[4 * i + 3] == 255)
            bottom[i % SIZE] = i / SIZE;
    for (int x = SIZE / 2 - 15; x < SIZE / 2 + 15; x++)
        assert_in_range(bottom[x] - bottom[x + 1] + 1, 0, 2);
    free(label);
    free(picture);
}

static void the_smallest_and_the_largest_picture(void **state)
{
    (void)state;
    enum { LARGE = 2048, SMALL = 64, RATIO = LARGE / SMALL };
    Still *still = still_new();
    still->scene.surface[0].layer[0].texture = &still->paint[1].texture;
    uint8_t *large = malloc((size_t)LARGE * LARGE * 3), *small = malloc(SMALL * SMALL * 3);
    RenderOptions options = lit(LARGE);
    render(&still->scene, &options, large, NULL);
    options.size = SMALL;
    render(&still->scene, &options, small, NULL);
    double sum = 0;
    for (int y = 0; y < SMALL; y++)
        for (int x = 0; x < SMALL; x++)
            for (int c = 0; c < 3; c++) {
                double mean = 0;
                for (int k = 0; k < RATIO * RATIO; k++)
                    mean += large[3 * ((size_t)(RATIO * y + k / RATIO) * LARGE + RATIO * x +
                                       k % RATIO) +
                                  c];
                sum += fabs(small[3 * (y * SMALL + x) + c] - mean / (RATIO * RATIO));
            }
    assert_true(sum / (SMALL * SMALL * 3) < 1.5);
    free(small);
    free(large);
    free(still);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transparent_over_a_background_is_the_opaque_picture),
        cmocka_unit_test(transparent_colours_are_not_darkened),
        cmocka_unit_test(light_has_a_colour),
        cmocka_unit_test(light_colour_is_a_factor),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(labels_agree_with_pictures_in_every_view),
        cmocka_unit_test(open_meshes_are_closed_by_a_level_cut),
        cmocka_unit_test(the_smallest_and_the_largest_picture),
    };
    return cmocka_run_group_tests_name("views", tests, NULL, NULL);
}
