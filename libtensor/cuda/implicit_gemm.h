/* Convolutions as products of matrices whose second factor is never written down: element (k, p) of
 * it is looked up in the image when a tile of it is brought into shared memory.
 *
 *     C [m, p] = beta C + activation(sum over k of A [m, k] image [b(k) + b(p)] + bias [m])
 *
 * where an image element outside of its plane counts as 0. A Problem (conv_to_small.cu,
 * conv_to_big.cu, conv_weight.cu) says where rows and columns look; a Tile how the work is cut; a
 * Multiply how two tiles in shared memory are multiplied. With few tiles, k is split: the parts go
 * to scratch and are added in order. Cuts depend on shapes alone. */
#ifndef LIBTENSOR_CUDA_IMPLICIT_GEMM_H
#define LIBTENSOR_CUDA_IMPLICIT_GEMM_H

#include <mma.h>

#include "libtensor/cuda/view.h"

/* Where row k of the second factor looks: elements into A's row, and into the image together with
 * the column's; y and x of image pixels likewise. */
struct ConvRow {
    int64_t a, b;
    int y, x;
};

/* Where column p looks, and where its results go. */
struct ConvColumn {
    int64_t b, out;
    int y, x;
};

enum { CONV_OUTSIDE = -(1 << 30) }; /* y of a row or column that is not there */

struct ConvSize {
    int m, n, k;
};

struct ConvOperands {
    CudaView a, image; /* a is half only if Problem::A_IS_IMAGE */
    Epilogue epilogue;
    real beta;
    CudaView out;
    real *parts;     /* [phases, splits, m, n]: scratch if splits > 1 */
    int n;           /* columns of the largest phase */
    int splits;      /* of k */
    int split_depth; /* rows of k in a split: a multiple of CONV_DEPTH */
};

enum { CONV_DEPTH = 16 }; /* rows of k of a tile */

/* M_ x N_ results by WARPS_M x WARPS_N warps. */
template <int M_, int N_, int WARPS_M, int WARPS_N> struct ConvTile {
    static constexpr int M = M_, N = N_, THREADS = CUDA_WARP * WARPS_M * WARPS_N;
    static constexpr int WARP_M = M / WARPS_M, WARP_N = N / WARPS_N, WARPS = WARPS_M * WARPS_N;
    static constexpr int ROW_WARPS = WARPS_N;
};

/* On ordinary arithmetic units: a thread has 8 rows and every GROUP-th column. */
template <class Tile> struct ConvPlain {
    typedef real Element;
    static constexpr int ROWS = 8, COLUMNS = Tile::M * Tile::N / Tile::THREADS / ROWS;
    static constexpr int GROUP = Tile::N / COLUMNS, PAD = 4, STAGING = 0;
    real sum[ROWS][COLUMNS];

    static __device__ Element convert(real x)
    {
        return x;
    }

    __device__ void clear()
    {
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLUMNS; j++)
                sum[i][j] = 0;
    }

    /* a: CONV_DEPTH rows of Tile::M + PAD elements, b: of Tile::N + PAD. */
    __device__ void add(const Element *a, const Element *b)
    {
        int m = threadIdx.x / GROUP * ROWS, n = threadIdx.x % GROUP;
#pragma unroll
        for (int k = 0; k < CONV_DEPTH; k++) {
            real x[ROWS], y[COLUMNS];
#pragma unroll
            for (int i = 0; i < ROWS; i++)
                x[i] = a[k * (Tile::M + PAD) + m + i];
#pragma unroll
            for (int j = 0; j < COLUMNS; j++)
                y[j] = b[k * (Tile::N + PAD) + n + j * GROUP];
#pragma unroll
            for (int i = 0; i < ROWS; i++)
#pragma unroll
                for (int j = 0; j < COLUMNS; j++)
                    sum[i][j] += x[i] * y[j];
        }
    }

    template <class Store> __device__ void each(void *, Store store)
    {
        int m = threadIdx.x / GROUP * ROWS, n = threadIdx.x % GROUP;
#pragma unroll
        for (int i = 0; i < ROWS; i++)
#pragma unroll
            for (int j = 0; j < COLUMNS; j++)
                store(m + i, n + j * GROUP, sum[i][j]);
    }
};

