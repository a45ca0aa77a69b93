/* Sets of pairs in all their formats, and files that are none. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "apps/pair_table.h"
#include "tests/test_folder.h"

static char dir[TEST_PATH];

static const char *path_of(const char *name)
{
    static char path[TEST_PATH];
    return test_path(path, dir, name);
}

static const char *put_bytes(const char *name, const void *bytes, size_t n)
{
    const char *path = path_of(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
    return path;
}

static const char *put(const char *name, const char *text)
{
    return put_bytes(name, text, strlen(text));
}

static PairTable opened(const char *path, const char *photos, int64_t limit)
{
    PairTable t;
    Error err;
    if (!pair_table_open(&t, path, photos, limit, &err))
        fail_msg("%s", err.text);
    return t;
}

static void refused(const char *path, const char *why)
{
    PairTable t;
    Error err;
    assert_false(pair_table_open(&t, path, NULL, 0, &err));
    if (!strstr(err.text, why))
        fail_msg("'%s' does not say '%s'", err.text, why);
    assert_null(t.name);
}

static void is_pair(const PairTable *t, int64_t i, const char *a, const char *b, bool same,
                    int fold)
{
    assert_true(i < t->pairs);
    assert_string_equal(t->name[t->a[i]], a);
    assert_string_equal(t->name[t->b[i]], b);
    assert_int_equal(t->same[i], same);
    assert_int_equal(t->fold[i], fold);
}

static void tables(void **state)
{
    (void)state;
    PairTable t = opened(put("set.tsv", "a\tb\t1\tx\nb\tc\t0\ty\n\na\tc\t0\tx\n"), NULL, 0);
    assert_string_equal(t.title, "set");
    assert_string_equal(t.dir, dir);
    assert_int_equal(t.names, 3);
    assert_int_equal(t.pairs, 3);
    is_pair(&t, 1, "b", "c", false, 1);
    is_pair(&t, 2, "a", "c", false, 0);
    pair_table_free(&t);
    t = opened(path_of("set.tsv"), "elsewhere", 1);
    assert_string_equal(t.dir, "elsewhere");
    assert_int_equal(t.names, 2);
    is_pair(&t, 0, "a", "b", true, 0);
    pair_table_free(&t);
    refused(put("set.tsv", "a\tb\t1\na\tb\tyes\n"), "set.tsv, line 2: the third column");
    refused(put("set.tsv", "\n"), "holds no pairs");
    char many[2048] = "";
    for (int i = 0; i < 65; i++)
        sprintf(many + strlen(many), "a\tb\t1\tfold %d\n", i);
    refused(put("set.tsv", many), "set.tsv, line 65: this is the 65th fold");
    refused("/nowhere.tsv", "/nowhere.tsv");
    refused(dir, "Protocol/Split/FF");
}

/* Twelve pairs without folds: the limit spreads over them, and their folds have no gaps. */
static void limits(void **state)
{
    (void)state;
    char text[512] = "";
    for (int i = 0; i < 12; i++)
        sprintf(text + strlen(text), "p%d\tq%d\t%d\n", i, i, i % 2);
    PairTable t = opened(put("many.tsv", text), NULL, 5);
    static const int want[] = {0, 2, 4, 7, 9}, fold[] = {0, 1, 2, 3, 4};
    assert_int_equal(t.pairs, 5);
    assert_int_equal(t.names, 10);
    for (int i = 0; i < 5; i++) {
        char a[8], b[8];
        sprintf(a, "p%d", want[i]);
        sprintf(b, "q%d", want[i]);
        is_pair(&t, i, a, b, want[i] % 2, fold[i]);
    }
    pair_table_free(&t);
}

static void lfw(void **state)
{
    (void)state;
    PairTable t = opened(
        put("pairs.txt", "2\t1\r\nAnn_Lee\t1\t12\r\nAnn_Lee\t12\tBob\t3\r\nBob 3 4\nBob 4 Eve 1\n"),
        NULL, 0);
    assert_string_equal(t.title, "lfw");
    assert_string_equal(t.dir, dir);
    assert_int_equal(t.names, 5);
    is_pair(&t, 0, "Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0012.jpg", true, 0);
    is_pair(&t, 1, "Ann_Lee/Ann_Lee_0012.jpg", "Bob/Bob_0003.jpg", false, 0);
    is_pair(&t, 3, "Bob/Bob_0004.jpg", "Eve/Eve_0001.jpg", false, 1);
    pair_table_free(&t);
    refused(put("pairs.txt", "2 1\nBob 3 4\nBob 4 Eve 1\n"), "it promises 4 pairs and holds 2");
    refused(put("pairs.txt", "1 1\nBob 3 4\nBob 4 Eve\n"), "pairs.txt, line 3: it wants a name");
    refused(put("pairs.txt", "1 1\nBob 3 4\nBob 4 ../x 1\n"), "line 3: a name");
}

/* pairsDevTest.txt: the number of pairs of each kind, and no folds. Either kind is in all ten. */
static void lfw_development(void **state)
{
    (void)state;
    char text[2048] = "20\n";
    for (int i = 1; i <= 20; i++)
        sprintf(text + strlen(text), "50_Cent\t%d\t%d\n", i, i + 1);
    for (int i = 1; i <= 20; i++)
        sprintf(text + strlen(text), "50_Cent\t%d\tBob\t%d\n", i, i);
    PairTable t = opened(put("pairsDevTest.txt", text), NULL, 0);
    assert_string_equal(t.title, "pairsDevTest"); /* the paper's row is of another set */
    assert_int_equal(t.pairs, 40);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(t.same[i], i < 20);
        assert_int_equal(t.fold[i], i % 20 / 2);
    }
    is_pair(&t, 39, "50_Cent/50_Cent_0020.jpg", "Bob/Bob_0020.jpg", false, 9);
    pair_table_free(&t);
    refused(put("pairsDevTest.txt", "2\nBob 3 4\nBob 4 Eve 1\n"), "promises 4 pairs and holds 2");
    refused(put("pairsDevTest.txt", "0\nBob 3 4\n"), "line 1: it wants the number of folds");
    /* A table of photos with numbers for names is none of LFW's. */
    t = opened(put("numbers.tsv", "1\t2\t1\n3\t4\t0\n"), NULL, 0);
    is_pair(&t, 1, "3", "4", false, 1);
    pair_table_free(&t);
}

static void folder(const char *name)
{
    assert_int_equal(mkdir(path_of(name), 0777), 0);
}

static void cfp(void **state)
{
    (void)state;
    static const char *const made[] = {"Protocol", "Protocol/Split", "Protocol/Split/FF",
                                       "Protocol/Split/FP"};
    for (int i = 0; i < 4; i++)
        folder(made[i]);
    for (int fold = 1; fold <= 2; fold++)
        for (int p = 0; p < 2; p++) {
            char name[64];
            sprintf(name, "Protocol/Split/F%c/%02d", "FP"[p], fold);
            folder(name);
            strcat(name, "/same.txt");
            put(name, fold == 1 ? "1,2\n" : "2,1\n");
            strcpy(strrchr(name, '/'), "/diff.txt");
            put(name, fold == 1 ? "1,3\n2,3\n" : "3,1\n");
        }
    put("Protocol/Pair_list_F.txt", "1 ../Data/Images/001/frontal/01.jpg\n"
                                    "2 ../Data/Images/001/frontal/02.jpg\n"
                                    "3 ../Data/Images/002/frontal/01.jpg\n"
                                    "4 ../Data/Images/002/frontal/02.jpg\n");
    put("Protocol/Pair_list_P.txt", "1 ../Data/Images/001/profile/01.jpg\n"
                                    "2 ../Data/Images/001/profile/02.jpg\n"
                                    "3 ../Data/Images/002/profile/01.jpg\n");
    PairTable t = opened(path_of("Protocol/Split/FF"), NULL, 0);
    assert_string_equal(t.title, "cfp_ff");
    assert_string_equal(t.dir, path_of("Protocol/Split/FF/../../.."));
    assert_int_equal(t.names, 3); /* the fourth is in no pair */
    assert_int_equal(t.pairs, 5);
    is_pair(&t, 0, "Data/Images/001/frontal/01.jpg", "Data/Images/001/frontal/02.jpg", true, 0);
    is_pair(&t, 4, "Data/Images/002/frontal/01.jpg", "Data/Images/001/frontal/01.jpg", false, 1);
    pair_table_free(&t);
    t = opened(path_of("Protocol/Split/FP/"), "photos", 0);
    assert_string_equal(t.title, "cfp_fp");
    assert_string_equal(t.dir, "photos");
    is_pair(&t, 1, "Data/Images/001/frontal/01.jpg", "Data/Images/002/profile/01.jpg", false, 0);
    pair_table_free(&t);
    put("Protocol/Split/FP/02/diff.txt", "4,4\n");
    refused(path_of("Protocol/Split/FP"), "FP/02/diff.txt, line 1");
    put("Protocol/Pair_list_P.txt", "2 x.jpg\n");
    refused(path_of("Protocol/Split/FP"), "Pair_list_P.txt, line 1");
}

