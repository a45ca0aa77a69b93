/* 16 vector registers: 12 of sums, 2 of the right operand, 1 of the left one. */
#ifdef __x86_64__
#pragma GCC target("avx2,fma")
#pragma GCC optimize("fp-contract=fast,no-tree-loop-distribute-patterns")
#define INSTRUCTIONS(name) name##_avx2
#define GEMM_ROWS 6
#define GEMM_VECTOR 32
#define WINOGRAD_VECTOR 32
#include "libtensor/gemm_kernel.inc"
#include "libtensor/winograd_kernel.inc"
#endif
