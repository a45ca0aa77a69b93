check_PROGRAMS += tests/test_fit
TESTS += tests/test_fit
tests_test_fit_SOURCES = tests/test_fit.c
tests_test_fit_LDADD = libnets.a libautograd.a libtensor.a \
	$(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lm

check_PROGRAMS += tests/test_losses
TESTS += tests/test_losses
tests_test_losses_SOURCES = tests/test_losses.c
tests_test_losses_LDADD = libnets.a libautograd.a libtensor.a \
	$(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lm

check_PROGRAMS += tests/test_search_descriptor
TESTS += tests/test_search_descriptor
tests_test_search_descriptor_SOURCES = tests/test_search_descriptor.c
tests_test_search_descriptor_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_test_search_descriptor_LDADD = $(CMOCKA_LIBS) $(app_libs)

dist_check_SCRIPTS += tests/search_errors.sh
TESTS += tests/search_errors.sh

dist_check_SCRIPTS += tests/test_fit_prior.sh
TESTS += tests/test_fit_prior.sh

check_PROGRAMS += tests/test_search_prior
TESTS += tests/test_search_prior
tests_test_search_prior_SOURCES = tests/test_search_prior.c tests/test_folder.h
tests_test_search_prior_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_test_search_prior_LDADD = $(CMOCKA_LIBS) $(app_libs)

check_PROGRAMS += tests/test_identities
TESTS += tests/test_identities
tests_test_identities_SOURCES = tests/test_identities.c tests/test_folder.h
tests_test_identities_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_test_identities_LDADD = $(CMOCKA_LIBS) $(app_libs)