struct ConvTf32 {
    typedef float Element;
    typedef nvcuda::wmma::precision::tf32 Factor;
    static constexpr int DEPTH = 8, PAD = 4;
    static __device__ Element convert(real x)
    {
        return nvcuda::wmma::__float_to_tf32((float)x);
    }
};

struct ConvBf16 {
    typedef __nv_bfloat16 Element;
    typedef __nv_bfloat16 Factor;
    static constexpr int DEPTH = 16, PAD = 8;
    static __device__ Element convert(real x)
    {
        return __float2bfloat16((float)x);
    }

    static __device__ Element convert(__nv_bfloat16 x)
    {
        return x;
    }
};

/* On tensor cores: 16 x 16 results by products of Kind::DEPTH terms, summed in float. */
template <class Tile, class Kind> struct ConvTensor {
    typedef typename Kind::Element Element;
    static constexpr int PAD = Kind::PAD, DEPTH = Kind::DEPTH;
    static constexpr int ROWS = Tile::WARP_M / 16, COLUMNS = Tile::WARP_N / 16;
    static constexpr int STAGE = 20; /* floats from row to row of a warp's staging */
    static constexpr int STAGING = Tile::WARPS * 16 * STAGE * (int)sizeof(float);
    nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, DEPTH, float> sum[ROWS][COLUMNS];

    template <class T> static __device__ Element convert(T x)
    {
        return Kind::convert(x);
    }

    __device__ void clear()
    {
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < COLUMNS; j++)
                nvcuda::wmma::fill_fragment(sum[i][j], 0.0f);
    }

    __device__ static int row()
    {
        return (int)threadIdx.x / CUDA_WARP / Tile::ROW_WARPS * Tile::WARP_M;
    }

    __device__ static int column()
    {
        return (int)threadIdx.x / CUDA_WARP % Tile::ROW_WARPS * Tile::WARP_N;
    }

    __device__ void add(const Element *a, const Element *b)
    {
        using namespace nvcuda::wmma;
#pragma unroll
        for (int k = 0; k < CONV_DEPTH; k += DEPTH) {
            fragment<matrix_a, 16, 16, DEPTH, typename Kind::Factor, col_major> x[ROWS];
            fragment<matrix_b, 16, 16, DEPTH, typename Kind::Factor, row_major> y[COLUMNS];
#pragma unroll
            for (int i = 0; i < ROWS; i++)
                load_matrix_sync(x[i], a + k * (Tile::M + PAD) + row() + i * 16, Tile::M + PAD);
#pragma unroll
            for (int j = 0; j < COLUMNS; j++)
                load_matrix_sync(y[j], b + k * (Tile::N + PAD) + column() + j * 16, Tile::N + PAD);
#pragma unroll
            for (int i = 0; i < ROWS; i++)
#pragma unroll
                for (int j = 0; j < COLUMNS; j++)
                    mma_sync(sum[i][j], x[i], y[j], sum[i][j]);
        }
    }

    /* A fragment's layout is the hardware's own, so it goes through shared memory. */
    template <class Store> __device__ void each(void *memory, Store store)
    {
        float *stage = (float *)memory + threadIdx.x / CUDA_WARP * 16 * STAGE;
#pragma unroll
        for (int i = 0; i < ROWS; i++)
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) {
                __syncwarp();
                nvcuda::wmma::store_matrix_sync(stage, sum[i][j], STAGE,
                                                nvcuda::wmma::mem_row_major);
                __syncwarp();
                for (int e = threadIdx.x % CUDA_WARP; e < 256; e += CUDA_WARP)
                    store(row() + i * 16 + e / 16, column() + j * 16 + e % 16,
                          (real)stage[e / 16 * STAGE + e % 16]);
            }
    }
};

/* Brings tiles of both factors from global memory to registers, and from there to shared memory. A
 * thread always has the same row of k in A, and in the image the same column, or if K_FASTEST (the
 * image's rows k are neighbours in memory) the same row. A, Image: what these have in memory. */
