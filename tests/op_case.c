#include "tests/op_case.h"

#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libtensor/op_kernels.h"
#include "libtensor/rng.h"
#include "libtensor/tensor_file.h"

const CaseRow op_case_rows[] = {
#define CASE(op, fill, shapes, Param, ...) {OP_##op, #op, fill, shapes, &(const Param)__VA_ARGS__},
#include "tests/op_cases.def"
#undef CASE
};

const int op_case_count = sizeof op_case_rows / sizeof *op_case_rows;

static Kernel *const forward_of[OP_COUNT] = {
#define OP(name, n_in, n_optional, Param, reads, flags) op_##name##_forward,
#include "libtensor/ops.def"
#undef OP
};

static Kernel *const backward_of[OP_COUNT] = {
#define OP(name, n_in, n_optional, Param, reads, flags) op_##name##_backward,
#include "libtensor/ops.def"
#undef OP
};

enum { GUARD = 128, GUARD_BYTE = 0xA5 };

static void *guarded_alloc(OpCase *c, size_t bytes)
{
    size_t all = (bytes + 2 * GUARD + 63) / 64 * 64;
    unsigned char *p = aligned_alloc(64, all), *device = NULL;

    assert_non_null(p);
    memset(p, GUARD_BYTE, GUARD);
    memset(p + GUARD + bytes, GUARD_BYTE, GUARD);
    if (c->backend != NULL)
        assert_non_null(device = c->backend->alloc(c->backend, all));
    assert_true(c->n_regions < CASE_MAX_REGIONS);
    c->region[c->n_regions++] = (Region){p, device, bytes + 2 * GUARD, false};
    return p + GUARD;
}

/* Of operand i, or out if -1. */
static bool is_half(const OpCase *c, int i)
{
    return (c->half & (i < 0 ? READS_OUT : READS_IN(i))) != 0;
}

static DType device_type(const OpCase *c, int i, DType type)
{
    return is_half(c, i) ? DTYPE_BF16 : type;
}

/* NaN at both ends, or all over if it is small. */
static void *scratch_alloc(OpCase *c, size_t bytes)
{
    size_t edge = bytes < 1 << 20 ? bytes : 1 << 20;
    char *p = guarded_alloc(c, bytes);

    memset(p, 0xFF, edge);
    memset(p + bytes - edge, 0xFF, edge);
    return p;
}

static bool guard_is_whole(const void *data, size_t bytes)
{
    const unsigned char *before = (const unsigned char *)data - GUARD;
    const unsigned char *behind = (const unsigned char *)data + bytes;

    for (int i = 0; i < GUARD; i++)
        if (before[i] != GUARD_BYTE || behind[i] != GUARD_BYTE)
            return false;
    return true;
}

static Tensor guarded_tensor(OpCase *c, Shape shape, DType type, bool half)
{
    Tensor t = {NULL, shape, type};
    if (shape.ndim == 0)
        return t;
    t.data = guarded_alloc(c, tensor_bytes(t));
    c->region[c->n_regions - 1].half = half;
    return t;
}

int parse_shapes(const char *text, Shape shape[static OP_MAX_IN])
{
    int n = 0;

    while (*text != '\0') {
        Shape s = {0};
        assert_true(n < OP_MAX_IN);
        if (*text == '-')
            text++;
        else
            do {
                char *end;
                assert_true(s.ndim < TENSOR_MAX_DIM);
                text += *text == 'x';
                s.dim[s.ndim++] = strtoll(text, &end, 10);
                assert_true(end > text);
                text = end;
            } while (*text == 'x');
        shape[n++] = s;
        text += *text == ' ';
    }
    return n;
}

