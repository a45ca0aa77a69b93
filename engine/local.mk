# engine: the embedded game engine and the baker of its assets.
# stb shifts signed integers freely, so the sanitiser of undefined behaviour leaves this one file alone.
noinst_LIBRARIES += libcodec.a
libcodec_a_SOURCES = engine/codec.c engine/codec.h
libcodec_a_CFLAGS = $(AM_CFLAGS) -fno-sanitize=undefined

noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = \
	engine/character.c engine/character.h \
	engine/builtin.c engine/engine_scene.h \
	engine/child.c engine/child.h \
	engine/colour.c engine/colour.h \
	engine/engine.c engine/engine.h engine/engine_internal.h \
	engine/folder.c engine/folder.h \
	engine/frame.c engine/frame.h \
	engine/glb.c engine/glb.h \
	engine/gltf.c engine/gltf.h \
	engine/gltf_mesh.c engine/gltf_mesh.h \
	engine/gltf_paint.c engine/gltf_paint.h \
	engine/face_rings.c engine/face_rings.h \
	engine/look.c engine/look.h \
	engine/pack.c engine/pack.h \
	engine/process.c engine/process.h \
	engine/rig.c engine/rig.h \
	engine/schema.c engine/schema.h \
	engine/table.c engine/table.h engine/table_internal.h engine/table_csv.c engine/table_jsonl.c engine/table_npy.c \
	engine/scene.h \
	engine/render_options.c \
	engine/renderer.c engine/renderer.h engine/renderer_internal.h engine/renderer_rings.h \
	engine/renderer_blend.c engine/renderer_bust.c engine/renderer_camera.c engine/renderer_eye.c engine/renderer_hair.c \
	engine/renderer_labels.c engine/renderer_noise.c engine/renderer_paint.c \
	engine/renderer_raster.c engine/renderer_resolve.c engine/renderer_shade.c \
	engine/renderer_solid.c engine/renderer_shadow.c engine/renderer_skin.c engine/renderer_tables.c engine/renderer_texture.c
libengine_a_LIBADD = $(libcodec_a_OBJECTS)

# The baker stands apart: programs that only render need neither its code nor its tables.
noinst_LIBRARIES += libbake.a
libbake_a_SOURCES = \
	engine/bake.c engine/bake.h \
	engine/bake_bones.c engine/bake_bones.h \
	engine/bake_brow.c engine/bake_brow.h \
	engine/bake_content.c engine/bake_content.h \
	engine/bake_rig.c engine/bake_rig.h \
	engine/bake_shape.c engine/bake_shape.h \
	engine/bake_source.c engine/bake_source.h \
	engine/bake_style.c engine/bake_style.h \
	engine/bake_subdivide.c engine/bake_subdivide.h

bin_PROGRAMS += apps/bake_assets apps/render_character
apps_bake_assets_SOURCES = apps/bake_assets.c
apps_bake_assets_LDADD = libapps.a libbake.a libengine.a libtensor.a $(JANSSON_LIBS) $(ZLIB_LIBS) -lm
apps_render_character_SOURCES = apps/render_character.c
apps_render_character_LDADD = $(app_libs)

schemadir = $(pkgdatadir)/schemas
dist_schema_DATA = \
	engine/schemas/female.json engine/schemas/girl.json engine/schemas/male.json \
	engine/schemas/paper-female.json engine/schemas/paper-girl.json engine/schemas/paper-male.json

# How other people's engines are joined, for them.
dist_doc_DATA = doc/engine-protocol.md doc/evaluation.md doc/training.md
examplesdir = $(docdir)/examples
dist_examples_DATA = examples/engine.json examples/engine.py examples/schema.json
