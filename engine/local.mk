# engine

noinst_LIBRARIES += libengine.a
libengine_a_SOURCES =

libengine_a_SOURCES += \
	engine/render_options.c \
	engine/renderer.c \
	engine/renderer.h \
	engine/renderer_camera.c \
	engine/renderer_eye.c \
	engine/renderer_hair.c \
	engine/renderer_internal.h \
	engine/renderer_labels.c \
	engine/renderer_raster.c \
	engine/renderer_resolve.c \
	engine/renderer_rings.h \
	engine/renderer_shade.c \
	engine/renderer_shadow.c \
	engine/renderer_skin.c \
	engine/renderer_tables.c \
	engine/renderer_texture.c \
	engine/scene.h
