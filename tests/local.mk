# tests
include tests/core.mk
include tests/ops.mk
include tests/recognizer.mk
include tests/nets.mk
include tests/datasets.mk
include tests/training.mk
include tests/renderer.mk