template <class Problem, class Tile, class Multiply, class A, class Image> struct ConvLoader {
    static constexpr int THREADS = Tile::THREADS;
    static constexpr int A_STEP = THREADS / CONV_DEPTH, A_COUNT = Tile::M / A_STEP;
    static constexpr int B_STEP = Problem::K_FASTEST ? A_STEP : THREADS / Tile::N;
    static constexpr int B_COUNT = (Problem::K_FASTEST ? Tile::N : CONV_DEPTH) / B_STEP;
    static_assert(THREADS % Tile::N == 0 || Problem::K_FASTEST, "a thread has one column");
    A a[A_COUNT];
    Image b[B_COUNT];

    static __device__ Image look(const Problem &problem, const Image *image, const ConvRow &row,
                                 const ConvColumn &column)
    {
        unsigned y = (unsigned)(row.y + column.y), x = (unsigned)(row.x + column.x);
        bool inside = y < (unsigned)problem.height() && x < (unsigned)problem.width();
        return inside ? image[row.b + column.b] : Image();
    }

    __device__ void load(const Problem &problem, const ConvOperands &o, int m0, int m,
                         const ConvRow *rows, const ConvColumn *columns)
    {
        int t = (int)threadIdx.x;
        ConvRow own = rows[t % CONV_DEPTH];
        const A *from = (const A *)o.a.data;
        const Image *image = (const Image *)o.image.data;
#pragma unroll
        for (int i = 0; i < A_COUNT; i++) {
            int at = m0 + t / CONV_DEPTH + i * A_STEP;
            a[i] = own.y != CONV_OUTSIDE && at < m ? from[problem.a_row(at) + own.a] : A();
        }
        if (Problem::K_FASTEST) {
#pragma unroll
            for (int i = 0; i < B_COUNT; i++)
                b[i] = look(problem, image, own, columns[t / CONV_DEPTH + i * B_STEP]);
        } else {
            ConvColumn column = columns[t % Tile::N];
#pragma unroll
            for (int i = 0; i < B_COUNT; i++)
                b[i] = look(problem, image, rows[t / Tile::N + i * B_STEP], column);
        }
    }

    __device__ void store(typename Multiply::Element *to_a, typename Multiply::Element *to_b) const
    {
        int t = (int)threadIdx.x, k = t % CONV_DEPTH;
#pragma unroll
        for (int i = 0; i < A_COUNT; i++)
            to_a[k * (Tile::M + Multiply::PAD) + t / CONV_DEPTH + i * A_STEP] =
                Multiply::convert(a[i]);
#pragma unroll
        for (int i = 0; i < B_COUNT; i++) {
            int row = Problem::K_FASTEST ? k : t / Tile::N + i * B_STEP;
            int column = Problem::K_FASTEST ? t / CONV_DEPTH + i * B_STEP : t % Tile::N;
            to_b[row * (Tile::N + Multiply::PAD) + column] = Multiply::convert(b[i]);
        }
    }
};

template <class Problem>
static __device__ inline ConvRow conv_row(const Problem &problem, int phase, int k, int end)
{
    ConvRow none = {0, 0, CONV_OUTSIDE, 0};
    return k < end ? problem.row(phase, k) : none;
}

template <class Problem>
static __device__ inline ConvColumn conv_column(const Problem &problem, int phase, int p, int n)
{
    ConvColumn none = {0, 0, CONV_OUTSIDE, 0};
    return p < n ? problem.column(phase, p) : none;
}

/* Result `at`, of row m. */
static __device__ inline void conv_store(const ConvOperands &o, int64_t at, int m, real v)
{
    real bias = o.epilogue.bias != NULL ? o.epilogue.bias[m] : 0;
    cuda_put(o.out, at, o.beta, cuda_activate(o.epilogue.activation, v + bias));
}

/* Block (x, y, z): columns, rows, and split of a phase. While a tile is multiplied, the next one is
 * on its way to registers. */
