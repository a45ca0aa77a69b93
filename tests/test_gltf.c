/* Exported characters, read back by a reader of binary glTF of the test's own. */
#include "config.h" /* _GNU_SOURCE before any system header */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "engine/codec.h"
#include "engine/engine_internal.h"
#include "engine/gltf.h"
#include "tests/engine_files.h"
#include "tests/test_folder.h"

typedef struct Read {
    uint8_t *file;
    size_t n, n_buffer;
    const uint8_t *buffer;
    json_t *root;
} Read;

static char folder[TEST_PATH];

static uint32_t u32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static long integer(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return (long)json_integer_value(value);
}

static void read_glb(Read *r, const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    r->n = (size_t)st.st_size;
    r->file = malloc(r->n);
    FILE *f = fopen(path, "rb");
    assert_int_equal(fread(r->file, 1, r->n, f), r->n);
    fclose(f);
    assert_memory_equal(r->file, "glTF", 4);
    assert_int_equal(u32(r->file + 4), 2);
    assert_int_equal(u32(r->file + 8), r->n);
    uint32_t n_text = u32(r->file + 12);
    assert_memory_equal(r->file + 16, "JSON", 4);
    assert_int_equal(n_text % 4, 0);
    const uint8_t *second = r->file + 20 + n_text;
    uint32_t n_buffer = u32(second);
    assert_memory_equal(second + 4, "BIN\0", 4);
    assert_int_equal(n_buffer % 4, 0);
    assert_int_equal(12 + 8 + n_text + 8 + n_buffer, r->n);
    json_error_t error;
    r->root = json_loadb((const char *)r->file + 20, n_text, 0, &error);
    assert_non_null(r->root);
    r->buffer = second + 8;
    r->n_buffer =
        (size_t)integer(json_array_get(json_object_get(r->root, "buffers"), 0), "byteLength");
    assert_true(r->n_buffer <= n_buffer && r->n_buffer + 4 > n_buffer);
}

static void read_free(Read *r)
{
    json_decref(r->root);
    free(r->file);
}

static json_t *item(const Read *r, const char *array, long i)
{
    json_t *value = json_array_get(json_object_get(r->root, array), (size_t)i);
    assert_non_null(value);
    return value;
}

static const uint8_t *view(const Read *r, long i, size_t *n)
{
    const json_t *v = item(r, "bufferViews", i);
    size_t offset = (size_t)integer(v, "byteOffset");
    *n = (size_t)integer(v, "byteLength");
    assert_int_equal(offset % 4, 0);
    assert_true(offset + *n <= r->n_buffer);
    return r->buffer + offset;
}

/* The floats of an accessor, whose bounds are those that it says. */
static const float *floats(const Read *r, long accessor, int components, long *count)
{
    const json_t *a = item(r, "accessors", accessor);
    size_t n;
    const float *value = (const float *)view(r, integer(a, "bufferView"), &n);
    *count = integer(a, "count");
    assert_int_equal(integer(a, "componentType"), 5126);
    assert_string_equal(json_string_value(json_object_get(a, "type")),
                        components == 2 ? "VEC2" : "VEC3");
    assert_int_equal(n, (size_t)*count * components * sizeof *value);
    bool finite = true;
    for (int c = 0; c < components; c++) {
        float lo = INFINITY, hi = -INFINITY;
        for (long i = 0; i < *count; i++) {
            finite &= isfinite(value[i * components + c]) != 0;
            lo = fminf(lo, value[i * components + c]);
            hi = fmaxf(hi, value[i * components + c]);
        }
        const json_t *least = json_array_get(json_object_get(a, "min"), (size_t)c);
        const json_t *greatest = json_array_get(json_object_get(a, "max"), (size_t)c);
        assert_true((float)json_number_value(least) == lo);
        assert_true((float)json_number_value(greatest) == hi);
    }
    assert_true(finite);
    return value;
}