/* All 'a' inputs take their values from one shuffled ladder around 0. */
static void fill_apart(OpCase *c, Rng *rng)
{
    int64_t total = 0;

    for (int i = 0; i < c->n_in; i++)
        if (c->row->fill[i] == 'a')
            total += shape_count(c->in[i].shape);
    if (total == 0)
        return;
    real *ladder = malloc((size_t)total * sizeof *ladder);
    assert_non_null(ladder);
    for (int64_t k = 0; k < total; k++)
        ladder[k] =
            (real)((2 * (double)k + 1) / (double)total - 1 + (total % 2 ? .5 / (double)total : 0));
    for (int64_t k = total - 1; k > 0; k--) {
        int64_t other = rng_below(rng, (uint32_t)k + 1);
        real swap = ladder[k];
        ladder[k] = ladder[other];
        ladder[other] = swap;
    }
    for (int i = 0, from = 0; i < c->n_in; i++)
        if (c->row->fill[i] == 'a') {
            memcpy(c->in[i].data, ladder + from, tensor_bytes(c->in[i]));
            from += (int)shape_count(c->in[i].shape);
        }
    free(ladder);
}

static void fill_labels(OpCase *c, int i, Rng *rng)
{
    int32_t *label = c->in[i].data;

    for (int64_t k = 0; k < shape_count(c->in[i].shape); k++)
        label[k] = k % 7 == 3 ? 255 : (int32_t)rng_below(rng, (uint32_t)c->in[0].shape.dim[1]);
    label[1] = -1;
}

static float draw(Rng *rng, char kind)
{
    switch (kind) {
    case 'p':
        return rng_range(rng, .5f, 1.5f);
    case 'h':
        return rng_range(rng, 2, 3);
    case 's': {
        float x = rng_range(rng, .1f, 1.1f);
        return rng_below(rng, 2) == 0 ? x : -x;
    }
    default:
        return rng_range(rng, -1, 1);
    }
}

static void fill_nan(Tensor t)
{
    if (t.data == NULL)
        return;
    if (t.type == DTYPE_REAL)
        for (int64_t k = 0; k < shape_count(t.shape); k++)
            ((real *)t.data)[k] = (real)NAN;
    else
        memset(t.data, 0x7F, tensor_bytes(t));
}

static void make_coarse(Tensor t)
{
    uint16_t *half = malloc(tensor_bytes(t) + 1);

    assert_non_null(half);
    if (t.type == DTYPE_REAL) {
        tensor_convert(half, DTYPE_BF16, t.data, t.type, shape_count(t.shape));
        tensor_convert(t.data, t.type, half, DTYPE_BF16, shape_count(t.shape));
    }
    free(half);
}

void case_reset(OpCase *c)
{
    Rng rng = rng_make(1, (uint32_t)(c->row - op_case_rows), 0);

    fill_apart(c, &rng);
    for (int i = 0; i < c->n_in; i++) {
        char kind = c->row->fill[i];
        if (c->in[i].data == NULL || kind == 'a')
            continue;
        if (kind == 'l')
            fill_labels(c, i, &rng);
        else
            for (int64_t k = 0; k < shape_count(c->in[i].shape); k++)
                ((real *)c->in[i].data)[k] = (real)draw(&rng, kind);
    }
    for (int64_t k = 0; k < shape_count(c->dout.shape); k++)
        ((real *)c->dout.data)[k] = (real)rng_range(&rng, -1, 1);
    for (int i = 0; c->coarse && i < c->n_in; i++)
        make_coarse(c->in[i]);
    if (c->coarse)
        make_coarse(c->dout);
    fill_nan(c->out);
    for (int s = 0; s < OP_MAX_SAVED; s++)
        fill_nan(c->saved[s]);
    for (int i = 0; i < c->n_in; i++)
        fill_nan(c->din[i]);
}

bool case_wants(const OpCase *c, int i)
{
    return c->in[i].data != NULL && c->in[i].type == DTYPE_REAL &&
           (c->info->flags & OP_NO_GRAD(i)) == 0;
}

