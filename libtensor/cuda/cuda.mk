# The CUDA backend, compiled by nvcc, as real = float and real = double; or the file that says that
# this build has none.
CUDA_KERNELS = \
	libtensor/cuda/add.cu \
	libtensor/cuda/affine.cu \
	libtensor/cuda/avg_pool2d.cu \
	libtensor/cuda/batch_norm.cu \
	libtensor/cuda/channel_affine.cu \
	libtensor/cuda/channel_mul.cu \
	libtensor/cuda/concat.cu \
	libtensor/cuda/conv2d.cu \
	libtensor/cuda/conv_bias.cu \
	libtensor/cuda/conv_to_big.cu \
	libtensor/cuda/conv_to_small.cu \
	libtensor/cuda/conv_transpose2d.cu \
	libtensor/cuda/conv_weight.cu \
	libtensor/cuda/cosine_loss.cu \
	libtensor/cuda/cross_entropy.cu \
	libtensor/cuda/grey.cu \
	libtensor/cuda/l1_loss.cu \
	libtensor/cuda/l2_loss.cu \
	libtensor/cuda/leaky_relu.cu \
	libtensor/cuda/linear.cu \
	libtensor/cuda/max_halves.cu \
	libtensor/cuda/max_pool2d.cu \
	libtensor/cuda/mul.cu \
	libtensor/cuda/optim.cu \
	libtensor/cuda/pad2d.cu \
	libtensor/cuda/region_mean.cu \
	libtensor/cuda/relu.cu \
	libtensor/cuda/resize_bilinear.cu \
	libtensor/cuda/sigmoid.cu \
	libtensor/cuda/slice.cu \
	libtensor/cuda/softmax.cu \
	libtensor/cuda/spatial_mul.cu \
	libtensor/cuda/weighted_sum.cu
CUDA_SOURCES = libtensor/cuda/backend_cuda.cu libtensor/cuda/blas.cu $(CUDA_KERNELS)

EXTRA_DIST += $(CUDA_SOURCES) \
	libtensor/cuda/blas.h libtensor/cuda/conv.h libtensor/cuda/cuda.h \
	libtensor/cuda/cuda_kernels.h libtensor/cuda/implicit_gemm.h \
	libtensor/cuda/difference.h libtensor/cuda/map.h libtensor/cuda/no_cuda.c \
	libtensor/cuda/pool.h libtensor/cuda/runs.h libtensor/cuda/sums.h \
	libtensor/cuda/view.h
LIBTENSOR_CUDA = libtensor/cuda/backend_cuda.h

if HAVE_CUDA
libtensor_a_LIBADD = $(CUDA_SOURCES:.cu=.float.o)
libtensor_double_a_LIBADD = $(CUDA_SOURCES:.cu=.double.o)
else
LIBTENSOR_CUDA += libtensor/cuda/no_cuda.c
endif

NVCCFLAGS = -O3 -std=c++17 $(NVCC_GENCODE) -lineinfo -Werror all-warnings \
	-Xcompiler -Wall,-Wextra,-Werror -I$(top_srcdir) -I$(top_builddir)
AM_V_NVCC = $(am__v_NVCC_@AM_V@)
am__v_NVCC_ = $(am__v_NVCC_@AM_DEFAULT_V@)
am__v_NVCC_0 = @echo "  NVCC    " $@;
am__v_NVCC_1 =

libtensor/cuda/%.float.o: libtensor/cuda/%.cu
	$(AM_V_NVCC)$(MKDIR_P) $(@D) && $(NVCC) $(NVCCFLAGS) -MD -MF $(@:.o=.d) -c -o $@ $<
libtensor/cuda/%.double.o: libtensor/cuda/%.cu
	$(AM_V_NVCC)$(MKDIR_P) $(@D) && $(NVCC) $(NVCCFLAGS) -DREAL_IS_DOUBLE -MD -MF $(@:.o=.d) -c -o $@ $<
-include $(wildcard libtensor/cuda/*.d)
CLEANFILES += libtensor/cuda/*.d libtensor/cuda/*.o
