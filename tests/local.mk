# tests
include tests/ops.mk
include tests/recognizer.mk
include tests/nets.mk