static void open_case(OpCase *c, const CaseRow *row)
{
    InferIn in = {.param = row->param};
    Backend *backend = c->backend;
    Error err = {""};

    in.n_in = c->n_in = parse_shapes(row->shapes, in.in);
    assert_int_equal((int)strlen(row->fill), c->n_in);
    for (int i = 0; i < c->n_in; i++)
        in.type[i] = row->fill[i] == 'l' ? DTYPE_I32 : DTYPE_REAL;
    if (!c->info->infer(&in, &c->inferred, &err))
        fail_msg("%s %s: %s", row->op_name, row->shapes, err.text);
    for (int i = 0; i < c->n_in; i++) {
        c->in[i] = guarded_tensor(c, in.in[i], in.type[i], is_half(c, i));
        if (case_wants(c, i))
            c->din[i] = guarded_tensor(c, in.in[i], DTYPE_REAL, is_half(c, i));
        in.type[i] = device_type(c, i, in.type[i]);
    }
    c->out = guarded_tensor(c, c->inferred.out, DTYPE_REAL, is_half(c, -1));
    c->dout = guarded_tensor(c, c->inferred.out, DTYPE_REAL, is_half(c, -1));
    c->inferred.out_type = device_type(c, -1, DTYPE_REAL);
    if (backend != NULL && backend->scratch[row->op] != NULL)
        backend->scratch[row->op](&in, &c->inferred);
    for (int s = 0; s < OP_MAX_SAVED; s++) {
        DType type = c->inferred.saved_type[s];
        c->saved[s] =
            guarded_tensor(c, c->inferred.saved[s], type == DTYPE_I32 ? type : DTYPE_REAL, false);
    }
    c->forward_scratch = scratch_alloc(c, c->inferred.forward_scratch);
    c->backward_scratch = scratch_alloc(c, c->inferred.backward_scratch);
    c->step = guarded_alloc(c, sizeof *c->step);
    *c->step = (StepState){.step = 3, .seed = 5, .learning_rate = (real).01};
    for (int w = 0; w < STEP_MAX_WEIGHTS; w++)
        c->step->weight[w] = (real)(.5 + w);
    case_reset(c);
}

void case_open(OpCase *c, const CaseRow *row, Backend *backend)
{
    *c = (OpCase){.row = row, .info = op_info(row->op), .backend = backend};
    open_case(c, row);
}

void case_open_half(OpCase *c, const CaseRow *row, Backend *backend, unsigned half)
{
    *c = (OpCase){.row = row, .info = op_info(row->op), .backend = backend, .coarse = true};
    c->half = backend != NULL ? backend->half[row->op] & half : 0;
    open_case(c, row);
}

void case_free(OpCase *c)
{
    for (int i = 0; i < c->n_regions; i++) {
        free(c->region[i].host);
        if (c->backend != NULL)
            c->backend->release(c->backend, c->region[i].device);
    }
}

/* Where p, of the host, is on the device. */
static void *on_device(const OpCase *c, const void *p)
{
    const unsigned char *at = p;

    for (int i = 0; i < c->n_regions; i++)
        if (p != NULL && at >= c->region[i].host && at < c->region[i].host + c->region[i].bytes)
            return c->region[i].device + (at - c->region[i].host);
    assert_null(p);
    return NULL;
}

/* The sentinels as they are, what lies between them in the device's type. */
static void copy_region(const OpCase *c, const Region *r, bool down)
{
    size_t inside = r->bytes - 2 * GUARD, n = inside / sizeof(real), half = n * sizeof(uint16_t);
    Backend *b = c->backend;

    if (!r->half) {
        if (down)
            b->download(b, r->host, r->device, r->bytes);
        else
            b->upload(b, r->device, r->host, r->bytes);
        return;
    }
    unsigned char *there = malloc(half + 2 * GUARD);
    assert_non_null(there);
    if (down) {
        b->download(b, there, r->device, half + 2 * GUARD);
        memcpy(r->host, there, GUARD);
        tensor_convert(r->host + GUARD, DTYPE_REAL, there + GUARD, DTYPE_BF16, (int64_t)n);
        memcpy(r->host + GUARD + inside, there + GUARD + half, GUARD);
    } else {
        memcpy(there, r->host, GUARD);
        tensor_convert(there + GUARD, DTYPE_BF16, r->host + GUARD, DTYPE_REAL, (int64_t)n);
        memcpy(there + GUARD + half, r->host + GUARD + inside, GUARD);
        b->upload(b, r->device, there, half + 2 * GUARD);
    }
    free(there);
}

static void run_on_device(OpCase *c, Kernel *kernel, Call *call)
{
    Backend *b = c->backend;
    Error err = {""};

    for (int i = 0; i < c->n_in; i++) {
        call->in[i].data = on_device(c, call->in[i].data);
        call->din[i].data = on_device(c, call->din[i].data);
        call->in[i].type = device_type(c, i, call->in[i].type);
        call->din[i].type = device_type(c, i, call->din[i].type);
    }
    for (int s = 0; s < OP_MAX_SAVED; s++)
        call->saved[s].data = on_device(c, call->saved[s].data);
    call->out.data = on_device(c, call->out.data);
    call->dout.data = on_device(c, call->dout.data);
    call->out.type = device_type(c, -1, DTYPE_REAL);
    call->dout.type = device_type(c, -1, DTYPE_REAL);
    call->scratch = on_device(c, call->scratch);
    call->step = on_device(c, call->step);
    call->backend = b;
    for (int i = 0; i < c->n_regions; i++)
        copy_region(c, &c->region[i], false);
    kernel(call);
    for (int i = 0; i < c->n_regions; i++)
        copy_region(c, &c->region[i], true);
    if (!b->sync(b, &err))
        fail_msg("%s %s: %s", c->row->op_name, c->row->shapes, err.text);
}

static Call base_call(const OpCase *c)
{
    Call call = {.n_in = c->n_in, .param = c->row->param, .step = c->step};

    for (int s = 0; s < OP_MAX_SAVED; s++)
        call.saved[s] = c->saved[s];
    return call;
}

void case_forward(OpCase *c, bool in_place)
{
    Call call = base_call(c);

    for (int i = 0; i < c->n_in; i++)
        call.in[i] = c->in[i];
    call.out = c->out;
    if (in_place)
        call.out.data = c->in[0].data;
    call.activation = c->activation;
    call.scratch = c->forward_scratch;
    if (c->backend != NULL)
        run_on_device(c, c->backend->forward[c->row->op], &call);
    else
        forward_of[c->row->op](&call);
    case_check_sentinels(c, "forward");
}

void case_backward(OpCase *c, unsigned wanted, real beta, CasePlace place)
{
    Call call = base_call(c);

    for (int i = 0; i < c->n_in; i++) {
        call.in[i] = c->in[i];
        if ((c->info->reads & READS_IN(i)) == 0)
            call.in[i].data = NULL;
        call.din[i] = c->din[i];
        call.din[i].shape = c->in[i].shape;
        if ((wanted >> i & 1) == 0)
            call.din[i].data = NULL;
        call.beta[i] = beta;
    }
    call.out = c->out;
    if ((c->info->reads & READS_OUT) == 0)
        call.out.data = NULL;
    call.dout = c->dout;
    if (place != CASE_APART)
        call.din[0].data = place == CASE_OVER_DOUT ? c->dout.data : c->in[0].data;
    if ((c->info->flags & OP_MASKS) != 0)
        call.activation = c->activation;
    call.scratch = c->backward_scratch;
    if (c->backend != NULL)
        run_on_device(c, c->backend->backward[c->row->op], &call);
    else
        backward_of[c->row->op](&call);
    case_check_sentinels(c, "backward");
}

void case_check_sentinels(const OpCase *c, const char *when)
{
    for (int i = 0; i < c->n_regions; i++) {
        const Region *r = &c->region[i];
        if (!guard_is_whole(r->host + GUARD, r->bytes - 2 * GUARD))
            fail_msg("%s %s: %s wrote outside operand %d", c->row->op_name, c->row->shapes, when,
                     i);
    }
}
