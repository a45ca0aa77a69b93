# Nets against PyTorch.
check_PROGRAMS += tests/test_golden
TESTS += tests/test_golden
tests_test_golden_SOURCES = tests/test_golden.c
tests_test_golden_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN='"$(abs_top_srcdir)/tests/golden"'
tests_test_golden_LDADD = libautograd.a libtensor.a $(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm
EXTRA_DIST += tests/golden/conv.safetensors tests/golden/deconv.safetensors scripts/make_golden.py

# The paper's nets at their true widths, in double (with the nets compiled so as well) and in float.
check_PROGRAMS += tests/test_paper_nets tests/test_paper_nets_double
TESTS += tests/test_paper_nets tests/test_paper_nets_double
tests_test_paper_nets_SOURCES = tests/test_paper_nets.c tests/noise.h
tests_test_paper_nets_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN='"$(abs_top_srcdir)/tests/golden"'
tests_test_paper_nets_LDADD = libnets.a libautograd.a libtensor.a \
	$(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm
tests_test_paper_nets_double_SOURCES = $(tests_test_paper_nets_SOURCES) \
	nets/blocks.c nets/imitator.c nets/lightcnn.c nets/segmenter.c nets/translator.c
tests_test_paper_nets_double_CPPFLAGS = $(tests_test_paper_nets_CPPFLAGS) -DREAL_IS_DOUBLE
tests_test_paper_nets_double_LDADD = libautograd_double.a libtensor_double.a \
	$(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm
EXTRA_DIST += scripts/torch_nets.py scripts/make_paper_golden.py \
	tests/golden/paper-imitator.safetensors tests/golden/paper-lightcnn.safetensors \
	tests/golden/paper-segmenter.safetensors tests/golden/paper-translator.safetensors

# Files of weights that PyTorch makes on the spot.
dist_check_SCRIPTS += tests/test_import.sh
TESTS += tests/test_import.sh
