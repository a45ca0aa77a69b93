/* Characters kept in a file: what is done is there after a stop, what belongs to another run is
 * not. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "apps/found.h"
#include "tests/test_folder.h"

enum { FACES = 5, DIM = 3 };

static char dir[TEST_PATH], file[TEST_PATH];

static Found opened(const char *identity, int dim)
{
    Found f;
    Error err;
    if (!found_open(&f, file, identity, FACES, dim, &err))
        fail_msg("%s", err.text);
    return f;
}

static void resumes(void **state)
{
    (void)state;
    Error err;
    Found f = opened("a run", DIM);
    assert_int_equal(found_missing(&f), FACES);
    f.saved += 3600; /* however slow the machine is */
    for (int i = 0; i < FACES; i += 2) {
        for (int k = 0; k < DIM; k++)
            f.x[i * DIM + k] = (float)(10 * i + k);
        assert_true(found_note(&f, i, &err));
    }
    assert_int_not_equal(access(file, F_OK), 0); /* seconds have not passed yet */
    f.saved -= 3660;
    assert_true(found_note(&f, 0, &err));
    found_close(&f);
    f = opened("a run", DIM);
    assert_int_equal(found_missing(&f), 2);
    assert_true(f.done[4] && !f.done[3] && f.x[4 * DIM + 2] == 42);
    f.done[3] = 1;
    assert_true(found_save(&f, &err));
    found_close(&f);
    f = opened("a run", DIM);
    assert_int_equal(found_missing(&f), 1);
    found_close(&f);
}

static void others(void **state)
{
    (void)state;
    Error err;
    Found f;
    assert_false(found_open(&f, file, "another run", FACES, DIM, &err));
    assert_non_null(strstr(err.text, "other settings"));
    f = opened("a run", DIM + 1); /* a file that says so and is not */
    assert_int_equal(found_missing(&f), FACES);
    found_close(&f);
    assert_int_equal(truncate(file, 100), 0);
    f = opened("a run", DIM);
    assert_int_equal(found_missing(&f), FACES);
    found_close(&f);
}

static int open_folder(void **state)
{
    (void)state;
    if (!test_folder_make(dir))
        return -1;
    test_path(file, dir, "x.found");
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    test_folder_remove(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resumes), cmocka_unit_test(others)};
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
