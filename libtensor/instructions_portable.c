/* Any CPU. */
#define INSTRUCTIONS(name) name##_portable
#define GEMM_ROWS 4
#define GEMM_VECTOR 16
#define WINOGRAD_VECTOR 32
#include "libtensor/gemm_kernel.inc"
#include "libtensor/winograd_kernel.inc"
