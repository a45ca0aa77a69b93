check_PROGRAMS += tests/test_training
TESTS += tests/test_training
tests_test_training_SOURCES = tests/test_training.c
tests_test_training_LDADD = $(CMOCKA_LIBS) $(app_libs)
