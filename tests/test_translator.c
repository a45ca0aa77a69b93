/* The translator as the programs use it: which faces a step takes, whose checkpoints are refused,
 * what its figures mean, and that a photo's character does not depend on the photos beside it. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "apps/checkpoint.h"
#include "apps/sights.h"
#include "apps/translator_eval.h"
#include "libtensor/rng.h"
#include "nets/one_shot.h"
#include "tests/test_folder.h"

enum { ALL = 7, FRONTAL = 5, BATCH = 3, DIM = 128 };

static void must(bool ok, const Error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

/* Faces whose descriptor is one value, their number plus `base`; the pool is never asked. */
typedef struct Made {
    Sights sights;
    float descriptor[ALL];
    int64_t face[ALL];
} Made;

static Faces make_faces(Made *made, int64_t n, float base)
{
    for (int i = 0; i < n; i++) {
        made->descriptor[i] = base + (float)i;
        made->face[i] = i;
    }
    made->sights = (Sights){.count = n, .dim = 1, .descriptor = made->descriptor};
    return (Faces){&made->sights, made->face, n};
}

/* The descriptor that slot `slot` of the step's batch gets. */
static int sample(TranslatorData *d, uint64_t step, int slot)
{
    real value;
    Error err;
    must(translator_data_sample(d, step, slot, (void *[]){&value}, &err), &err);
    return (int)value;
}

/* Every fourth step is of all photos, the others of frontal ones; each of them comes once before
 * any comes again, and what a step takes does not depend on the steps asked for before. */
static void steps_take_turns(void **state)
{
    Made all, frontal;
    Error err;
    TranslatorData d = {.all = make_faces(&all, ALL, 100),
                        .frontal = make_faces(&frontal, FRONTAL, 200),
                        .alternate = true};
    int seen_all[ALL] = {0}, seen_frontal[FRONTAL] = {0}, first[40 * BATCH];
    (void)state;

    must(translator_data_start(&d, BATCH, 5, 0, &err), &err);
    for (int step = 0; step < 40; step++) {
        assert_int_equal(translator_step_of_all(&d, (uint64_t)step), step % 4 == 3);
        for (int slot = 0; slot < BATCH; slot++) {
            int face = first[step * BATCH + slot] = sample(&d, (uint64_t)step, slot);
            bool of_all = face < 200;
            assert_int_equal(of_all, step % 4 == 3);
            int *seen = of_all ? seen_all : seen_frontal, n = of_all ? ALL : FRONTAL;
            int least = seen[0];
            for (int i = 1; i < n; i++)
                least = seen[i] < least ? seen[i] : least;
            assert_int_equal(seen[face % 100]++, least);
        }
    }
    for (int i = 40 * BATCH - 1; i >= 0; i--)
        assert_int_equal(sample(&d, (uint64_t)(i / BATCH), i % BATCH), first[i]);

    /* Another seed, another order. */
    int same = 0;
    order_free(&d.order_all);
    order_free(&d.order_frontal);
    must(translator_data_start(&d, BATCH, 6, 0, &err), &err);
    for (int i = 0; i < 40 * BATCH; i++)
        same += sample(&d, (uint64_t)(i / BATCH), i % BATCH) == first[i];
    assert_true(same < 20 * BATCH);

    /* Without content there is one pool. */
    d.alternate = false;
    for (int step = 0; step < 8; step++)
        assert_true(sample(&d, (uint64_t)step, 0) < 200);
    order_free(&d.order_all);
    order_free(&d.order_frontal);
}

/* A schema of three controls in two components, and a choice of two. */
static Control control[3] = {
    {.name = "a", .component = "one", .prior = "p", .mean = .5f, .deviation = .1f, .follows = -1},
    {.name = "b", .component = "two", .prior = "p", .mean = .5f, .deviation = .1f, .follows = -1},
    {.name = "c", .component = "two", .prior = "p", .mean = .5f, .deviation = .1f, .follows = -1}};
static ControlOption option[2] = {{.name = "yes"}, {.name = "no"}};
static ControlGroup group = {.name = "choice", .begin = 3, .count = 2, .option = option};
static Schema schema = {.name = "toy",
                        .version = 1,
                        .n_continuous = 3,
                        .control = control,
                        .n_groups = 1,
                        .group = &group,
                        .dim = 5};

static const TranslatorConfig translator = {.size = 128,
                                            .embedding = DIM,
                                            .width = 32,
                                            .hidden = 32,
                                            .gate = 4,
                                            .blocks = 2,
                                            .attention = true,
                                            .standardise = true,
                                            .continuous = 3,
                                            .n_groups = 1,
                                            .count = {2}};

