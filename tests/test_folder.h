/* A folder for a test's files, gone when the test is over. Include after config.h. */
#ifndef TESTS_TEST_FOLDER_H
#define TESTS_TEST_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { TEST_PATH = 256 };

static int test_folder_remove_one(const char *path, const struct stat *st, int type,
                                  struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void test_folder_remove(const char *dir)
{
    nftw(dir, test_folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A new, empty folder in the current one; its name goes to dir. */
static inline bool test_folder_make(char dir[static TEST_PATH])
{
    snprintf(dir, TEST_PATH, "test_folder.XXXXXX");
    return mkdtemp(dir) != NULL;
}

/* DIR/NAME, in a buffer of the caller. */
static inline const char *test_path(char path[static TEST_PATH], const char *dir, const char *name)
{
    if (snprintf(path, TEST_PATH, "%s/%s", dir, name) >= TEST_PATH)
        abort();
    return path;
}

#endif
