/* The baker refuses what is not MakeHuman's package, file by file, and leaves no pack behind. A
 * stand-in package is made up as it goes on, so that each next file is the one at fault. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "engine/bake.h"
#include "engine/bake_source.h"
#include "tests/engine_files.h"
#include "tests/test_folder.h"

static char dir[TEST_PATH], pack[TEST_PATH];

static const char *in_package(const char *name)
{
    static char path[4 * TEST_PATH];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    for (char *slash = strchr(path + strlen(dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0777);
        *slash = '/';
    }
    return path;
}

static void expect_refusal(const char *file, const char *sentence)
{
    Error err = {""};
    assert_false(bake_assets(dir, pack, &err));
    if (!strstr(err.text, file) || !strstr(err.text, sentence))
        fail_msg("\"%s\" should name %s and say \"%s\"", err.text, file, sentence);
    assert_int_not_equal(access(pack, F_OK), 0);
}

#define BASE "public/data/models/human_full_size.json"
#define LIST "src/json/targets/target-list.json"
#define TARGETS "public/data/targets/targets.bin"

/* A mesh of so many vertices and faces in one point. */
static void write_mesh(const char *path, int vertices, int faces, int last_corner)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"vertices\":[", f);
    for (int i = 0; i < vertices; i++)
        fprintf(f, "%s0,5,0", i ? "," : "");
    fputs("],\"uvs\":[[0,0]],\"faces\":[", f);
    for (int i = 0; i < faces; i++)
        fprintf(f, "%s11,0,1,2,%d,0,0,0,0,0", i ? "," : "", last_corner);
    fputs("]}", f);
    assert_int_equal(fclose(f), 0);
}

static void write_list(int targets)
{
    FILE *f = fopen(in_package(LIST), "w");
    assert_non_null(f);
    fputs("{\"targets\":{", f);
    for (int i = 0; i < targets; i++)
        fprintf(f, "%s\"data/targets/nose/t%04d.target\":1", i ? "," : "", i);
    fputs("}}", f);
    assert_int_equal(fclose(f), 0);
}

static void foreign_packages_are_refused(void **state)
{
    (void)state;
    expect_refusal(BASE, "No such file");
    write_text(in_package(BASE), "{\"vertices\":");
    expect_refusal(BASE, "line 1");
    write_text(in_package(BASE), "{}");
    expect_refusal(BASE, "is not MakeHuman's base mesh");
    write_mesh(in_package(BASE), SOURCE_VERTICES - 1, SOURCE_FACES, 3);
    expect_refusal(BASE, "is not MakeHuman's base mesh");
    write_mesh(in_package(BASE), SOURCE_VERTICES, SOURCE_FACES - 1, 3);
    expect_refusal(BASE, "is not MakeHuman's base mesh");
    write_mesh(in_package(BASE), SOURCE_VERTICES, SOURCE_FACES, SOURCE_VERTICES);
    expect_refusal(BASE, "is not MakeHuman's base mesh");
    write_mesh(in_package(BASE), SOURCE_VERTICES, SOURCE_FACES, 3);

    expect_refusal(LIST, "No such file");
    write_list(SOURCE_TARGETS - 1);
    expect_refusal(LIST, "does not list 1258 targets");
    write_list(SOURCE_TARGETS);
    expect_refusal(TARGETS, "No such file");
    write_text(in_package(TARGETS), "too short");
    expect_refusal(TARGETS, "has not the size of 1258 targets");
    /* A hole of the right size costs no disk. */
    assert_int_equal(truncate(in_package(TARGETS), (off_t)SOURCE_TARGETS * SOURCE_VERTICES * 6), 0);
    expect_refusal("proxies/", "No such file");
}

static void proxies_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {
        /* no binding */
        "{\"vertices\":[0,0,0],\"uvs\":[[0,0]],\"faces\":[11,0,0,0,0,0,0,0,0,0]}",
        /* reference outside the base mesh */
        "{\"vertices\":[0,0,0],\"uvs\":[[0,0]],\"faces\":[11,0,0,0,0,0,0,0,0,0],\"ref_vIdxs\":[[0,"
        "1,19158]],"
        "\"weights\":[[1,0,0]],\"offsets\":[[0,0,0]]}",
        /* fewer weights than vertices */
        "{\"vertices\":[0,0,0,1,1,1],\"uvs\":[[0,0]],\"faces\":[11,0,0,0,0,0,0,0,0,0],"
        "\"ref_vIdxs\":[[0,1,2],[0,1,2]],\"weights\":[[1,0,0]],\"offsets\":[[0,0,0],[0,0,0]]}",
        /* a triangle where quads are due */
        "{\"vertices\":[0,0,0],\"uvs\":[[0,0]],\"faces\":[10,0,0,0,0,0,0,0,0,0],\"ref_vIdxs\":[[0,"
        "1,2]],"
        "\"weights\":[[1,0,0]],\"offsets\":[[0,0,0]]}",
    };
    const char *path = in_package("proxy.json");
    SourceMesh mesh = {.n_vertex = -7};
    Error err = {""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text(path, bad[i]);
        assert_false(source_mesh_read(&mesh, path, true, &err));
        assert_non_null(strstr(err.text, "is not a proxy mesh of MakeHuman"));
        assert_int_equal(mesh.n_vertex, -7);
    }
    write_text(path,
               "{\"vertices\":[0,0,0],\"uvs\":[[0.25,0.5]],\"faces\":[11,0,0,0,0,4,0,0,0,0],"
               "\"ref_vIdxs\":[[5,6,7]],\"weights\":[[0.5,0.25,0.25]],\"offsets\":[[1,2,3]]}");
    assert_true(source_mesh_read(&mesh, path, true, &err));
    assert_int_equal(mesh.n_vertex, 1);
    assert_int_equal(mesh.ref[2], 7);
    assert_true(mesh.weight[1] == 0.25f && mesh.offset[2] == 3 && mesh.uv[0] == 0.25f);
    assert_int_equal(mesh.group[0], 4);
    source_mesh_free(&mesh);
}

static void pictures_are_checked(void **state)
{
    (void)state;
    uint8_t *pixel = NULL;
    int width, height, channels;
    Error err = {""};
    const char *path = in_package("texture.png");
    write_text(path, "\x89PNG\r\n but no more");
    assert_false(source_image_read(&pixel, &width, &height, &channels, path, &err));
    assert_non_null(strstr(err.text, "is not a PNG"));
    assert_null(pixel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_packages_are_refused),
        cmocka_unit_test(proxies_are_checked),
        cmocka_unit_test(pictures_are_checked),
    };
    if (!test_folder_make(dir))
        return 1;
    test_path(pack, dir, "out.pack");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_folder_remove(dir);
    return failed;
}
