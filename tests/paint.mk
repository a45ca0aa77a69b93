check_PROGRAMS += tests/test_paint
TESTS += tests/test_paint
tests_test_paint_SOURCES = tests/test_paint.c tests/engine_files.h tests/test_folder.h
tests_test_paint_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_test_paint_LDADD = libengine.a libtensor.a $(CMOCKA_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lm
