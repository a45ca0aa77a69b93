/* Files of named tensors: what is written is read, what is damaged is refused by a sentence. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libtensor/atomic_file.h"
#include "libtensor/rng.h"
#include "libtensor/tensor_file.h"

#define PATH "test_tensor_file.safetensors"
#define MANIFEST "test_tensor_file-manifest.json"
#define SHARD1 "test_tensor_file-1.bin"
#define SHARD2 "test_tensor_file-2.bin"

static void write_bytes(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static size_t read_bytes(const char *path, unsigned char *data, size_t most)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(data, 1, most, f);
    fclose(f);
    assert_true(n < most);
    return n;
}

/* A safetensors file from a header and data; the length field is the header's own. */
static void write_file(const char *header, const void *data, size_t n)
{
    unsigned char all[4096];
    uint64_t length = strlen(header);
    assert_true(8 + length + n <= sizeof all);
    memcpy(all, &length, 8);
    memcpy(all + 8, header, length);
    memcpy(all + 8 + length, data, n);
    write_bytes(PATH, all, 8 + length + n);
}

static void assert_refused(const char *why)
{
    Error err = {""};
    TensorFile *file = (TensorFile *)&err; /* must stay as it is */
    assert_false(safetensors_read(PATH, &file, &err));
    assert_ptr_equal(file, (TensorFile *)&err);
    if (!strstr(err.text, PATH) || !strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void round_trip(void **state)
{
    (void)state;
    static const DType types[] = {DTYPE_U8, DTYPE_F32, DTYPE_I64, DTYPE_F16, DTYPE_F64, DTYPE_I32};
    static const Shape shapes[] = {{1, {3}}, {4, {2, 1, 2, 3}}, {2, {0, 5}}, {3, {1, 1, 1}}};
    unsigned char bytes[12 * 8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37 + 11);
    Error err;
    TensorFile *file = tensor_file_new(), *back;
    for (int t = 0; t < 6; t++) {
        for (int s = 0; s < 4; s++) {
            char name[32];
            snprintf(name, sizeof name, "net.%d.\"w\\%d\"", t, s);
            assert_true(tensor_file_add(file, name, (Tensor){bytes, shapes[s], types[t]}, &err));
        }
    }
    assert_true(tensor_file_set_meta(file, "step", "17", &err));
    assert_true(tensor_file_set_meta(file, "schema", "first", &err));
    assert_true(tensor_file_set_meta(file, "schema", "face \xc3\xa4 v1", &err));
    assert_true(safetensors_write(PATH, file, &err));
    assert_true(safetensors_read(PATH, &back, &err));
    assert_int_equal(tensor_file_count(back), 24);
    for (int i = 0; i < 24; i++) {
        Tensor a = tensor_file_get(file, i), b = tensor_file_get(back, i);
        assert_string_equal(tensor_file_name(file, i), tensor_file_name(back, i));
        assert_true(shape_equal(a.shape, b.shape) && a.type == b.type);
        assert_memory_equal(a.data, b.data, tensor_bytes(a));
        assert_ptr_equal(tensor_file_find(back, tensor_file_name(back, i)).data, b.data);
    }
    assert_string_equal(tensor_file_meta(back, "step"), "17");
    assert_string_equal(tensor_file_meta(back, "schema"), "face \xc3\xa4 v1");
    assert_int_equal(tensor_file_meta_count(back), 2);
    assert_null(tensor_file_meta(back, "no"));
    assert_null(tensor_file_find(back, "no").data);
    tensor_file_free(file);
    tensor_file_free(back);
}

static void layout_is_aligned(void **state)
{
    (void)state;
    Error err;
    unsigned char data[16] = {1, 2, 3};
    unsigned char all[4096];
    TensorFile *file = tensor_file_new();
    assert_true(tensor_file_add(file, "byte", (Tensor){data, shape1(1), DTYPE_U8}, &err));
    assert_true(tensor_file_add(file, "double", (Tensor){data, shape1(1), DTYPE_F64}, &err));
    assert_true(safetensors_write(PATH, file, &err));
    tensor_file_free(file);
    size_t n = read_bytes(PATH, all, sizeof all);
    all[n] = 0;
    uint64_t length;
    memcpy(&length, all, 8);
    assert_int_equal(length % 8, 0);
    assert_int_equal(n, 8 + length + 9);
    assert_non_null(strstr((char *)all + 8,
                           "\"double\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]"));
    assert_non_null(
        strstr((char *)all + 8, "\"byte\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[8,9]"));
}

/* As safetensors.torch.save_file lays it out: metadata first, compact JSON padded with spaces, a
 * scalar with shape [], names not in order of data. */
static void python_layout(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"bn.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,16]},"
        "\"fc.bias\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[16,18]}}   ";
    unsigned char data[18];
    int64_t batches = 1234567890123;
    float weight[2] = {1.5f, -2.25f};
    uint16_t bias = 0xc000;
    memcpy(data, &batches, 8);
    memcpy(data + 8, weight, 8);
    memcpy(data + 16, &bias, 2);
    write_file(header, data, sizeof data);
    Error err;
    TensorFile *file;
    if (!safetensors_read(PATH, &file, &err))
        fail_msg("%s", err.text);
    assert_string_equal(tensor_file_meta(file, "format"), "pt");
    Tensor t = tensor_file_find(file, "bn.num_batches_tracked");
    assert_true(shape_equal(t.shape, shape1(1)) && *(int64_t *)t.data == batches);
    t = tensor_file_find(file, "fc.weight");
    assert_true(shape_equal(t.shape, shape2(1, 2)));
    assert_memory_equal(t.data, weight, 8);
    t = tensor_file_find(file, "fc.bias");
    float b;
    tensor_convert(&b, DTYPE_F32, t.data, t.type, 1);
    assert_true(b == -2);
    tensor_file_free(file);
}

#define W(dtype, shape, offsets) \
    "{\"w\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void damaged_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header, *why;
    } rows[] = {
        {"", "not JSON"},
        {"[]", "not a JSON object"},
        {"{\"w\":", "not JSON"},
        {"{\"w\":3}", "malformed"},
        {"{\"w\":{}}", "malformed"},
        {"{\"__metadata__\":3}", "not an object"},
        {"{\"__metadata__\":{\"a\":3}}", "not a string"},
        {W("\"F32\"", "[2]", "[0]"), "malformed"},
        {W("\"F32\"", "[2]", "[\"0\",8]"), "malformed"},
        {W("3", "[2]", "[0,8]"), "malformed"},
        {W("\"BF16\"", "[4]", "[0,8]"), "type BF16"},
        {W("\"F32\"", "2", "[0,8]"), "shape"},
        {W("\"F32\"", "[2.0]", "[0,8]"), "shape"},
        {W("\"F32\"", "[-2]", "[0,8]"), "shape"},
        {W("\"F32\"", "[1,1,1,1,2]", "[0,8]"), "shape"},
        {W("\"F32\"", "[4294967296,4294967296]", "[0,8]"), "shape"},
        {W("\"F32\"", "[9223372036854775807,2]", "[0,8]"), "shape"},
        {W("\"F32\"", "[2]", "[0,4]"), "has 4 bytes"},
        {W("\"F32\"", "[2]", "[8,0]"), "outside"},
        {W("\"F32\"", "[2]", "[-8,0]"), "outside"},
        {W("\"F32\"", "[2]", "[4,12]"), "outside"},
        {W("\"F32\"", "[1]", "[4,8]"), "hole"},
        {W("\"F32\"", "[1]", "[0,4]"), "8 bytes of data"},
        {"{}", "8 bytes of data"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         "overlaps"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         "duplicate"},
    };
    static const unsigned char data[8];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_file(rows[i].header, data, sizeof data);
        assert_refused(rows[i].why);
    }
    write_file(W("\"F32\"", "[2]", "[0,8]"), data, sizeof data); /* the good one */
    Error err;
    TensorFile *file;
    assert_true(safetensors_read(PATH, &file, &err));
    tensor_file_free(file);
}