static void check_indices(const Read *r, long accessor, long n_vertex)
{
    const json_t *a = item(r, "accessors", accessor);
    size_t n;
    const uint8_t *at = view(r, integer(a, "bufferView"), &n);
    long count = integer(a, "count"), bytes = integer(a, "componentType") == 5123 ? 2 : 4;
    uint8_t *met = calloc((size_t)n_vertex, 1);
    assert_true(count > 0 && count % 3 == 0);
    assert_int_equal(n, count * bytes);
    for (long i = 0; i < count; i++) {
        uint32_t v = bytes == 2 ? at[2 * i] | (uint32_t)at[2 * i + 1] << 8 : u32(at + 4 * i);
        assert_true(v < (uint32_t)n_vertex);
        met[v] = 1;
    }
    assert_null(memchr(met, 0, (size_t)n_vertex)); /* no vertex is there for nothing */
    free(met);
}

/* A texture's pixels, RGBA; free() them. */
static uint8_t *decode(const Read *r, long texture, int *width, int *height)
{
    const json_t *image = item(r, "images", integer(item(r, "textures", texture), "source"));
    size_t n;
    const uint8_t *file = view(r, integer(image, "bufferView"), &n);
    const char *mime = json_string_value(json_object_get(image, "mimeType")), *reason;
    assert_memory_equal(file, strcmp(mime, "image/png") == 0 ? "\x89PNG" : "\xff\xd8\xff\xe0", 4);
    uint8_t *pixel = codec_decode(file, n, 4, width, height, &reason);
    assert_non_null(pixel);
    return pixel;
}

static const json_t *find_mesh(const Read *r, const char *prefix)
{
    const json_t *list = json_object_get(r->root, "meshes"), *found = NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *mesh = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(mesh, "name"));
        if (!found && strncmp(name, prefix, strlen(prefix)) == 0)
            found = mesh;
    }
    return found;
}

static const json_t *primitive(const json_t *mesh)
{
    return json_array_get(json_object_get(mesh, "primitives"), 0);
}

/* The picture of a mesh's base colour. */
static uint8_t *colour_of(const Read *r, const char *prefix, int *width, int *height)
{
    const json_t *mesh = find_mesh(r, prefix);
    assert_non_null(mesh);
    const json_t *material = item(r, "materials", integer(primitive(mesh), "material"));
    const json_t *pbr = json_object_get(material, "pbrMetallicRoughness");
    return decode(r, integer(json_object_get(pbr, "baseColorTexture"), "index"), width, height);
}

static void check_mesh(const Read *r, const json_t *mesh)
{
    const json_t *p = primitive(mesh), *attributes = json_object_get(p, "attributes");
    long n, n_normal, n_uv;
    const float *position = floats(r, integer(attributes, "POSITION"), 3, &n);
    const float *normal = floats(r, integer(attributes, "NORMAL"), 3, &n_normal);
    floats(r, integer(attributes, "TEXCOORD_0"), 2, &n_uv);
    assert_int_equal(n, n_normal);
    assert_int_equal(n, n_uv);
    check_indices(r, integer(p, "indices"), n);
    for (long i = 0; i < n; i++) {
        const float *v = normal + 3 * i;
        assert_float_equal(v[0] * v[0] + v[1] * v[1] + v[2] * v[2], 1, 1e-3);
        /* metres: a head of a body whose hips are at 0, to where hair hangs */
        assert_true(fabsf(position[3 * i]) < 0.5f && fabsf(position[3 * i + 2]) < 0.5f);
        assert_true(position[3 * i + 1] > 0 && position[3 * i + 1] < 1.1f);
    }
    assert_true(integer(p, "material") <
                (long)json_array_size(json_object_get(r->root, "materials")));
}

enum { MALE, FEMALE, GIRL, MODELS };

/* Opened once: that takes as long as an export. */
static Engine *model[MODELS];

static float *new_character(const Engine *engine)
{
    const Schema *schema = engine_schema(engine);
    float *x = malloc((size_t)schema->dim * sizeof *x);
    schema_average(schema, x);
    return x;
}

static void choose(const Schema *schema, float *x, const char *group, int option)
{
    int g = schema_find_group(schema, group);
    assert_true(g >= 0);
    for (int k = 0; k < schema->group[g].count; k++)
        x[schema->group[g].begin + k] = k == option;
}

