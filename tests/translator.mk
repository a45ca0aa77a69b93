# The translator: its total loss in double precision.
check_PROGRAMS += tests/test_translator_loss_double
TESTS += tests/test_translator_loss_double
tests_test_translator_loss_double_SOURCES = tests/test_translator_loss.c \
	nets/blocks.c nets/descriptor.c nets/imitator.c nets/lightcnn.c nets/losses.c nets/measure.c \
	nets/one_shot.c nets/recognizer.c nets/segmenter.c nets/translator.c nets/translator_loss.c
tests_test_translator_loss_double_CPPFLAGS = $(AM_CPPFLAGS) -DREAL_IS_DOUBLE
tests_test_translator_loss_double_LDADD = libautograd_double.a libtensor_double.a \
	$(CMOCKA_LIBS) $(OPENBLAS_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lm

check_PROGRAMS += tests/test_translator
TESTS += tests/test_translator
tests_test_translator_SOURCES = tests/test_translator.c tests/test_folder.h
tests_test_translator_LDADD = $(CMOCKA_LIBS) $(app_libs)

# Training and translating as a user does, with the assets.
dist_check_SCRIPTS += tests/test_train_translator.sh
TESTS += tests/test_train_translator.sh