template <class Problem, class Tile, class Multiply, class A, class Image>
static __global__ void __launch_bounds__(Tile::THREADS)
    conv_product(Problem problem, ConvOperands o)
{
    typedef typename Multiply::Element Element;
    constexpr int A_TILE = CONV_DEPTH * (Tile::M + Multiply::PAD);
    constexpr int B_TILE = CONV_DEPTH * (Tile::N + Multiply::PAD);
    constexpr int TILES = 2 * (A_TILE + B_TILE) * (int)sizeof(Element);
    __shared__ __align__(
        128) unsigned char memory[TILES > Multiply::STAGING ? TILES : Multiply::STAGING];
    __shared__ ConvRow rows[2][CONV_DEPTH];
    __shared__ ConvColumn columns[Tile::N];
    Element *tile = (Element *)memory;

    int phase = (int)blockIdx.z / o.splits, split = (int)blockIdx.z % o.splits;
    int t = (int)threadIdx.x, n0 = (int)blockIdx.x * Tile::N, m0 = (int)blockIdx.y * Tile::M;
    ConvSize size = problem.size(phase);
    int begin = split * o.split_depth;
    int end = begin + o.split_depth < size.k ? begin + o.split_depth : size.k;
    int steps = end > begin ? (end - begin + CONV_DEPTH - 1) / CONV_DEPTH : 0;
    Multiply multiply;
    ConvLoader<Problem, Tile, Multiply, A, Image> loader;

    multiply.clear();
    for (int i = t; i < Tile::N; i += Tile::THREADS)
        columns[i] = conv_column(problem, phase, n0 + i, size.n);
    if (t < 2 * CONV_DEPTH)
        rows[t / CONV_DEPTH][t % CONV_DEPTH] = conv_row(problem, phase, begin + t, end);
    __syncthreads();
    if (steps > 0) {
        loader.load(problem, o, m0, size.m, rows[0], columns);
        loader.store(tile, tile + A_TILE);
    }
    __syncthreads();
    for (int s = 0; s < steps; s++) {
        Element *now = tile + s % 2 * (A_TILE + B_TILE);
        Element *next = tile + (s + 1) % 2 * (A_TILE + B_TILE);
        if (s + 1 < steps)
            loader.load(problem, o, m0, size.m, rows[(s + 1) % 2], columns);
        multiply.add(now, now + A_TILE);
        if (t < CONV_DEPTH)
            rows[s % 2][t] = conv_row(problem, phase, begin + (s + 2) * CONV_DEPTH + t, end);
        if (s + 1 < steps)
            loader.store(next, next + A_TILE);
        __syncthreads();
    }
    multiply.each(memory, [&](int i, int j, real v) {
        int m = m0 + i;
        if (m >= size.m || n0 + j >= size.n)
            return;
        if (o.splits > 1) {
            o.parts[((int64_t)blockIdx.z * size.m + m) * o.n + n0 + j] = v;
            return;
        }
        conv_store(o, problem.out_row(m) + columns[j].out, m, v);
    });
}

/* Adds the splits in order; blockIdx.y is the phase. */
template <class Problem> static __global__ void conv_add_splits(Problem problem, ConvOperands o)
{
    int phase = (int)blockIdx.y;
    ConvSize size = problem.size(phase);
    CUDA_FOR(i, (int64_t)size.m * size.n)
    {
        int m = (int)(i / size.n), p = (int)(i % size.n);
        real sum = 0;
        for (int s = 0; s < o.splits; s++)
            sum += o.parts[((int64_t)(phase * o.splits + s) * size.m + m) * o.n + p];
        conv_store(o, problem.out_row(m) + problem.column(phase, p).out, m, sum);
    }
}

/* ---- host ---- */

enum ConvTileKind { CONV_LARGE, CONV_MEDIUM, CONV_NARROW };

struct ConvPlan {
    ConvTileKind kind;
    ConvSize size; /* the largest of all phases */
    int blocks_m, blocks_n, splits, split_depth;
};

static inline int conv_ceil(int64_t a, int64_t b)
{
    return (int)((a + b - 1) / b);
}

template <class Problem> static ConvPlan conv_plan(const Problem &problem)
{
    const int64_t wanted = 256, least_steps = 8; /* blocks of a launch; steps worth a split */
    ConvPlan p = {CONV_MEDIUM, {0, 0, 0}, 0, 0, 1, 0};

    for (int i = 0; i < problem.phases(); i++) {
        ConvSize s = problem.size(i);
        p.size.m = s.m;
        p.size.n = s.n > p.size.n ? s.n : p.size.n;
        p.size.k = s.k > p.size.k ? s.k : p.size.k;
    }
    int64_t large = (int64_t)conv_ceil(p.size.m, 128) * conv_ceil(p.size.n, 128) * problem.phases();
    if (p.size.m <= 32)
        p.kind = CONV_NARROW;
    else if (p.size.m > 64 && sizeof(real) == 4 && large * p.size.k >= wanted * 512)
        p.kind = CONV_LARGE;
    int tile_m = p.kind == CONV_LARGE ? 128 : p.kind == CONV_NARROW ? 32 : 64;
    int tile_n = p.kind == CONV_MEDIUM ? 64 : 128;
    p.blocks_m = conv_ceil(p.size.m, tile_m);
    p.blocks_n = conv_ceil(p.size.n, tile_n);
    int64_t blocks = (int64_t)p.blocks_m * p.blocks_n * problem.phases();
    int steps = conv_ceil(p.size.k, CONV_DEPTH);
    int64_t splits = blocks < wanted ? conv_ceil(wanted, blocks) : 1;
    if (splits > steps / least_steps)
        splits = steps / least_steps;
    if (splits < 1)
        splits = 1;
    p.split_depth = conv_ceil(steps, splits) * CONV_DEPTH;
    p.splits = p.split_depth > 0 ? conv_ceil(p.size.k, p.split_depth) : 1;
    return p;
}