/* The first option of a group with a mesh, or the first without. */
static int option_with(const Schema *schema, const char *group, bool mesh)
{
    const ControlGroup *g = &schema->group[schema_find_group(schema, group)];
    for (int k = 0; k < g->count; k++)
        if ((g->option[k].mesh[0] != '\0') == mesh)
            return k;
    fail_msg("no option of %s %s a mesh", group, mesh ? "has" : "is without");
    return 0;
}

static void set(const Schema *schema, float *x, const char *control, float value)
{
    int i = schema_find(schema, control);
    assert_true(i >= 0);
    x[i] = value;
}

static void export_to(Read *r, const Engine *engine, const float *x)
{
    char path[TEST_PATH];
    Error err = {""};
    if (!engine_export_glb(engine, x, test_path(path, folder, "a.glb"), &err))
        fail_msg("%s", err.text);
    read_glb(r, path);
}

/* The same man with dark hair, and with light hair and stubble. */
static Read two[2];

static int open_models(void **state)
{
    (void)state;
    static const char *const path[MODELS] = {SCHEMA("male"), SCHEMA("female"), SCHEMA("girl")};
    Error err = {""};
    for (int i = 0; i < MODELS; i++)
        if (!engine_open_builtin(&model[i], engine_pack(), path[i], &err)) {
            fprintf(stderr, "%s\n", err.text);
            return -1;
        }
    if (!test_folder_make(folder))
        return -1;
    const Schema *schema = engine_schema(model[MALE]);
    float *x = new_character(model[MALE]);
    choose(schema, x, "hair", option_with(schema, "hair", true));
    choose(schema, x, "beard", option_with(schema, "beard", false));
    for (int i = 0; i < 2; i++) {
        set(schema, x, "hair-lightness", i ? 0.95f : 0.05f);
        set(schema, x, "stubble", (float)i);
        export_to(&two[i], model[MALE], x);
    }
    free(x);
    return 0;
}

static int close_models(void **state)
{
    (void)state;
    for (int i = 0; i < MODELS; i++)
        engine_close(model[i]);
    read_free(&two[0]);
    read_free(&two[1]);
    test_folder_remove(folder);
    return 0;
}

static void check_character(const Engine *engine, const float *x)
{
    Read r;
    export_to(&r, engine, x);
    static const char *const always[] = {"skin", "eyes", "teeth", "tongue", "lashes"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        assert_non_null(find_mesh(&r, always[i]));
    const json_t *meshes = json_object_get(r.root, "meshes");
    for (size_t i = 0; i < json_array_size(meshes); i++)
        check_mesh(&r, json_array_get(meshes, i));
    for (size_t i = 0; i < json_array_size(json_object_get(r.root, "textures")); i++) {
        int width, height;
        free(decode(&r, (long)i, &width, &height));
        assert_true(width >= 256 && height >= 256);
    }
    /* the tree: one root over a node for each mesh */
    long root = (long)json_integer_value(
        json_array_get(json_object_get(item(&r, "scenes", integer(r.root, "scene")), "nodes"), 0));
    const json_t *children = json_object_get(item(&r, "nodes", root), "children");
    assert_int_equal(json_array_size(children), json_array_size(meshes));
    for (size_t i = 0; i < json_array_size(children); i++) {
        const json_t *node =
            item(&r, "nodes", (long)json_integer_value(json_array_get(children, i)));
        assert_int_equal(integer(node, "mesh"), i);
    }
    /* who it is */
    const Schema *schema = engine_schema(engine);
    const json_t *extras = json_object_get(item(&r, "nodes", root), "extras");
    assert_string_equal(json_string_value(json_object_get(extras, "schema")), schema->name);
    const json_t *vector = json_object_get(extras, "vector");
    assert_int_equal(json_array_size(vector), schema->dim);
    for (int i = 0; i < schema->dim; i++)
        assert_true((float)json_number_value(json_array_get(vector, (size_t)i)) == x[i]);
    read_free(&r);
}

static void check_repeats(const Engine *engine, const float *x)
{
    Read a, b;
    char path[TEST_PATH];
    read_glb(&a, test_path(path, folder, "a.glb"));
    export_to(&b, engine, x);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.file, b.file, a.n);
    read_free(&a);
    read_free(&b);
}

