/* The search inside a prior's subspace, and from a translator's start. Prior and translator are
 * made here, of characters with few degrees of freedom and of random weights. Needs the assets and
 * the pretrained weights; skipped (77) without them. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "apps/app.h"
#include "apps/checkpoint.h"
#include "apps/finder.h"
#include "apps/finder_session.h"
#include "apps/prior_file.h"
#include "apps/prior_photos.h"
#include "datasets/photo_pool.h"
#include "libtensor/rng.h"
#include "tests/test_folder.h"

#define PRIOR "test_search_prior.prior.safetensors"
#define TRANSLATOR "test_search_prior.translator.safetensors"

#define DAMAGED "test_search_prior.damaged.safetensors"
#define FOLDER "test_search_prior.folder"

enum { PEOPLE = 80, DIRECTIONS = 3 };

static void must(bool ok, const Error *err)
{
    if (!ok) {
        fail_msg("%s", err->text);
    }
}

/* People around the average face, in every group along the same few random directions. */
static void save_prior(const Schema *schema)
{
    int n = schema->n_continuous, dim = schema->dim;
    float *x = calloc((size_t)(PEOPLE * dim), sizeof *x);
    Prior *prior;
    Error err;

    for (int k = 0; k < PEOPLE; k++) {
        schema_average(schema, x + k * dim);
        for (int d = 0; d < DIRECTIONS; d++) {
            Rng along = rng_make(1, (uint32_t)d, 0), far = rng_make(2, (uint32_t)d, (uint64_t)k);
            float a = 0.05f * rng_normal(&far);
            for (int i = 0; i < n; i++) {
                x[k * dim + i] = fminf(fmaxf(x[k * dim + i] + a * rng_normal(&along), 0), 1);
            }
        }
    }
    must(prior_for_schema(&prior, schema, &err), &err);
    must(prior_fit(prior, x, PEOPLE, 0.9, &err), &err);
    must(prior_save(PRIOR, prior, schema, "{}", &err), &err);
    prior_free(prior);
    free(x);
}

static void save_translator(const Studio *s)
{
    const Schema *schema = s->schema[0];
    TranslatorConfig config = {.size = s->size,
                               .embedding = descriptor_dim(&s->descriptor),
                               .width = 32,
                               .hidden = 32,
                               .gate = 4,
                               .blocks = 1,
                               .attention = true,
                               .continuous = schema->n_continuous,
                               .n_groups = schema->n_groups};
    for (int g = 0; g < schema->n_groups; g++) {
        config.count[g] = schema->group[g].count;
    }
    ParamSet *set = params_new();
    char *text = translator_to_json(&config), digest[17], descriptor[DESCRIPTOR_TEXT];
    Error err;

    schema_digest(schema, digest);
    descriptor_text(&s->descriptor, descriptor);
    CheckpointInfo info = {.net = NET_TRANSLATOR,
                           .config = text,
                           .schema = schema->name,
                           .digest = digest,
                           .descriptor = descriptor,
                           .training = "{}"};
    translator_declare(set, &config);
    must(params_alloc(set, s->backend, false, 3, &err), &err);
    must(checkpoint_save(TRANSLATOR, &info, set, NULL, &err), &err);
    free(text);
    params_free(set);
}

/* In place: a studio points into itself. Faces alone: what the files are made with. */
static void open_studio(Studio *studio, bool files)
{
    StudioConfig config = {.models = 1,
                           .engine = {"builtin:male"},
                           .with_priors = files,
                           .priors = files,
                           .prior = {PRIOR},
                           .with_translators = files,
                           .translators = files,
                           .translator = {TRANSLATOR},
                           .face_size = files ? 0 : 128};
    Error err;

    must(studio_open(studio, &config, &err), &err);
}

/* A character whose every slider is off the average, drawn; the caller frees. */
static real *target_picture(const Studio *s)
{
    const Schema *schema = s->schema[0];
    float *x = malloc((size_t)schema->dim * sizeof *x);
    real *picture = malloc(3 * (size_t)s->size * (size_t)s->size * sizeof *picture);
    Error err;

    schema_average(schema, x);
    for (int i = 0; i < schema->n_continuous; i++) {
        x[i] = fminf(x[i] + 0.2f, 1);
    }
    must(studio_render(s, 0, x, picture, &err), &err);
    free(x);
    return picture;
}

/* The farthest that values of x are from what the subspace has nearest. */
static double off(const Prior *prior, const float *x)
{
    float *y = malloc(2 * (size_t)prior->n_continuous * sizeof *y);
    double far = 0;

    prior_encode(prior, x, y + prior->n_continuous);
    prior_decode(prior, y + prior->n_continuous, y);
    for (int i = 0; i < prior->n_continuous; i++) {
        far = fmax(far, fabs((double)x[i] - (double)y[i]));
    }
    free(y);
    return far;
}

