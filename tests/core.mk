# libtensor and libautograd but for the ops.
SMALL_NET = tests/small_net.c tests/small_net.h tests/threads.h
FAILING_ALLOC = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc \
	-Wl,--wrap=strdup,--wrap=free
CORE_LIBS = $(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm
CORE_TESTS = tests/test_rng tests/test_tensor_file tests/test_weights tests/test_graph_gradient_double \
	tests/test_plan tests/test_fuse tests/test_alloc tests/test_optim tests/test_resume
check_PROGRAMS += $(CORE_TESTS)
TESTS += $(CORE_TESTS)

tests_test_rng_SOURCES = tests/test_rng.c
tests_test_rng_LDADD = libtensor.a $(CORE_LIBS)
tests_test_tensor_file_SOURCES = tests/test_tensor_file.c
tests_test_tensor_file_LDADD = libtensor.a $(CORE_LIBS)

# Files as PyTorch and NumPy write them, whole and damaged; of these every allocation is seen.
tests_test_weights_SOURCES = tests/test_weights.c
tests_test_weights_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN='"$(abs_top_srcdir)/tests/golden"'
tests_test_weights_LDADD = libtensor.a $(CORE_LIBS) $(ZLIB_LIBS)
check_PROGRAMS += tests/test_fuzz_weights
TESTS += tests/test_fuzz_weights
tests_test_fuzz_weights_SOURCES = tests/test_fuzz_weights.c
tests_test_fuzz_weights_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN='"$(abs_top_srcdir)/tests/golden"'
tests_test_fuzz_weights_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
tests_test_fuzz_weights_LDADD = libtensor.a $(CORE_LIBS) $(ZLIB_LIBS)
EXTRA_DIST += scripts/make_torch_golden.py \
	tests/golden/torch-zip.pt tests/golden/torch-deflated.pt tests/golden/torch-stream.pt \
	tests/golden/torch-stream4.pt tests/golden/torch-python2.pt tests/golden/torch-module.pt \
	tests/golden/torch-tar.pt tests/golden/torch-tar-evil.pt \
	tests/golden/numpy-1.npy tests/golden/numpy-2.npy tests/golden/numpy-3.npy \
	tests/golden/numpy-stored.npz tests/golden/numpy-deflated.npz

tests_test_graph_gradient_double_SOURCES = tests/test_graph_gradient_double.c $(SMALL_NET)
tests_test_graph_gradient_double_CPPFLAGS = $(AM_CPPFLAGS) -DREAL_IS_DOUBLE
tests_test_graph_gradient_double_LDADD = libautograd_double.a libtensor_double.a $(CORE_LIBS)

tests_test_fuse_SOURCES = tests/test_fuse.c tests/threads.h
tests_test_fuse_LDADD = libautograd.a libtensor.a $(CORE_LIBS)
tests_test_plan_SOURCES = tests/test_plan.c tests/random_graph.c tests/random_graph.h $(SMALL_NET)
tests_test_plan_LDADD = libautograd.a libtensor.a $(CORE_LIBS)

tests_test_alloc_SOURCES = tests/test_alloc.c tests/failing_alloc.c tests/failing_alloc.h $(SMALL_NET)
tests_test_alloc_LDFLAGS = $(AM_LDFLAGS) $(FAILING_ALLOC)
tests_test_alloc_LDADD = libautograd.a libtensor.a $(CORE_LIBS)

tests_test_optim_SOURCES = tests/test_optim.c tests/threads.h
tests_test_optim_LDADD = libautograd.a libtensor.a $(CORE_LIBS)

tests_test_resume_SOURCES = tests/test_resume.c $(SMALL_NET)
tests_test_resume_LDADD = libautograd.a libtensor.a $(CORE_LIBS)
