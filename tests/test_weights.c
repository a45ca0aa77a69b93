/* Weights as PyTorch and NumPy write them (tests/golden/torch-*, numpy-*, made by
 * scripts/make_torch_golden.py): what they hold, and what is refused. test_fuzz_weights damages
 * them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "libtensor/tensor_file.h"
#include "libtensor/unpickle.h"

#define PATH "test_weights.tmp"

static void write_bytes(const void *data, size_t n)
{
    unlink(PATH); /* writing over a file would wait for the disk */
    FILE *f = fopen(PATH, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

static TensorFile *must_read(const char *path)
{
    Error err;
    TensorFile *file;
    if (!weights_read(path, &file, &err))
        fail_msg("%s", err.text);
    return file;
}

/* The tensor has this type and shape, and element i is scale i + shift (booleans: i is odd). */
static void expect(const TensorFile *file, const char *name, DType type, Shape shape)
{
    Tensor t = tensor_file_find(file, name);
    char a[88], b[88];
    if (!t.data || t.type != type || !shape_equal(t.shape, shape))
        fail_msg("%s is %s of %s, wanted %s of %s", name, shape_text(t.shape, a),
                 t.data ? dtype_name(t.type) : "nothing", shape_text(shape, b), dtype_name(type));
    bool whole = type == DTYPE_U8 || type == DTYPE_I32 || type == DTYPE_I64;
    bool truth = strstr(name, "bool") != NULL;
    for (int64_t i = 0; i < shape_count(shape); i++) {
        double x, want = truth ? (double)(i % 2) : whole ? (double)i : (double)i / 2 - 3;
        tensor_convert(&x, DTYPE_F64, (const char *)t.data + (size_t)i * dtype_size(type), type, 1);
        if (x != want)
            fail_msg("%s[%d] is %g, not %g", name, (int)i, x, want);
    }
}

static void expect_types(const TensorFile *file, const char *prefix)
{
    static const struct {
        const char *name;
        DType type;
    } types[] = {{"f16", DTYPE_F16}, {"f32", DTYPE_F32}, {"f64", DTYPE_F64},
                 {"u8", DTYPE_U8},   {"i8", DTYPE_I32},  {"i16", DTYPE_I32},
                 {"i32", DTYPE_I32}, {"i64", DTYPE_I64}, {"bool", DTYPE_U8}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", prefix, types[i].name);
        expect(file, name, types[i].type, shape2(2, 3));
    }
}

/* ---- PyTorch ---- */

#define IN "state_dict.module."

static void torch_formats(void **state)
{
    (void)state;
    static const char *const paths[] = {GOLDEN "/torch-zip.pt", GOLDEN "/torch-deflated.pt",
                                        GOLDEN "/torch-stream.pt"};
    for (int i = 0; i < 3; i++) {
        TensorFile *file = must_read(paths[i]);
        expect_types(file, IN);
        expect(file, IN "bf16", DTYPE_F32, shape2(2, 3));
        expect(file, IN "conv.weight", DTYPE_F32, shape4(2, 3, 2, 2));
        expect(file, IN "transposed", DTYPE_F32, shape2(3, 4));
        expect(file, IN "channels_last", DTYPE_F32, shape4(2, 3, 2, 2));
        expect(file, IN "part", DTYPE_F32, shape1(4));
        expect(file, IN "same_part", DTYPE_F32, shape1(4));
        expect(file, IN "strided", DTYPE_F32, shape1(4));
        expect(file, IN "bf16_column", DTYPE_F32, shape2(3, 2));
        expect(file, IN "scalar", DTYPE_F32, shape1(1));
        expect(file, IN "empty", DTYPE_F32, shape2(0, 3));
        expect(file, IN "parameter", DTYPE_F32, shape2(2, 2));
        expect(file, "optimizer.state.0.moment", DTYPE_F32, shape1(3));
        assert_int_equal(tensor_file_count(file), 21);
        assert_string_equal(tensor_file_meta(file, "epoch"), "80");
        assert_string_equal(tensor_file_meta(file, "arch"), "LightCNN");
        assert_string_equal(tensor_file_meta(file, "prec1"), "99.5");
        assert_string_equal(tensor_file_meta(file, "best"), "true");
        assert_int_equal(tensor_file_meta_count(file), 4);
        tensor_file_free(file);
    }
}

static void torch_single_and_old(void **state)
{
    (void)state;
    TensorFile *file = must_read(GOLDEN "/torch-stream4.pt");
    expect(file, "tensor", DTYPE_F32, shape2(2, 3));
    assert_int_equal(tensor_file_count(file), 1);
    tensor_file_free(file);
    file = must_read(GOLDEN "/torch-python2.pt");
    expect(file, IN "a", DTYPE_F32, shape2(2, 3));
    expect(file, IN "b", DTYPE_F32, shape1(4));
    expect(file, IN "c", DTYPE_F64, shape1(5));
    assert_int_equal(tensor_file_count(file), 3);
    tensor_file_free(file);
}

/* The tar archive of 2017; it holds no booleans, and tensors of parts of storages. */
static void torch_tar(void **state)
{
    (void)state;
    TensorFile *file = must_read(GOLDEN "/torch-tar.pt");
    static const struct {
        const char *name;
        DType type;
    } types[] = {{IN "f16", DTYPE_F16}, {IN "f32", DTYPE_F32}, {IN "f64", DTYPE_F64},
                 {IN "u8", DTYPE_U8},   {IN "i8", DTYPE_I32},  {IN "i16", DTYPE_I32},
                 {IN "i32", DTYPE_I32}, {IN "i64", DTYPE_I64}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        expect(file, types[i].name, types[i].type, shape2(2, 3));
    expect(file, IN "transposed", DTYPE_F32, shape2(3, 4));
    expect(file, IN "part", DTYPE_F32, shape1(4));
    expect(file, IN "same_part", DTYPE_F32, shape1(5));
    expect(file, IN "view", DTYPE_F32, shape1(4));
    assert_int_equal(tensor_file_count(file), 12);
    assert_string_equal(tensor_file_meta(file, "epoch"), "61");
    assert_string_equal(tensor_file_meta(file, "arch"), "LightCNN");
    tensor_file_free(file);
}

/* ---- NumPy ---- */

static void numpy_files(void **state)
{
    (void)state;
    static const char *const paths[] = {GOLDEN "/numpy-stored.npz", GOLDEN "/numpy-deflated.npz"};
    for (int i = 0; i < 2; i++) {
        TensorFile *file = must_read(paths[i]);
        expect_types(file, "");
        expect(file, "net/fortran", DTYPE_F32, shape3(2, 3, 2));
        expect(file, "scalar", DTYPE_F32, shape1(1));
        expect(file, "empty", DTYPE_F32, shape2(0, 3));
        assert_int_equal(tensor_file_count(file), 12);
        tensor_file_free(file);
    }
    static const char *const versions[] = {GOLDEN "/numpy-1.npy", GOLDEN "/numpy-2.npy",
                                           GOLDEN "/numpy-3.npy"};
    for (int i = 0; i < 3; i++) {
        TensorFile *file = must_read(versions[i]);
        expect(file, "arr_0", DTYPE_F32, shape2(2, 3));
        tensor_file_free(file);
    }
}

static void npy_refused(const char *header, size_t bytes, const char *why)
{
    unsigned char file[512] = "\x93NUMPY\1";
    size_t n = strlen(header);
    Error err;
    TensorFile *read;
    file[8] = (unsigned char)n;
    memcpy(file + 10, header, n);
    write_bytes(file, 10 + n + bytes);
    if (weights_read(PATH, &read, &err))
        fail_msg("%s was read", header);
    if (!strstr(err.text, PATH) || !strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void numpy_refusals(void **state)
{
    (void)state;
    npy_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 20, "cut short");
    npy_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 28, "28 bytes");
    npy_refused("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 16, "type is |O");
    npy_refused("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8, "little-endian");
    npy_refused("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8,
                "structures");
    npy_refused("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }", 8, "malformed");
    npy_refused("{'descr': '<f4', 'shape': (2,), }", 8, "malformed");
    npy_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2", 8, "malformed");
    npy_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8, "malformed");
    npy_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1), }", 4,
                "dimensions");
    npy_refused("{'descr': '<f4', 'fortran_order': False, "
                "'shape': (4294967296, 4294967296, 4294967296), }",
                4, "larger than the file");
    unlink(PATH);
}

