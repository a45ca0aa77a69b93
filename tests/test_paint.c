/* What is painted on the skin: every paint shows where it grows or is put on and nowhere else, in
 * its colour; lips touch, eyes have catch lights, bald heads no hair. Skipped without the asset
 * pack. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/engine_scene.h"
#include "engine/look.h"
#include "engine/renderer_rings.h"
#include "tests/engine_files.h"
#include "tests/test_folder.h"

enum { SIZE = 256, PIXELS = SIZE * SIZE };
enum { MALE, FEMALE, MODELS };

static Engine *engine[MODELS];

typedef struct Picture {
    uint8_t rgb[PIXELS * 3], label[PIXELS];
} Picture;

/* The average person of a model, bald, with what a test changes. */
typedef struct Person {
    int model;
    float *x;
} Person;

static int set_up(void **state)
{
    static const char *const schema[MODELS] = {"male", "female"};
    (void)state;
    return engines_open(engine, schema, MODELS);
}

static int tear_down(void **state)
{
    (void)state;
    return engines_close(engine, MODELS);
}

static void choose(Person p, const char *group, const char *option)
{
    const Schema *s = engine_schema(engine[p.model]);
    int g = schema_find_group(s, group);
    assert_true(g >= 0);
    const ControlGroup *of = &s->group[g];
    int found = -1;
    for (int k = 0; k < of->count; k++) {
        p.x[of->begin + k] = 0;
        found = strcmp(of->option[k].name, option) == 0 ? k : found;
    }
    if (found < 0)
        fail_msg("no option \"%s\" of \"%s\"", option, group);
    p.x[of->begin + found] = 1;
}

static void set(Person p, const char *name, float value)
{
    int i = schema_find(engine_schema(engine[p.model]), name);
    if (i < 0)
        fail_msg("no control \"%s\"", name);
    p.x[i] = value;
}

static Person person(int model)
{
    Person p = {.model = model};
    const Schema *s = engine_schema(engine[model]);
    p.x = malloc((size_t)s->dim * sizeof *p.x);
    assert_non_null(p.x);
    schema_average(s, p.x);
    choose(p, "hair", "bald");
    if (model == MALE)
        choose(p, "beard", "none");
    else
        choose(p, "lipstick-style", "none");
    return p;
}

static Picture *draw_with(Person p, RenderOptions o)
{
    Picture *picture = malloc(sizeof *picture);
    Error err = {""};
    assert_non_null(picture);
    o.size = SIZE;
    if (!engine_render(engine[p.model], p.x, &o, picture->rgb, picture->label, &err))
        fail_msg("%s", err.text);
    return picture;
}

static Picture *draw(Person p)
{
    return draw_with(p, render_options_default());
}

/* The largest change of a pixel's channels. */
static int change(const Picture *a, const Picture *b, int i)
{
    int most = 0;
    for (int c = 0; c < 3; c++) {
        int d = abs(a->rgb[3 * i + c] - b->rgb[3 * i + c]);
        most = d > most ? d : most;
    }
    return most;
}

/* Where the pixels lie that a paint changes visibly. */
typedef struct Change {
    int count, left, right, top, bottom; /* of all that changed */
    int visible;                         /* by more than 12 / 255 */
    int of_label[LABEL_COUNT];           /* by the class before */
} Change;

/* least: what counts as a change. */
static Change changed(const Picture *before, const Picture *after, int least)
{
    Change c = {.left = SIZE, .top = SIZE, .right = -1, .bottom = -1};
    for (int i = 0; i < PIXELS; i++) {
        int d = change(before, after, i), x = i % SIZE, y = i / SIZE;
        if (d < least)
            continue;
        c.count++;
        c.visible += d > 12;
        c.of_label[before->label[i]]++;
        c.left = x < c.left ? x : c.left;
        c.right = x > c.right ? x : c.right;
        c.top = y < c.top ? y : c.top;
        c.bottom = y > c.bottom ? y : c.bottom;
    }
    return c;
}