static void truncated_everywhere(void **state)
{
    (void)state;
    static const unsigned char data[8];
    unsigned char all[256];
    write_file(W("\"F32\"", "[2]", "[0,8]"), data, sizeof data);
    size_t n = read_bytes(PATH, all, sizeof all);
    for (size_t i = 0; i < n; i++) {
        write_bytes(PATH, all, i);
        assert_refused("");
    }
    uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, 1ull << 40, n - 7, 0};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(all, &lengths[i], 8);
        write_bytes(PATH, all, n);
        assert_refused("");
    }
    unlink(PATH);
    assert_refused("No such file");
    assert_int_equal(mkdir(PATH, 0777), 0);
    assert_refused("not a regular file");
    rmdir(PATH);
}

/* Whatever bytes change: a file or a sentence, never a crash (the sanitizer builds see the rest).
 */
static void random_corruption(void **state)
{
    (void)state;
    Error err;
    unsigned char all[4096], bad[4096];
    float data[24] = {0};
    TensorFile *file = tensor_file_new();
    assert_true(tensor_file_add(file, "a.weight", (Tensor){data, shape2(4, 6), DTYPE_F32}, &err));
    assert_true(tensor_file_add(file, "a.bias", (Tensor){data, shape1(4), DTYPE_F16}, &err));
    assert_true(tensor_file_set_meta(file, "step", "3", &err));
    assert_true(safetensors_write(PATH, file, &err));
    tensor_file_free(file);
    size_t n = read_bytes(PATH, all, sizeof all);
    Rng rng = rng_make(1, 0, 0);
    int read = 0;
    enum { ROUNDS = 4000 };
    for (int i = 0; i < ROUNDS; i++) {
        memcpy(bad, all, n);
        uint32_t changes = 1 + rng_below(&rng, 4);
        for (uint32_t k = 0; k < changes; k++) {
            uint32_t at = rng_below(&rng, (uint32_t)n);
            bad[at] = rng_below(&rng, 2) ? (unsigned char)rng_below(&rng, 256)
                                         : (unsigned char)"0123456789[]{},:\""[rng_below(&rng, 17)];
        }
        write_bytes(PATH, bad, rng_below(&rng, 8) ? n : rng_below(&rng, (uint32_t)n + 1));
        strcpy(err.text, "");
        if (safetensors_read(PATH, &file, &err)) {
            read++;
            tensor_file_free(file);
        } else {
            assert_non_null(strstr(err.text, PATH));
        }
    }
    assert_true(read > 0 && read < ROUNDS); /* both ways were taken */
}

