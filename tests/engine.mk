# The engine's content side: schemas, characters, rig, baker, and the engine as a whole.
ENGINE_TESTS = tests/test_schema tests/test_character tests/test_rig tests/test_engine tests/test_controls \
	tests/test_bake
check_PROGRAMS += $(ENGINE_TESTS)
TESTS += $(ENGINE_TESTS)
ENGINE_TEST_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
ENGINE_TEST_LIBS = libengine.a libtensor.a $(CMOCKA_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lm

tests_test_schema_SOURCES = tests/test_schema.c tests/engine_files.h tests/test_folder.h
tests_test_schema_CPPFLAGS = $(ENGINE_TEST_CPPFLAGS)
tests_test_schema_LDADD = $(ENGINE_TEST_LIBS)
tests_test_character_SOURCES = tests/test_character.c tests/engine_files.h tests/test_folder.h
tests_test_character_CPPFLAGS = $(ENGINE_TEST_CPPFLAGS)
tests_test_character_LDADD = $(ENGINE_TEST_LIBS)
tests_test_rig_SOURCES = tests/test_rig.c tests/engine_files.h tests/test_folder.h
tests_test_rig_CPPFLAGS = $(ENGINE_TEST_CPPFLAGS)
tests_test_rig_LDADD = $(ENGINE_TEST_LIBS)
tests_test_engine_SOURCES = tests/test_engine.c tests/engine_files.h tests/test_folder.h
tests_test_engine_CPPFLAGS = $(ENGINE_TEST_CPPFLAGS)
tests_test_engine_LDADD = $(ENGINE_TEST_LIBS)
tests_test_controls_SOURCES = tests/test_controls.c tests/engine_files.h
tests_test_controls_CPPFLAGS = $(ENGINE_TEST_CPPFLAGS)
tests_test_controls_LDADD = $(ENGINE_TEST_LIBS)
tests_test_bake_SOURCES = tests/test_bake.c tests/engine_files.h tests/test_folder.h
tests_test_bake_CPPFLAGS = $(ENGINE_TEST_CPPFLAGS)
tests_test_bake_LDADD = libbake.a $(ENGINE_TEST_LIBS)

check_PROGRAMS += tests/test_engine_process tests/bad_engine
TESTS += tests/test_engine_process
tests_bad_engine_SOURCES = tests/bad_engine.c
tests_bad_engine_LDADD = libcodec.a $(ZLIB_LIBS) -lm
tests_test_engine_process_SOURCES = tests/test_engine_process.c tests/engine_files.h tests/test_folder.h
tests_test_engine_process_CPPFLAGS = $(ENGINE_TEST_CPPFLAGS)
tests_test_engine_process_LDADD = $(ENGINE_TEST_LIBS)

check_PROGRAMS += tests/test_engine_folder
TESTS += tests/test_engine_folder
tests_test_engine_folder_SOURCES = tests/test_engine_folder.c tests/engine_files.h tests/test_folder.h
tests_test_engine_folder_CPPFLAGS = $(ENGINE_TEST_CPPFLAGS)
tests_test_engine_folder_LDADD = $(ENGINE_TEST_LIBS)

dist_check_SCRIPTS += tests/test_engine_example.sh
TESTS += tests/test_engine_example.sh
