check_PROGRAMS += tests/test_training
TESTS += tests/test_training
tests_test_training_SOURCES = tests/test_training.c
tests_test_training_LDADD = $(CMOCKA_LIBS) $(app_libs)

check_PROGRAMS += tests/test_labelled
TESTS += tests/test_labelled
tests_test_labelled_SOURCES = tests/test_labelled.c
tests_test_labelled_LDADD = $(CMOCKA_LIBS) $(app_libs)

check_PROGRAMS += tests/test_train_imitator
TESTS += tests/test_train_imitator
tests_test_train_imitator_SOURCES = tests/test_train_imitator.c tests/run_command.h tests/xml.h
tests_test_train_imitator_LDADD = $(datasets_test_libs)

check_PROGRAMS += tests/test_train_segmenter
TESTS += tests/test_train_segmenter
tests_test_train_segmenter_SOURCES = tests/test_train_segmenter.c tests/run_command.h
tests_test_train_segmenter_LDADD = $(CMOCKA_LIBS) $(app_libs)

check_PROGRAMS += tests/test_train_recognizer
TESTS += tests/test_train_recognizer
tests_test_train_recognizer_SOURCES = tests/test_train_recognizer.c tests/run_command.h
tests_test_train_recognizer_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_test_train_recognizer_LDADD = $(CMOCKA_LIBS) $(app_libs)

check_PROGRAMS += tests/test_config_file
TESTS += tests/test_config_file
tests_test_config_file_SOURCES = tests/test_config_file.c tests/test_folder.h
tests_test_config_file_LDADD = $(CMOCKA_LIBS) $(app_libs)

check_PROGRAMS += tests/test_report
TESTS += tests/test_report
tests_test_report_SOURCES = tests/test_report.c tests/test_folder.h tests/xml.h
tests_test_report_LDADD = $(CMOCKA_LIBS) $(app_libs)