template <class Problem> static size_t conv_scratch(const Problem &problem)
{
    ConvPlan p = conv_plan(problem);
    if (p.splits == 1)
        return 0;
    return (size_t)problem.phases() * p.splits * p.size.m * p.size.n * sizeof(real);
}

template <class Problem, class Tile, class Multiply, class A = real, class Image = real>
static void conv_launch_product(Cuda *cuda, const Problem &problem, const ConvPlan &p,
                                const ConvOperands &o)
{
    CUDA_LAUNCH(cuda, (conv_product<Problem, Tile, Multiply, A, Image>),
                dim3(p.blocks_n, p.blocks_m, problem.phases() * p.splits), Tile::THREADS, problem,
                o);
}

/* With factors of bfloat16, and images too. */
template <class Problem, class Tile>
static void conv_launch_bf16(Cuda *cuda, const Problem &problem, const ConvPlan &p,
                             const ConvOperands &o)
{
    typedef ConvTensor<Tile, ConvBf16> Multiply;
    typedef __nv_bfloat16 Half;

    if constexpr (Problem::A_IS_IMAGE)
        if (o.a.half) {
            if (o.image.half)
                conv_launch_product<Problem, Tile, Multiply, Half, Half>(cuda, problem, p, o);
            else
                conv_launch_product<Problem, Tile, Multiply, Half, real>(cuda, problem, p, o);
            return;
        }
    if (o.image.half)
        conv_launch_product<Problem, Tile, Multiply, real, Half>(cuda, problem, p, o);
    else
        conv_launch_product<Problem, Tile, Multiply, real, real>(cuda, problem, p, o);
}

template <class Problem, class Tile>
static void conv_launch_tile(Cuda *cuda, const Problem &problem, const ConvPlan &p,
                             const ConvOperands &o)
{
    if constexpr (sizeof(real) == 4) {
        typedef ConvTensor<Tile, ConvTf32> Tf32;
        if (cuda->precision == PRECISION_TF32) {
            conv_launch_product<Problem, Tile, Tf32>(cuda, problem, p, o);
            return;
        }
        if (cuda->precision == PRECISION_BF16) {
            conv_launch_bf16<Problem, Tile>(cuda, problem, p, o);
            return;
        }
    }
    conv_launch_product<Problem, Tile, ConvPlain<Tile>>(cuda, problem, p, o);
}

template <class Problem>
static void conv_launch(Cuda *cuda, const Problem &problem, ConvOperands o, void *scratch)
{
    ConvPlan p = conv_plan(problem);
    o.parts = (real *)scratch;
    o.n = p.size.n;
    o.splits = p.splits;
    o.split_depth = p.split_depth;
    if constexpr (sizeof(real) == 4) /* in double it would not fit into shared memory */
        if (p.kind == CONV_LARGE)
            conv_launch_tile<Problem, ConvTile<128, 128, 2, 4>>(cuda, problem, p, o);
    if (p.kind == CONV_MEDIUM)
        conv_launch_tile<Problem, ConvTile<64, 64, 2, 2>>(cuda, problem, p, o);
    if (p.kind == CONV_NARROW)
        conv_launch_tile<Problem, ConvTile<32, 128, 1, 4>>(cuda, problem, p, o);
    if (p.splits > 1)
        CUDA_LAUNCH(cuda, conv_add_splits<Problem>,
                    dim3(cuda_blocks((int64_t)p.size.m * p.size.n), problem.phases()), CUDA_THREADS,
                    problem, o);
}

#endif
