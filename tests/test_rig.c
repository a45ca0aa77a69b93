/* The rig on the baked head: neutral is nothing, a bone moves its region and nothing else, both
 * sides alike, helpers and proxies follow. Skipped without the asset pack. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>

#include "engine/rig.h"
#include "tests/engine_files.h"
#include "tests/test_folder.h"

static Pack *pack;
static Schema *schema;
static Rig *rig;
static float *scratch, *x;

static int set_up(void **state)
{
    (void)state;
    Error err = {""};
    bool ok = schema_load(&schema, SCHEMA("male"), &err) && pack_open(&pack, engine_pack(), &err) &&
              rig_new(&rig, pack, schema, &err);
    if (!ok)
        fprintf(stderr, "%s\n", err.text);
    scratch = malloc((rig ? rig_scratch(rig) : 1) * sizeof *scratch);
    x = malloc((size_t)(schema ? schema->dim : 1) * sizeof *x);
    return ok && scratch && x ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(scratch);
    free(x);
    rig_free(rig);
    pack_close(pack);
    schema_free(schema);
    return 0;
}

static float *pose(void)
{
    float *position = malloc((size_t)pack->n_vertex * 3 * sizeof *position);
    assert_non_null(position);
    rig_pose(rig, x, position, scratch);
    return position;
}

static int vertex(int source)
{
    int v = pack_vertex(pack, source);
    assert_true(v >= 0);
    return v;
}

static float moved(const float *a, const float *b, int v)
{
    float d[3];
    for (int k = 0; k < 3; k++)
        d[k] = b[3 * v + k] - a[3 * v + k];
    return sqrtf(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
}

/* Average face, with one control at its upper end. */
static float *pose_one(const char *name)
{
    schema_average(schema, x);
    int i = schema_find(schema, name);
    assert_true(i >= 0);
    x[i] = 1;
    return pose();
}

/* The schema without its bone controls, as a rig of its own. */
static void neutral_bones_change_nothing(void **state)
{
    (void)state;
    Schema bare = *schema;
    Rig *bare_rig;
    Error err = {""};
    bare.control = malloc((size_t)schema->n_continuous * sizeof *bare.control);
    bare.n_continuous = 0;
    float *y = malloc((size_t)schema->dim * sizeof *y);
    schema_random_person(schema, 2, 0, x);
    for (int i = 0; i < schema->n_continuous; i++) {
        if (schema->control[i].kind == CONTROL_BONE) {
            x[i] = 0.5f;
            continue;
        }
        y[bare.n_continuous] = x[i];
        bare.control[bare.n_continuous++] = schema->control[i];
    }
    assert_int_equal(schema->n_continuous - bare.n_continuous, 208);
    assert_true(rig_new(&bare_rig, pack, &bare, &err));
    float *posed = pose(), *without = malloc((size_t)pack->n_vertex * 3 * sizeof *without);
    rig_pose(bare_rig, y, without, scratch);
    assert_memory_equal(posed, without, (size_t)pack->n_vertex * 3 * sizeof *posed);
    float *again = pose();
    assert_memory_equal(posed, again, (size_t)pack->n_vertex * 3 * sizeof *posed);
    free(again);
    free(without);
    free(posed);
    free(y);
    rig_free(bare_rig);
    free(bare.control);
}

static void eyes_stay_in_the_middle(void **state)
{
    (void)state;
    float middle[3] = {0}, centre[2][3];
    for (uint64_t i = 0; i < 6; i++) {
        schema_random_uniform(schema, 5, i, x);
        for (int k = 0; k < schema->n_continuous; k++)
            if (schema->control[k].kind == CONTROL_BONE)
                x[k] = 0.5f;
        float *position = pose();
        rig_eyes(rig, position, centre);
        assert_true(centre[0][0] > 0.2f && centre[1][0] < -0.2f);
        for (int k = 0; k < 3; k++) {
            float m = (centre[0][k] + centre[1][k]) / 2;
            middle[k] = i == 0 ? m : middle[k];
            assert_true(fabsf(m - middle[k]) < 1e-4f);
        }
        free(position);
    }
}

static void a_bone_moves_its_region_only(void **state)
{
    (void)state;
    schema_average(schema, x);
    float *average = pose(), *posed = pose_one("nose-tip.tz");
    float range = schema->control[schema_find(schema, "nose-tip.tz")].hi;
    int tip = vertex(302), chin = vertex(732), brow = vertex(6953), lip = vertex(496);
    assert_true(posed[3 * tip + 2] - average[3 * tip + 2] > 0.9f * range);
    assert_true(moved(average, posed, chin) == 0);
    assert_true(moved(average, posed, brow) == 0);
    assert_true(moved(average, posed, lip) == 0);
    free(posed);
    free(average);
}

