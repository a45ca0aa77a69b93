# Pools of photos, and what is measured on photos.
check_PROGRAMS += tests/test_photo_pool
TESTS += tests/test_photo_pool
tests_test_photo_pool_SOURCES = tests/test_photo_pool.c tests/test_folder.h
tests_test_photo_pool_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_test_photo_pool_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=pwrite
tests_test_photo_pool_LDADD = $(datasets_test_libs)

check_PROGRAMS += tests/test_verification
TESTS += tests/test_verification
tests_test_verification_SOURCES = tests/test_verification.c
tests_test_verification_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN='"$(abs_top_srcdir)/tests/golden"'
tests_test_verification_LDADD = libnets.a libautograd.a libtensor.a \
	$(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm
EXTRA_DIST += tests/golden/verification.json scripts/make_verification_golden.py

check_PROGRAMS += tests/test_pair_table
TESTS += tests/test_pair_table
tests_test_pair_table_SOURCES = tests/test_pair_table.c tests/test_folder.h
tests_test_pair_table_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN='"$(abs_top_srcdir)/tests/golden"'
tests_test_pair_table_LDADD = $(app_libs) $(CMOCKA_LIBS)
EXTRA_DIST += tests/golden/pairs.bin

check_PROGRAMS += tests/test_found
TESTS += tests/test_found
tests_test_found_SOURCES = tests/test_found.c tests/test_folder.h
tests_test_found_LDADD = $(app_libs) $(CMOCKA_LIBS)

check_PROGRAMS += tests/test_disturb
TESTS += tests/test_disturb
tests_test_disturb_SOURCES = tests/test_disturb.c
tests_test_disturb_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_test_disturb_LDADD = $(datasets_test_libs)

dist_check_SCRIPTS += tests/test_evaluate.sh tests/test_evaluate_engine.sh
TESTS += tests/test_evaluate.sh tests/test_evaluate_engine.sh
