# CUDA: the same tests on a device (they exit 77 without one, or in a build without CUDA) and, with
# "emulated" in their names, everywhere: the backend's sources are compiled as C++ against
# tests/cuda_emulation, and stand before libtensor.a, whose backend is then not asked for.
CUDA_EMULATION = \
	tests/cuda_emulation/block.cc tests/cuda_emulation/cublas.cc tests/cuda_emulation/cublas_v2.h \
	tests/cuda_emulation/cuda_bf16.h tests/cuda_emulation/cuda_runtime.h \
	tests/cuda_emulation/fiber.cc tests/cuda_emulation/fiber.h tests/cuda_emulation/memory.cc \
	tests/cuda_emulation/mma.h tests/cuda_emulation/stream.cc
check_LIBRARIES += tests/libcuda_emulated.a tests/libcuda_emulated_double.a
tests_libcuda_emulated_a_SOURCES = $(CUDA_EMULATION)
tests_libcuda_emulated_a_LIBADD = $(CUDA_SOURCES:.cu=.emulated.o)
tests_libcuda_emulated_double_a_SOURCES = $(CUDA_EMULATION)
tests_libcuda_emulated_double_a_LIBADD = $(CUDA_SOURCES:.cu=.emulated-double.o)

# A device faults at an access that is not aligned; so does this.
EMULATED_FLAGS = -fno-strict-aliasing -Wno-unknown-pragmas \
	-fsanitize=alignment -fsanitize-undefined-trap-on-error
EMULATED_CXX = $(CXX) -x c++ -I$(top_srcdir)/tests/cuda_emulation $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) \
	$(AM_CXXFLAGS) $(CXXFLAGS) $(EMULATED_FLAGS) -MD -MF $(@:.o=.d)
libtensor/cuda/%.emulated.o: libtensor/cuda/%.cu
	$(AM_V_CXX)$(MKDIR_P) $(@D) && $(EMULATED_CXX) -c -o $@ $<
libtensor/cuda/%.emulated-double.o: libtensor/cuda/%.cu
	$(AM_V_CXX)$(MKDIR_P) $(@D) && $(EMULATED_CXX) -DREAL_IS_DOUBLE -c -o $@ $<

CUDA_DEVICE_TESTS = \
	tests/test_cuda_ops tests/test_cuda_ops_float \
	tests/test_cuda_optim tests/test_cuda_optim_float \
	tests/test_cuda_nets tests/test_cuda_nets_float \
	tests/test_cuda_run
CUDA_EMULATED_TESTS = \
	tests/test_cuda_ops_emulated tests/test_cuda_ops_float_emulated \
	tests/test_cuda_optim_emulated tests/test_cuda_optim_float_emulated \
	tests/test_cuda_nets_emulated tests/test_cuda_nets_float_emulated \
	tests/test_cuda_run_emulated
check_PROGRAMS += $(CUDA_DEVICE_TESTS) $(CUDA_EMULATED_TESTS)
TESTS += $(CUDA_DEVICE_TESTS) $(CUDA_EMULATED_TESTS)

# The convolutions' tiles, whatever the size they are meant for.
check_PROGRAMS += tests/test_cuda_conv_tiles_emulated
TESTS += tests/test_cuda_conv_tiles_emulated
tests_test_cuda_conv_tiles_emulated_SOURCES = tests/test_cuda_conv_tiles.cc libtensor/conv_plain.c \
	libtensor/conv_plain.h
# Not among the CXXFLAGS, which are for linking too: the trap there leaves out UBSan's own functions.
tests_test_cuda_conv_tiles_emulated_CPPFLAGS = -I$(top_srcdir)/tests/cuda_emulation $(AM_CPPFLAGS) \
	$(EMULATED_FLAGS)
tests_test_cuda_conv_tiles_emulated_LDADD = tests/libcuda_emulated.a libtensor.a $(CORE_LIBS)

# Tests run in the build folder; one that was built elsewhere (gpu_check.sh --from) is like it.
CUDA_FLAGS = $(AM_CPPFLAGS) -DTEST_OPS='"./tests/test_ops"'
CUDA_DOUBLE_FLAGS = $(CUDA_FLAGS) -DREAL_IS_DOUBLE
EMULATED = tests/libcuda_emulated.a
EMULATED_DOUBLE = tests/libcuda_emulated_double.a
EMULATED_LIBS = $(CORE_LIBS) -lstdc++