/* Weights go by the way over the skin: the lips stay apart though they touch. */
static void lips_move_apart(void **state)
{
    (void)state;
    schema_average(schema, x);
    float *average = pose(), *posed = pose_one("middle-lower-lip.ty");
    int upper = vertex(466), lower = vertex(495);
    assert_true(moved(average, posed, lower) >
                0.7f * schema->control[schema_find(schema, "middle-lower-lip.ty")].hi);
    assert_true(moved(average, posed, upper) < 0.1f * moved(average, posed, lower));
    free(posed);
    free(average);
}

static void eyeballs_are_rigid(void **state)
{
    (void)state;
    enum { LEFT = 14598, RIGHT = 14670, N = 72 };
    schema_average(schema, x);
    float *average = pose(), *posed = pose_one("eye.tx");
    float range = schema->control[schema_find(schema, "eye.tx")].hi;
    int n = 0;
    for (int i = 0; i < 2 * N; i++) {
        int v = pack_vertex(pack, LEFT + i);
        if (v < 0)
            continue;
        float wanted = i < RIGHT - LEFT ? range : -range;
        assert_true(fabsf(posed[3 * v] - average[3 * v] - wanted) < 1e-5f);
        assert_true(fabsf(posed[3 * v + 1] - average[3 * v + 1]) < 1e-5f);
        n++;
    }
    assert_true(n > N);
    free(posed);
    posed = pose_one("outside-eyelid.ty");
    for (int i = 0; i < 2 * N; i++) {
        int v = pack_vertex(pack, LEFT + i);
        assert_true(v < 0 || moved(average, posed, v) == 0);
    }
    free(posed);
    free(average);
}

/* A turned bag would cut through the chin. */
static void the_mouth_bag_is_never_turned(void **state)
{
    (void)state;
    schema_average(schema, x);
    float *average = pose(), *turned = pose_one("mouth.rx"), *shifted = pose_one("mouth.ty");
    int n = 0, n_turned = 0;
    for (int v = 0; v < pack->n_vertex; v++) {
        if (pack->bag[v]) {
            assert_true(moved(average, turned, v) == 0);
            n += moved(average, shifted, v) > 0;
        } else {
            n_turned += moved(average, turned, v) > 0;
        }
    }
    assert_true(n > 100 && n_turned > 100);
    free(shifted);
    free(turned);
    free(average);
}

/* The mirror vertex of each skin vertex, by the base mesh, which is symmetric. */
static int *mirrors(void)
{
    enum { BODY = 13380 };
    int *mirror = malloc((size_t)pack->n_vertex * sizeof *mirror);
    for (int v = 0; v < pack->n_vertex; v++) {
        const float *p = pack->position + 3 * v;
        mirror[v] = -1;
        for (int u = 0; u < pack->n_vertex && pack->source[v] < BODY && mirror[v] < 0; u++) {
            const float *q = pack->position + 3 * u;
            bool same = pack->source[u] < BODY && fabsf(p[0] + q[0]) < 1e-4f &&
                        fabsf(p[1] - q[1]) < 1e-4f && fabsf(p[2] - q[2]) < 1e-4f;
            mirror[v] = same ? u : -1;
        }
    }
    return mirror;
}

static void both_sides_move_alike(void **state)
{
    (void)state;
    int *mirror = mirrors(), n = 0;
    schema_average(schema, x);
    for (int i = 0; i < schema->n_continuous; i++)
        if (schema->control[i].kind == CONTROL_MACRO)
            x[i] = 0.5f;
    float *neutral = pose();
    float *average = malloc((size_t)schema->dim * sizeof *average);
    memcpy(average, x, (size_t)schema->dim * sizeof *x);
    for (uint64_t draw = 0; draw < 4; draw++) {
        schema_random_uniform(schema, 21, draw, x);
        for (int i = 0; i < schema->n_continuous; i++)
            if (schema->control[i].kind != CONTROL_BONE)
                x[i] = average[i];
        float *posed = pose();
        for (int v = 0; v < pack->n_vertex; v++) {
            int u = mirror[v];
            if (u < 0)
                continue;
            n++;
            for (int k = 0; k < 3; k++) {
                float left = posed[3 * v + k] - neutral[3 * v + k];
                float right = posed[3 * u + k] - neutral[3 * u + k];
                /* The artists' macro heads are symmetric to a few thousandths only, and so are the
                 * pivots. */
                assert_true(fabsf(left - (k == 0 ? -right : right)) < 4e-3f);
            }
        }
        free(posed);
    }
    assert_true(n > 4 * 3500);
    free(average);
    free(neutral);
    free(mirror);
}