static void writing_fails_cleanly(void **state)
{
    (void)state;
    Error err;
    unlink(PATH);
    TensorFile *file = tensor_file_new();
    assert_false(safetensors_write("no/such/folder/x.safetensors", file, &err));
    assert_non_null(strstr(err.text, "no/such/folder/x.safetensors"));
    float x = 1;
    assert_true(tensor_file_add(file, "not \xff UTF-8", (Tensor){&x, shape1(1), DTYPE_F32}, &err));
    assert_false(safetensors_write(PATH, file, &err));
    assert_int_not_equal(access(PATH, F_OK), 0);
    assert_false(tensor_file_add(file, "not \xff UTF-8", (Tensor){&x, shape1(1), DTYPE_F32}, &err));
    assert_non_null(strstr(err.text, "two tensors"));
    tensor_file_free(file);
}

static void atomic_files(void **state)
{
    (void)state;
    Error err;
    AtomicFile file;
    unsigned char text[16];
    write_bytes(PATH, "old", 3);
    assert_true(atomic_file_open(&file, PATH, &err));
    fputs("new!", file.stream);
    assert_int_equal(read_bytes(PATH, text, sizeof text),
                     3); /* the old one is there until the commit */
    assert_true(atomic_file_commit(&file, &err));
    assert_int_equal(read_bytes(PATH, text, sizeof text), 4);
    assert_true(atomic_file_open(&file, PATH, &err));
    fputs("third", file.stream);
    atomic_file_abort(&file);
    assert_int_equal(read_bytes(PATH, text, sizeof text), 4);
    assert_int_not_equal(access(PATH ".tmp", F_OK), 0);
    /* A full disk. */
    if (access("/dev/full", W_OK) == 0) {
        assert_true(atomic_file_open(&file, PATH, &err));
        FILE *full = freopen("/dev/full", "wb", file.stream);
        assert_non_null(full);
        file.stream = full;
        fputs("more", file.stream);
        assert_false(atomic_file_commit(&file, &err));
        assert_non_null(strstr(err.text, PATH));
        assert_non_null(strstr(err.text, "No space left"));
        assert_int_equal(read_bytes(PATH, text, sizeof text), 4);
        assert_int_not_equal(access(PATH ".tmp", F_OK), 0);
    }
    char longest[5000];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_false(atomic_file_open(&file, longest, &err));
    unlink(PATH);
}