/* ---- .bin ---- */

/* What tests/golden/pairs.bin holds. */
static void is_golden(const PairTable *t)
{
    assert_int_equal(t->pairs, 3);
    assert_int_equal(t->names, 3); /* of six pictures */
    is_pair(t, 0, "picture 0", "picture 1", true, 0);
    is_pair(t, 1, "picture 0", "picture 3", false, 1);
    is_pair(t, 2, "picture 1", "picture 0", true, 2);
    assert_int_equal(t->size[t->b[0]], 3);
    assert_memory_equal(t->bytes[t->b[0]], "two", 3);
    assert_int_equal(t->size[t->b[1]], 300);
    assert_int_equal(t->bytes[t->b[1]][299], 'x');
}

/* As today's Python writes it. */
static void python3(void **state)
{
    (void)state;
    PairTable t = opened(GOLDEN "/pairs.bin", NULL, 0);
    assert_string_equal(t.title, "pairs");
    is_golden(&t);
    pair_table_free(&t);
    t = opened(GOLDEN "/pairs.bin", NULL, 1);
    assert_int_equal(t.names, 2);
    assert_memory_equal(t.bytes[t.b[0]], "two", 3);
    pair_table_free(&t);
}

/* The same pickle to the byte as cPickle of Python 2.7 writes it in protocol 2, which the sets that
 * are handed around are of: byte strings, memo by number. */
static size_t python2_bytes(unsigned char *to)
{
    static const char begin[] = "\x80\x02]q\x01(U\x03oneq\x02U\x03twoq\x03h\x02T\x2c\x01\x00\x00";
    static const char rest[] = "q\x04h\x03h\x02"
                               "e]q\x05(\x88\x89\x88"
                               "e\x86.";
    size_t n = sizeof begin - 1;
    memcpy(to, begin, n);
    memset(to + n, 'x', 300);
    memcpy(to + n + 300, rest, sizeof rest - 1);
    return n + 300 + sizeof rest - 1;
}

static void python2(void **state)
{
    (void)state;
    unsigned char bytes[512];
    size_t n = python2_bytes(bytes);
    PairTable t = opened(put_bytes("lfw.bin", bytes, n), NULL, 0);
    assert_string_equal(t.title, "lfw");
    assert_string_equal(t.dir, path_of("lfw.bin"));
    is_golden(&t);
    pair_table_free(&t);
}

/* A set, to the byte as cPickle writes it, that has more than a byte can count: memo numbers of
 * four bytes, lists in batches of a thousand, the last item of a list alone. */
static unsigned char *put_number(unsigned char *at, char opcode, unsigned number, int bytes)
{
    *at++ = (unsigned char)opcode;
    for (int k = 0; k < bytes; k++)
        *at++ = (unsigned char)(number >> 8 * k);
    return at;
}

