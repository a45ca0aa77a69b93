# Tests: cmocka programs and shell scripts, one group of them per area.

# Idle threads sleep, so that tests side by side do not take each other's time.
AM_TESTS_ENVIRONMENT = \
	OMP_WAIT_POLICY=passive; export OMP_WAIT_POLICY; \
	VISAGIST_DATA=$${VISAGIST_DATA-$(abs_top_srcdir)/assets}; export VISAGIST_DATA;

EXTRA_PROGRAMS =

include tests/core.mk
include tests/ops.mk
include tests/golden.mk
include tests/recognizer.mk
include tests/nets.mk
include tests/cuda.mk
include tests/translator.mk
include tests/datasets.mk
include tests/photos.mk
include tests/training.mk
include tests/renderer.mk
include tests/paint.mk
include tests/search.mk
include tests/engine.mk
include tests/content.mk
include tests/gltf.mk
include tests/bench.mk
