/* Face verification from pictures to figures where it is known what must come out: people of the
 * engine in two pictures each, one turned, one in other light, in folders as LFW's. The descriptor
 * tells them apart, the parameters of one shot do, and labels drawn by lot nobody can tell. Needs
 * the assets and the pretrained weights; skipped (77) without them. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "apps/verifier.h"
#include "datasets/disturb.h"
#include "libtensor/rng.h"
#include "tests/test_folder.h"

#define TRANSLATOR SRCDIR "/pretrained/translator-male.safetensors"

enum { PEOPLE = 10, PICTURES = 2, FOLDS = 5, EACH = PEOPLE / FOLDS, SIDE = 256 };

typedef struct Bench {
    char dir[TEST_PATH];
    Studio studio;
    Verifier verifier;
} Bench;

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

/* DIR/P3/P3_0001.jpg (as LFW's; that it is a PNG its beginning tells) */
static void draw(const Bench *b, int person, int picture)
{
    static const Disturbance kind[PICTURES] = {DISTURB_POSE, DISTURB_LIGHT};
    const Schema *schema = b->studio.schema[0];
    float *x = malloc((size_t)schema->dim * sizeof *x);
    char name[64], path[TEST_PATH];
    Image image;
    Error err;

    assert_non_null(x);
    must(image_new(&image, SIDE, SIDE, &err), &err);
    schema_random_person(schema, 5, (uint64_t)person, x);
    must(disturb_render(b->studio.engine[0], kind[picture], .4f, 5,
                        (uint64_t)(PICTURES * person + picture), x, &image, &err),
         &err);
    snprintf(name, sizeof name, "P%d", person);
    mkdir(test_path(path, b->dir, name), 0777);
    snprintf(name, sizeof name, "P%d/P%d_%04d.jpg", person, person, picture + 1);
    must(image_save_png(test_path(path, b->dir, name), &image, &err), &err);
    image_free(&image);
    free(x);
}

/* pairs.txt: every person with itself and with the next one. */
static void write_pairs(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fprintf(file, "%d\t%d\n", FOLDS, EACH);
    for (int fold = 0; fold < FOLDS; fold++) {
        for (int p = fold * EACH; p < (fold + 1) * EACH; p++)
            fprintf(file, "P%d\t1\t2\n", p);
        for (int p = fold * EACH; p < (fold + 1) * EACH; p++)
            fprintf(file, "P%d\t1\tP%d\t2\n", p, (p + 1) % PEOPLE);
    }
    fclose(file);
}

