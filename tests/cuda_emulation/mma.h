/* Tensor cores: a warp's fragments of matrices. Lane 0 has all of a fragment and does all the work;
 * the others must come along to each product, as on a device. */
#ifndef TESTS_CUDA_EMULATION_MMA_H
#define TESTS_CUDA_EMULATION_MMA_H

#include "tests/cuda_emulation/cuda_bf16.h"
#include "tests/cuda_emulation/cuda_runtime.h"

namespace nvcuda
{
namespace wmma
{

struct matrix_a {
};
struct matrix_b {
};
struct accumulator {
};
struct row_major {
};
struct col_major {
};
enum layout_t { mem_row_major, mem_col_major };

namespace precision
{
struct tf32 {
};
} // namespace precision

/* What a fragment of T consists of, in memory and in arithmetic. */
template <class T> struct Storage {
    typedef T type;
};
template <> struct Storage<precision::tf32> {
    typedef float type;
};

inline float number(float x)
{
    return x;
}

inline float number(__nv_bfloat16 x)
{
    return __bfloat162float(x);
}

/* Rows and columns of this factor or sum. */
template <class Use, int M, int N, int K> struct Extent {
    static constexpr int ROWS = M, COLUMNS = N;
};
template <int M, int N, int K> struct Extent<matrix_a, M, N, K> {
    static constexpr int ROWS = M, COLUMNS = K;
};
template <int M, int N, int K> struct Extent<matrix_b, M, N, K> {
    static constexpr int ROWS = K, COLUMNS = N;
};

template <class Use, int M, int N, int K, class T, class Layout = void> struct fragment {
    typedef typename Storage<T>::type Element;
    static constexpr int ROWS = Extent<Use, M, N, K>::ROWS;
    static constexpr int COLUMNS = Extent<Use, M, N, K>::COLUMNS;
    Element of_lane_0[ROWS * COLUMNS];
};

/* Whether this lane moves the fragment. It does not wait for the others, which shows a kernel that
 * forgets to. The device wants addresses and strides that it can read in large pieces. */
template <class T> bool moves(const T *p, unsigned ld)
{
    if ((uintptr_t)p % 32 != 0 || ld * sizeof(T) % 16 != 0)
        emulation_die("a matrix fragment that is not aligned");
    return emulation_lane() == 0;
}

/* Cut to 10 bits of mantissa, rounded to nearest, ties away from zero. */
inline float __float_to_tf32(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7F800000) != 0x7F800000)
        bits = (bits + 0x1000) & 0xFFFFE000;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

template <class Use, int M, int N, int K, class T, class Layout>
void fill_fragment(fragment<Use, M, N, K, T, Layout> &f,
                   typename fragment<Use, M, N, K, T, Layout>::Element value)
{
    for (auto &x : f.of_lane_0)
        x = value;
}

template <class Use, int M, int N, int K, class T>
void load_matrix_sync(fragment<Use, M, N, K, T, row_major> &f, const typename Storage<T>::type *p,
                      unsigned ld)
{
    if (moves(p, ld))
        for (int i = 0; i < f.ROWS; i++)
            for (int j = 0; j < f.COLUMNS; j++)
                f.of_lane_0[i * f.COLUMNS + j] = p[i * ld + j];
}

template <class Use, int M, int N, int K, class T>
void load_matrix_sync(fragment<Use, M, N, K, T, col_major> &f, const typename Storage<T>::type *p,
                      unsigned ld)
{
    if (moves(p, ld))
        for (int i = 0; i < f.ROWS; i++)
            for (int j = 0; j < f.COLUMNS; j++)
                f.of_lane_0[i * f.COLUMNS + j] = p[j * ld + i];
}

/* d = a b + c */
template <int M, int N, int K, class T, class LayoutA, class LayoutB>
void mma_sync(fragment<accumulator, M, N, K, float> &d,
              const fragment<matrix_a, M, N, K, T, LayoutA> &a,
              const fragment<matrix_b, M, N, K, T, LayoutB> &b,
              const fragment<accumulator, M, N, K, float> &c)
{
    __syncwarp();
    if (emulation_lane() != 0)
        return;
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            float sum = c.of_lane_0[i * N + j];
            for (int k = 0; k < K; k++)
                sum += number(a.of_lane_0[i * K + k]) * number(b.of_lane_0[k * N + j]);
            d.of_lane_0[i * N + j] = sum;
        }
}

template <int M, int N, int K>
void store_matrix_sync(float *p, const fragment<accumulator, M, N, K, float> &f, unsigned ld,
                       layout_t layout)
{
    if (moves(p, ld))
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++)
                p[layout == mem_row_major ? i * ld + j : j * ld + i] = f.of_lane_0[i * N + j];
}

} // namespace wmma
} // namespace nvcuda

#endif
