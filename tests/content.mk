# Hair, brows and beards: how styles are made, and those of the pack.
check_PROGRAMS += tests/test_bake_style tests/test_content
TESTS += tests/test_bake_style tests/test_content
tests_test_bake_style_SOURCES = tests/test_bake_style.c
tests_test_bake_style_LDADD = libbake.a $(ENGINE_TEST_LIBS)
tests_test_content_SOURCES = tests/test_content.c tests/engine_files.h tests/test_folder.h
tests_test_content_CPPFLAGS = $(ENGINE_TEST_CPPFLAGS)
tests_test_content_LDADD = $(ENGINE_TEST_LIBS)
