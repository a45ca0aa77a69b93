# apps: the programs, and what they have in common.

noinst_LIBRARIES += libapps.a
libapps_a_SOURCES = \
	apps/app.c apps/app.h \
	apps/characters.c apps/characters.h \
	apps/checkpoint.c apps/checkpoint.h \
	apps/config_file.c apps/config_file.h \
	apps/device_option.c apps/device_option.h \
	apps/engine_option.c apps/engine_option.h \
	apps/face_weights.c apps/face_weights.h \
	apps/faces.c apps/faces.h \
	apps/finder.c apps/finder.h \
	apps/finder_eyes.c \
	apps/finder_geometry.c apps/finder_geometry.h \
	apps/finder_options.c apps/finder_options.h \
	apps/finder_report.c apps/finder_report.h \
	apps/finder_session.c apps/finder_session.h \
	apps/found.c apps/found.h \
	apps/imitator_data.c apps/imitator_data.h \
	apps/imitator_eval.c apps/imitator_eval.h \
	apps/import_match.c apps/import_match.h \
	apps/label_palette.h \
	apps/method.c apps/method.h \
	apps/pair_table.c apps/pair_table.h apps/pair_table_internal.h apps/pair_table_bin.c apps/pair_table_text.c \
	apps/paths.c apps/paths.h \
	apps/photo_option.c apps/photo_option.h \
	apps/prior_file.c apps/prior_file.h \
	apps/prior_photos.c apps/prior_photos.h \
	apps/progress.c apps/progress.h \
	apps/report.c apps/report.h apps/report_internal.h apps/report_bars.c apps/report_plot.c \
	apps/recognizer_eval.c apps/recognizer_eval.h \
	apps/segmenter_eval.c apps/segmenter_eval.h \
	apps/sheet.c apps/sheet.h \
	apps/sights.c apps/sights.h \
	apps/start_weights.c apps/start_weights.h \
	apps/studio.c apps/studio.h \
	apps/studio_option.c apps/studio_option.h \
	apps/training.c apps/training.h apps/training_internal.h apps/training_report.c apps/training_settings.c \
	apps/translator_data.c apps/translator_data.h \
	apps/translator_eval.c apps/translator_eval.h \
	apps/translator_graph.c apps/translator_graph.h \
	apps/verifier.c apps/verifier.h
libapps_a_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'

# What every program links, in this order.
app_libs = libapps.a libdatasets.a libengine.a libnets.a libautograd.a libtensor.a \
	$(OPENBLAS_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) $(DLIB_LIBS) -lm

bin_PROGRAMS += apps/train_imitator
apps_train_imitator_SOURCES = apps/train_imitator.c
apps_train_imitator_LDADD = $(app_libs)

bin_PROGRAMS += apps/train_segmenter
apps_train_segmenter_SOURCES = apps/train_segmenter.c
apps_train_segmenter_LDADD = $(app_libs)

bin_PROGRAMS += apps/train_translator
apps_train_translator_SOURCES = apps/train_translator.c
apps_train_translator_LDADD = $(app_libs)

bin_PROGRAMS += apps/translate
apps_translate_SOURCES = apps/translate.c
apps_translate_LDADD = $(app_libs)

bin_PROGRAMS += apps/train_recognizer
apps_train_recognizer_SOURCES = apps/train_recognizer.c
apps_train_recognizer_LDADD = $(app_libs)

bin_PROGRAMS += apps/render_dataset
apps_render_dataset_SOURCES = apps/render_dataset.c
apps_render_dataset_LDADD = $(app_libs)

bin_PROGRAMS += apps/search
apps_search_SOURCES = apps/search.c
apps_search_LDADD = $(app_libs)

bin_PROGRAMS += apps/import_weights
apps_import_weights_SOURCES = apps/import_weights.c
apps_import_weights_LDADD = $(app_libs)

bin_PROGRAMS += apps/character_sheet
apps_character_sheet_SOURCES = apps/character_sheet.c
apps_character_sheet_LDADD = $(app_libs)

bin_PROGRAMS += apps/fit_prior
apps_fit_prior_SOURCES = apps/fit_prior.c
apps_fit_prior_LDADD = $(app_libs)

bin_PROGRAMS += apps/prepare_photos
apps_prepare_photos_SOURCES = apps/prepare_photos.c
apps_prepare_photos_LDADD = $(app_libs)

bin_PROGRAMS += apps/evaluate
apps_evaluate_SOURCES = apps/evaluate.c apps/evaluate.h \
	apps/evaluate_ablation.c \
	apps/evaluate_compare.c \
	apps/evaluate_parts.c \
	apps/evaluate_recovery.c \
	apps/evaluate_result.c \
	apps/evaluate_robustness.c \
	apps/evaluate_search.c \
	apps/evaluate_speed.c \
	apps/evaluate_translator.c \
	apps/evaluate_verify.c
apps_evaluate_LDADD = $(app_libs)
