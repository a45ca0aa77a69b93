# CUDA: the same tests on a device (they exit 77 without one, or in a build without CUDA) and, with
# "emulated" in their names, everywhere: the backend's sources are compiled as C++ against
# tests/cuda_emulation, and stand before libtensor.a, whose backend is then not asked for.
CUDA_EMULATION = \
	tests/cuda_emulation/block.cc tests/cuda_emulation/cublas.cc tests/cuda_emulation/cublas_v2.h \
	tests/cuda_emulation/cuda_runtime.h tests/cuda_emulation/device.cc tests/cuda_emulation/memory.cc \
	tests/cuda_emulation/stream.cc
check_LIBRARIES += tests/libcuda_emulated.a tests/libcuda_emulated_double.a
tests_libcuda_emulated_a_SOURCES = $(CUDA_EMULATION)
tests_libcuda_emulated_a_LIBADD = $(CUDA_SOURCES:.cu=.emulated.o)
tests_libcuda_emulated_double_a_SOURCES = $(CUDA_EMULATION)
tests_libcuda_emulated_double_a_LIBADD = $(CUDA_SOURCES:.cu=.emulated-double.o)

EMULATED_CXX = $(CXX) -x c++ -I$(top_srcdir)/tests/cuda_emulation $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) \
	$(AM_CXXFLAGS) $(CXXFLAGS) -fno-strict-aliasing -Wno-unknown-pragmas \
	-fsanitize=alignment -fsanitize-undefined-trap-on-error -MD -MF $(@:.o=.d)
libtensor/cuda/%.emulated.o: libtensor/cuda/%.cu
	$(AM_V_CXX)$(MKDIR_P) $(@D) && $(EMULATED_CXX) -c -o $@ $<
libtensor/cuda/%.emulated-double.o: libtensor/cuda/%.cu
	$(AM_V_CXX)$(MKDIR_P) $(@D) && $(EMULATED_CXX) -DREAL_IS_DOUBLE -c -o $@ $<

CUDA_TESTS = tests/test_cuda_ops tests/test_cuda_ops_float \
	tests/test_cuda_ops_emulated tests/test_cuda_ops_float_emulated
check_PROGRAMS += $(CUDA_TESTS)
TESTS += $(CUDA_TESTS)
CUDA_TEST_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_OPS='"$(abs_top_builddir)/tests/test_ops"'
CUDA_OPS = tests/test_cuda_ops.c $(OP_CASE) $(OP_CHECKS)
EMULATED_LIBS = $(CORE_LIBS) -lstdc++

tests_test_cuda_ops_SOURCES = $(CUDA_OPS)
tests_test_cuda_ops_CPPFLAGS = $(CUDA_TEST_CPPFLAGS) -DREAL_IS_DOUBLE
tests_test_cuda_ops_LDADD = libtensor_double.a $(CORE_LIBS)
EXTRA_tests_test_cuda_ops_DEPENDENCIES = tests/test_ops$(EXEEXT)
tests_test_cuda_ops_float_SOURCES = $(CUDA_OPS)
tests_test_cuda_ops_float_CPPFLAGS = $(CUDA_TEST_CPPFLAGS)
tests_test_cuda_ops_float_LDADD = libtensor.a $(CORE_LIBS)
EXTRA_tests_test_cuda_ops_float_DEPENDENCIES = tests/test_ops$(EXEEXT)
tests_test_cuda_ops_emulated_SOURCES = $(CUDA_OPS)
tests_test_cuda_ops_emulated_CPPFLAGS = $(CUDA_TEST_CPPFLAGS) -DREAL_IS_DOUBLE
tests_test_cuda_ops_emulated_LDADD = tests/libcuda_emulated_double.a libtensor_double.a $(EMULATED_LIBS)
EXTRA_tests_test_cuda_ops_emulated_DEPENDENCIES = tests/test_ops$(EXEEXT)
tests_test_cuda_ops_float_emulated_SOURCES = $(CUDA_OPS)
tests_test_cuda_ops_float_emulated_CPPFLAGS = $(CUDA_TEST_CPPFLAGS)
tests_test_cuda_ops_float_emulated_LDADD = tests/libcuda_emulated.a libtensor.a $(EMULATED_LIBS)
EXTRA_tests_test_cuda_ops_float_emulated_DEPENDENCIES = tests/test_ops$(EXEEXT)
