# tests
include tests/recognizer.mk
include tests/nets.mk
