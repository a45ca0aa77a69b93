/* `real` is float in the product. The same sources are compiled a second time with
 * -DREAL_IS_DOUBLE for the gradient checks; the two never meet in one program (see real.c). */
#ifndef LIBTENSOR_REAL_H
#define LIBTENSOR_REAL_H

#ifdef REAL_IS_DOUBLE
typedef double real;
#define DTYPE_REAL DTYPE_F64
#else
typedef float real;
#define DTYPE_REAL DTYPE_F32
#endif

#endif
