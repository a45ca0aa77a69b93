/* What holds for every op on every device; each fails the test with the case's name. */
#ifndef TESTS_OP_CHECKS_H
#define TESTS_OP_CHECKS_H

#include "tests/op_case.h"

#define ALL_INPUTS 0xFFu

/* A copy that the caller frees. */
real *case_copy(Tensor t);

void case_expect_bits(const OpCase *c, Tensor t, const void *want, const char *what);

/* beta 1 adds to what is there. */
void case_accumulate_check(OpCase *c);

/* One gradient at a time is the same as all at once, and none is fine. */
void case_unwanted_check(OpCase *c);

/* Operands that are only read stay as they were. */
void case_constant_check(OpCase *c);

/* Where the op may work in place, it gives the same bits. */
void case_in_place_check(OpCase *c);

/* Where the op may have an activation merged into it, it gives the bits of the two one after the
 * other. */
void case_activation_check(OpCase *c);

#endif