static void agreement_is_correlation(void **state)
{
    /* a is found, b is found upside down, c is not looked for; three of four choices are right. */
    static const float x[4 * 5] = {.1f, .2f, .3f, 1, 0, .4f, .5f, .9f, 1, 0,
                                   .6f, .4f, .2f, 0, 1, .8f, .9f, .6f, 0, 1};
    static const float found[4 * 5] = {.25f, .8f, .5f, .9f, .1f, .40f, .5f, .5f, .2f, .8f,
                                       .50f, .6f, .5f, .3f, .7f, .60f, .1f, .5f, .4f, .6f};
    json_t *json = translator_agreement(&schema, x, found, 4);
    double one, two, all, choice, error;
    (void)state;

    assert_int_equal(json_unpack(json, "{s:F, s:{s:F, s:F, s:F}, s:{s:F}}", "error", &error,
                                 "correlation", "one", &one, "two", &two, "all", &all, "choice",
                                 "choice", &choice),
                     0);
    assert_float_equal(one, 1, 1e-6);
    assert_float_equal(two, -.5, 1e-6);
    assert_float_equal(all, 0, 1e-6);
    assert_float_equal(choice, .75, 1e-9);
    assert_float_equal(error, (.15 + .6 + .2 + 0 + 0 + .4 + .1 + .2 + .3 + .2 + .8 + .1) / 12,
                       1e-6);
    json_decref(json);
}

typedef struct Nets {
    char folder[TEST_PATH];
    Backend *backend;
    ParamSet *set[3]; /* T, the recogniser, a LightCNN */
    Translator translator;
    Descriptor recognizer, lightcnn;
} Nets;

/* Weights that keep signals alive, and biases that are not 0. */
static void randomise(ParamSet *set, uint32_t stream)
{
    Rng rng = rng_make(3, stream, 0);
    for (int i = 0; i < params_count(set); i++) {
        Shape s = params_shape(set, (Param){i});
        int64_t n = shape_count(s), fan = s.ndim > 1 ? n / s.dim[0] : 100;
        real *value = params_value(set, (Param){i});
        for (int64_t k = 0; k < n; k++)
            value[k] = rng_normal(&rng) * sqrtf(1 / (real)fan);
    }
}

static int setup(void **state)
{
    Nets *n = calloc(1, sizeof *n);
    Error err;
    TranslatorConfig config = translator;
    LightCnnConfig lightcnn = {
        .width = {4, 4, 4, 4, 4}, .blocks = {1, 1, 1, 1}, .dim = DIM, .size = 16};
    if (!test_folder_make(n->folder))
        return -1;
    n->backend = backend_cpu_open();
    for (int i = 0; i < 3; i++)
        n->set[i] = params_new();
    n->translator = translator_declare(n->set[0], &config);
    n->recognizer.kind = DESCRIPTOR_RECOGNIZER;
    recognizer_declare(&n->recognizer.net.recognizer, n->set[1]);
    n->lightcnn = (Descriptor){.kind = DESCRIPTOR_LIGHTCNN,
                               .net.lightcnn = lightcnn_declare(n->set[2], &lightcnn)};
    for (int i = 0; i < 3; i++) {
        must(params_alloc(n->set[i], n->backend, false, 1, &err), &err);
        randomise(n->set[i], (uint32_t)i);
    }
    *state = n;
    return 0;
}

static int teardown(void **state)
{
    Nets *n = *state;
    for (int i = 0; i < 3; i++)
        params_free(n->set[i]);
    backend_close(n->backend);
    test_folder_remove(n->folder);
    free(n);
    return 0;
}

/* A checkpoint of the translator for this schema and descriptor, with float16 weights. */
static void save(const Nets *n, const char *path, const Schema *of, const Descriptor *descriptor)
{
    char digest[17], text[DESCRIPTOR_TEXT], *config = translator_to_json(&n->translator.config);
    Error err;
    schema_digest(of, digest);
    descriptor_text(descriptor, text);
    CheckpointInfo info = {.net = NET_TRANSLATOR,
                           .config = config,
                           .schema = of->name,
                           .digest = digest,
                           .descriptor = text,
                           .training = ""};
    must(checkpoint_save(path, &info, n->set[0], NULL, &err), &err);
    free(config);
}

static void refuse(const Nets *n, const char *path, const Schema *of, const Descriptor *descriptor,
                   const char *words)
{
    Translator net;
    Error err;
    assert_false(translator_open(&net, path, of, descriptor, n->backend, &err));
    if (!strstr(err.text, words) || !strstr(err.text, path))
        fail_msg("it said: %s", err.text);
}

/* Some faces in another order, in more than one batch of the plan and not a whole number of them:
 * each gets its own character. */
