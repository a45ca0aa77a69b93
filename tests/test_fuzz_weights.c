/* Files of weights in every format that is read, damaged at random for as long as there is time:
 * each is read, or refused with one sentence that names it; nothing crashes, leaks or asks for more
 * memory than a small file deserves. The sanitized build sees what a plain one does not. Round i of
 * a file is always the same; how many there are depends on the machine:
 *
 *   test_fuzz_weights [SECONDS a file]   (0.5; at least 300 rounds each) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "libtensor/bytes.h"
#include "libtensor/rng.h"
#include "libtensor/tensor_file.h"
#include "libtensor/unpickle.h"

#define PATH "test_fuzz_weights.tmp"
#define MADE "test_fuzz_weights.made"

enum { LEAST = 300, LARGEST = 48 << 20, TAR_BLOCK = 512 };

static double budget = 0.5;

/* The largest single allocation, seen by wrapping (the linker's --wrap). */
static size_t largest;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    largest = size > largest ? size : largest;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    largest = n * size > largest ? n * size : largest;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    largest = size > largest ? size : largest;
    return __real_realloc(old, size);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void write_bytes(const char *path, const void *data, size_t n)
{
    unlink(path); /* writing over a file would wait for the disk */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

/* Bytes that mean something to one format or another. */
static const unsigned char telling[] =
    "\x80.(0NIJKMLGUTXC]ael)\x85\x86t}dsuqrhjcRQb\x8a\x93\x94PK\0\xff'(){}[]\":,F32";

static void put_number(unsigned char *at, size_t room, uint64_t value)
{
    memcpy(at, &value, room < sizeof value ? room : sizeof value);
}

/* A number that lengths, offsets and counts dislike. */
static uint64_t odd_number(Rng *rng, size_t size)
{
    uint64_t one = 1, value[] = {0,          1,          size,      size - 1,        size + 1,
                                 0x7fffffff, 0xffffffff, one << 62, (one << 63) - 1, ~(uint64_t)0};
    return value[rng_below(rng, sizeof value / sizeof *value)];
}

/* A place to damage: mostly one that is not in the midst of zeros, of which archives are full. */
static uint32_t place(Rng *rng, const unsigned char *bytes, uint32_t n)
{
    uint32_t at = rng_below(rng, n);
    for (int tries = 0; tries < 20; tries++) {
        for (uint32_t i = at; i < n && i < at + 8; i++)
            if (bytes[i])
                return at;
        at = rng_below(rng, n);
    }
    return at;
}

/* Changes one place of `bytes`, which have room for more than they are. */
static void damage(Rng *rng, unsigned char *bytes, size_t *size, const Bytes *whole)
{
    uint32_t n = (uint32_t)*size, at = place(rng, bytes, n),
             from = rng_below(rng, (uint32_t)whole->size);
    size_t piece = 1 + rng_below(rng, 16);
    switch (rng_below(rng, 7)) {
    case 0:
        bytes[at] = (unsigned char)rng_below(rng, 256);
        break;
    case 1:
        bytes[at] = telling[rng_below(rng, sizeof telling)];
        break;
    case 2:
        bytes[at] ^= (unsigned char)(1u << rng_below(rng, 8));
        break;
    case 3: /* a piece of itself elsewhere */
        for (; piece > 0 && at < n && from < whole->size; piece--)
            bytes[at++] = whole->data[from++];
        break;
    case 4: /* a piece more */
        if (piece > whole->size - from)
            piece = whole->size - from;
        memmove(bytes + at + piece, bytes + at, n - at);
        memcpy(bytes + at, whole->data + from, piece);
        *size += piece;
        break;
    case 5: /* a piece less */
        if (piece < n - at) {
            memmove(bytes + at, bytes + at + piece, n - at - piece);
            *size -= piece;
        }
        break;
    default:
        put_number(bytes + at, n - at, odd_number(rng, whole->size));
    }
}

/* Gives a tar archive's headers their checksums, so that what stands behind them is looked at. */
static void mend_tar(unsigned char *bytes, size_t size)
{
    for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
        unsigned char *header = bytes + at;
        unsigned sum = 0;
        if (memcmp(header + 257, "ustar", 5) != 0)
            continue;
        memset(header + 148, ' ', 8);
        for (int i = 0; i < TAR_BLOCK; i++)
            sum += header[i];
        snprintf((char *)header + 148, 8, "%06o", sum);
    }
}

/* One line that begins with the file's name and says something. */
static void check_sentence(const char *text, const char *path)
{
    if (strncmp(text, path, strlen(path)) != 0 || strlen(text) < strlen(path) + 8)
        fail_msg("\"%s\" does not begin with %s, or says nothing", text, path);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < ' ')
            fail_msg("\"%s\" has a control character", text);
}

