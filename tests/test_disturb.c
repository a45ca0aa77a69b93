/* Disturbances: nothing at strength 0, more the stronger, the same for the same seed. */
#include "config.h"

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

#include "datasets/disturb.h"

enum { SIDE = 96, BYTES = 3 * SIDE * SIDE };

static Engine *engine; /* NULL: the assets are missing */

/* Something with edges, colours and flat parts. */
static void paint(Image *image)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            uint8_t *p = image->pixel + 3 * (y * SIDE + x);
            bool inside = (x - 48) * (x - 48) + (y - 48) * (y - 48) < 900;
            p[0] = (uint8_t)(inside ? 210 : 40 + x);
            p[1] = (uint8_t)(inside ? 160 - x / 2 : 90);
            p[2] = (uint8_t)(inside ? 120 : 60 + y);
        }
}

static double difference(const Image *a, const Image *b)
{
    double sum = 0;
    for (int i = 0; i < BYTES; i++)
        sum += abs(a->pixel[i] - b->pixel[i]);
    return sum / BYTES;
}

static void photos(void **state)
{
    (void)state;
    Image plain, one, other;
    Error err;
    assert_true(image_new(&plain, SIDE, SIDE, &err) && image_new(&one, SIDE, SIDE, &err) &&
                image_new(&other, SIDE, SIDE, &err));
    paint(&plain);
    for (int d = 0; d < DISTURBANCES; d++) {
        double before = 0;
        if (disturbance_of_scene((Disturbance)d))
            continue;
        for (int k = 0; k <= 5; k++) {
            paint(&one);
            paint(&other);
            assert_true(disturb_photo((Disturbance)d, (float)k / 5, 3, 4, &one, &err));
            assert_true(disturb_photo((Disturbance)d, (float)k / 5, 3, 4, &other, &err));
            assert_memory_equal(one.pixel, other.pixel, BYTES);
            double now = difference(&plain, &one);
            if (k == 0 || d == DISTURB_NONE)
                assert_true(now == 0);
            else if (!(now > before + .1))
                fail_msg("%s at %d/5: %g after %g", disturbance_name((Disturbance)d), k, now,
                         before);
            before = now;
        }
    }
    /* what grey means */
    paint(&one);
    assert_true(disturb_photo(DISTURB_GREY, 1, 1, 1, &one, &err));
    for (int i = 0; i < BYTES; i += 3)
        assert_true(one.pixel[i] == one.pixel[i + 1] && one.pixel[i] == one.pixel[i + 2]);
    /* a sketch is paper but for its lines: a flat part is white */
    paint(&one);
    assert_true(disturb_photo(DISTURB_SKETCH, 1, 1, 1, &one, &err));
    assert_true(one.pixel[3 * (4 * SIDE + 4)] > 240);
    /* and another index is another occlusion */
    paint(&one);
    paint(&other);
    assert_true(disturb_photo(DISTURB_OCCLUSION, 1, 3, 4, &one, &err) &&
                disturb_photo(DISTURB_OCCLUSION, 1, 3, 5, &other, &err));
    assert_memory_not_equal(one.pixel, other.pixel, BYTES);
    image_free(&plain);
    image_free(&one);
    image_free(&other);
}

static void renders(void **state)
{
    (void)state;
    Image plain, image;
    Error err;
    if (!engine)
        skip();
    const Schema *schema = engine_schema(engine);
    size_t bytes = (size_t)schema->dim * sizeof(float);
    float *who = malloc(bytes), *x = malloc(bytes);
    assert_true(who && x);
    assert_true(image_new(&plain, SIDE, SIDE, &err) && image_new(&image, SIDE, SIDE, &err));
    schema_random_person(schema, 1, 2, who);
    assert_true(disturb_render(engine, DISTURB_NONE, 0, 5, 6, who, &plain, &err));
    for (int d = 1; d < DISTURBANCES; d++) {
        bool hair = d == DISTURB_HAIR, always = hair || d == DISTURB_BACKGROUND;
        memcpy(x, who, bytes);
        assert_true(disturb_render(engine, (Disturbance)d, 0, 5, 6, x, &image, &err));
        assert_int_equal(difference(&plain, &image) > 0, always);
        assert_int_equal(memcmp(x, who, bytes) != 0, hair);
        memcpy(x, who, bytes);
        assert_true(disturb_render(engine, (Disturbance)d, 1, 5, 6, x, &image, &err));
        assert_true(difference(&plain, &image) > 1);
        if (hair) {
            int g = schema_find_group(schema, "hair");
            float sum = 0;
            for (int i = 0; i < schema->group[g].count; i++)
                sum += x[schema->group[g].begin + i];
            assert_true(sum == 1);
            assert_int_not_equal(schema_choice(schema, g, x), schema_choice(schema, g, who));
        }
    }
    free(who);
    free(x);
    image_free(&plain);
    image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(photos), cmocka_unit_test(renders)};
    const char *data = getenv("VISAGIST_DATA");
    char pack[4096];
    Error err;
    snprintf(pack, sizeof pack, "%s/engine.pack", data ? data : "");
    if (access(pack, R_OK) == 0 &&
        !engine_open_builtin(&engine, pack, SRCDIR "/engine/schemas/male.json", &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    engine_close(engine);
    return failed;
}
