# VISAGIST_CUDA: --with-cuda[=DIR]. Found by itself where nvcc is on the PATH or in /usr/local/cuda;
# nothing of it is needed otherwise. CUDA_ARCHS: compute capabilities that get machine code; the last
# one also gets PTX, which newer GPUs compile for themselves.
AC_DEFUN([VISAGIST_CUDA], [
  AC_ARG_WITH([cuda],
    [AS_HELP_STRING([--with-cuda@<:@=DIR@:>@], [build the CUDA backend with the toolkit (12 or 13) in DIR; by default if nvcc is found])],
    [], [with_cuda=check])
  AC_ARG_VAR([CUDA_ARCHS], [compute capabilities to compile for, "80 90" by default])
  AS_IF([test "x$CUDA_ARCHS" = x], [CUDA_ARCHS='80 90'])
  visagist_cuda_path=
  AS_CASE([$with_cuda],
    [yes|check], [visagist_cuda_path="$PATH$PATH_SEPARATOR/usr/local/cuda/bin"],
    [no], [],
    [visagist_cuda_path="$with_cuda/bin"])
  NVCC=
  AS_IF([test "x$with_cuda" != xno], [AC_PATH_PROG([NVCC], [nvcc], [], [$visagist_cuda_path])])
  AS_IF([test "x$with_cuda" != xno && test "x$with_cuda" != xcheck && test "x$NVCC" = x],
        [AC_MSG_ERROR([there is no nvcc in $visagist_cuda_path: install the CUDA toolkit, name its folder by --with-cuda=DIR, or configure --without-cuda])])
  AS_IF([test "x$NVCC" != x], [
    AC_MSG_CHECKING([the version of nvcc])
    visagist_cuda_version=`"$NVCC" --version | sed -n 's/.*release \(@<:@0-9@:>@*\)\..*/\1/p'`
    AC_MSG_RESULT([${visagist_cuda_version:-unknown}])
    AS_IF([test "${visagist_cuda_version:-0}" -lt 12],
      [AS_IF([test "x$with_cuda" = xcheck],
        [AC_MSG_WARN([$NVCC is older than CUDA 12; there will be no CUDA backend])
         NVCC=],
        [AC_MSG_ERROR([$NVCC is older than CUDA 12, which is the oldest that will do])])])])
  CUDA_LIBS=
  NVCC_GENCODE=
  AS_IF([test "x$NVCC" != x], [
    visagist_cuda_dir=`dirname "$NVCC"`
    visagist_cuda_dir=`cd "$visagist_cuda_dir/.." && pwd -P`
    visagist_cuda_lib=$visagist_cuda_dir/lib64
    for visagist_dir in lib targets/x86_64-linux/lib targets/sbsa-linux/lib; do
      AS_IF([test ! -e "$visagist_cuda_lib/libcudart_static.a"],
            [visagist_cuda_lib=$visagist_cuda_dir/$visagist_dir])
    done
    for visagist_arch in $CUDA_ARCHS; do
      NVCC_GENCODE="$NVCC_GENCODE -gencode arch=compute_$visagist_arch,code=sm_$visagist_arch"
    done
    NVCC_GENCODE="$NVCC_GENCODE -gencode arch=compute_$visagist_arch,code=compute_$visagist_arch"
    # Only what uses the backend gets these. The driver is not linked to: a program starts without one.
    CUDA_LIBS="-L$visagist_cuda_lib -Wl,-rpath,$visagist_cuda_lib -Wl,--as-needed -lcublas -lstdc++ -Wl,--no-as-needed -lcudart_static -ldl -lrt -lpthread"
    visagist_saved_LIBS=$LIBS
    LIBS="$CUDA_LIBS $LIBS"
    AC_MSG_CHECKING([for cuBLAS and the CUDA runtime])
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[char cublasCreate_v2(void), cudaMalloc(void);]],
                                    [[return cublasCreate_v2() + cudaMalloc();]])],
      [AC_MSG_RESULT([yes])],
      [AC_MSG_RESULT([no])
       AS_IF([test "x$with_cuda" = xcheck],
         [AC_MSG_WARN([the CUDA toolkit of $NVCC has no cuBLAS; there will be no CUDA backend])
          NVCC= CUDA_LIBS=],
         [AC_MSG_ERROR([the CUDA toolkit of $NVCC has no cuBLAS in $visagist_cuda_lib: install it (libcublas-dev), or configure --without-cuda])])])
    LIBS=$visagist_saved_LIBS
  ])
  # nvcc may refuse this machine's C++ compiler, or an architecture.
  AS_IF([test "x$NVCC" != x], [
    AC_MSG_CHECKING([whether nvcc compiles for $CUDA_ARCHS])
    printf '%s\n' '__global__ void kernel(int *x) { *x = 1; }' >conftest.cu
    AS_IF([AS_ECHO(["$NVCC -std=c++17$NVCC_GENCODE -c conftest.cu"]) >&AS_MESSAGE_LOG_FD &&
           "$NVCC" -std=c++17 $NVCC_GENCODE -c -o conftest.o conftest.cu >&AS_MESSAGE_LOG_FD 2>&1],
      [AC_MSG_RESULT([yes])],
      [AC_MSG_RESULT([no])
       AS_IF([test "x$with_cuda" = xcheck],
         [AC_MSG_WARN([$NVCC does not compile (config.log says why); there will be no CUDA backend])
          NVCC= CUDA_LIBS=],
         [AC_MSG_ERROR([$NVCC does not compile (config.log says why): set CUDA_ARCHS, or configure --without-cuda])])])
    rm -f conftest.cu conftest.o
  ])
  AC_SUBST([NVCC])
  AC_SUBST([NVCC_GENCODE])
  AC_SUBST([CUDA_LIBS])
  LIBS="$LIBS $CUDA_LIBS"
  AM_CONDITIONAL([HAVE_CUDA], [test "x$NVCC" != x])
])
