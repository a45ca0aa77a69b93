# datasets: pictures, faces, pairs, batches.

# stb shifts signed integers freely, so the sanitiser of undefined behaviour leaves this one file alone.
noinst_LIBRARIES += libcodec.a
libcodec_a_SOURCES = datasets/codec.c datasets/codec.h
libcodec_a_CFLAGS = $(AM_CFLAGS) -fno-sanitize=undefined

noinst_LIBRARIES += libdatasets.a
libdatasets_a_SOURCES = \
	datasets/image.c datasets/image.h \
	datasets/resize.c \
	datasets/warp.c \
	datasets/exif.c datasets/exif.h \
	datasets/face.cc datasets/face.h \
	datasets/alignment.c \
	datasets/photo.c datasets/photo.h \
	datasets/labelled.c datasets/labelled.h \
	datasets/augment.c datasets/augment.h \
	datasets/background.c datasets/background.h \
	datasets/blur.c \
	datasets/loader.c datasets/loader.h \
	datasets/paint.c datasets/paint.h \
	datasets/pairs.h datasets/pairs_internal.h \
	datasets/pairs_info.c \
	datasets/pairs_read.c \
	datasets/pairs_sample.c \
	datasets/pairs_write.c
libdatasets_a_LIBADD = $(libcodec_a_OBJECTS)
libdatasets_a_CXXFLAGS = $(AM_CXXFLAGS) $(NATIVE_CFLAGS)
