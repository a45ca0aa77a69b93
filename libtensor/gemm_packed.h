/* Matrix products of operands that are packed in panels, so that who makes an operand (patches of
 * an image, a transform, the weights of a frozen net) writes it as the product reads it, once. The
 * kernels are chosen when the program starts, by what the CPU has: AVX-512, AVX2 with FMA, or
 * portable C; the panels' sizes with them. After Goto and van de Geijn, "Anatomy of
 * high-performance matrix multiplication", 2008.
 *
 * A packed left operand A [m,k] is ceil(m / ROWS) panels of ROWS rows, one behind the other, each
 * [k, ROWS]: element (i, p) is at (i / ROWS) * ROWS * k + p * ROWS + i % ROWS, ROWS being
 * gemm_panel_rows(). A packed right operand B [k,n] is ceil(n / COLUMNS) panels of COLUMNS columns,
 * each [k, COLUMNS]: element (p, j) is at (j / COLUMNS) * COLUMNS * k + p * COLUMNS + j % COLUMNS.
 * What is in the last panel beyond row m or column n is never used and may be anything. Packed
 * operands should be 64-byte aligned.
 *
 * All run on the calling thread. An element of a product is the same sum in the same order wherever
 * a task's rows and columns begin and end: cutting m and n never changes a bit; cutting k does. */
#ifndef LIBTENSOR_GEMM_PACKED_H
#define LIBTENSOR_GEMM_PACKED_H

#include <stdbool.h>
#include <stdint.h>

#include "libtensor/real.h"

/* Of a panel: rows of a left operand; columns of a right one, a multiple of 4. */
int64_t gemm_panel_rows(void);
int64_t gemm_panel_columns(void);

/* Elements of a packed operand. */
int64_t gemm_packed_left(int64_t m, int64_t k);
int64_t gemm_packed_right(int64_t k, int64_t n);

/* Packs op(a) [m,k] or op(b) [k,n], stored row-major with lda or ldb elements from row to row; op
 * transposes where the flag is set (a is stored [k,m], b [n,k]). */
void gemm_pack_left(bool transpose, int64_t m, int64_t k, const real *a, int64_t lda, real *packed);
void gemm_pack_right(bool transpose, int64_t k, int64_t n, const real *b, int64_t ldb,
                     real *packed);

/* c [m,n] = beta c + left right, + bias [m] of each row if not NULL; ldc elements from row to row.
 * beta 0 or 1; 0: c is not read. */
void gemm_packed(int64_t m, int64_t n, int64_t k, const real *left, const real *right,
                 const real *bias, real beta, real *c, int64_t ldc);

/* The same with a right operand that is not packed, op(b) [k,n] as gemm_pack_right has it: it is
 * packed a panel at a time. For a right operand that is used once, by few enough rows for the left
 * one to stay in the cache. The same bits as gemm_packed's. */
void gemm_left_packed(bool transpose, int64_t m, int64_t n, int64_t k, const real *left,
                      const real *b, int64_t ldb, const real *bias, real beta, real *c,
                      int64_t ldc);

#endif
