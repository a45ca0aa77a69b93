# tests
include tests/recognizer.mk