/* ---- what a pickle may not do ---- */

static const char *const known[] = {"collections.OrderedDict", "a.b"};

/* A pickle from a string literal. */
#define PICKLE(text) text, sizeof text - 1

static void pickle_refused(const char *bytes, size_t n, const char *why)
{
    Pickle *pickle;
    Error err;
    size_t used;
    if (unpickle(&pickle, bytes, n, known, 2, &used, &err))
        fail_msg("the one for \"%s\" was read", why);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void dangerous_pickles(void **state)
{
    (void)state;
    pickle_refused(PICKLE("\x80\2cos\nsystem\nX\2\0\0\0ls\x85R."), "os.system");
    pickle_refused(PICKLE("\x80\4\x8c\2os\x8c\6system\x93\x8c\2ls\x85R."), "os.system");
    pickle_refused(PICKLE("\x80\2c__builtin__\neval\n."), "__builtin__.eval");
    pickle_refused(PICKLE("\x80\2ccollections\nOrderedDict2\n."), "OrderedDict2");
    pickle_refused(PICKLE("\x80\2cos\nsystem\n)\x81."), "os.system");
    pickle_refused(PICKLE("\x80\2(X\1\0\0\0a"
                          "ios\nsystem\n."),
                   "opcode 0x69");                          /* INST */
    pickle_refused(PICKLE("\x80\2\x82\1."), "opcode 0x82"); /* EXT1 */
    pickle_refused(PICKLE("\x80\2K\1K\2R."), "not one of a function");
    pickle_refused(PICKLE("\x80\2ca\nb\nK\1R."), "not one of a function");
}

static void broken_pickles(void **state)
{
    (void)state;
    pickle_refused("", 0, "cut short");
    pickle_refused(PICKLE("."), "runs dry");
    pickle_refused(PICKLE("\x80\6."), "protocol");
    pickle_refused(PICKLE("(K\1K\2u."), "runs dry");
    pickle_refused(PICKLE("(0."), "runs dry"); /* not below a mark */
    pickle_refused(PICKLE("u."), "mark");
    pickle_refused(PICKLE("}(K\1u."), "no value");
    pickle_refused(PICKLE("K\1(K\1K\2u."), "has none");
    pickle_refused(PICKLE("}K\1a."), "has none");
    pickle_refused(PICKLE("h\1."), "before it is made");
    pickle_refused(PICKLE("X\xff\xff\xff\xff"
                          "abc."),
                   "cut short");
    pickle_refused(PICKLE("\x8e\xff\xff\xff\xff\xff\xff\xff\xff"
                          "abc."),
                   "cut short");
    pickle_refused(PICKLE("K\1r\xff\xff\xff\xff."), "too large");
    pickle_refused(PICKLE("I12x\n."), "integer");
    pickle_refused(PICKLE("I12"), "line");
    pickle_refused(PICKLE("I99999999999999999999\n."), "integer");

    enum { N = 3 << 20 };
    char *many = malloc(N);
    assert_non_null(many);
    memset(many, '(', N);
    pickle_refused(many, N, "deeply");
    memset(many, 'N', N);
    pickle_refused(many, N, "too large");
    memset(many, '2', N); /* DUP */
    many[0] = 'N';
    pickle_refused(many, N, "too large");
    memset(many, 'q', N);
    many[0] = 'N';
    pickle_refused(many, N, "cut short");
    free(many);
}

static void pickled_values(void **state)
{
    (void)state;
    static const char bytes[] = "\x80\2](I01\nI-5\nL7L\nJ\xff\xff\xff\xffM\xff\xff\x8a\2\x18\xfc"
                                "\x8a\x09\0\0\0\0\0\0\0\0\1G?\xf8\0\0\0\0\0\0C\2\0\1"
                                "Nq\5h\5(K\1K\2dK\1K\2K\3\x87(K\1K\2le.rest";
    Pickle *p;
    Error err;
    size_t used;
    if (!unpickle(&p, bytes, sizeof bytes - 1, NULL, 0, &used, &err))
        fail_msg("%s", err.text);
    assert_int_equal(used, sizeof bytes - 1 - 4);
    const PickleValue *v[14];
    assert_int_equal(pickle_value(p, pickle_root(p))->kind, PICKLE_LIST);
    assert_int_equal(pickle_value(p, pickle_root(p))->count, 14);
    assert_true(pickle_items(p, pickle_root(p), v, 14));
    assert_false(pickle_items(p, pickle_root(p), v, 15));
    assert_true(v[0]->kind == PICKLE_BOOL && v[0]->integer == 1);
    assert_true(v[1]->kind == PICKLE_INT && v[1]->integer == -5);
    assert_true(v[2]->integer == 7 && v[3]->integer == -1 && v[4]->integer == 65535);
    assert_true(v[5]->integer == -1000);
    assert_true(v[6]->kind == PICKLE_BIG && v[6]->length == 9);
    assert_true(v[7]->kind == PICKLE_FLOAT && v[7]->real == 1.5);
    assert_true(v[8]->kind == PICKLE_BYTES && v[8]->length == 2 && v[8]->text[1] == 1);
    assert_true(v[9]->kind == PICKLE_NONE && v[10] == v[9]); /* the same value twice */
    assert_true(v[11]->kind == PICKLE_DICT && v[11]->count == 2);
    assert_true(v[12]->kind == PICKLE_TUPLE && v[12]->count == 3);
    assert_true(v[13]->kind == PICKLE_LIST && v[13]->count == 2);
    pickle_free(p);
}

/* ---- files of PyTorch that are refused ---- */

static void read_refused(const char *path, const char *why)
{
    Error err;
    TensorFile *file;
    if (weights_read(path, &file, &err))
        fail_msg("the one for \"%s\" was read", why);
    if (!strstr(err.text, path) || !strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

#define PREAMBLE "\x80\2\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\2M\xe9\3.\x80\2}q\0."
#define FLOATS(key, n) \
    "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" key "X\3\0\0\0cpuK" n "NtQ"
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n("

static void stream_refused(const char *bytes, size_t n, const char *why)
{
    write_bytes(bytes, n);
    read_refused(PATH, why);
}

static void torch_refusals(void **state)
{
    (void)state;
    read_refused(GOLDEN "/torch-module.pt", "torch.nn.modules.linear.Linear");
    read_refused(GOLDEN "/torch-tar-evil.pt", "posix.getcwd");
    read_refused("no/such/file.pt", "No such file");
#define DATA           \
    "\x80\2]X\1\0\0\0" \
    "0a.\2\0\0\0\0\0\0\0abcdefgh"
#define OBJECT(size, stride) "\x80\2" REBUILD FLOATS("0", "\2") "K\0" size stride "\x89}tR."
    stream_refused(PICKLE("\x80\2K\1."), "not one of PyTorch");
    stream_refused(PICKLE(PREAMBLE "\x80\2}." DATA), "unknown");
    stream_refused(PICKLE(PREAMBLE "\x80\2}.\x80\2]."), "no tensors");
    stream_refused(PICKLE(PREAMBLE OBJECT("K\2\x85", "K\1\x85") "\x80\2]."), "missing");
    stream_refused(PICKLE(PREAMBLE OBJECT("K\3\x85", "K\1\x85") DATA), "more elements");
    stream_refused(PICKLE(PREAMBLE OBJECT("K\2\x85", "K\2\x85") DATA), "more elements");
    stream_refused(PICKLE(PREAMBLE OBJECT("J\0\0\0\x40\x85", "K\0\x85") DATA), "expanded");
    stream_refused(PICKLE(PREAMBLE OBJECT("J\xff\xff\xff\xff\x85", "K\1\x85") DATA), "malformed");
    stream_refused(PICKLE(PREAMBLE OBJECT("K\2K\1\x86", "K\1\x85") DATA), "malformed");
    stream_refused(PICKLE(PREAMBLE OBJECT("(K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1t") DATA),
                   "5 dimensions");
    stream_refused(PICKLE(PREAMBLE OBJECT("\x8a\10\0\0\0\0\0\0\0\x40K\4\x86", "K\0K\0\x86") DATA),
                   "more elements");
    stream_refused(PICKLE(PREAMBLE "\x80\2" REBUILD "K\1K\0K\2\x85K\1\x85\x89}tR.\x80\2]."),
                   "malformed");
    /* Nothing is wrong with this one but its end. */
#define GOOD PREAMBLE OBJECT("K\2\x85", "K\1\x85") DATA
    write_bytes(GOOD, sizeof GOOD - 1);
    tensor_file_free(must_read(PATH));
    for (size_t n = 0; n < sizeof GOOD - 1; n++) {
        write_bytes(GOOD, n);
        read_refused(PATH, "");
    }
    /* A dictionary that contains itself, and one of 2^40 paths. */
    stream_refused(PICKLE(PREAMBLE "\x80\2}q\0X\1\0\0\0ah\0s.\x80\2]."), "deeply");
    char deep[4096] = PREAMBLE "\x80\2(K\0K\0tq\0";
    size_t n = sizeof PREAMBLE - 1 + 10;
    for (int i = 0; i < 14; i++) {
        memcpy(deep + n, "(h\0h\0h\0h\0tq\0", 12);
        n += 12;
    }
    memcpy(deep + n, ".\x80\2].", 5);
    stream_refused(deep, n + 5, "too much");
    unlink(PATH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torch_formats),  cmocka_unit_test(torch_single_and_old),
        cmocka_unit_test(numpy_files),    cmocka_unit_test(numpy_refusals),
        cmocka_unit_test(pickled_values), cmocka_unit_test(dangerous_pickles),
        cmocka_unit_test(broken_pickles), cmocka_unit_test(torch_refusals),
        cmocka_unit_test(torch_tar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
