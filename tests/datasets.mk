datasets_test_libs = libdatasets.a libengine.a libtensor.a \
	$(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) $(DLIB_LIBS) -lm

check_PROGRAMS += tests/test_image
TESTS += tests/test_image
tests_test_image_SOURCES = tests/test_image.c tests/test_folder.h
tests_test_image_LDADD = $(datasets_test_libs)

check_PROGRAMS += tests/test_loader
TESTS += tests/test_loader
tests_test_loader_SOURCES = tests/test_loader.c
tests_test_loader_LDADD = $(datasets_test_libs)

check_PROGRAMS += tests/test_augment
TESTS += tests/test_augment
tests_test_augment_SOURCES = tests/test_augment.c
tests_test_augment_LDADD = $(datasets_test_libs)

check_PROGRAMS += tests/test_pairs
TESTS += tests/test_pairs
tests_test_pairs_SOURCES = tests/test_pairs.c tests/test_folder.h
tests_test_pairs_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fwrite
tests_test_pairs_LDADD = $(datasets_test_libs)

check_PROGRAMS += tests/test_face
TESTS += tests/test_face
tests_test_face_SOURCES = tests/test_face.c
tests_test_face_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_test_face_LDADD = $(datasets_test_libs)

dist_check_SCRIPTS += tests/test_render_dataset.sh
TESTS += tests/test_render_dataset.sh

# make tests/bench_pairs && tests/bench_pairs DIR, a set that render_dataset made
EXTRA_PROGRAMS += tests/bench_pairs
tests_bench_pairs_SOURCES = tests/bench_pairs.c
tests_bench_pairs_LDADD = libdatasets.a libengine.a libtensor.a \
	$(OPENBLAS_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) $(DLIB_LIBS) -lm
CLEANFILES += tests/bench_pairs$(EXEEXT)