static void files_are_whole(void **state)
{
    (void)state;
    for (int m = 0; m < MODELS; m++) {
        const Engine *engine = model[m];
        const Schema *schema = engine_schema(engine);
        float *x = new_character(engine);
        schema_random_person(schema, 5, (uint64_t)m, x);
        choose(schema, x, "hair", option_with(schema, "hair", true));
        if (schema_find_group(schema, "beard") >= 0)
            choose(schema, x, "beard", option_with(schema, "beard", true));
        check_character(engine, x);
        if (m == GIRL)
            check_repeats(engine, x);
        free(x);
    }
}

static void only_what_is_worn(void **state)
{
    (void)state;
    const Schema *schema = engine_schema(model[MALE]);
    float *x = new_character(model[MALE]);
    Read r;
    choose(schema, x, "hair", option_with(schema, "hair", false));
    choose(schema, x, "beard", option_with(schema, "beard", true));
    export_to(&r, model[MALE], x);
    assert_null(find_mesh(&r, "hair-"));
    assert_non_null(find_mesh(&r, "beard-"));
    assert_non_null(find_mesh(&two[0], "hair-"));
    assert_null(find_mesh(&two[0], "beard-"));
    read_free(&r);
    free(x);
}

static const float *attribute(const Read *r, const char *mesh, const char *name, int components,
                              long *n)
{
    const json_t *attributes = json_object_get(primitive(find_mesh(r, mesh)), "attributes");
    return floats(r, integer(attributes, name), components, n);
}

/* x to the person's left, y up, z to the front. */
static void axes_are_those_of_gltf(void **state)
{
    (void)state;
    long n, n_eye;
    const float *position = attribute(&two[0], "skin", "POSITION", 3, &n);
    const float *normal = attribute(&two[0], "skin", "NORMAL", 3, &n);
    const float *eye = attribute(&two[0], "eyes", "POSITION", 3, &n_eye);
    float top = -1, nose = -1, eye_y = 0;
    long at_top = 0, at_nose = 0;
    for (long i = 0; i < n_eye; i++)
        eye_y += eye[3 * i + 1] / (float)n_eye;
    for (long i = 0; i < n; i++) {
        if (position[3 * i + 1] > top)
            top = position[3 * i + 1], at_top = i;
        if (position[3 * i + 2] > nose)
            nose = position[3 * i + 2], at_nose = i;
    }
    assert_float_equal(top - eye_y, 0.12, 0.03); /* half a head above the eyes */
    assert_true(normal[3 * at_top + 1] > 0.9f);
    assert_true(normal[3 * at_nose + 2] > 0.7f);
    assert_float_equal(position[3 * at_nose], 0, 0.01);
    assert_true(position[3 * at_nose + 1] < eye_y);
}

/* v from the top of the picture downwards: the front of an eyeball is a black pupil. */
static void textures_lie_right(void **state)
{
    (void)state;
    long n;
    int width, height;
    const float *position = attribute(&two[0], "eyes", "POSITION", 3, &n);
    const float *uv = attribute(&two[0], "eyes", "TEXCOORD_0", 2, &n);
    uint8_t *pixel = colour_of(&two[0], "eyes", &width, &height);
    for (int side = -1; side <= 1; side += 2) {
        float middle[3] = {0}, nearest = INFINITY;
        long count = 0, front = 0;
        for (long i = 0; i < n; i++)
            if (position[3 * i] * (float)side > 0) {
                count++;
                for (int c = 0; c < 3; c++)
                    middle[c] += position[3 * i + c];
            }
        for (int c = 0; c < 3; c++)
            middle[c] /= (float)count;
        for (long i = 0; i < n; i++) {
            float dx = position[3 * i] - middle[0], dy = position[3 * i + 1] - middle[1];
            if (position[3 * i + 2] > middle[2] && dx * dx + dy * dy < nearest) {
                nearest = dx * dx + dy * dy;
                front = i;
            }
        }
        int x = (int)(uv[2 * front] * (float)width), y = (int)(uv[2 * front + 1] * (float)height);
        assert_true(x >= 0 && x < width && y >= 0 && y < height);
        assert_true(pixel[4 * (y * width + x) + 1] < 40);
    }
    free(pixel);
}

