/* Any CPU. */
#define GEMM_TABLE gemm_portable
#define GEMM_NAME "portable"
#define GEMM_ROWS 4
#define GEMM_VECTOR 16
#include "libtensor/gemm_kernel.inc"
