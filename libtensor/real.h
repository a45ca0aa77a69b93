/* `real` is float in the product. The same sources are compiled a second time with
 * -DREAL_IS_DOUBLE for the gradient checks; the two never meet in one program: every object that
 * includes this header refers to a symbol that only its own libtensor defines (real.c). */
#ifndef LIBTENSOR_REAL_H
#define LIBTENSOR_REAL_H

#ifdef REAL_IS_DOUBLE
typedef double real;
#define DTYPE_REAL DTYPE_F64
#define REAL_GUARD libtensor_real_is_double
#else
typedef float real;
#define DTYPE_REAL DTYPE_F32
#define REAL_GUARD libtensor_real_is_float
#endif

extern const char REAL_GUARD;
static const char *const real_guard __attribute__((used)) = &REAL_GUARD;

#endif
