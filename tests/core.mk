# libtensor and libautograd but for the ops.
CORE_LIBS = $(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm
CORE_TESTS = tests/test_rng tests/test_tensor_file
check_PROGRAMS += $(CORE_TESTS)
TESTS += $(CORE_TESTS)

tests_test_rng_SOURCES = tests/test_rng.c
tests_test_rng_LDADD = libtensor.a $(CORE_LIBS)
tests_test_tensor_file_SOURCES = tests/test_tensor_file.c
tests_test_tensor_file_LDADD = libtensor.a $(CORE_LIBS)
