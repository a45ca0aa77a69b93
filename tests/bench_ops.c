/* Times the kernels that training and search spend their time in: milliseconds and GFLOP/s (or
 * GB/s) of forward, gradient to x and gradient to w, beside the rate of plain products on the same
 * threads.
 *
 *     make tests/bench_ops && tests/bench_ops [name]    only rows whose name contains it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cblas.h>
#include <omp.h>

#include "libtensor/gemm.h"
#include "libtensor/op_kernels.h"

typedef struct Row {
    const char *name;
    Op op;
    int64_t n, c, size, out, kernel;
    int stride, pad;
} Row;

static const Row rows[] = {
    {"imitator 1", OP_conv_transpose2d, 16, 264, 1, 512, 4, 1, 0},
    {"imitator 2", OP_conv_transpose2d, 16, 512, 4, 256, 4, 2, 1},
    {"imitator 3", OP_conv_transpose2d, 16, 256, 8, 256, 4, 2, 1},
    {"imitator 4", OP_conv_transpose2d, 16, 256, 16, 128, 4, 2, 1},
    {"imitator 5", OP_conv_transpose2d, 16, 128, 32, 64, 4, 2, 1},
    {"imitator 5b", OP_conv_transpose2d, 16, 64, 32, 32, 4, 2, 1},
    {"imitator 6", OP_conv_transpose2d, 16, 64, 64, 3, 4, 2, 1},
    {"imitator 6b", OP_conv_transpose2d, 16, 32, 64, 3, 4, 2, 1},
    {"imitator n1", OP_conv_transpose2d, 1, 256, 16, 128, 4, 2, 1},
    {"imitator n1b", OP_conv_transpose2d, 1, 512, 4, 256, 4, 2, 1},
    {"imitator n1c", OP_conv_transpose2d, 1, 64, 64, 3, 4, 2, 1},
    {"recogniser 1", OP_conv2d, 1, 3, 150, 32, 7, 2, 0},
    {"recogniser 2", OP_conv2d, 1, 32, 35, 32, 3, 1, 1},
    {"recogniser 3", OP_conv2d, 1, 64, 18, 64, 3, 1, 1},
    {"recogniser 4", OP_conv2d, 1, 128, 9, 128, 3, 1, 1},
    {"recogniser 5", OP_conv2d, 1, 256, 4, 256, 3, 1, 1},
    {"recogniser 2 n8", OP_conv2d, 8, 32, 35, 32, 3, 1, 1},
    {"recogniser 5 n8", OP_conv2d, 8, 256, 4, 256, 3, 1, 1},
    {"segmenter stem", OP_conv2d, 2, 3, 128, 64, 7, 2, 3},
    {"segmenter 3x3", OP_conv2d, 1, 64, 64, 64, 3, 1, 1},
    {"segmenter 3x3 n8", OP_conv2d, 8, 64, 32, 64, 3, 1, 1},
    {"segmenter 3x3b", OP_conv2d, 2, 256, 16, 256, 3, 1, 1},
    {"segmenter 3x3/2", OP_conv2d, 8, 64, 64, 64, 3, 2, 1},
    {"segmenter 1x1", OP_conv2d, 1, 256, 32, 64, 1, 1, 0},
    {"segmenter 1x1b", OP_conv2d, 8, 64, 32, 256, 1, 1, 0},
    {"batch_norm 64", OP_batch_norm, 16, 64, 64, 0, 0, 0, 0},
    {"batch_norm 256", OP_batch_norm, 16, 256, 16, 0, 0, 0, 0},
    {"relu", OP_relu, 16, 64, 64, 0, 0, 0, 0},
    {"sigmoid", OP_sigmoid, 16, 3, 128, 0, 0, 0, 0},
    {"l1_loss", OP_l1_loss, 16, 3, 128, 0, 0, 0, 0},
    {"max_pool 3/2", OP_max_pool2d, 8, 64, 64, 0, 3, 2, 1},
    {"max_pool 2/2", OP_max_pool2d, 8, 64, 64, 0, 2, 2, 0},
    {"avg_pool 2/2", OP_avg_pool2d, 8, 64, 64, 0, 2, 2, 0},
    {"resize 128", OP_resize_bilinear, 8, 3, 256, 128, 0, 0, 0},
    {"resize 150", OP_resize_bilinear, 8, 3, 128, 150, 0, 0, 0},
    {"softmax", OP_softmax, 8, 11, 64, 0, 0, 0, 0},
    {"cross_entropy", OP_cross_entropy, 8, 11, 64, 0, 0, 0, 0},
};

static void *take(size_t bytes)
{
    void *p = aligned_alloc(64, bytes / 64 * 64 + 64);
    if (p == NULL) {
        fputs("bench_ops: out of memory\n", stderr);
        exit(1);
    }
    return p;
}

static void fill(Tensor *t, real scale)
{
    t->data = take(tensor_bytes(*t));
    if (t->type == DTYPE_I32)
        memset(t->data, 0, tensor_bytes(*t));
    else
        for (int64_t i = 0; i < shape_count(t->shape); i++)
            ((real *)t->data)[i] = scale * (real)((i * 37 % 101) - 50) / 50 + (real)(scale == 0);
}

/* Best of several runs, in seconds. */
static double seconds(Kernel *kernel, const Call *call)
{
    double best = 1e9, total = 0;

    for (int i = 0; i < 200 && (i < 5 || total < .4); i++) {
        double t = omp_get_wtime();
        kernel(call);
        t = omp_get_wtime() - t;
        total += t;
        if (t < best)
            best = t;
    }
    return best;
}

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

