/* The kernels behind gemm_packed.h: one table per instruction set (libtensor/instructions.h), from
 * gemm_kernel.inc. */
#ifndef LIBTENSOR_GEMM_KERNEL_H
#define LIBTENSOR_GEMM_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "libtensor/real.h"

/* c [rows,columns] = beta c + a [k,ROWS]^T b [k,COLUMNS], + bias of each row if not NULL. 1 <= rows
 * <= ROWS, 1 <= columns <= COLUMNS. */
typedef void GemmKernel(int64_t rows, int64_t columns, int64_t k, const real *a, const real *b,
                        const real *bias, real beta, real *c, int64_t ldc);

typedef struct GemmTable {
    int64_t rows, columns; /* of a panel */
    GemmKernel *kernel;
} GemmTable;

extern const GemmTable gemm_portable;
#ifdef __x86_64__
extern const GemmTable gemm_avx2, gemm_avx512;
#endif

#endif