static void each_face_gets_its_own_character(void **state)
{
    enum { ALL_FACES = 170, SOME = 81, X = 5 };
    static float descriptor[ALL_FACES * DIM], all[ALL_FACES * X], some[SOME * X];
    Nets *n = *state;
    Sights sights = {.count = ALL_FACES, .dim = DIM, .descriptor = descriptor};
    int64_t face[SOME];
    Rng rng = rng_make(8, 0, 0);
    Error err;

    for (int i = 0; i < ALL_FACES * DIM; i++)
        descriptor[i] = rng_normal(&rng);
    for (int i = 0; i < SOME; i++)
        face[i] = ALL_FACES - 1 - 2 * i;
    must(sights_translate(&sights, &n->translator, NULL, ALL_FACES, all, n->backend, &err), &err);
    must(sights_translate(&sights, &n->translator, face, SOME, some, n->backend, &err), &err);
    for (int i = 0; i < SOME; i++)
        for (int k = 0; k < X; k++)
            assert_float_equal(some[i * X + k], all[face[i] * X + k], 1e-5);
    for (int i = 1; i < ALL_FACES; i++) /* no two are alike */
        assert_true(fabsf(all[i * X] - all[(i - 1) * X]) +
                        fabsf(all[i * X + 1] - all[(i - 1) * X + 1]) +
                        fabsf(all[i * X + 2] - all[(i - 1) * X + 2]) >
                    1e-3f);
}

static void strangers_are_refused(void **state)
{
    Nets *n = *state;
    char path[TEST_PATH];
    Translator net;
    Error err;
    Schema other = schema, older = schema;
    Control moved[3];

    test_path(path, n->folder, "t.safetensors");
    save(n, path, &schema, &n->lightcnn);
    must(translator_open(&net, path, &schema, &n->lightcnn, n->backend, &err), &err);
    params_free(net.set);
    snprintf(other.name, sizeof other.name, "else");
    refuse(n, path, &other, &n->lightcnn, "schema");
    memcpy(moved, control, sizeof moved);
    moved[1].hi = 2;
    older.control = moved;
    refuse(n, path, &older, &n->lightcnn, "another version");

    /* As many values, but of another kind; or of the same kind, but of other weights. */
    refuse(n, path, &schema, &n->recognizer, "descriptor");
    params_values(n->set[2])[5] += 1;
    refuse(n, path, &schema, &n->lightcnn, "descriptor");
    save(n, path, &schema, &n->recognizer);
    refuse(n, path, &schema, &n->lightcnn, "descriptor");
    must(translator_open(&net, path, &schema, &n->recognizer, n->backend, &err), &err);
    params_free(net.set);
}

static void neighbours_do_not_matter(void **state)
{
    enum { SIZE = 32, N = 3, PIXELS = 3 * SIZE * SIZE };
    Nets *n = *state;
    static real picture[N * PIXELS];
    float alone[N][5], together[N * 5], moved[2 * 5];
    Error err;
    OneShot *one, *three;
    Rng rng = rng_make(8, 0, 0);
    RecognizerChip chip = {.1f, .1f, .8f};

    for (int i = 0; i < N * PIXELS; i++)
        picture[i] = rng_uniform(&rng);
    must(one_shot_new(&one, &n->translator, &n->lightcnn, chip, SIZE, 1, n->backend, &err), &err);
    must(one_shot_new(&three, &n->translator, &n->lightcnn, chip, SIZE, 3, n->backend, &err), &err);
    for (int i = 0; i < N; i++)
        one_shot_run(one, picture + i * PIXELS, 1, alone[i]);
    one_shot_run(three, picture, N, together);
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 5; k++)
            assert_float_equal(alone[i][k], together[i * 5 + k], 1e-4);
        assert_float_equal(alone[i][3] + alone[i][4], 1, 1e-6);
    }
    assert_true(alone[0][0] != alone[1][0]);
    /* In another place of the same plan, which is not full, to the bit. */
    one_shot_run(three, picture + PIXELS, 2, moved);
    assert_memory_equal(moved, together + 5, sizeof moved);
    one_shot_free(one);
    one_shot_free(three);

    TranslatorConfig other = translator;
    other.embedding++;
    ParamSet *set = params_new();
    Translator wrong = translator_declare(set, &other);
    must(params_alloc(set, n->backend, false, 1, &err), &err);
    assert_false(one_shot_new(&one, &wrong, &n->lightcnn, chip, SIZE, 1, n->backend, &err));
    params_free(set);
}

static void standardised_descriptors_have_unit_deviation(void **state)
{
    enum { COUNT = 50 };
    Nets *n = *state;
    static real value[COUNT * DIM];
    Error err;
    real scale[DIM], shift[DIM];

    for (int i = 0; i < COUNT * DIM; i++)
        value[i] = (real)(i % DIM == 7 ? 4 : i % DIM + .1 * (i / DIM % 2 ? 1 : -1));
    must(translator_standardise(&n->translator, value, COUNT, &err), &err);
    params_read(n->set[0], n->translator.scale, scale);
    params_read(n->set[0], n->translator.shift, shift);
    for (int k = 0; k < DIM; k++) {
        assert_float_equal(scale[k], k == 7 ? 0 : 10, 1e-3);
        assert_float_equal(shift[k], k == 7 ? 0 : -10 * k, 1e-1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_take_turns),
        cmocka_unit_test(agreement_is_correlation),
        cmocka_unit_test_setup_teardown(each_face_gets_its_own_character, setup, teardown),
        cmocka_unit_test_setup_teardown(strangers_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(neighbours_do_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(standardised_descriptors_have_unit_deviation, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