/* ---- conversion ---- */

static double half(uint16_t h)
{
    double x;
    tensor_convert(&x, DTYPE_F64, &h, DTYPE_F16, 1);
    return x;
}

static uint16_t to_half(double x)
{
    uint16_t h;
    tensor_convert(&h, DTYPE_F16, &x, DTYPE_F64, 1);
    return h;
}

static void half_values(void **state)
{
    (void)state;
    assert_true(half(0x3c00) == 1 && half(0xc000) == -2 && half(0x7bff) == 65504);
    assert_true(half(0x0001) == 0x1p-24 && half(0x0400) == 0x1p-14 && half(0x3555) == 0x1.554p-2);
    assert_true(half(0x7c00) == INFINITY && half(0xfc00) == -INFINITY);
    /* Within a binade the values are equally spaced. */
    for (unsigned h = 0; h < 0x7c00; h++) {
        int exponent = h >> 10 ? (int)(h >> 10) : 1;
        double next = h == 0x7bff ? 65536 : half((uint16_t)(h + 1));
        assert_true(next - half((uint16_t)h) == ldexp(1, exponent - 25));
        assert_true(half((uint16_t)(h | 0x8000)) == -half((uint16_t)h));
    }
    assert_true(signbit(half(0x8000)) && half(0x8000) == 0);
}

static void half_round_trip(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        uint16_t from = (uint16_t)h, via32, via64;
        float f;
        double d;
        tensor_convert(&f, DTYPE_F32, &from, DTYPE_F16, 1);
        tensor_convert(&d, DTYPE_F64, &from, DTYPE_F16, 1);
        tensor_convert(&via32, DTYPE_F16, &f, DTYPE_F32, 1);
        tensor_convert(&via64, DTYPE_F16, &d, DTYPE_F64, 1);
        if ((h & 0x7fff) > 0x7c00) { /* NaN: sign and payload stay, made quiet */
            assert_true(isnan(f) && isnan(d));
            assert_int_equal(via32, h | 0x200);
            assert_int_equal(via64, h | 0x200);
        } else {
            assert_true((double)f == d);
            assert_int_equal(via32, h);
            assert_int_equal(via64, h);
        }
    }
}

/* Between every two neighbours: to nearest, ties to even, and rounded once (a double just beside
 * the tie would go wrong through float). */
static void half_rounding(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 0x7c00; h++) {
        double a = half((uint16_t)h), b = h == 0x7bff ? 65536 : half((uint16_t)(h + 1));
        double middle = (a + b) / 2;
        unsigned even = h & 1 ? h + 1 : h;
        assert_int_equal(to_half(middle), even);
        assert_int_equal(to_half(nextafter(middle, a)), h);
        assert_int_equal(to_half(nextafter(middle, b)), h + 1);
        assert_int_equal(to_half(-middle), even | 0x8000);
    }
    assert_int_equal(to_half(DBL_MAX), 0x7c00);
    assert_int_equal(to_half(-1e10), 0xfc00);
    assert_int_equal(to_half(DBL_MIN), 0);
    assert_int_equal(to_half(0x1p-25), 0);
    assert_int_equal(to_half(0x1.0000000000001p-25), 1);
}

/* bfloat16: the numbers of a float's upper half; between two of them to the nearest, ties to even.
 */
