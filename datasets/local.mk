# datasets: pictures, faces, pairs, batches.

noinst_LIBRARIES += libdatasets.a
libdatasets_a_SOURCES = \
	datasets/image.c datasets/image.h \
	datasets/resize.c \
	datasets/warp.c \
	datasets/disturb.c datasets/disturb.h \
	datasets/exif.c datasets/exif.h \
	datasets/face.cc datasets/face.h \
	datasets/alignment.c \
	datasets/photo.c datasets/photo.h \
	datasets/photo_list.c datasets/photo_list.h \
	datasets/photo_pool.h datasets/photo_pool_internal.h \
	datasets/photo_pool_read.c \
	datasets/photo_pool_write.c \
	datasets/photo_quality.c \
	datasets/labelled.c datasets/labelled.h datasets/labelled_internal.h \
	datasets/labelled_masks.c \
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
# face.cc is dlib's header code but for a few lines: under the sanitizers it is ten times slower.
libdatasets_a_CXXFLAGS = $(CXX_DIALECT) $(NATIVE_CFLAGS)
