# nets: the paper's networks and losses.

noinst_LIBRARIES += libnets.a
libnets_a_SOURCES = \
	nets/blocks.c nets/blocks.h \
	nets/descriptor.c nets/descriptor.h \
	nets/fit.c nets/fit.h \
	nets/imitator.c nets/imitator.h \
	nets/least_squares.c nets/least_squares.h \
	nets/lightcnn.c nets/lightcnn.h \
	nets/likeness.c nets/likeness.h \
	nets/losses.c nets/losses.h \
	nets/measure.c nets/measure.h \
	nets/one_shot.c nets/one_shot.h \
	nets/prior.c nets/prior.h \
	nets/recognizer.c nets/recognizer.h \
	nets/segmenter.c nets/segmenter.h \
	nets/translator.c nets/translator.h \
	nets/translator_loss.c nets/translator_loss.h \
	nets/verification.c nets/verification.h