/* The box of the pixels of two classes. */
static Change place_of(const Picture *p, int label, int other)
{
    Picture *without = malloc(sizeof *without);
    assert_non_null(without);
    *without = *p;
    for (int i = 0; i < PIXELS; i++)
        if (p->label[i] == label || p->label[i] == other)
            without->rgb[3 * i] ^= 1;
    Change c = changed(p, without, 1);
    free(without);
    assert_true(c.count > 0);
    return c;
}

static void beards_grow_where_they_should(void **state)
{
    /* how far the paint may reach below the mouth and beside it, in widths of the mouth */
    static const struct {
        const char *name;
        float beside;
        bool moustache;
    } beard[] = {
        {"stubble", 1.3f, true},
        {"short-full", 1.3f, true},
        {"goatee", 0.40f, true},
        {"chin-strap", 1.3f, false},
    };
    (void)state;
    Person p = person(MALE);
    Picture *bare = draw(p);
    Change mouth = place_of(bare, LABEL_UPPER_LIP, LABEL_LOWER_LIP);
    Change nose = place_of(bare, LABEL_NOSE, LABEL_NOSE);
    int width = mouth.right - mouth.left;
    for (size_t i = 0; i < sizeof beard / sizeof *beard; i++) {
        choose(p, "beard", beard[i].name);
        Picture *painted = draw(p);
        Change c = changed(bare, painted, 1);
        if (c.visible < 200)
            fail_msg("%s shows in %d pixels only", beard[i].name, c.visible);
        int beside = (int)(beard[i].beside * (float)width);
        if (c.left < mouth.left - beside || c.right > mouth.right + beside)
            fail_msg("%s reaches from %d to %d", beard[i].name, c.left, c.right);
        assert_int_equal(c.of_label[LABEL_LEFT_EYE] + c.of_label[LABEL_RIGHT_EYE], 0);
        assert_int_equal(c.of_label[LABEL_LEFT_BROW] + c.of_label[LABEL_RIGHT_BROW], 0);
        /* one between nose and mouth or not, all with the chin */
        bool above = false, below = false;
        int middle = (mouth.left + mouth.right) / 2;
        for (int y = nose.bottom; y < mouth.top; y++)
            above |= change(bare, painted, y * SIZE + middle + width / 5) > 12;
        for (int y = mouth.bottom + 4; y < SIZE; y++)
            below |= change(bare, painted, y * SIZE + middle) > 12;
        if (above != beard[i].moustache || !below)
            fail_msg("%s: upper lip %d, chin %d", beard[i].name, above, below);
        /* it has the class of what it grows on */
        assert_memory_equal(bare->label, painted->label, sizeof bare->label);
        free(painted);
    }
    free(bare);
    free(p.x);
}

static void short_hair_covers_the_scalp_only(void **state)
{
    static const char *const hair[] = {"buzz", "receding"};
    (void)state;
    for (size_t i = 0; i < sizeof hair / sizeof *hair; i++) {
        Person p = person(MALE);
        Picture *bald = draw(p);
        Change brows = place_of(bald, LABEL_LEFT_BROW, LABEL_RIGHT_BROW);
        choose(p, "hair", hair[i]);
        Picture *painted = draw(p);
        Change c = changed(bald, painted, 1);
        assert_true(c.visible > 300);
        for (int label = LABEL_LEFT_BROW; label <= LABEL_LOWER_LIP; label++)
            assert_int_equal(c.of_label[label], 0);
        int n = 0;
        for (int y = 0; y < SIZE; y++)
            for (int x = 0; x < SIZE; x++) {
                int at = y * SIZE + x;
                n += painted->label[at] == LABEL_HAIR;
                /* the middle of the forehead stays as it is */
                if (x > brows.left + 20 && x < brows.right - 20 && y > brows.top - 12 &&
                    y < brows.bottom)
                    assert_int_equal(change(bald, painted, at), 0);
                assert_true(bald->label[at] != LABEL_HAIR);
            }
        assert_true(n > 200); /* dense hair has its class */
        free(bald);
        free(painted);
        free(p.x);
    }
}