/* On every face that can be drawn at random, lashes stay on the lids and brows on the skin. */
static void proxies_stay_on_the_face(void **state)
{
    (void)state;
    static const char *const name[] = {"lashes", "brow-natural-natural", "beard-full"};
    static const float reach[] = {0.12f, 0.08f, 0.16f};
    const PackMesh *skin = pack_mesh(pack, "skin");
    assert_non_null(skin);
    for (uint64_t draw = 0; draw < 3; draw++) {
        schema_random_uniform(schema, 8, draw, x);
        float *position = pose();
        for (int m = 0; m < 3; m++) {
            const PackMesh *mesh = pack_mesh(pack, name[m]);
            assert_non_null(mesh);
            float *out = malloc((size_t)mesh->n_vertex * 3 * sizeof *out);
            float *bound = malloc((size_t)mesh->n_bound * 3 * sizeof *bound);
            rig_mesh(mesh, position, out, bound);
            for (int i = 0; i < mesh->n_vertex; i += 3) {
                float best = INFINITY;
                for (int s = 0; s < skin->n_vertex; s++) {
                    const float *p = position + 3 * skin->vertex[s];
                    float a = p[0] - out[3 * i], b = p[1] - out[3 * i + 1],
                          c = p[2] - out[3 * i + 2];
                    float d = a * a + b * b + c * c;
                    best = d < best ? d : best;
                }
                if (!(sqrtf(best) < reach[m]))
                    fail_msg("%s: vertex %d is %.3f dm off the skin", name[m], i,
                             (double)sqrtf(best));
            }
            free(out);
            free(bound);
        }
        free(position);
    }
}

/* Lips that part show the upper teeth first, and closed ones hide them. */
static void upper_teeth_reach_below_the_lips_line(void **state)
{
    (void)state;
    enum { UPPER_TEETH = 15060, INNER_UPPER_LIP = 474 };
    schema_average(schema, x);
    float *position = pose();
    const PackMesh *mesh = pack_mesh(pack, "teeth");
    assert_non_null(mesh);
    float *out = malloc((size_t)mesh->n_vertex * 3 * sizeof *out);
    float *bound = malloc((size_t)mesh->n_bound * 3 * sizeof *bound);
    rig_mesh(mesh, position, out, bound);
    const float *lip = position + 3 * vertex(INNER_UPPER_LIP);
    float lowest = INFINITY, foremost = 0;
    for (int i = 0; i < mesh->n_vertex; i++) {
        if (pack->source[mesh->ref[3 * mesh->vertex[i]]] < UPPER_TEETH || fabsf(out[3 * i]) > 0.05f)
            continue;
        lowest = out[3 * i + 1] < lowest ? out[3 * i + 1] : lowest;
        foremost = out[3 * i + 2] > foremost ? out[3 * i + 2] : foremost;
    }
    assert_true(lowest < lip[1] - 0.02f && lowest > lip[1] - 0.08f);
    assert_true(foremost < lip[2] - 0.03f);
    free(out);
    free(bound);
    free(position);
}

/* A child's eyes are where everybody's are, and its head is about as large in the picture. */
static void a_child_fills_the_picture(void **state)
{
    (void)state;
    Schema *girl;
    Rig *other;
    Error err = {""};
    assert_true(schema_load(&girl, SCHEMA("girl"), &err) && rig_new(&other, pack, girl, &err));
    float *child = malloc((size_t)pack->n_vertex * 3 * sizeof *child);
    float *y = malloc((size_t)girl->dim * sizeof *y);
    assert_true(child && y);
    schema_average(schema, x);
    schema_average(girl, y);
    float *adult = pose(), a[2][3], c[2][3];
    rig_pose(other, y, child, scratch);
    rig_eyes(rig, adult, a);
    rig_eyes(other, child, c);
    for (int k = 1; k < 3; k++)
        assert_true(fabsf(a[0][k] - c[0][k]) < 1e-3f);
    int top = vertex(881), chin = vertex(732);
    float grown = adult[3 * top + 1] - adult[3 * chin + 1];
    float young = child[3 * top + 1] - child[3 * chin + 1];
    assert_true(young > 0.9f * grown && young < 1.05f * grown);
    /* and yet its face is a child's: shorter below the eyes for its height */
    float below = (c[0][1] - child[3 * chin + 1]) / young;
    assert_true(below < 0.97f * (a[0][1] - adult[3 * chin + 1]) / grown);
    free(adult);
    free(child);
    free(y);
    rig_free(other);
    schema_free(girl);
}

