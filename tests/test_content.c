/* The pack's hair, brows and beards. Skipped without the asset pack. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/engine.h"
#include "engine/pack.h"
#include "tests/engine_files.h"
#include "tests/test_folder.h"

enum { SIZE = 192, PIXELS = SIZE * SIZE };

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static void meshes_are_whole(void **state)
{
    (void)state;
    Pack *pack;
    Error err = {""};
    if (!pack_open(&pack, engine_pack(), &err))
        fail_msg("%s", err.text);
    int hair = 0, brows = 0;
    for (int m = 0; m < pack->n_mesh; m++) {
        const PackMesh *mesh = &pack->mesh[m];
        hair += starts(mesh->name, "hair-");
        brows += starts(mesh->name, "brow-");
        if (mesh->n_triangle < 50)
            fail_msg("%s has %d triangles only", mesh->name, mesh->n_triangle);
        if (strcmp(mesh->name, "skin") == 0)
            continue;
        assert_non_null(mesh->texture);
        assert_true(mesh->texture->texture.channels >= 3);
        for (int i = 0; i < mesh->n_bound; i++) {
            const float *w = mesh->weight + 3 * i;
            if (w[0] + w[1] + w[2] < 0.98f || w[0] + w[1] + w[2] > 1.02f)
                fail_msg("%s: vertex %d does not follow its head", mesh->name, i);
        }
    }
    assert_true(hair >= 20);
    assert_int_equal(brows, 36);
    pack_close(pack);
}

/* A hair style may touch an eye's corner; it hides none. */
static void no_hair_hides_an_eye(void **state)
{
    const char *schema = *state;
    Engine *engine;
    Error err = {""};
    if (!engine_open_builtin(&engine, engine_pack(), schema, &err))
        fail_msg("%s", err.text);
    const Schema *s = engine_schema(engine);
    int group = schema_find_group(s, "hair"), hidden = 0;
    assert_true(group >= 0);
    const ControlGroup *hair = &s->group[group];
    RenderOptions o = render_options_default();
    o.size = SIZE;
    float *x = malloc((size_t)s->dim * sizeof *x);
    uint8_t *rgb = malloc(PIXELS * 3), *labels = malloc(PIXELS);
    int(*seen)[2] = calloc((size_t)hair->count, sizeof *seen), most[2] = {0};
    assert_true(x && rgb && labels && seen);
    for (int k = 0; k < hair->count; k++) {
        schema_average(s, x);
        for (int j = 0; j < hair->count; j++)
            x[hair->begin + j] = j == k ? 1.0f : 0.0f;
        if (!engine_render(engine, x, &o, rgb, labels, &err))
            fail_msg("%s", err.text);
        for (int i = 0; i < PIXELS; i++)
            for (int side = 0; side < 2; side++)
                seen[k][side] += labels[i] == (side ? LABEL_RIGHT_EYE : LABEL_LEFT_EYE);
        for (int side = 0; side < 2; side++)
            most[side] = seen[k][side] > most[side] ? seen[k][side] : most[side];
    }
    assert_true(most[0] > 20 && most[1] > 20);
    for (int k = 0; k < hair->count; k++)
        for (int side = 0; side < 2; side++)
            if (seen[k][side] < 0.85 * most[side]) {
                print_error("%s: %s leaves %d of %d pixels of the %s eye\n", s->name,
                            hair->option[k].name, seen[k][side], most[side],
                            side ? "right" : "left");
                hidden++;
            }
    assert_int_equal(hidden, 0);
    free(x);
    free(rgb);
    free(labels);
    free(seen);
    engine_close(engine);
}

/* The pack with one tensor left out, or as it is but for its text. */
static void write_altered(const char *path, const char *name, const char *text)
{
    TensorFile *in, *out = tensor_file_new();
    Error err = {""};
    assert_non_null(out);
    assert_true(safetensors_read(engine_pack(), &in, &err));
    for (int i = 0; i < tensor_file_count(in); i++) {
        bool here = strcmp(tensor_file_name(in, i), name) == 0;
        Tensor t = tensor_file_get(in, i);
        if (here && text)
            t = (Tensor){(void *)text, shape1((int64_t)strlen(text)), DTYPE_U8};
        if (!here || text)
            assert_true(tensor_file_add(out, tensor_file_name(in, i), t, &err));
    }
    for (int i = 0; i < tensor_file_meta_count(in); i++) {
        const char *key = tensor_file_meta_key(in, i);
        assert_true(tensor_file_set_meta(out, key, tensor_file_meta(in, key), &err));
    }
    assert_true(safetensors_write(path, out, &err));
    tensor_file_free(in);
    tensor_file_free(out);
}

static void meshes_without_a_texture_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } wrong[] = {
        {NULL, "its part mesh/hair-crop/texture is missing or damaged"},
        {"hair-nobodys", "a mesh has no texture"},
    };
    char dir[TEST_PATH], path[TEST_PATH];
    assert_true(test_folder_make(dir));
    test_path(path, dir, "altered.pack");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Pack *pack = NULL;
        Error err = {""};
        write_altered(path, "mesh/hair-crop/texture", wrong[i].text);
        assert_false(pack_open(&pack, path, &err));
        assert_null(pack);
        if (!strstr(err.text, wrong[i].sentence) || !strstr(err.text, path))
            fail_msg("\"%s\" should say \"%s\"", err.text, wrong[i].sentence);
    }
    test_folder_remove(dir);
}

/* The renderer reads the alpha of strands. */
static void strands_without_alpha_are_refused(void **state)
{
    (void)state;
    char dir[TEST_PATH], path[TEST_PATH];
    assert_true(test_folder_make(dir));
    write_altered(test_path(path, dir, "altered.pack"), "mesh/hair-crop/texture", "tongue");
    Engine *engine = NULL;
    Error err = {""};
    assert_false(engine_open_builtin(&engine, path, SCHEMA("male"), &err));
    assert_null(engine);
    assert_non_null(strstr(err.text, "\"hair-crop\" has no texture with alpha"));
    test_folder_remove(dir);
}

int main(void)
{
    static char male[] = SCHEMA("male"), female[] = SCHEMA("female"), girl[] = SCHEMA("girl");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meshes_are_whole),
        cmocka_unit_test_prestate(no_hair_hides_an_eye, male),
        cmocka_unit_test_prestate(no_hair_hides_an_eye, female),
        cmocka_unit_test_prestate(no_hair_hides_an_eye, girl),
        cmocka_unit_test(meshes_without_a_texture_are_refused),
        cmocka_unit_test(strands_without_alpha_are_refused),
    };
    need_engine_pack();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
