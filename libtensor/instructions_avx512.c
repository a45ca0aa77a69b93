/* 32 vector registers: 28 of sums, 2 of the right operand, 1 of the left one. */
#ifdef __x86_64__
#pragma GCC target("avx512f,fma,prefer-vector-width=512")
#pragma GCC optimize("fp-contract=fast,no-tree-loop-distribute-patterns")
#define INSTRUCTIONS(name) name##_avx512
#define GEMM_ROWS 14
#define GEMM_VECTOR 64
#define WINOGRAD_VECTOR 64
#include "libtensor/gemm_kernel.inc"
#include "libtensor/winograd_kernel.inc"
#endif