static union {
    Conv2dParam conv;
    ConvTranspose2dParam conv_transpose;
    BatchNormParam batch_norm;
    Pool2dParam pool;
    ResizeParam resize;
    SoftmaxParam softmax;
    CrossEntropyParam cross_entropy;
} param;

static void describe(const Row *r, InferIn *in)
{
    Shape x = shape4(r->n, r->c, r->size, r->size), channels = shape1(r->c);

    *in = (InferIn){.in = {x}, .n_in = 1, .param = &param};
    memset(&param, 0, sizeof param);
    switch (r->op) {
    case OP_conv2d:
        param.conv = (Conv2dParam){r->stride, r->pad};
        in->in[1] = shape4(r->out, r->c, r->kernel, r->kernel);
        in->n_in = 3;
        break;
    case OP_conv_transpose2d:
        param.conv_transpose = (ConvTranspose2dParam){r->stride, r->pad};
        in->in[1] = shape4(r->c, r->out, r->kernel, r->kernel);
        in->n_in = 3;
        break;
    case OP_batch_norm:
        param.batch_norm = (BatchNormParam){(real)1e-5, (real).1, true};
        for (int i = 1; i < 5; i++)
            in->in[i] = channels;
        in->n_in = 5;
        break;
    case OP_max_pool2d:
    case OP_avg_pool2d:
        param.pool = (Pool2dParam){(int)r->kernel, r->stride, r->pad};
        break;
    case OP_resize_bilinear:
        param.resize = (ResizeParam){.height = (int)r->out, .width = (int)r->out};
        break;
    case OP_softmax:
        param.softmax.beta = 1;
        break;
    case OP_l1_loss:
        in->in[1] = x;
        in->n_in = 2;
        break;
    case OP_cross_entropy:
        param.cross_entropy.ignore = 255;
        in->in[1] = shape3(r->n, r->size, r->size);
        in->type[1] = DTYPE_I32;
        in->n_in = 2;
        break;
    default:
        break;
    }
    for (int i = 0; i < OP_MAX_IN; i++)
        if (in->type[i] != DTYPE_I32)
            in->type[i] = DTYPE_REAL;
}