/* The textures of skin have caps of hair; a bald head is the colour of its forehead all over. */
static void bald_heads_are_skin(void **state)
{
    (void)state;
    for (int m = 0; m < MODELS; m++)
        for (int turn = 1; turn < 3; turn++) { /* the side, the back */
            Person p = person(m);
            set(p, "skin-tone", 1);
            RenderOptions o = render_options_default();
            o.yaw = (float)(90 * turn);
            o.light_yaw = 0;
            o.light_gain = 0; /* light from all around: colour alone counts */
            o.ambient_gain = 2;
            memset(o.background, 255, sizeof o.background);
            Picture *bald = draw_with(p, o);
            int top = 0;
            while (bald->rgb[3 * (top * SIZE + SIZE / 2)] > 240)
                top++;
            /* from the crown half way down to the chin */
            int least = 255, most = 0;
            for (int y = top + 6; y < top + 70; y++) {
                int g = bald->rgb[3 * (y * SIZE + SIZE / 2) + 1];
                least = g < least ? g : least;
                most = g > most ? g : most;
            }
            if (least < 30 || most - least > 45)
                fail_msg("model %d from %d degrees: green from %d to %d", m, 90 * turn, least,
                         most);
            free(bald);
            free(p.x);
        }
}

static void lipstick_stays_on_the_lips(void **state)
{
    (void)state;
    Person p = person(FEMALE);
    const Schema *s = engine_schema(engine[FEMALE]);
    const ControlGroup *styles = &s->group[schema_find_group(s, "lipstick-style")];
    assert_int_equal(styles->count, 19);
    choose(p, "lipstick-colour", "red");
    Picture *bare = draw(p);
    Change mouth = place_of(bare, LABEL_UPPER_LIP, LABEL_LOWER_LIP);
    for (int k = 0; k < styles->count; k++) {
        const char *name = styles->option[k].name;
        choose(p, "lipstick-style", name);
        Picture *painted = draw(p);
        Change c = changed(bare, painted, 1);
        if (strcmp(name, "none") == 0) {
            assert_int_equal(c.count, 0);
        } else {
            int outside = strcmp(name, "overlined") == 0 || strcmp(name, "blurred") == 0 ? 3 : 2;
            if (c.visible < 60 || c.left < mouth.left - outside ||
                c.right > mouth.right + outside || c.top < mouth.top - outside ||
                c.bottom > mouth.bottom + outside)
                fail_msg("%s: %d pixels in %d..%d x %d..%d, the mouth is %d..%d x %d..%d", name,
                         c.visible, c.left, c.right, c.top, c.bottom, mouth.left, mouth.right,
                         mouth.top, mouth.bottom);
            int upper = c.of_label[LABEL_UPPER_LIP], lower = c.of_label[LABEL_LOWER_LIP];
            if (strcmp(name, "upper-only") == 0)
                assert_true(upper > 8 * lower);
            else if (strcmp(name, "lower-only") == 0)
                assert_true(lower > 4 * upper);
            else
                assert_true(upper > 40 && lower > 40);
        }
        assert_memory_equal(bare->label, painted->label, sizeof bare->label);
        free(painted);
    }
    free(bare);
    free(p.x);
}

/* Mean colour of the lips. */
static void lips(const Picture *p, double rgb[3])
{
    int n = 0;
    rgb[0] = rgb[1] = rgb[2] = 0;
    for (int i = 0; i < PIXELS; i++)
        if (p->label[i] == LABEL_UPPER_LIP || p->label[i] == LABEL_LOWER_LIP) {
            for (int c = 0; c < 3; c++)
                rgb[c] += p->rgb[3 * i + c];
            n++;
        }
    assert_true(n > 100);
    for (int c = 0; c < 3; c++)
        rgb[c] /= n;
}

