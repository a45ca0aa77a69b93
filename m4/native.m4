# VISAGIST_NATIVE: compile for the processor of this machine unless told not to.
AC_DEFUN([VISAGIST_NATIVE], [
  AC_ARG_ENABLE([native],
    [AS_HELP_STRING([--disable-native], [do not use every instruction of this processor])],
    [], [enable_native=yes])
  AS_IF([test "x$enable_native" = xyes], [NATIVE_CFLAGS=-march=native], [NATIVE_CFLAGS=])
  AC_SUBST([NATIVE_CFLAGS])
])
