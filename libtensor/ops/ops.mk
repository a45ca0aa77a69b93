# The ops and what they are made of.
LIBTENSOR_OPS = \
	libtensor/conv.c libtensor/conv.h libtensor/conv_dense.c libtensor/conv_dense.h \
	libtensor/conv_patches.c libtensor/conv_patches.h libtensor/gemm.h libtensor/patches.c libtensor/patches.h \
	libtensor/ops/check.c libtensor/ops/check.h libtensor/ops/difference.h libtensor/ops/exp.h libtensor/ops/loops.h \
	libtensor/ops/stream.h \
	libtensor/ops/pool.c libtensor/ops/pool.h \
	libtensor/ops/add.c \
	libtensor/ops/affine.c \
	libtensor/ops/avg_pool2d.c \
	libtensor/ops/batch_norm.c \
	libtensor/ops/channel_affine.c \
	libtensor/ops/channel_mul.c \
	libtensor/ops/concat.c \
	libtensor/ops/conv2d.c \
	libtensor/ops/conv_transpose2d.c \
	libtensor/ops/cosine_loss.c \
	libtensor/ops/cross_entropy.c \
	libtensor/ops/grey.c \
	libtensor/ops/l1_loss.c \
	libtensor/ops/l2_loss.c \
	libtensor/ops/leaky_relu.c \
	libtensor/ops/linear.c \
	libtensor/ops/max_halves.c \
	libtensor/ops/max_pool2d.c \
	libtensor/ops/mul.c \
	libtensor/ops/pad2d.c \
	libtensor/ops/region_mean.c \
	libtensor/ops/relu.c \
	libtensor/ops/resize_bilinear.c \
	libtensor/ops/sigmoid.c \
	libtensor/ops/slice.c \
	libtensor/ops/softmax.c \
	libtensor/ops/spatial_mul.c \
	libtensor/ops/weighted_sum.c
