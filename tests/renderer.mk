check_PROGRAMS += tests/test_renderer tests/test_views
TESTS += tests/test_renderer tests/test_views
tests_test_renderer_SOURCES = tests/test_renderer.c tests/made_scene.h
tests_test_renderer_LDADD = libengine.a libtensor.a $(CMOCKA_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lpthread -lm
tests_test_views_SOURCES = tests/test_views.c tests/made_scene.h
tests_test_views_LDADD = libengine.a libtensor.a $(CMOCKA_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lm

# make tests/bench_render && tests/bench_render assets/engine.pack engine/schemas/female.json
EXTRA_PROGRAMS += tests/bench_render
tests_bench_render_SOURCES = tests/bench_render.c
tests_bench_render_LDADD = libengine.a libtensor.a $(JANSSON_LIBS) $(ZLIB_LIBS) -lpthread -lm