static int setup(void **state)
{
    static Bench bench;
    Bench *b = *state = &bench;
    StudioConfig config = {.models = 1, .engine = {"builtin:male"}};
    char path[TEST_PATH];
    PairTable pairs;
    Error err;

    if (!test_folder_make(b->dir))
        return -1;
    must(studio_open(&b->studio, &config, &err), &err);
    for (int i = 0; i < PEOPLE * PICTURES; i++)
        draw(b, i / PICTURES, i % PICTURES);
    write_pairs(test_path(path, b->dir, "pairs.txt"));
    must(pair_table_read(&pairs, path, &err), &err);
    must(verifier_open(&b->verifier, &pairs, &b->studio, b->studio.size, b->dir, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    Bench *b = *state;

    verifier_close(&b->verifier);
    studio_close(&b->studio);
    test_folder_remove(b->dir);
    return 0;
}

static void told(const char *what, const Verification *r)
{
    print_message("%s: accuracy %.4f, area %.4f\n", what, r->accuracy, r->area);
}

static void every_face_is_found(void **state)
{
    const Verifier *v = &((Bench *)*state)->verifier;

    assert_int_equal(v->sights.count, PEOPLE * PICTURES);
    assert_int_equal(v->pairs, 2 * PEOPLE);
    assert_int_equal(v->folds, FOLDS);
}

static void the_descriptor_tells_them_apart(void **state)
{
    Bench *b = *state;
    Verification r;
    Error err;

    must(verifier_descriptors(&b->verifier, &(VerificationConfig){.centre = false}, &r, &err),
         &err);
    told("descriptor", &r);
    assert_true(r.accuracy >= .9 && r.area >= .99);
}

static void so_do_the_parameters(void **state)
{
    Bench *b = *state;
    Verification r;
    uint64_t hash = 0;
    Error err;

    must(verifier_translator(&b->verifier, TRANSLATOR, &(VerificationConfig){.centre = true}, &r,
                             &hash, &err),
         &err);
    told("one shot", &r);
    assert_true(r.accuracy >= .8 && r.area >= .95);
    assert_true(hash != 0);
}

/* A coin for each pair: a label that no other pair's tells anything of (shuffled ones do, and among
 * few pairs that is seen). */
static void draw_lots(bool *same, int n, uint32_t stream)
{
    Rng rng = rng_make(7, stream, 0);

    for (int i = 0; i < n; i++)
        same[i] = rng_below(&rng, 2) == 1;
}

static void nobody_tells_labels_drawn_by_lot(void **state)
{
    enum { TIMES = 100 };
    Bench *b = *state;
    Verifier *v = &b->verifier;
    bool own[2 * PEOPLE];
    double accuracy = 0, area = 0;

    memcpy(own, v->same, sizeof own);
    for (int k = 0; k < TIMES; k++) {
        Verification r;
        Error err;
        draw_lots(v->same, 2 * PEOPLE, (uint32_t)k);
        must(verifier_descriptors(v, &(VerificationConfig){.centre = false}, &r, &err), &err);
        accuracy += r.accuracy / TIMES;
        area += r.area / TIMES;
    }
    memcpy(v->same, own, sizeof own);
    told("by lot", &(Verification){.accuracy = accuracy, .area = area});
    assert_true(fabs(area - .5) < .05 && fabs(accuracy - .5) < .05);
}

static void refused(Bench *b, const char *name, const char *text, int64_t limit, const char *why)
{
    char path[TEST_PATH];
    PairTable pairs;
    Verifier verifier;
    Error err;
    FILE *file = fopen(test_path(path, b->dir, name), "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    must(pair_table_open(&pairs, path, NULL, limit, &err), &err);
    assert_false(verifier_open(&verifier, &pairs, &b->studio, b->studio.size, b->dir, &err));
    if (!strstr(err.text, why))
        fail_msg("'%s' does not say '%s'", err.text, why);
}

#define P(person, picture) "P" #person "/P" #person "_000" #picture ".jpg"

static void what_cannot_be_measured(void **state)
{
    static const char same[] = P(0, 1) "\t" P(0, 2) "\t1\tx\n" P(1, 1) "\t" P(1, 2) "\t1\ty\n" P(
        0, 1) "\t" P(1, 1) "\t0\ty\n";
    static const char lost[] = P(0, 1) "\t" P(0, 2) "\t1\tx\n" P(0, 1) "\t" P(1, 1) "\t0\tx\n" P(
        0, 2) "\tnobody.jpg\t0\ty\n";
    Bench *b = *state;
    char path[TEST_PATH];

    refused(b, "same.tsv", same, 2, "same: all 2 pairs are of one person each; raise --limit");
    refused(b, "lost.tsv", lost, 0,
            "lost: its pairs are all in one fold, and two are wanted; the set must have more");
    refused(b, "gone.tsv", "a.jpg\tb.jpg\t1\nb.jpg\tc.jpg\t0\n", 0,
            "gone: none of its 3 photos can be read; they are looked for in ");
    assert_int_equal(access(test_path(path, b->dir, "lost-128.pool"), F_OK), 0);
    assert_int_equal(access(test_path(path, b->dir, "gone-128.pool"), F_OK), -1);
}

static bool readable(const char *folder, const char *name)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, R_OK) == 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_face_is_found),
        cmocka_unit_test(the_descriptor_tells_them_apart),
        cmocka_unit_test(so_do_the_parameters),
        cmocka_unit_test(nobody_tells_labels_drawn_by_lot),
        cmocka_unit_test(what_cannot_be_measured),
    };
    const char *data = getenv("VISAGIST_DATA");

    data = data ? data : SRCDIR "/assets";
    if (!readable(data, "engine.pack") ||
        !readable(data, "face_recognition_model-weights_manifest.json") ||
        !readable(SRCDIR "/pretrained", "translator-male.safetensors")) {
        printf("skipped: the assets (scripts/setup.sh makes them) or the pretrained weights are "
               "missing\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
