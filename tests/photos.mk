# Pools of photos, and what is measured on photos.
check_PROGRAMS += tests/test_photo_pool
TESTS += tests/test_photo_pool
tests_test_photo_pool_SOURCES = tests/test_photo_pool.c tests/test_folder.h
tests_test_photo_pool_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_test_photo_pool_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=pwrite
tests_test_photo_pool_LDADD = $(datasets_test_libs)
