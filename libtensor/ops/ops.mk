# One file per op.
LIBTENSOR_OPS = \
	libtensor/ops/linear.c \
	libtensor/ops/conv2d.c \
	libtensor/ops/conv_transpose2d.c \
	libtensor/ops/batch_norm.c \
	libtensor/ops/channel_affine.c \
	libtensor/ops/channel_mul.c \
	libtensor/ops/spatial_mul.c \
	libtensor/ops/affine.c \
	libtensor/ops/relu.c \
	libtensor/ops/leaky_relu.c \
	libtensor/ops/sigmoid.c \
	libtensor/ops/softmax.c \
	libtensor/ops/max_halves.c \
	libtensor/ops/max_pool2d.c \
	libtensor/ops/avg_pool2d.c \
	libtensor/ops/pad2d.c \
	libtensor/ops/resize_bilinear.c \
	libtensor/ops/grey.c \
	libtensor/ops/concat.c \
	libtensor/ops/slice.c \
	libtensor/ops/add.c \
	libtensor/ops/mul.c \
	libtensor/ops/region_mean.c \
	libtensor/ops/l1_loss.c \
	libtensor/ops/l2_loss.c \
	libtensor/ops/cosine_loss.c \
	libtensor/ops/cross_entropy.c \
	libtensor/ops/weighted_sum.c