static void files_keep_a_prior(void **state)
{
    Studio *s = *state;
    const Schema *schema = s->schema[0];
    const Prior *p = s->prior[0];

    assert_int_equal(p->n_continuous, schema->n_continuous);
    assert_int_equal(p->dim, schema->dim);
    assert_int_equal(p->n_groups, 9); /* the paper's seven, macro and appearance */
    for (int g = 0; g < p->n_groups; g++) {
        const PriorGroup *group = &p->group[g];
        assert_true(group->kept >= 1 && group->kept <= DIRECTIONS);
        assert_true(prior_energy(group, group->kept) >= 0.9);
        for (int k = 0; k < group->kept; k++) {
            double length = 0;
            for (int i = 0; i < group->n; i++) {
                length += pow((double)group->basis[k * group->n + i], 2);
            }
            assert_float_equal(length, 1, 1e-5);
        }
    }
    assert_true(p->choice[0].frequency[0] == 1);
}

/* Values that no learned prior has are refused. */
static void damaged_priors_are_refused(void **state)
{
    const Studio *s = *state;
    Prior *p = s->prior[0], *read;
    float *damaged[] = {&p->mean[3], &p->group[1].variance[2], &p->choice[0].frequency[1],
                        &p->group[0].basis[0]};
    const float wrong[] = {1.5f, -1e-3f, -0.5f, NAN};
    Error err;

    for (int i = 0; i < 4; i++) {
        float right = *damaged[i];
        *damaged[i] = wrong[i];
        must(prior_save(DAMAGED, p, s->schema[0], "{}", &err), &err);
        *damaged[i] = right;
        assert_false(prior_open(&read, DAMAGED, s->schema[0], &err));
        assert_non_null(strstr(err.text, i < 3 ? "is damaged" : "not finite"));
    }
    unlink(DAMAGED);
}

/* Without a step the character is T(photo), its one-hots made exact. */
static void a_search_begins_at_the_translators_x(void **state)
{
    Studio *s = *state;
    const Schema *schema = s->schema[0];
    real *picture = target_picture(s);
    float *x = malloc((size_t)schema->dim * sizeof *x);
    FinderConfig config = finder_paper();
    Finding f;
    Error err;

    config.translate = true;
    config.steps = 0;
    Prior *prior = s->prior[0];
    s->prior[0] = NULL;
    must(finder_run(s, picture, &config, NULL, NULL, &f, &err), &err);
    s->prior[0] = prior;
    one_shot_run(s->one_shot[0], picture, 1, x);
    for (int i = 0; i < schema->n_continuous; i++) {
        assert_true(f.x[i] == x[i]);
    }
    for (int g = 0; g < schema->n_groups; g++) {
        int choice = schema_choice(schema, g, x);
        for (int i = 0; i < schema->group[g].count; i++) {
            assert_true(f.x[schema->group[g].begin + i] == (i == choice));
        }
    }
    finding_free(&f);
    free(x);
    free(picture);
}

/* The paper's descent, one-hots and all, with a prior: from T, which is not in the subspace. */
static void the_papers_descent_stays_in_the_subspace(void **state)
{
    Studio *s = *state;
    const Schema *schema = s->schema[0];
    real *picture = target_picture(s);
    FinderConfig config = finder_paper();
    Finding f;
    Error err;

    config.translate = true;
    config.steps = 3;
    config.rate = 0.1;
    config.weight.identity = 1;
    must(finder_run(s, picture, &config, NULL, NULL, &f, &err), &err);
    assert_true(off(s->prior[0], f.x) < 1e-3);
    for (int i = 0; i < schema->dim; i++) {
        assert_true(f.x[i] >= 0 && f.x[i] <= 1);
    }
    one_shot_run(s->one_shot[0], picture, 1, f.x);
    assert_true(off(s->prior[0], f.x) > 1e-2);
    finding_free(&f);
    free(picture);
}

