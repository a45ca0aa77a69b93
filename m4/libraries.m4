# VISAGIST_LIBRARIES: what Debian's packages provide. Every miss is reported by the package's name.
AC_DEFUN([VISAGIST_LIBRARIES], [
  PKG_PROG_PKG_CONFIG
  PKG_CHECK_MODULES([OPENBLAS], [openblas], [],
    [AC_MSG_ERROR([OpenBLAS is missing: apt-get install libopenblas-dev])])
  # LAPACK, which OpenBLAS can be built without.
  visagist_saved_LIBS=$LIBS
  LIBS="$OPENBLAS_LIBS $LIBS"
  AC_CHECK_FUNC([dsyevd_], [],
    [AC_MSG_ERROR([OpenBLAS has no LAPACK: apt-get install libopenblas-dev])])
  LIBS=$visagist_saved_LIBS
  PKG_CHECK_MODULES([JANSSON], [jansson >= 2.9], [],
    [AC_MSG_ERROR([jansson is missing: apt-get install libjansson-dev])])
  PKG_CHECK_MODULES([ZLIB], [zlib], [],
    [AC_MSG_ERROR([zlib is missing: apt-get install zlib1g-dev])])
  PKG_CHECK_MODULES([CMOCKA], [cmocka], [],
    [AC_MSG_ERROR([cmocka is missing: apt-get install libcmocka-dev])])
  AC_CHECK_HEADER([stb/stb_image.h], [],
    [AC_MSG_ERROR([stb is missing: apt-get install libstb-dev])])
  AC_LANG_PUSH([C++])
  AC_CHECK_HEADER([dlib/image_processing/frontal_face_detector.h], [],
    [AC_MSG_ERROR([dlib is missing: apt-get install libdlib-dev])])
  AC_LANG_POP([C++])
  # The programs are C, so their linker does not bring C++'s library along.
  DLIB_LIBS='-ldlib -lstdc++'
  AC_SUBST([DLIB_LIBS])
])