static void a_mesh_is_what_its_binding_says(void **state)
{
    (void)state;
    schema_random_uniform(schema, 9, 0, x);
    float *position = pose();
    const PackMesh *mesh = pack_mesh(pack, "hair-crop");
    float *out = malloc((size_t)mesh->n_vertex * 3 * sizeof *out);
    float *bound = malloc((size_t)mesh->n_bound * 3 * sizeof *bound);
    rig_mesh(mesh, position, out, bound);
    for (int i = 0; i < mesh->n_vertex; i += 17)
        for (int k = 0; k < 3; k++) {
            int b = mesh->vertex[i];
            double sum = mesh->offset[3 * b + k];
            for (int n = 0; n < 3; n++)
                sum += (double)mesh->weight[3 * b + n] * position[3 * mesh->ref[3 * b + n] + k];
            assert_true(fabs(out[3 * i + k] - sum) < 1e-5);
        }
    free(out);
    free(bound);
    free(position);
}

static void every_control_moves_or_colours(void **state)
{
    (void)state;
    schema_average(schema, x);
    float *average = pose(), trait[TRAIT_COUNT], other[TRAIT_COUNT];
    rig_traits(rig, x, trait);
    for (int i = 0; i < schema->n_continuous; i++) {
        float keep = x[i];
        x[i] = 1;
        float *posed = pose();
        rig_traits(rig, x, other);
        bool same = memcmp(average, posed, (size_t)pack->n_vertex * 3 * sizeof *posed) == 0 &&
                    memcmp(trait, other, sizeof trait) == 0;
        if (same)
            fail_msg("%s changes nothing", schema->control[i].name);
        free(posed);
        x[i] = keep;
    }
    free(average);
}

static void unknown_drives_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *component, *drive, *sentence;
    } cases[] = {
        {"bone", "third eye", "tx", "a bone that the asset pack does not have"},
        {"bone", "nose tip", "tw", "tx ty tz rx ry rz sx sy sz"},
        {"macro", "macro", "no-such|nose-hump-morehump", "\"no-such\", a target that"},
        {"macro", "macro", "charm", "which this engine does not know"},
        {"appearance", "appearance", "charm", "which this engine does not know"},
    };
    char dir[TEST_PATH], path[TEST_PATH], text[1024];
    assert_true(test_folder_make(dir));
    test_path(path, dir, "schema.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Schema *s;
        Rig *r = NULL;
        Error err = {""};
        snprintf(
            text, sizeof text,
            "{\"name\":\"t\",\"version\":1,\"continuous\":[{\"name\":\"a\",\"component\":\"%s\","
            "\"prior\":\"p\",\"kind\":\"%s\",\"drive\":\"%s\",\"lo\":0,\"hi\":1,\"mean\":0.5,"
            "\"deviation\":0}],\"discrete\":[]}",
            cases[i].component, cases[i].kind, cases[i].drive);
        write_text(path, text);
        assert_true(schema_load(&s, path, &err));
        assert_false(rig_new(&r, pack, s, &err));
        assert_null(r);
        if (!strstr(err.text, cases[i].sentence))
            fail_msg("\"%s\" should say \"%s\"", err.text, cases[i].sentence);
        schema_free(s);
    }
    test_folder_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neutral_bones_change_nothing),
        cmocka_unit_test(eyes_stay_in_the_middle),
        cmocka_unit_test(a_bone_moves_its_region_only),
        cmocka_unit_test(lips_move_apart),
        cmocka_unit_test(eyeballs_are_rigid),
        cmocka_unit_test(the_mouth_bag_is_never_turned),
        cmocka_unit_test(both_sides_move_alike),
        cmocka_unit_test(proxies_stay_on_the_face),
        cmocka_unit_test(upper_teeth_reach_below_the_lips_line),
        cmocka_unit_test(a_child_fills_the_picture),
        cmocka_unit_test(a_mesh_is_what_its_binding_says),
        cmocka_unit_test(every_control_moves_or_colours),
        cmocka_unit_test(unknown_drives_are_refused),
    };
    need_engine_pack();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
