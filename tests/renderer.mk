check_PROGRAMS += tests/test_renderer
TESTS += tests/test_renderer
tests_test_renderer_SOURCES = tests/test_renderer.c
tests_test_renderer_LDADD = libengine.a libtensor.a $(CMOCKA_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lpthread -lm
