# libtensor: numbers. Twice: in float, the product, and in double for the gradient checks.
check_LIBRARIES = libtensor_double.a
noinst_LIBRARIES += libtensor.a

include libtensor/ops/ops.mk
include libtensor/cuda/cuda.mk

libtensor_a_SOURCES = \
	libtensor/atomic_file.c libtensor/atomic_file.h \
	libtensor/backend.c libtensor/backend.h libtensor/backend_cpu.c \
	libtensor/bytes.c libtensor/bytes.h \
	libtensor/convert.c \
	libtensor/eigen.c libtensor/eigen.h \
	libtensor/epilogue.h libtensor/kept.h \
	libtensor/error.c libtensor/error.h \
	libtensor/gemm_packed.c libtensor/gemm_packed.h \
	libtensor/gemm_kernel.h libtensor/gemm_kernel.inc \
	libtensor/instructions.c libtensor/instructions.h \
	libtensor/instructions_portable.c libtensor/instructions_avx2.c libtensor/instructions_avx512.c \
	libtensor/npz.c \
	libtensor/op.c libtensor/op.h libtensor/op_kernels.h libtensor/ops.def \
	libtensor/optim_kernels.c libtensor/optim_kernels.h \
	libtensor/parallel.h \
	libtensor/real.c libtensor/real.h \
	libtensor/rng.c libtensor/rng.h \
	libtensor/safetensors.c \
	libtensor/strided.c libtensor/strided.h \
	libtensor/tensor.c libtensor/tensor.h \
	libtensor/tensor_file.c libtensor/tensor_file.h \
	libtensor/text.h \
	libtensor/tfjs.c \
	libtensor/torch_file.c libtensor/torch_reader.h libtensor/torch_tar.c \
	libtensor/unpickle.c libtensor/unpickle.h \
	libtensor/weights.c \
	libtensor/pointwise.c libtensor/pointwise.h \
	libtensor/winograd.c libtensor/winograd.h \
	libtensor/winograd_strided.c libtensor/winograd_strided.h \
	libtensor/winograd_kernel.h libtensor/winograd_kernel.inc \
	libtensor/zip.c libtensor/zip.h \
	$(LIBTENSOR_OPS) $(LIBTENSOR_CUDA)

libtensor_double_a_SOURCES = $(libtensor_a_SOURCES)
libtensor_double_a_CPPFLAGS = $(AM_CPPFLAGS) -DREAL_IS_DOUBLE
