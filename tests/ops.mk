# The ops: the generated grid in double precision, single precision against it.
check_PROGRAMS += tests/test_ops tests/test_ops_float
TESTS += tests/test_ops tests/test_ops_float

OP_CASE = tests/op_case.c tests/op_case.h tests/op_cases.def
OP_CHECKS = tests/op_checks.c tests/op_checks.h

tests_test_ops_SOURCES = tests/test_ops.c tests/op_errors.def $(OP_CASE) $(OP_CHECKS)
tests_test_ops_CPPFLAGS = $(AM_CPPFLAGS) -DREAL_IS_DOUBLE
tests_test_ops_LDADD = libtensor_double.a $(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm

tests_test_ops_float_SOURCES = tests/test_ops_float.c libtensor/conv_plain.c libtensor/conv_plain.h \
	$(OP_CASE)
tests_test_ops_float_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_OPS='"$(abs_top_builddir)/tests/test_ops"'
tests_test_ops_float_LDADD = libtensor.a $(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm
EXTRA_tests_test_ops_float_DEPENDENCIES = tests/test_ops$(EXEEXT)

check_PROGRAMS += tests/test_gemm_packed tests/test_gemm_packed_double
TESTS += tests/test_gemm_packed tests/test_gemm_packed_double

tests_test_gemm_packed_SOURCES = tests/test_gemm_packed.c
tests_test_gemm_packed_LDADD = libtensor.a $(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm

tests_test_gemm_packed_double_SOURCES = tests/test_gemm_packed.c
tests_test_gemm_packed_double_CPPFLAGS = $(AM_CPPFLAGS) -DREAL_IS_DOUBLE
tests_test_gemm_packed_double_LDADD = libtensor_double.a $(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm
