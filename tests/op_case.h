/* A case of tests/op_cases.def as a call whose every operand lies between sentinels. */
#ifndef TESTS_OP_CASE_H
#define TESTS_OP_CASE_H

#include "libtensor/backend.h"

typedef struct CaseRow {
    Op op;
    const char *op_name, *fill, *shapes;
    const void *param;
} CaseRow;

extern const CaseRow op_case_rows[];
extern const int op_case_count;

/* Memory of the host with sentinels at both ends, and its image on the device, where reals may be
 * bfloat16. */
typedef struct Region {
    unsigned char *host, *device;
    size_t bytes;
    bool half;
} Region;

enum { CASE_MAX_REGIONS = 2 * OP_MAX_IN + 2 + OP_MAX_SAVED + 3 };

typedef struct OpCase {
    const CaseRow *row;
    const OpInfo *info;
    Backend *backend; /* NULL: the CPU's kernels, right on the memory of the host */
    bool coarse;      /* all numbers are some that bfloat16 holds */
    unsigned half; /* operands, and their gradients, that are bfloat16 on the device: READS_ bits */
    Region region[CASE_MAX_REGIONS];
    int n_regions;
    InferOut inferred;
    StepState *step;
    int n_in;
    Tensor in[OP_MAX_IN], din[OP_MAX_IN];
    Tensor out, dout, saved[OP_MAX_SAVED];
    void *forward_scratch, *backward_scratch; /* of exactly the promised size */
    Activation activation;                    /* merged into the op; as opened: none */
} OpCase;

/* Where backward writes din[0]. */
typedef enum CasePlace { CASE_APART, CASE_OVER_DOUT, CASE_OVER_IN } CasePlace;

/* Shapes written as "2x3 4 -" into shape; how many. */
int parse_shapes(const char *text, Shape shape[static OP_MAX_IN]);

/* Infers, allocates and fills; fails the test if infer refuses. With a backend, kernels run on
 * images of all operands on it, sentinels included, which are uploaded before and downloaded after.
 */
void case_open(OpCase *c, const CaseRow *row, Backend *backend);

/* The same with coarse numbers, and those operands as bfloat16 on the device that its table and
 * `half` allow. */
void case_open_half(OpCase *c, const CaseRow *row, Backend *backend, unsigned half);
void case_free(OpCase *c);

/* Inputs and dout as case_open made them; NaN in everything else. */
void case_reset(OpCase *c);

/* Whether input i can get a gradient. */
bool case_wants(const OpCase *c, int i);

/* out and saved from in; in_place: out takes in[0]'s bytes (then c->out.data holds nothing new). */
void case_forward(OpCase *c, bool in_place);

/* din of the inputs whose bit is in `wanted`, with this beta. Operands that the row does not let
 * backward read are NULL. Backward gets the activation where the row says MASKS. */
void case_backward(OpCase *c, unsigned wanted, real beta, CasePlace place);

/* Fails the test if a sentinel is gone; `when` is part of the message. */
void case_check_sentinels(const OpCase *c, const char *when);

#endif
