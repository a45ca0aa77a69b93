/* max_halves: MFM of LightCNN (Wu et al.), y[n,c,...] = max(x[n,c,...], x[n,c+C,...]).
 * dx goes to the larger one, to the first where they are equal. */
#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"

bool op_max_halves_infer(const InferIn *in, InferOut *out, Error *err)
{
    Shape x = in->in[0];

    if (!check_real(in, 0, 2, TENSOR_MAX_DIM, "max_halves", "x", err))
        return false;
    if (x.dim[1] % 2 != 0)
        return error_set(err, "max_halves: x has %lld channels, wants an even number",
                         (long long)x.dim[1]);
    out->out = x;
    out->out.dim[1] /= 2;
    return true;
}

/* A chunk of half a sample of n is a task. */
static int64_t tasks(int64_t n, int64_t half)
{
    return n * parallel_chunks(half);
}

/* Where chunk `task` of y begins, and of the first half of x; and how long it is. */
typedef struct Chunk {
    int64_t y, x, count;
} Chunk;

static Chunk chunk_of(int64_t task, int64_t half)
{
    int64_t chunks = parallel_chunks(half), sample = task / chunks;
    int64_t begin = task % chunks * PARALLEL_CHUNK;

    return (Chunk){sample * half + begin, 2 * sample * half + begin,
                   parallel_chunk_end(begin, half) - begin};
}

void op_max_halves_forward(const Call *c)
{
    int64_t n = c->out.shape.dim[0], half = shape_count(c->out.shape) / n;

#pragma omp parallel for schedule(static) if (n * half > PARALLEL_CHUNK)
    for (int64_t task = 0; task < tasks(n, half); task++) {
        Chunk chunk = chunk_of(task, half);
        const real *restrict a = (const real *)c->in[0].data + chunk.x, *restrict b = a + half;
        real *restrict y = (real *)c->out.data + chunk.y;
        for (int64_t i = 0; i < chunk.count; i++)
            y[i] = b[i] > a[i] ? b[i] : a[i];
    }
}

void op_max_halves_backward(const Call *c)
{
    int64_t n = c->dout.shape.dim[0], half = shape_count(c->dout.shape) / n;
    real beta = c->beta[0];

    if (c->din[0].data == NULL)
        return;
#pragma omp parallel for schedule(static) if (n * half > PARALLEL_CHUNK)
    for (int64_t task = 0; task < tasks(n, half); task++) {
        Chunk chunk = chunk_of(task, half);
        const real *a = (const real *)c->in[0].data + chunk.x, *b = a + half;
        const real *dy = (const real *)c->dout.data + chunk.y;
        real *da = (real *)c->din[0].data + chunk.x, *db = da + half;
#pragma omp simd /* da may be a, and db b */
        for (int64_t i = 0; i < chunk.count; i++) {
            bool second = b[i] > a[i];
            real d = dy[i];
            da[i] = gradient(beta, da[i], second ? 0 : d);
            db[i] = gradient(beta, db[i], second ? d : 0);
        }
    }
}
