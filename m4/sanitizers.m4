# VISAGIST_SANITIZERS: --enable-asan and --enable-ubsan.
AC_DEFUN([VISAGIST_SANITIZERS], [
  SANITIZER_CFLAGS=
  AC_ARG_ENABLE([asan],
    [AS_HELP_STRING([--enable-asan], [build with AddressSanitizer])],
    [], [enable_asan=no])
  AC_ARG_ENABLE([ubsan],
    [AS_HELP_STRING([--enable-ubsan], [build with UndefinedBehaviorSanitizer, errors fatal])],
    [], [enable_ubsan=no])
  AS_IF([test "x$enable_asan" = xyes],
        [SANITIZER_CFLAGS="$SANITIZER_CFLAGS -fsanitize=address -fno-omit-frame-pointer"])
  AS_IF([test "x$enable_ubsan" = xyes],
        [SANITIZER_CFLAGS="$SANITIZER_CFLAGS -fsanitize=undefined -fno-sanitize-recover=all"])
  AC_SUBST([SANITIZER_CFLAGS])
])
