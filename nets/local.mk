# nets: the paper's networks and losses.

noinst_LIBRARIES += libnets.a
libnets_a_SOURCES = \
	nets/blocks.c nets/blocks.h \
	nets/imitator.c nets/imitator.h \
	nets/recognizer.c nets/recognizer.h \
	nets/segmenter.c nets/segmenter.h