CUDA_OPS = tests/test_cuda_ops.c $(OP_CASE) $(OP_CHECKS)
tests_test_cuda_ops_SOURCES = $(CUDA_OPS)
tests_test_cuda_ops_CPPFLAGS = $(CUDA_DOUBLE_FLAGS)
tests_test_cuda_ops_LDADD = libtensor_double.a $(CORE_LIBS)
EXTRA_tests_test_cuda_ops_DEPENDENCIES = tests/test_ops$(EXEEXT)
tests_test_cuda_ops_float_SOURCES = $(CUDA_OPS)
tests_test_cuda_ops_float_CPPFLAGS = $(CUDA_FLAGS)
tests_test_cuda_ops_float_LDADD = libtensor.a $(CORE_LIBS)
EXTRA_tests_test_cuda_ops_float_DEPENDENCIES = tests/test_ops$(EXEEXT)
tests_test_cuda_ops_emulated_SOURCES = $(CUDA_OPS)
tests_test_cuda_ops_emulated_CPPFLAGS = $(CUDA_DOUBLE_FLAGS)
tests_test_cuda_ops_emulated_LDADD = $(EMULATED_DOUBLE) libtensor_double.a $(EMULATED_LIBS)
EXTRA_tests_test_cuda_ops_emulated_DEPENDENCIES = tests/test_ops$(EXEEXT)
tests_test_cuda_ops_float_emulated_SOURCES = $(CUDA_OPS)
tests_test_cuda_ops_float_emulated_CPPFLAGS = $(CUDA_FLAGS)
tests_test_cuda_ops_float_emulated_LDADD = $(EMULATED) libtensor.a $(EMULATED_LIBS)
EXTRA_tests_test_cuda_ops_float_emulated_DEPENDENCIES = tests/test_ops$(EXEEXT)

tests_test_cuda_optim_SOURCES = tests/test_cuda_optim.c
tests_test_cuda_optim_CPPFLAGS = $(CUDA_DOUBLE_FLAGS)
tests_test_cuda_optim_LDADD = libtensor_double.a $(CORE_LIBS)
tests_test_cuda_optim_float_SOURCES = tests/test_cuda_optim.c
tests_test_cuda_optim_float_LDADD = libtensor.a $(CORE_LIBS)
tests_test_cuda_optim_emulated_SOURCES = tests/test_cuda_optim.c
tests_test_cuda_optim_emulated_CPPFLAGS = $(CUDA_DOUBLE_FLAGS)
tests_test_cuda_optim_emulated_LDADD = $(EMULATED_DOUBLE) libtensor_double.a $(EMULATED_LIBS)
tests_test_cuda_optim_float_emulated_SOURCES = tests/test_cuda_optim.c
tests_test_cuda_optim_float_emulated_LDADD = $(EMULATED) libtensor.a $(EMULATED_LIBS)

CUDA_DOUBLE_NETS = tests/test_cuda_nets.c nets/blocks.c nets/imitator.c nets/lightcnn.c \
	nets/segmenter.c nets/translator.c
tests_test_cuda_nets_SOURCES = $(CUDA_DOUBLE_NETS)
tests_test_cuda_nets_CPPFLAGS = $(CUDA_DOUBLE_FLAGS)
tests_test_cuda_nets_LDADD = libautograd_double.a libtensor_double.a $(CORE_LIBS)
tests_test_cuda_nets_float_SOURCES = tests/test_cuda_nets.c
tests_test_cuda_nets_float_LDADD = libnets.a libautograd.a libtensor.a $(CORE_LIBS)
tests_test_cuda_nets_emulated_SOURCES = $(CUDA_DOUBLE_NETS)
tests_test_cuda_nets_emulated_CPPFLAGS = $(CUDA_DOUBLE_FLAGS)
tests_test_cuda_nets_emulated_LDADD = libautograd_double.a $(EMULATED_DOUBLE) libtensor_double.a \
	$(EMULATED_LIBS)
tests_test_cuda_nets_float_emulated_SOURCES = tests/test_cuda_nets.c
tests_test_cuda_nets_float_emulated_LDADD = libnets.a libautograd.a $(EMULATED) libtensor.a \
	$(EMULATED_LIBS)

tests_test_cuda_run_SOURCES = tests/test_cuda_run.c $(SMALL_NET)
tests_test_cuda_run_LDADD = libautograd.a libtensor.a $(CORE_LIBS)
tests_test_cuda_run_emulated_SOURCES = tests/test_cuda_run.c $(SMALL_NET)
tests_test_cuda_run_emulated_LDADD = libautograd.a $(EMULATED) libtensor.a $(EMULATED_LIBS)
