# VISAGIST_CUDA: --with-cuda[=DIR]. The switch is here so that the build has one place for it;
# the CUDA backend itself is not written yet, and asking for it says so.
AC_DEFUN([VISAGIST_CUDA], [
  AC_ARG_WITH([cuda],
    [AS_HELP_STRING([--with-cuda@<:@=DIR@:>@], [build the CUDA backend (not available yet)])],
    [], [with_cuda=no])
  AS_IF([test "x$with_cuda" != xno],
        [AC_MSG_ERROR([this version has no CUDA backend yet; configure without --with-cuda])])
  AM_CONDITIONAL([HAVE_CUDA], [false])
])
