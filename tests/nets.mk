check_PROGRAMS += tests/test_nets
TESTS += tests/test_nets
tests_test_nets_SOURCES = tests/test_nets.c
tests_test_nets_LDADD = libnets.a libautograd.a libtensor.a \
	$(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lm

check_PROGRAMS += tests/test_prior
TESTS += tests/test_prior
tests_test_prior_SOURCES = tests/test_prior.c
tests_test_prior_LDADD = libnets.a libautograd.a libtensor.a \
	$(CMOCKA_LIBS) $(OPENBLAS_LIBS) -lm