static void bfloat_rounding(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 0x7f80; h++) {
        uint16_t from = (uint16_t)h, next = (uint16_t)(h + 1), got;
        float a, b = INFINITY;
        tensor_convert(&a, DTYPE_F32, &from, DTYPE_BF16, 1);
        if (next < 0x7f80)
            tensor_convert(&b, DTYPE_F32, &next, DTYPE_BF16, 1);
        float middle = next < 0x7f80 ? a + (b - a) / 2 : 0x1.ffp127f;
        const float between[] = {a, nextafterf(middle, 0), middle, nextafterf(middle, INFINITY)};
        const unsigned want[] = {h, h, h & 1 ? next : h, next};
        for (int k = 0; k < 4; k++) {
            tensor_convert(&got, DTYPE_BF16, &between[k], DTYPE_F32, 1);
            assert_int_equal(got, want[k]);
        }
    }
    float nan;
    uint16_t quiet = 0x7f81;
    tensor_convert(&nan, DTYPE_F32, &quiet, DTYPE_BF16, 1);
    assert_true(isnan(nan));
    tensor_convert(&quiet, DTYPE_BF16, &nan, DTYPE_F32, 1);
    assert_int_equal(quiet & 0x7fc0, 0x7fc0);
}

static void integers_convert(void **state)
{
    (void)state;
    int32_t i[2] = {-3, 70000};
    int64_t l[2] = {1ll << 40, -1};
    uint8_t u[2] = {0, 255};
    double d[2];
    float f[2];
    uint16_t h[2];
    tensor_convert(d, DTYPE_F64, i, DTYPE_I32, 2);
    assert_true(d[0] == -3 && d[1] == 70000);
    tensor_convert(f, DTYPE_F32, l, DTYPE_I64, 2);
    assert_true(f[0] == 0x1p40f && f[1] == -1);
    tensor_convert(h, DTYPE_F16, u, DTYPE_U8, 2);
    assert_int_equal(h[0], 0);
    assert_int_equal(h[1], 0x5bf8);
}

/* ---- tfjs ---- */

static bool tfjs(const char *manifest, const char *why)
{
    write_bytes(MANIFEST, manifest, strlen(manifest));
    Error err = {""};
    TensorFile *file;
    if (tfjs_read(MANIFEST, &file, &err)) {
        tensor_file_free(file);
        return false;
    }
    bool told = strstr(err.text, MANIFEST) && strstr(err.text, why);
    if (!told)
        print_error("\"%s\" does not say \"%s\"\n", err.text, why);
    return told;
}

static void tfjs_reads(void **state)
{
    (void)state;
    /* The second group's weights cross the border of its shards. */
    static const unsigned char one[] = {0, 1, 255, 0, 0, 1, 2};
    static const unsigned char two[] = {0, 0, 0x80, 0x3f, 0, 0};
    static const unsigned char three[] = {0, 0xc0, 7, 0, 0, 0, 9, 0, 0, 0};
    static const char manifest[] =
        "[{\"paths\":[\"" SHARD1 "\"],\"weights\":["
        "{\"name\":\"q8\",\"shape\":[3],\"dtype\":\"float32\",\"quantization\":"
        "{\"dtype\":\"uint8\",\"scale\":0.5,\"min\":-1}},"
        "{\"name\":\"q16\",\"shape\":[2],\"dtype\":\"float32\",\"quantization\":"
        "{\"dtype\":\"uint16\",\"scale\":0.25,\"min\":3}}]},"
        "{\"paths\":[\"" SHARD2 "\",\"test_tensor_file-3.bin\"],\"weights\":["
        "{\"name\":\"f\",\"shape\":[1,2],\"dtype\":\"float32\"},"
        "{\"name\":\"i\",\"shape\":[2,1],\"dtype\":\"int32\"}]}]";
    write_bytes(SHARD1, one, sizeof one);
    write_bytes(SHARD2, two, sizeof two);
    write_bytes("test_tensor_file-3.bin", three, sizeof three);
    write_bytes(MANIFEST, manifest, strlen(manifest));
    Error err;
    TensorFile *file;
    if (!tfjs_read(MANIFEST, &file, &err))
        fail_msg("%s", err.text);
    const float *q8 = tensor_file_find(file, "q8").data, *q16 = tensor_file_find(file, "q16").data;
    const float *f = tensor_file_find(file, "f").data;
    const int32_t *i = tensor_file_find(file, "i").data;
    assert_true(q8[0] == -1 && q8[1] == -.5f && q8[2] == 126.5f);
    assert_true(q16[0] == 3 && q16[1] == 3 + .25f * 0x201);
    assert_true(f[0] == 1 && f[1] == -2 && i[0] == 7 && i[1] == 9);
    assert_true(shape_equal(tensor_file_find(file, "f").shape, shape2(1, 2)));
    tensor_file_free(file);
    unlink(SHARD2);
    assert_true(tfjs(manifest, SHARD2));
    unlink("test_tensor_file-3.bin");
}

