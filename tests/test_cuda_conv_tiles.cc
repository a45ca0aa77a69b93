/* The convolutions' kernels on tests/cuda_emulation with every tile, precision, number of splits
 * and storage of images, most of which conv_plan keeps for sizes that an emulation cannot afford:
 * against the products' definition, and with all threads in reverse order. */
#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstdlib>
#include <random>
#include <vector>

/* Theirs come first, so that those of the library are not asked for. */
#include "libtensor/cuda/conv_to_big.cu"
#include "libtensor/cuda/conv_to_small.cu"
#include "libtensor/cuda/conv_weight.cu"

extern "C" {
#include <cmocka.h>

#include "libtensor/conv_plain.h"
#include "libtensor/tensor_file.h"
}

namespace
{

typedef std::vector<real> Reals;

/* More than one block of every tile in both directions, and no whole ones. */
const ConvShape shapes[] = {
    {1, 11, 13, 12, 131, 13, 12, 3, 3, 1, 1},
    {1, 130, 23, 12, 4, 12, 6, 3, 3, 2, 1},
    {1, 40, 11, 9, 67, 4, 3, 3, 3, 3, 0},
};

/* Largest difference over the largest element: of results that are rounded to bfloat16; in each
 * precision. */
const double HALF_BOUND = 1. / 256 + 2e-6;

double bound_of(Precision precision)
{
    return precision == PRECISION_FP32 ? 2e-6 : precision == PRECISION_TF32 ? 2e-3 : 1.6e-2;
}

/* coarse: multiples of 1/128, which bfloat16 holds as they are. */
Reals random_reals(int64_t n, uint32_t stream, bool coarse)
{
    std::minstd_rand random(stream);
    Reals x((size_t)n);
    for (real &v : x) {
        v = (real)((double)random() / (double)random.max() * 2 - 1);
        if (coarse)
            v = std::rint(v * 128) / 128;
    }
    return x;
}

CudaView to_device(Backend *b, const Reals &x, bool half)
{
    size_t bytes = x.size() * (half ? sizeof(__nv_bfloat16) : sizeof(real));
    CudaView there = (real *)b->alloc(b, bytes);
    std::vector<uint16_t> rounded(x.size());

    assert_non_null(there.data);
    there.half = half;
    tensor_convert(rounded.data(), DTYPE_BF16, x.data(), DTYPE_REAL, (int64_t)x.size());
    b->upload(b, there.data, half ? (const void *)rounded.data() : x.data(), bytes);
    return there;
}

Reals to_host(Backend *b, CudaView there, size_t n)
{
    std::vector<uint16_t> half(n);
    Reals x(n);

    b->download(b, there.half ? (void *)half.data() : x.data(), there.data,
                n * (there.half ? sizeof(__nv_bfloat16) : sizeof(real)));
    if (there.half)
        tensor_convert(x.data(), DTYPE_REAL, half.data(), DTYPE_BF16, (int64_t)n);
    return x;
}

/* Which operands are bfloat16 in memory. */
struct Half {
    bool a, image, out;
};

/* conv_launch with a plan of one's own. */
template <class Problem, class Tile>
void launch(Cuda *cuda, const Problem &problem, ConvOperands o, int splits)
{
    ConvPlan p = conv_plan(problem);
    int steps = conv_ceil(p.size.k, CONV_DEPTH);

    p.blocks_m = conv_ceil(p.size.m, Tile::M);
    p.blocks_n = conv_ceil(p.size.n, Tile::N);
    p.split_depth = conv_ceil(steps, splits) * CONV_DEPTH;
    p.splits = conv_ceil(p.size.k, p.split_depth);
    o.n = p.size.n;
    o.splits = p.splits;
    o.split_depth = p.split_depth;
    conv_launch_tile<Problem, Tile>(cuda, problem, p, o);
    if (p.splits > 1)
        CUDA_LAUNCH(cuda, conv_add_splits<Problem>,
                    dim3(cuda_blocks((int64_t)p.size.m * p.size.n), problem.phases()), CUDA_THREADS,
                    problem, o);
}

/* relu(C) of a problem on the device: what was there is added to. */
template <class Problem, class Tile>
Reals product(Backend *b, const Problem &problem, const Reals &a, const Reals &image,
              const Reals *bias, const Reals &before, Half half, int splits)
{
    CudaView there[] = {to_device(b, a, half.a), to_device(b, image, half.image),
                        to_device(b, before, half.out),
                        bias != NULL ? to_device(b, *bias, false) : CudaView((real *)NULL),
                        to_device(b, Reals(before.size() * 8), false)};
    Epilogue e = {(const real *)there[3].data, {ACTIVATION_RELU, 0}};
    Error err = {""};

    launch<Problem, Tile>((Cuda *)b->state, problem,
                          {there[0], there[1], e, 1, there[2], (real *)there[4].data, 0, 0, 0},
                          splits);
    Reals out = to_host(b, there[2], before.size());
    if (!b->sync(b, &err))
        fail_msg("%s", err.text);
    for (CudaView memory : there)
        b->release(b, memory.data);
    return out;
}

template <class Problem, class Tile>
void check(Backend *b, const Problem &problem, const Reals &a, const Reals &image,
           const Reals *bias, std::vector<double> want, Half half, double bound, const char *name)
{
    Reals before = random_reals((int64_t)want.size(), 9, true);

    for (int splits = 1; splits <= 3; splits += 2) {
        Reals got = product<Problem, Tile>(b, problem, a, image, bias, before, half, splits);
        double largest = 0, worst = 0;
        for (size_t i = 0; i < want.size(); i++) {
            double w = fmax(want[i], 0) + (double)before[i];
            largest = fmax(largest, fabs(w));
            worst = fmax(worst, std::isnan(got[i]) ? INFINITY : fabs((double)got[i] - w));
        }
        if (!(worst <= bound * largest))
            fail_msg("%s, tile %dx%d, %d splits, half %d%d%d: off by %g of %g", name, Tile::M,
                     Tile::N, splits, half.a, half.image, half.out, worst, largest);
        setenv("CUDA_EMULATION_REVERSE", "1", 1);
        Reals again = product<Problem, Tile>(b, problem, a, image, bias, before, half, splits);
        unsetenv("CUDA_EMULATION_REVERSE");
        if (memcmp(got.data(), again.data(), got.size() * sizeof(real)) != 0)
            fail_msg("%s, tile %dx%d, %d splits: depends on the order of threads", name, Tile::M,
                     Tile::N, splits);
    }
}

/* big, small: bfloat16 in memory. */
template <class Tile>
void check_shape(Backend *b, const ConvShape &s, bool big_half, bool small_half, double bound)
{
    int64_t bigs = conv_big(&s), smalls = conv_small(&s), weights = conv_weights(&s);
    bool coarse = big_half || small_half;
    Reals big = random_reals(bigs, 1, coarse), small = random_reals(smalls, 2, coarse),
          w = random_reals(weights, 3, coarse);
    Reals bias = random_reals(s.small_c, 4, false), big_bias = random_reals(s.big_c, 5, false);
    std::vector<double> want((size_t)smalls);
    double to_small = small_half ? HALF_BOUND : bound, to_big = big_half ? HALF_BOUND : bound;

    conv_to_small_plain(&s, big.data(), w.data(), bias.data(), want.data());
    check<ToSmall, Tile>(b, {conv_dims(&s)}, w, big, &bias, want, {false, big_half, small_half},
                         to_small, "to small");
    want.assign((size_t)bigs, 0);
    conv_to_big_plain(&s, small.data(), w.data(), big_bias.data(), want.data());
    check<ToBig, Tile>(b, {conv_dims(&s)}, w, small, &big_bias, want, {false, small_half, big_half},
                       to_big, "to big");
    want.assign((size_t)weights, 0);
    conv_weight_plain(&s, big.data(), small.data(), want.data());
    check<Weight, Tile>(b, {conv_dims(&s)}, small, big, NULL, want, {small_half, big_half, false},
                        bound, "weight");
}

template <class Tile> void check_tile(Backend *b, Precision precision)
{
    for (const ConvShape &s : shapes)
        check_shape<Tile>(b, s, false, false, bound_of(precision));
    if (precision == PRECISION_BF16)
        for (int half = 1; half < 4; half++)
            check_shape<Tile>(b, shapes[half - 1], (half & 1) != 0, (half & 2) != 0,
                              bound_of(PRECISION_FP32));
}

void check_precision(Precision precision)
{
    CudaOptions options = {0, precision, NULL, NULL};
    Error err = {""};
    Backend *b = backend_cuda_open(options, &err);

    if (b == NULL)
        fail_msg("%s", err.text);
    check_tile<ConvTile<128, 128, 2, 4>>(b, precision);
    check_tile<ConvTile<64, 64, 2, 2>>(b, precision);
    check_tile<ConvTile<32, 128, 1, 4>>(b, precision);
    b->close(b);
}

void test_fp32(void **)
{
    check_precision(PRECISION_FP32);
}

void test_tf32(void **)
{
    check_precision(PRECISION_TF32);
}

void test_bf16(void **)
{
    check_precision(PRECISION_BF16);
}

} // namespace

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fp32),
        cmocka_unit_test(test_tf32),
        cmocka_unit_test(test_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
