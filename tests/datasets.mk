datasets_test_libs = libdatasets.a libengine.a libtensor.a \
	$(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) $(DLIB_LIBS) -lm

check_PROGRAMS += tests/test_image
TESTS += tests/test_image
tests_test_image_SOURCES = tests/test_image.c tests/test_folder.h
tests_test_image_LDADD = $(datasets_test_libs)
