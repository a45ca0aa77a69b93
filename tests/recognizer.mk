check_PROGRAMS += tests/test_recognizer
TESTS += tests/test_recognizer
tests_test_recognizer_SOURCES = tests/test_recognizer.c
tests_test_recognizer_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_test_recognizer_LDADD = libdatasets.a libengine.a libnets.a libautograd.a libtensor.a \
	$(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) $(DLIB_LIBS) -lm
EXTRA_DIST += tests/golden/recognizer.json scripts/make_recognizer_golden.mjs

check_PROGRAMS += tests/test_descriptor
TESTS += tests/test_descriptor
tests_test_descriptor_SOURCES = tests/test_descriptor.c
tests_test_descriptor_LDADD = $(CMOCKA_LIBS) $(app_libs)