static void bench(const Row *r)
{
    InferIn in;
    InferOut out = {0};
    Error err;

    describe(r, &in);
    if (!op_info(r->op)->infer(&in, &out, &err)) {
        fprintf(stderr, "bench_ops: %s\n", err.text);
        exit(1);
    }
    Call call = {.n_in = in.n_in, .param = &param};
    Tensor din[OP_MAX_IN];
    for (int i = 0; i < in.n_in; i++) {
        call.in[i] = din[i] = (Tensor){NULL, in.in[i], in.type[i]};
        if (in.in[i].ndim > 0) {
            fill(&call.in[i], r->op == OP_batch_norm && i == 4 ? 0 : 1);
            fill(&din[i], 1);
        }
        call.din[i] = (Tensor){NULL, in.in[i], in.type[i]};
    }
    call.out = call.dout = (Tensor){NULL, out.out, DTYPE_REAL};
    fill(&call.out, 1);
    fill(&call.dout, 1);
    for (int s = 0; s < OP_MAX_SAVED; s++)
        if (out.saved[s].ndim > 0) {
            call.saved[s] = (Tensor){NULL, out.saved[s],
                                     out.saved_type[s] == DTYPE_I32 ? DTYPE_I32 : DTYPE_REAL};
            fill(&call.saved[s], 1);
        }
    call.scratch = take(out.forward_scratch > out.backward_scratch ? out.forward_scratch
                                                                   : out.backward_scratch);
    bool conv = r->op == OP_conv2d || r->op == OP_conv_transpose2d;
    Shape small = r->op == OP_conv2d ? out.out : in.in[0];
    double work =
        conv ? 2e-9 * (double)(shape_count(small) / small.dim[1]) * (double)shape_count(in.in[1])
             : 1e-9 * (double)(tensor_bytes(call.in[0]) + tensor_bytes(call.out));
    printf("%-18s %3lld x%4lld x%4lld -> %4lld", r->name, (long long)r->n, (long long)r->c,
           (long long)r->size, (long long)out.out.dim[out.out.ndim > 1]);
    double t = seconds(forward_of[r->op], &call);
    printf("  forward %8.3f ms %6.1f", t * 1e3, work / t);
    for (int i = 0; i < (conv ? 2 : 1); i++) {
        for (int k = 0; k < in.n_in; k++)
            call.din[k].data = k == i || (r->op == OP_batch_norm && k < 3) ? din[k].data : NULL;
        t = seconds(backward_of[r->op], &call);
        printf("  %s %8.3f ms %6.1f", i == 0 ? "dx" : "dw", t * 1e3, work / t);
    }
    puts(conv ? " GFLOP/s" : " GB/s (of x and y)");
    for (int i = 0; i < in.n_in; i++) {
        free(call.in[i].data);
        if (in.in[i].ndim > 0)
            free(din[i].data);
    }
    for (int s = 0; s < OP_MAX_SAVED; s++)
        free(call.saved[s].data);
    free(call.out.data);
    free(call.dout.data);
    free(call.scratch);
}

/* A product per thread, all at once: what the machine can do. */
static void bench_gemm(int64_t m, int64_t n, int64_t k)
{
    int threads = omp_get_max_threads();
    double best = 1e9;
    Tensor a = {NULL, shape2(m, k), DTYPE_REAL}, b = {NULL, shape2(k, n), DTYPE_REAL};
    real *c = take((size_t)(threads * m * n) * sizeof *c);

    fill(&a, 1);
    fill(&b, 1);
    for (int i = 0; i < 10; i++) {
        double t = omp_get_wtime();
#pragma omp parallel for schedule(static, 1)
        for (int p = 0; p < threads; p++)
            gemm(false, false, m, n, k, a.data, k, b.data, n, 0, c + p * m * n, n);
        t = omp_get_wtime() - t;
        best = t < best ? t : best;
    }
    printf("gemm %lld x %lld x %lld, one per thread: %.1f GFLOP/s\n", (long long)m, (long long)n,
           (long long)k, 2e-9 * (double)(m * n * k) * threads / best);
    free(a.data);
    free(b.data);
    free(c);
}

int main(int argc, char **argv)
{
    openblas_set_num_threads(1);
    printf("%d threads\n", omp_get_max_threads());
    bench_gemm(1024, 1024, 1024);
    bench_gemm(1024, 256, 256);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (argc < 2 || strstr(rows[i].name, argv[1]) != NULL)
            bench(&rows[i]);
    return 0;
}
