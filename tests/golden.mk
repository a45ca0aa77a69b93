# Nets against PyTorch.
check_PROGRAMS += tests/test_golden
TESTS += tests/test_golden
tests_test_golden_SOURCES = tests/test_golden.c
tests_test_golden_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN='"$(abs_top_srcdir)/tests/golden"'
tests_test_golden_LDADD = libautograd.a libtensor.a $(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) -lm
EXTRA_DIST += tests/golden/conv.safetensors tests/golden/deconv.safetensors scripts/make_golden.py