static void lipstick_has_its_colour(void **state)
{
    (void)state;
    Person p = person(FEMALE);
    double red[3], blue[3], none[3], still[3];
    choose(p, "lipstick-colour", "red");
    Picture *a = draw(p);
    choose(p, "lipstick-colour", "blue");
    Picture *b = draw(p); /* no lipstick has no colour */
    assert_memory_equal(a, b, sizeof *a);
    lips(a, none);
    lips(b, still);
    free(a);
    free(b);
    choose(p, "lipstick-style", "matte");
    a = draw(p);
    choose(p, "lipstick-colour", "red");
    b = draw(p);
    lips(a, blue);
    lips(b, red);
    assert_true(blue[2] > blue[0] + 40);
    assert_true(red[0] > red[1] + 60 && red[0] > red[2] + 60);
    assert_true(red[1] < none[1] - 30);
    free(a);
    free(b);
    free(p.x);
}

static void freckles_and_blush_are_on_the_cheeks(void **state)
{
    (void)state;
    Person p = person(FEMALE);
    set(p, "skin-tone", 0.1f);
    set(p, "freckles", 0);
    set(p, "blush", 0.5f);
    Picture *plain = draw(p);
    set(p, "freckles", 1);
    Picture *freckled = draw(p);
    Change c = changed(plain, freckled, 4);
    Change mouth = place_of(plain, LABEL_UPPER_LIP, LABEL_LOWER_LIP);
    assert_true(c.visible > 60);
    assert_true(c.bottom < mouth.bottom);
    for (int i = 0; i < PIXELS; i++) /* they only darken */
        assert_true(freckled->rgb[3 * i + 1] <= plain->rgb[3 * i + 1] + 1);
    set(p, "freckles", 0);
    set(p, "blush", 1);
    Picture *blushing = draw(p);
    double redder = 0;
    for (int i = 0; i < PIXELS; i++)
        redder += (blushing->rgb[3 * i] - blushing->rgb[3 * i + 1]) -
                  (plain->rgb[3 * i] - plain->rgb[3 * i + 1]);
    assert_true(redder > 1000);
    free(plain);
    free(freckled);
    free(blushing);
    free(p.x);
}

/* How far the lips are apart where they should meet: places of the seal, upper and lower. */
static float gap_between_lips(Person p, int upper, int lower)
{
    EngineScene scene;
    Error err = {""};
    float place[2][3] = {{0}};
    const int32_t want[2] = {lip_ring[SEAL_RING][upper], lip_ring[SEAL_RING][lower]};
    assert_true(engine_scene(engine[p.model], p.x, &scene, &err));
    const Surface *skin = &scene.scene.surface[0];
    assert_int_equal(skin->material, MATERIAL_SKIN);
    for (int i = 0; i < skin->n_vertex; i++)
        for (int k = 0; k < 2; k++)
            if (skin->source[i] == want[k])
                memcpy(place[k], skin->position + 3 * i, sizeof place[k]);
    engine_scene_free(&scene);
    return place[0][1] - place[1][1];
}

/* Closed lips leave no gap, and a mouth that opens is open. */
static void lips_touch(void **state)
{
    static const int pair[][2] = {{0, 19}, {4, 17}, {8, 15}, {38 - 4, 38 - 17}};
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        Person p = person(m);
        set(p, "mouth-open", 0);
        for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
            float gap = gap_between_lips(p, pair[i][0], pair[i][1]);
            if (!(gap < 0.004f && gap > -0.012f))
                fail_msg("model %d: %g dm between the lips at %d", m, (double)gap, pair[i][0]);
        }
        Picture *closed = draw(p);
        set(p, "mouth-open", 1);
        assert_true(gap_between_lips(p, 0, 19) > 0.06f);
        Picture *open = draw(p);
        int n[2] = {0};
        for (int i = 0; i < PIXELS; i++) {
            n[0] += closed->label[i] == LABEL_INNER_MOUTH;
            n[1] += open->label[i] == LABEL_INNER_MOUTH;
        }
        assert_int_equal(n[0], 0);
        assert_true(n[1] > 60);
        free(closed);
        free(open);
        free(p.x);
    }
}

