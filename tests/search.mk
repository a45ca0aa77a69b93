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

dist_check_SCRIPTS += tests/search_errors.sh
TESTS += tests/search_errors.sh