/* Least squares over macro shape, on the landmarks alone: the bones rest. */
static void refinement_stays_in_the_subspace(void **state)
{
    Studio *s = *state;
    const Schema *schema = s->schema[0];
    real *picture = target_picture(s);
    float *x = malloc((size_t)schema->dim * sizeof *x), landmark[2 * FACE_LANDMARKS];
    FinderConfig config = finder_default();
    Session session;
    Image image;
    View photo;
    Losses before, after;
    double score;
    Error err;

    must(view_new(&photo, &s->eyes, &err), &err);
    must(image_new(&image, s->size, s->size, &err), &err);
    measure_view(s->measure, picture, &photo);
    image_from_planar(&image, picture);
    must(studio_landmarks(s, &image, landmark, &err), &err);
    must(session_open(&session, s, 0, &photo, landmark, &config, &err), &err);
    assert_ptr_equal(session.prior, s->prior[0]);
    schema_average(schema, x);
    prior_project(s->prior[0], NULL, x);
    float bone = x[0];
    x[0] = 0.9f; /* which the subspace does not hold */
    const Weights only = {.geometry = session.weight.geometry};
    must(session_score(&session, x, &before, &score, &err), &err);
    must(session_refine(&session, 1u << CONTROL_MACRO, only, 2, x, &err), &err);
    must(session_score(&session, x, &after, &score, &err), &err);
    assert_true(after.geometry < 0.9 * before.geometry);
    assert_true(x[0] == 0.9f);
    assert_true(off(s->prior[0], x) > 0.1);
    x[0] = bone;
    assert_true(off(s->prior[0], x) < 1e-3);
    session_close(&session);
    image_free(&image);
    view_free(&photo);
    free(x);
    free(picture);
}

/* Photos of four people: of every one of the training part, x = T(the aligned picture). */
static void photos_become_characters_for_a_prior(void **state)
{
    enum { PHOTOS = 4, SIDE = 256 };
    const PhotoQuality quality = photo_quality_default();
    Studio *s = *state;
    float *x;
    int64_t n, wanted, *index;
    PhotoPool *pool;
    Image image;
    Error err;
    const Schema *schema = s->schema[0];
    RenderOptions options = render_options_default();
    options.size = SIDE;
    float *one = malloc((size_t)schema->dim * sizeof *one);
    real *picture = malloc(3 * (size_t)s->size * (size_t)s->size * sizeof *picture);
    must(image_new(&image, SIDE, SIDE, &err), &err);
    must(make_folder(FOLDER "/photos", &err), &err);
    for (int i = 0; i < PHOTOS; i++) {
        char path[64];
        schema_random_person(schema, 4, (uint64_t)i, one);
        must(engine_render(s->engine[0], one, &options, image.pixel, NULL, &err), &err);
        snprintf(path, sizeof path, FOLDER "/photos/%d.png", i);
        must(image_save_png(path, &image, &err), &err);
    }
    image_free(&image);

    must(prior_photos_read(s, FOLDER "/photos", FOLDER, &x, &n, &err), &err);
    must(photo_pool_open(&pool, FOLDER "/photos.pool", &err), &err);
    must(photo_pool_select(pool, 1u << PHOTO_TRAIN, &quality, &index, &wanted, &err), &err);
    assert_true(wanted > 1);
    assert_int_equal(n, wanted);
    for (int64_t i = 0; i < n; i++) {
        PoolPhoto photo;
        must(photo_pool_get(pool, index[i], &photo, &err), &err);
        for (int k = 0; k < 3 * s->size * s->size; k++) { /* planar */
            picture[k % 3 * s->size * s->size + k / 3] = (real)photo.rgb[k] / 255;
        }
        one_shot_run(s->one_shot[0], picture, 1, one);
        for (int k = 0; k < schema->dim; k++) {
            assert_float_equal(x[i * schema->dim + k], one[k], 1e-4);
        }
    }
    free(index);
    free(x);
    free(one);
    free(picture);
    photo_pool_close(pool);
}

static int make_files(void **state)
{
    static Studio studio;

    open_studio(&studio, false);
    save_prior(studio.schema[0]);
    save_translator(&studio);
    studio_close(&studio);
    open_studio(&studio, true);
    *state = &studio;
    return 0;
}

static int remove_files(void **state)
{
    studio_close(*state);
    unlink(PRIOR);
    unlink(TRANSLATOR);
    test_folder_remove(FOLDER);
    return 0;
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
        cmocka_unit_test(files_keep_a_prior),
        cmocka_unit_test(damaged_priors_are_refused),
        cmocka_unit_test(a_search_begins_at_the_translators_x),
        cmocka_unit_test(the_papers_descent_stays_in_the_subspace),
        cmocka_unit_test(refinement_stays_in_the_subspace),
        cmocka_unit_test(photos_become_characters_for_a_prior),
    };
    const char *data = getenv("VISAGIST_DATA");

    data = data ? data : SRCDIR "/assets";
    if (!readable(data, "engine.pack") ||
        !readable(data, "face_recognition_model-weights_manifest.json") ||
        !readable(SRCDIR "/pretrained", "imitator-male.safetensors")) {
        printf("skipped: the assets (scripts/setup.sh makes them) or the pretrained weights are "
               "missing\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