/* Of the dense texels, 0 .. 255. */
static double mean_green(const uint8_t *rgba, int n)
{
    double sum = 0, count = 0;
    for (int i = 0; i < n; i++)
        if (rgba[4 * i + 3] > 127) {
            sum += rgba[4 * i + 1];
            count++;
        }
    assert_true(count > 0);
    return sum / count;
}

static void dye_is_in_the_texture(void **state)
{
    (void)state;
    double green[2];
    for (int i = 0; i < 2; i++) {
        int width, height;
        uint8_t *pixel = colour_of(&two[i], "hair-", &width, &height);
        green[i] = mean_green(pixel, width * height);
        free(pixel);
    }
    assert_true(green[1] > green[0] + 50);
}

/* What the renderer paints over the skin's texture: stubble darkens a part of it and no other. */
static void paint_is_in_the_texture(void **state)
{
    (void)state;
    int width, height, darker = 0, same = 0;
    uint8_t *plain = colour_of(&two[0], "skin", &width, &height);
    uint8_t *stubbly = colour_of(&two[1], "skin", &width, &height);
    for (int i = 0; i < width * height; i++) {
        int less = plain[4 * i + 1] - stubbly[4 * i + 1];
        darker += less > 20;
        same += abs(less) < 6; /* gaps between islands take mean colours */
    }
    assert_true(darker > width * height / 500);
    assert_true(same > width * height * 9 / 10);
    free(plain);
    free(stubbly);
}

/* Between the islands of the skin the texture goes on with their colours, for filters and mips. */
static void textures_have_no_gaps(void **state)
{
    (void)state;
    int width, height, black = 0;
    uint8_t *pixel = colour_of(&two[0], "skin", &width, &height);
    for (int i = 0; i < width * height; i++)
        black += pixel[4 * i] < 8; /* no skin is */
    assert_int_equal(black, 0);
    free(pixel);
}

static void failures_leave_nothing(void **state)
{
    (void)state;
    const Engine *engine = model[MALE];
    float *x = new_character(engine);
    Error err = {""};
    char path[TEST_PATH], inner[TEST_PATH];
    assert_false(engine_export_glb(engine, x, test_path(path, folder, "none/b.glb"), &err));
    assert_non_null(strstr(err.text, "none/b.glb"));
    x[3] = NAN;
    assert_false(engine_export_glb(engine, x, test_path(path, folder, "b.glb"), &err));
    assert_non_null(strstr(err.text, "b.glb"));
    assert_non_null(strstr(err.text, "value 3"));
    assert_int_not_equal(access(path, F_OK), 0);
    snprintf(inner, sizeof inner, "%.200s.tmp", path);
    assert_int_not_equal(access(inner, F_OK), 0);
    free(x);
}

static void other_engines_have_no_geometry(void **state)
{
    (void)state;
    static const EngineClass pictures_only = {0};
    Engine engine = {.class = &pictures_only};
    Error err = {""};
    char path[TEST_PATH];
    float *x;
    assert_true(schema_load(&engine.schema, SCHEMA("male"), &err));
    x = new_character(&engine);
    assert_false(engine_export_glb(&engine, x, test_path(path, folder, "c.glb"), &err));
    assert_non_null(strstr(err.text, "geometry"));
    assert_int_not_equal(access(path, F_OK), 0);
    free(x);
    schema_free(engine.schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_whole),
        cmocka_unit_test(only_what_is_worn),
        cmocka_unit_test(axes_are_those_of_gltf),
        cmocka_unit_test(textures_lie_right),
        cmocka_unit_test(dye_is_in_the_texture),
        cmocka_unit_test(paint_is_in_the_texture),
        cmocka_unit_test(textures_have_no_gaps),
        cmocka_unit_test(failures_leave_nothing),
        cmocka_unit_test(other_engines_have_no_geometry),
    };
    need_engine_pack();
    return cmocka_run_group_tests_name("gltf", tests, open_models, close_models);
}
