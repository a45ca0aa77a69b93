/* Programs run as a user would, in a test's folder (tests/test_folder.h). Include after cmocka.h.
 */
#ifndef TESTS_RUN_COMMAND_H
#define TESTS_RUN_COMMAND_H

#include <string.h>
#include <sys/wait.h>

#include "tests/test_folder.h"

/* Runs a shell's command in which @ stands for the folder. Its exit code, -1 if it died otherwise;
 * what it says goes to FOLDER/said. */
static inline int run_command(const char *folder, const char *command)
{
    char text[4096];
    size_t n = 0;
    for (; *command && n < sizeof text - 2 * TEST_PATH; command++)
        n += (size_t)(*command == '@' ? sprintf(text + n, "%s", folder)
                                      : sprintf(text + n, "%c", *command));
    sprintf(text + n, " >%s/said 2>&1", folder);
    int status = system(text);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The bytes of FOLDER/NAME with a NUL behind them; the caller frees them. */
static inline char *slurp(const char *folder, const char *name, size_t *n)
{
    enum { MOST = 1 << 21 };
    char path[TEST_PATH], *bytes = malloc(MOST);
    FILE *file = fopen(test_path(path, folder, name), "rb");
    assert_non_null(file);
    assert_non_null(bytes);
    *n = fread(bytes, 1, MOST - 1, file);
    assert_true(*n < MOST - 1);
    bytes[*n] = '\0';
    fclose(file);
    return bytes;
}

static inline bool same_bytes(const char *folder, const char *a, const char *b)
{
    size_t n, m;
    char *first = slurp(folder, a, &n), *second = slurp(folder, b, &m);
    bool same = n == m && memcmp(first, second, n) == 0;
    free(first);
    free(second);
    return same;
}

static inline void assert_runs(const char *folder, const char *command)
{
    size_t n;
    int code = run_command(folder, command);
    if (code != 0)
        fail_msg("%s: exit %d, %s", command, code, slurp(folder, "said", &n));
}

/* It ends with this code, and these words are in what it says. */
static inline void assert_refused(const char *folder, const char *command, int code,
                                  const char *words)
{
    size_t n;
    int got = run_command(folder, command);
    char *said = slurp(folder, "said", &n);
    if (got != code || !strstr(said, words))
        fail_msg("%s: exit %d, %s", command, got, said);
    free(said);
}

#endif
