# Exported characters, read back by ourselves and by the Khronos validator; the programs that draw them.
check_PROGRAMS += tests/test_gltf
TESTS += tests/test_gltf tests/test_gltf_validator.sh tests/test_render_character.sh
dist_check_SCRIPTS += tests/test_gltf_validator.sh tests/test_render_character.sh
EXTRA_DIST += tests/gltf_validator.mjs
tests_test_gltf_SOURCES = tests/test_gltf.c tests/engine_files.h tests/test_folder.h
tests_test_gltf_CPPFLAGS = $(ENGINE_TEST_CPPFLAGS)
tests_test_gltf_LDADD = $(ENGINE_TEST_LIBS)