static void eyes_have_catch_lights_and_dark_pupils(void **state)
{
    (void)state;
    for (int m = 0; m < MODELS; m++)
        for (int side = -1; side <= 1; side += 2) {
            Person p = person(m);
            RenderOptions o = render_options_default();
            o.light_yaw = (float)(32 * side);
            Picture *picture = draw_with(p, o);
            for (int eye = LABEL_LEFT_EYE; eye <= LABEL_RIGHT_EYE; eye++) {
                int least = 255, most = 0;
                for (int i = 0; i < PIXELS; i++)
                    if (picture->label[i] == eye) {
                        int g = picture->rgb[3 * i + 1];
                        least = g < least ? g : least;
                        most = g > most ? g : most;
                    }
                if (most < 150 || least > 60)
                    fail_msg("model %d, light %d, eye %d: green from %d to %d", m, side, eye, least,
                             most);
            }
            free(picture);
            free(p.x);
        }
}

static void paints_are_known_by_group(void **state)
{
    (void)state;
    assert_true(look_has_paint("hair", "buzz"));
    assert_true(look_has_paint("beard", "goatee"));
    assert_true(look_has_paint("lipstick-style", "matte"));
    assert_true(look_has_paint("hair", ""));
    assert_false(look_has_paint("hair", "goatee"));
    assert_false(look_has_paint("beard", "buzz"));
    assert_false(look_has_paint("brows", "buzz"));
    assert_false(look_has_paint("beard", "matte"));
    assert_false(look_has_paint("lipstick-style", "tartan"));
}

static void unknown_paints_are_refused(void **state)
{
    (void)state;
    char dir[TEST_PATH], path[TEST_PATH];
    FILE *from = fopen(SCHEMA("male"), "r");
    char *text = calloc(1, 1 << 20);
    assert_true(from && text && test_folder_make(dir));
    assert_true(fread(text, 1, (1 << 20) - 1, from) > 0);
    fclose(from);
    char *paint = strstr(text, "\"goatee\"");
    while (paint && strncmp(paint - 9, "\"paint\":", 8) != 0)
        paint = strstr(paint + 1, "\"goatee\"");
    assert_non_null(paint);
    memcpy(paint, "\"tartan\"", 8);
    test_path(path, dir, "male.json");
    write_text(path, text);
    Engine *e = NULL;
    Error err = {""};
    assert_false(engine_open_builtin(&e, engine_pack(), path, &err));
    assert_null(e);
    assert_non_null(strstr(err.text, "tartan"));
    assert_non_null(strstr(err.text, "option"));
    assert_non_null(strstr(err.text, "beard"));
    test_folder_remove(dir);
    free(text);
}

static void same_bits_from_every_thread(void **state)
{
    enum { DRAWS = 6 };
    (void)state;
    Picture *one[DRAWS], *many[DRAWS];
    Person p[DRAWS];
    for (int i = 0; i < DRAWS; i++) {
        p[i] = person(i % MODELS);
        schema_random_uniform(engine_schema(engine[p[i].model]), 77, (uint64_t)i, p[i].x);
        choose(p[i], "hair", "buzz");
        one[i] = draw(p[i]);
    }
#pragma omp parallel for num_threads(3)
    for (int i = 0; i < DRAWS; i++)
        many[i] = draw(p[i]);
    for (int i = 0; i < DRAWS; i++) {
        assert_memory_equal(one[i], many[i], sizeof *one[i]);
        free(one[i]);
        free(many[i]);
        free(p[i].x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beards_grow_where_they_should),
        cmocka_unit_test(short_hair_covers_the_scalp_only),
        cmocka_unit_test(bald_heads_are_skin),
        cmocka_unit_test(lipstick_stays_on_the_lips),
        cmocka_unit_test(lipstick_has_its_colour),
        cmocka_unit_test(freckles_and_blush_are_on_the_cheeks),
        cmocka_unit_test(lips_touch),
        cmocka_unit_test(eyes_have_catch_lights_and_dark_pupils),
        cmocka_unit_test(paints_are_known_by_group),
        cmocka_unit_test(unknown_paints_are_refused),
        cmocka_unit_test(same_bits_from_every_thread),
    };
    need_engine_pack();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
