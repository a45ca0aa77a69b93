# The ops: the generated grid in double precision, single precision against it, and a benchmark.
check_PROGRAMS += tests/test_ops
TESTS += tests/test_ops
tests_test_ops_SOURCES = tests/test_ops.c tests/op_case.c tests/op_case.h tests/op_cases.def \
	tests/op_errors.def
tests_test_ops_CPPFLAGS = $(AM_CPPFLAGS) -DREAL_IS_DOUBLE
tests_test_ops_LDADD = libtensor_double.a $(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm
