/* The convolutions' kernels on tests/cuda_emulation with every tile, precision and number of
 * splits, most of which conv_plan keeps for sizes that an emulation cannot afford: against the
 * products' definition, and with all threads in reverse order. */
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

/* Largest difference over the largest element, in each precision. */
double bound_of(Precision precision)
{
    return precision == PRECISION_FP32 ? 2e-6 : precision == PRECISION_TF32 ? 2e-3 : 1.6e-2;
}

Reals random_reals(int64_t n, uint32_t stream)
{
    std::minstd_rand random(stream);
    Reals x((size_t)n);
    for (real &v : x)
        v = (real)((double)random() / (double)random.max() * 2 - 1);
    return x;
}

real *to_device(Backend *b, const Reals &x)
{
    real *there = (real *)b->alloc(b, x.size() * sizeof(real));
    assert_non_null(there);
    b->upload(b, there, x.data(), x.size() * sizeof(real));
    return there;
}

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

/* C of a problem on the device: what was there is added to. */
template <class Problem, class Tile>
Reals product(Backend *b, const Problem &problem, const Reals &a, const Reals &image,
              const Reals *bias, const Reals &before, int splits)
{
    real *there[] = {to_device(b, a), to_device(b, image), to_device(b, before),
                     bias != NULL ? to_device(b, *bias) : NULL,
                     to_device(b, Reals(before.size() * 8))};
    Reals out(before.size());
    Error err = {""};

    launch<Problem, Tile>((Cuda *)b->state, problem,
                          {there[0], there[1], there[3], 1, there[2], there[4], 0, 0, 0}, splits);
    b->download(b, out.data(), there[2], out.size() * sizeof(real));
    if (!b->sync(b, &err))
        fail_msg("%s", err.text);
    for (real *memory : there)
        b->release(b, memory);
    return out;
}

template <class Problem, class Tile>
void check(Backend *b, const Problem &problem, const Reals &a, const Reals &image,
           const Reals *bias, std::vector<double> want, double bound, const char *name)
{
    Reals before = random_reals((int64_t)want.size(), 9);

    for (int splits = 1; splits <= 3; splits += 2) {
        Reals got = product<Problem, Tile>(b, problem, a, image, bias, before, splits);
        double largest = 0, worst = 0;
        for (size_t i = 0; i < want.size(); i++) {
            double w = want[i] + (double)before[i];
            largest = fmax(largest, fabs(w));
            worst = fmax(worst, std::isnan(got[i]) ? INFINITY : fabs((double)got[i] - w));
        }
        if (!(worst <= bound * largest))
            fail_msg("%s, tile %dx%d, %d splits: off by %g of %g", name, Tile::M, Tile::N, splits,
                     worst, largest);
        setenv("CUDA_EMULATION_REVERSE", "1", 1);
        Reals again = product<Problem, Tile>(b, problem, a, image, bias, before, splits);
        unsetenv("CUDA_EMULATION_REVERSE");
        if (memcmp(got.data(), again.data(), got.size() * sizeof(real)) != 0)
            fail_msg("%s, tile %dx%d, %d splits: depends on the order of threads", name, Tile::M,
                     Tile::N, splits);
    }
}

template <class Tile> void check_shape(Backend *b, const ConvShape &s, double bound)
{
    int64_t bigs = s.n * s.big_c * s.big_h * s.big_w,
            smalls = s.n * s.small_c * s.small_h * s.small_w;
    int64_t weights = s.small_c * s.big_c * s.kh * s.kw;
    Reals big = random_reals(bigs, 1), small = random_reals(smalls, 2),
          w = random_reals(weights, 3);
    Reals bias = random_reals(s.small_c, 4), big_bias = random_reals(s.big_c, 5);
    std::vector<double> want((size_t)smalls);

    conv_to_small_plain(&s, big.data(), w.data(), bias.data(), want.data());
    check<ToSmall, Tile>(b, {conv_dims(&s)}, w, big, &bias, want, bound, "to small");
    want.assign((size_t)bigs, 0);
    conv_to_big_plain(&s, small.data(), w.data(), big_bias.data(), want.data());
    check<ToBig, Tile>(b, {conv_dims(&s)}, w, small, &big_bias, want, bound, "to big");
    want.assign((size_t)weights, 0);
    conv_weight_plain(&s, big.data(), small.data(), want.data());
    check<Weight, Tile>(b, {conv_dims(&s)}, small, big, NULL, want, bound, "weight");
}

void check_precision(Precision precision)
{
    CudaOptions options = {0, precision, NULL, NULL};
    Error err = {""};
    Backend *b = backend_cuda_open(options, &err);

    if (b == NULL)
        fail_msg("%s", err.text);
    for (const ConvShape &s : shapes) {
        check_shape<ConvTile<128, 128, 2, 4>>(b, s, bound_of(precision));
        check_shape<ConvTile<64, 64, 2, 2>>(b, s, bound_of(precision));
        check_shape<ConvTile<32, 128, 1, 4>>(b, s, bound_of(precision));
    }
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