static void python2_long(void **state)
{
    (void)state;
    enum { PAIRS = 1001, BATCH = 1000 };
    unsigned char *bytes = malloc(64 * PAIRS), *at = bytes;
    unsigned memo = 1;
    memcpy(at, "\x80\x02]", 3);
    at = put_number(at + 3, 'q', memo++, 1);
    for (int i = 0; i < 2 * PAIRS; i++) {
        if (i % BATCH == 0)
            *at++ = '(';
        if (i == 2 * PAIRS - 1) {
            at = put_number(at, 'j', 1 + 300, 4); /* picture 299 again */
        } else {
            at = put_number(at, 'U', 6, 1);
            at += sprintf((char *)at, "%06d", i);
            at = put_number(at, memo < 256 ? 'q' : 'r', memo, memo < 256 ? 1 : 4);
            memo++;
        }
        if (i % BATCH == BATCH - 1 || i == 2 * PAIRS - 1)
            *at++ = 'e';
    }
    *at++ = ']';
    at = put_number(at, 'r', memo++, 4);
    *at++ = '(';
    for (int i = 0; i < BATCH; i++)
        *at++ = i % 3 ? 0x89 : 0x88;
    memcpy(at,
           "e\x89"
           "a\x86",
           4);
    at += 4;
    *at++ = '.';
    PairTable t = opened(put_bytes("lfw.bin", bytes, (size_t)(at - bytes)), NULL, 0);
    free(bytes);
    assert_int_equal(t.pairs, PAIRS);
    assert_int_equal(t.names, 2 * PAIRS - 1);
    is_pair(&t, 999, "picture 1998", "picture 1999", true, 9);
    is_pair(&t, 1000, "picture 2000", "picture 299", false, 9);
    assert_int_equal(t.size[t.b[1000]], 6);
    assert_memory_equal(t.bytes[t.b[1000]], "000299", 6);
    pair_table_free(&t);
}

/* Photos of pairs that are left out go, and the others keep their bytes. */
static void some_of_them(void **state)
{
    (void)state;
    static const char eight[] = "\x80\x02](U\x01"
                                "aU\x01"
                                "bU\x01"
                                "cU\x01"
                                "dU\x01"
                                "eU\x01"
                                "fU\x01"
                                "gU\x01"
                                "he](\x88\x88\x89\x88"
                                "e\x86.";
    PairTable t = opened(put_bytes("some.bin", eight, sizeof eight - 1), NULL, 2);
    assert_int_equal(t.names, 4);
    assert_int_equal(t.limit, 2);
    is_pair(&t, 0, "picture 0", "picture 1", true, 0);
    is_pair(&t, 1, "picture 4", "picture 5", false, 1);
    for (int i = 0; i < 4; i++)
        assert_true(t.size[i] == 1 && t.bytes[i][0] == "abef"[i]);
    pair_table_free(&t);
}

/* Nothing is executed, nothing is believed. */
static void evil(void **state)
{
    (void)state;
    static const char system[] = "\x80\x02"
                                 "cos\nsystem\nU\x04ls q\x85R.";
    unsigned char bytes[512];
    size_t n = python2_bytes(bytes);
    refused(put_bytes("evil.bin", system, sizeof system - 1), "os.system");
    for (size_t k = 2; k < n; k++) {
        refused(put_bytes("cut.bin", bytes, k), "cut.bin is no set of pairs");
    }
    refused(put("flags.bin", "\x80\x02](U\x01"
                             "aU\x01"
                             "be](K\x01"
                             "e\x86."),
            "a flag is neither true nor false");
    refused(put("one.bin", "\x80\x02](U\x01"
                           "ae](\x88"
                           "e\x86."),
            "two pictures for each flag");
    refused(put("list.bin", "\x80\x02](]]e](\x88"
                            "e\x86."),
            "a picture is no string of bytes");
    refused(put("empty.bin", "\x80\x02]]\x86."), "holds no pairs");
    refused(put("none.bin", "\x80\x02N."), "a list of pictures and one of flags");
}

static int open_folder(void **state)
{
    (void)state;
    return test_folder_make(dir) ? 0 : -1;
}

static int close_folder(void **state)
{
    (void)state;
    test_folder_remove(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables),
        cmocka_unit_test(limits),
        cmocka_unit_test(lfw),
        cmocka_unit_test(cfp),
        cmocka_unit_test(python3),
        cmocka_unit_test(python2),
        cmocka_unit_test(some_of_them),
        cmocka_unit_test(evil),
        cmocka_unit_test(lfw_development),
        cmocka_unit_test(python2_long),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