static void fuzz_file(const char *path, uint32_t stream)
{
    enum { ROUND_CHANGES = 4, MORE = 16 * ROUND_CHANGES };
    Bytes whole = {0};
    Error err;
    int rounds = 0, read = 0;
    if (!bytes_append_file(&whole, path, &err))
        fail_msg("%s", err.text);
    unsigned char *bad = malloc(whole.size + MORE);
    assert_non_null(bad);
    bool tar = whole.size > 262 && memcmp(whole.data + 257, "ustar", 5) == 0;
    for (double end = now() + budget; rounds < LEAST || now() < end; rounds++) {
        Rng rng = rng_make(20, stream, (uint64_t)rounds);
        size_t size = whole.size;
        memcpy(bad, whole.data, size);
        for (uint32_t k = 1 + rng_below(&rng, ROUND_CHANGES); k > 0; k--)
            damage(&rng, bad, &size, &whole);
        if (tar && rng_below(&rng, 4))
            mend_tar(bad, size);
        if (rng_below(&rng, 8) == 0)
            size = rng_below(&rng, (uint32_t)size + 1);
        write_bytes(PATH, bad, size);
        TensorFile *file;
        largest = 0;
        strcpy(err.text, "");
        if (weights_read(PATH, &file, &err)) {
            read++;
            tensor_file_free(file);
        } else {
            check_sentence(err.text, PATH);
        }
        if (largest > LARGEST)
            fail_msg("%s, round %d: %zu bytes in one piece", path, rounds, largest);
    }
    print_message("%-40s %6d rounds, %d read\n", strrchr(path, '/') ? strrchr(path, '/') + 1 : path,
                  rounds, read);
    if (read == 0 || read == rounds)
        fail_msg("%s: of %d rounds %d were read", path, rounds, read);
    free(bad);
    free(whole.data);
    unlink(PATH);
}

static void torch_and_numpy(void **state)
{
    static const char *const name[] = {"torch-zip.pt",      "torch-deflated.pt", "torch-stream.pt",
                                       "torch-stream4.pt",  "torch-python2.pt",  "torch-tar.pt",
                                       "numpy-1.npy",       "numpy-3.npy",       "numpy-stored.npz",
                                       "numpy-deflated.npz"};
    char path[1024];
    (void)state;
    for (uint32_t i = 0; i < sizeof name / sizeof *name; i++) {
        snprintf(path, sizeof path, "%s/%s", GOLDEN, name[i]);
        fuzz_file(path, i);
    }
}

static void safetensors(void **state)
{
    float value[6] = {1, 2, 3, 4, 5, 6};
    uint8_t byte[6] = {1, 2, 3, 4, 5, 6};
    TensorFile *file = tensor_file_new();
    Error err;
    (void)state;
    assert_true(tensor_file_set_meta(file, "format", "pt", &err));
    assert_true(tensor_file_add(file, "a.weight", (Tensor){value, shape2(2, 3), DTYPE_F32}, &err));
    assert_true(tensor_file_add(file, "a.bias", (Tensor){value, shape1(3), DTYPE_F32}, &err));
    assert_true(tensor_file_add(file, "b", (Tensor){byte, shape1(6), DTYPE_U8}, &err));
    assert_true(safetensors_write(MADE, file, &err));
    tensor_file_free(file);
    fuzz_file(MADE, 100);
    unlink(MADE);
}

/* A manifest beside its shard, which stays whole. */
static void tensorflow_js(void **state)
{
    static const char manifest[] =
        "[{\"weights\":[{\"name\":\"a\",\"shape\":[2,3],\"dtype\":\"float32\"},{\"name\":\"b\","
        "\"shape\":[4],\"dtype\":\"float32\",\"quantization\":{\"dtype\":\"uint8\",\"scale\":0.1,"
        "\"min\":-1.0}}],\"paths\":[\"test_fuzz_weights.bin\"]}]";
    static const unsigned char shard[28] = {1, 2, 3};
    (void)state;
    write_bytes("test_fuzz_weights.bin", shard, sizeof shard);
    write_bytes(MADE, manifest, sizeof manifest - 1);
    fuzz_file(MADE, 101);
    unlink(MADE);
    unlink("test_fuzz_weights.bin");
}

/* Pickles by themselves, with every opcode that is read. */
static void pickles(void **state)
{
    static const char whole[] =
        "\x80\4\x95\0\1\0\0\0\0\0\0](I01\nI-5\nL7L\nJ\xff\xff\xff\xffM\xff\xff\x8a\2\x18\xfc"
        "\x8a\x09\0\0\0\0\0\0\0\0\1G?\xf8\0\0\0\0\0\0C\2\0\1Nq\5h\5(K\1K\2dK\1K\2K\3\x87(K\1K\2l"
        "\x8c\1x\x94\x8c\2ab\x93)R}\x8c\1kK\1sbca\nb\n(X\1\0\0\0ytR\x88\x89)\x85"
        "0"
        "U\1zQe.";
    static const char *const known[] = {"collections.OrderedDict", "a.b", "x.ab"};
    unsigned char bad[sizeof whole + 64];
    Bytes all = {(unsigned char *)(uintptr_t)whole, sizeof whole - 1};
    int rounds = 0, read = 0;
    (void)state;
    for (double end = now() + budget; rounds < 50 * LEAST || now() < end; rounds++) {
        Rng rng = rng_make(20, 102, (uint64_t)rounds);
        size_t size = all.size, used = 0;
        memcpy(bad, whole, size);
        for (uint32_t k = rng_below(&rng, 5); k > 0; k--)
            damage(&rng, bad, &size, &all);
        if (rng_below(&rng, 8) == 0)
            size = rng_below(&rng, (uint32_t)size + 1);
        unsigned char *own = malloc(size ? size : 1); /* its end is the heap block's end */
        Pickle *p;
        Error err = {.text = ""};
        assert_non_null(own);
        memcpy(own, bad, size);
        if (unpickle(&p, own, size, known, 3, &used, &err)) {
            assert_true(used <= size && pickle_root(p) < pickle_count(p));
            pickle_free(p);
            read++;
        } else {
            assert_true(strlen(err.text) > 8);
        }
        free(own);
    }
    print_message("%-40s %6d rounds, %d read\n", "a pickle", rounds, read);
    assert_true(read > 0 && read < rounds);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torch_and_numpy),
        cmocka_unit_test(safetensors),
        cmocka_unit_test(tensorflow_js),
        cmocka_unit_test(pickles),
    };
    if (argc == 2)
        budget = atof(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