#define ONE(shape, rest) \
    "[{\"paths\":[\"" SHARD1 "\"],\"weights\":[{\"name\":\"w\",\"shape\":" shape rest "}]}]"

static void tfjs_refuses(void **state)
{
    (void)state;
    write_bytes(SHARD1, "12345678", 8);
    assert_false(tfjs(ONE("[2]", ",\"dtype\":\"float32\""), "")); /* the good one */
    assert_true(tfjs("{", "not JSON"));
    assert_true(tfjs("{}", "array"));
    assert_true(tfjs("[3]", "lacks"));
    assert_true(tfjs("[{\"paths\":[3],\"weights\":[]}]", "string"));
    assert_true(tfjs("[{\"paths\":[\"no.bin\"],\"weights\":[]}]", "no.bin"));
    assert_true(tfjs("[{\"paths\":[\"" SHARD1 "\"],\"weights\":[]}]", "8 bytes"));
    assert_true(tfjs("[{\"paths\":[\"" SHARD1 "\"],\"weights\":[3]}]", "no name"));
    assert_true(tfjs(ONE("[3]", ",\"dtype\":\"float32\""), "too short"));
    assert_true(tfjs(ONE("[1]", ",\"dtype\":\"float32\""), "bytes"));
    assert_true(tfjs(ONE("[-1]", ",\"dtype\":\"float32\""), "malformed"));
    assert_true(tfjs(ONE("[4611686018427387904,4]", ",\"dtype\":\"float32\""), "malformed"));
    assert_true(tfjs(ONE("[2]", ",\"dtype\":\"string\""), "must be"));
    assert_true(tfjs(ONE("[8]", ",\"dtype\":\"float32\",\"quantization\":{\"dtype\":\"uint4\","
                                "\"scale\":1,\"min\":0}"),
                     "must be"));
    assert_true(tfjs(ONE("[8]", ",\"dtype\":\"float32\",\"quantization\":{\"dtype\":\"uint8\"}"),
                     "must be"));
    unlink(SHARD1);
    unlink(MANIFEST);
    Error err;
    TensorFile *file;
    assert_false(tfjs_read(MANIFEST, &file, &err));
    assert_non_null(strstr(err.text, "No such file"));
}

static void errors_nest(void **state)
{
    (void)state;
    Error err;
    assert_false(error_set(&err, "x has %d channels", 3));
    assert_false(error_prefix(&err, "%s", "conv2d"));
    assert_string_equal(err.text, "conv2d: x has 3 channels");
    assert_false(error_set(&err, "again: %s", err.text)); /* from its own text */
    assert_string_equal(err.text, "again: conv2d: x has 3 channels");
    for (int i = 0; i < 100; i++)
        error_prefix(&err, "a very long prefix %d", i);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_false(error_set(NULL, "nobody listens"));
    assert_false(error_prefix(NULL, "nobody listens"));
    char text[88];
    assert_string_equal(shape_text((Shape){0}, text), "none");
    assert_string_equal(
        shape_text(shape4(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX), text),
        "9223372036854775807x9223372036854775807x9223372036854775807x9223372036854775807");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_nest),       cmocka_unit_test(round_trip),
        cmocka_unit_test(layout_is_aligned), cmocka_unit_test(python_layout),
        cmocka_unit_test(damaged_headers),   cmocka_unit_test(truncated_everywhere),
        cmocka_unit_test(random_corruption), cmocka_unit_test(writing_fails_cleanly),
        cmocka_unit_test(atomic_files),      cmocka_unit_test(half_values),
        cmocka_unit_test(half_round_trip),   cmocka_unit_test(half_rounding),
        cmocka_unit_test(bfloat_rounding),   cmocka_unit_test(integers_convert),
        cmocka_unit_test(tfjs_reads),        cmocka_unit_test(tfjs_refuses),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(PATH);
    return failed;
}
