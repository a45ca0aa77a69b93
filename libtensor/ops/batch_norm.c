/* batch_norm: per channel c over samples and pixels (M of them),
 *
 *     train: m = mean x, v = mean (x - m)^2; running mean += momentum (m - running mean),
 *            running var += momentum (v M / (M - 1) - running var)
 *     eval:  m, v = running mean, running var
 *     y = gamma (x - m) / sqrt(v + eps) + beta
 *
 * With h = (x - m) r, r = 1 / sqrt(v + eps):  dbeta = sum dy,  dgamma = sum dy h,
 *     train: dx = gamma r (dy - dbeta / M - h dgamma / M);  eval: dx = gamma r dy.
 * saved: m and r. (Ioffe and Szegedy 2015.)
 *
 * A merged activation f makes f(y) of y; backward computes y again, from the same numbers by the
 * same operations, so that its mask is the one of forward, and begins with f'(y) dy for dy.
 *
 * A channel is a task, which goes over it twice each way: once for the sums, once for the result.
 * What one sweep does in several steps, it does to a piece that stays in the cache. */
#include <math.h>

#include "libtensor/op_kernels.h"
#include "libtensor/ops/check.h"
#include "libtensor/ops/loops.h"
#include "libtensor/ops/stream.h"

bool op_batch_norm_infer(const InferIn *in, InferOut *out, Error *err)
{
    static const char *const name[] = {"x", "gamma", "beta", "mean", "var"};
    const BatchNormParam *p = in->param;
    Shape x = in->in[0];

    if (!check_real(in, 0, 2, 4, "batch_norm", "x", err))
        return false;
    if (x.ndim == 3)
        return error_set(err, "batch_norm: x has 3 dimensions, wants 2 or 4");
    for (int i = 1; i < 5; i++)
        if (!check_channels(in, i, x.dim[1], "batch_norm", name[i], err))
            return false;
    if (!(p->eps > 0) || !(p->momentum >= 0 && p->momentum <= 1))
        return error_set(err,
                         "batch_norm: eps %g, momentum %g; eps must be above 0, momentum in [0, 1]",
                         (double)p->eps, (double)p->momentum);
    if (p->train && x.dim[0] * shape_inner(x) < 2)
        return error_set(err, "batch_norm: training needs more than one value per channel");
    out->out = x;
    out->saved[0] = out->saved[1] = shape1(x.dim[1]);
    return true;
}

enum { PIECE = 4096 };

static int64_t piece_at(int64_t i, int64_t n)
{
    return i + PIECE < n ? PIECE : n - i;
}

/* Sum of (x - mean)^2. */
static double deviation(const real *restrict x, int64_t n, real mean)
{
    real lane[LANES] = {0};
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += (x[i + l] - mean) * (x[i + l] - mean);
    for (int l = 0; i < n; i++, l++)
        lane[l] += (x[i] - mean) * (x[i] - mean);
    return lanes_total(lane);
}

typedef struct Moments {
    double count, mean, squares; /* squares: sum of (x - mean)^2 */
} Moments;

/* Of both together (Chan, Golub and LeVeque 1979). */
static void combine(Moments *m, Moments other)
{
    double count = m->count + other.count, off = other.mean - m->mean;

    m->squares += other.squares + off * off * (m->count * other.count / count);
    m->mean += off * (other.count / count);
    m->count = count;
}

/* Adds a row, piece by piece. The squares are around the mean as rounded to `real`, which is off by
 * too little to count. */
static void add_row(Moments *m, const real *x, int64_t n)
{
    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t count = piece_at(i, n);
        double mean = sum_of(x + i, count) / (double)count;
        combine(m, (Moments){(double)count, mean, deviation(x + i, count, (real)mean)});
    }
}

/* One channel: y = scale x + offset. */
typedef struct Map {
    real scale, offset;
    Activation activation;
} Map;

static Map map_of(const Call *c, int64_t k)
{
    const real *gamma = c->in[1].data, *shift = c->in[2].data;
    const real *mean = c->saved[0].data, *r = c->saved[1].data;
    real scale = gamma[k] * r[k];

    return (Map){scale, shift[k] - mean[k] * scale, c->activation};
}

static inline real mapped(const Map *m, real x)
{
    return x * m->scale + m->offset;
}

/* y may be x. */
static void map_piece(const Map *m, const real *x, int64_t n, real *y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = mapped(m, x[i]);
    activate_row(m->activation, y, n);
}

/* y may be x, but not if it is streamed. */
static void map_row(const Map *m, const real *x, int64_t n, bool streamed, real *y)
{
    real memory[PIECE];

    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t size = piece_at(i, n);
        map_piece(m, x + i, size, streamed ? memory : y + i);
        if (streamed)
            stream_row(y + i, memory, size);
    }
}

void op_batch_norm_forward(const Call *c)
{
    const BatchNormParam *p = c->param;
    const real *x = c->in[0].data;
    real *running_mean = c->in[3].data, *running_var = c->in[4].data;
    real *y = c->out.data, *saved_mean = c->saved[0].data, *saved_r = c->saved[1].data;
    int64_t n = c->out.shape.dim[0], channels = c->out.shape.dim[1];
    int64_t inner = shape_inner(c->out.shape);
    bool streamed = y != x && tensor_bytes(c->out) >= STREAM_BYTES;

#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < channels; k++) {
        real mean = running_mean[k], var = running_var[k];
        if (p->train) {
            Moments m = {0, 0, 0};
            for (int64_t i = 0; i < n; i++)
                add_row(&m, x + (i * channels + k) * inner, inner);
            mean = (real)m.mean;
            var = (real)(m.squares / m.count);
            running_mean[k] += p->momentum * (mean - running_mean[k]);
            running_var[k] += p->momentum * ((real)(m.squares / (m.count - 1)) - running_var[k]);
        }
        saved_mean[k] = mean;
        saved_r[k] = 1 / (real)sqrt((double)(var + p->eps));
        Map map = map_of(c, k);
        for (int64_t i = n - 1; i >= 0; i--) /* the last rows are still in the cache */
            map_row(&map, x + (i * channels + k) * inner, inner, streamed,
                    y + (i * channels + k) * inner);
        stream_end();
    }
}

/* d = f'(y) dy */
static void mask(const Map *m, const real *restrict x, const real *restrict dy, int64_t n,
                 real *restrict d)
{
    real slope = m->activation.slope;

    if (m->activation.kind == ACTIVATION_RELU)
        for (int64_t i = 0; i < n; i++) {
            real g = dy[i];
            d[i] = mapped(m, x[i]) > 0 ? g : 0;
        }
    else
        for (int64_t i = 0; i < n; i++) {
            real g = dy[i];
            d[i] = mapped(m, x[i]) > 0 ? g : slope * g;
        }
}

/* A piece of dy behind the activation: dy itself, or in `memory`. */
static const real *masked(const Map *m, const real *x, const real *dy, int64_t n, real *memory)
{
    if (m->activation.kind == ACTIVATION_NONE)
        return dy;
    mask(m, x, dy, n, memory);
    return memory;
}

/* Lanes of the sums of d and of d (x - mean). */
typedef struct Sums {
    real d[LANES], dx[LANES];
} Sums;

static void add_sums(Sums *s, const real *restrict x, const real *restrict d, int64_t n, real mean)
{
    int64_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            s->d[l] += d[i + l];
            s->dx[l] += d[i + l] * (x[i + l] - mean);
        }
    for (int l = 0; i < n; i++, l++) {
        s->d[l] += d[i];
        s->dx[l] += d[i] * (x[i] - mean);
    }
}

/* dx = beta dx + scale d, and if it is one of training, - slope x + offset */
typedef struct Gradient {
    bool train;
    real scale, slope, offset, beta;
} Gradient;

/* dx may be x or d. */
static void gradient_row(const Gradient *g, const real *x, const real *d, int64_t n, real *dx)
{
    if (!g->train) {
        for (int64_t i = 0; i < n; i++)
            dx[i] = gradient(g->beta, dx[i], d[i] * g->scale);
    } else if (g->beta == 0) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            dx[i] = d[i] * g->scale - x[i] * g->slope + g->offset;
    } else {
        for (int64_t i = 0; i < n; i++)
            dx[i] += d[i] * g->scale - x[i] * g->slope + g->offset;
    }
}

void op_batch_norm_backward(const Call *c)
{
    const BatchNormParam *p = c->param;
    const real *x = c->in[0].data, *dy = c->dout.data;
    const real *saved_mean = c->saved[0].data, *saved_r = c->saved[1].data;
    real *dx = c->din[0].data, *dgamma = c->din[1].data, *dshift = c->din[2].data;
    int64_t n = c->dout.shape.dim[0], channels = c->dout.shape.dim[1];
    int64_t inner = shape_inner(c->dout.shape);
    double count = (double)(n * inner);
    bool sums = p->train || dgamma != NULL || dshift != NULL;

#pragma omp parallel for schedule(static)
    for (int64_t k = 0; k < channels; k++) {
        Map map = map_of(c, k);
        real mean = saved_mean[k], r = saved_r[k], memory[PIECE];
        double sum_dy = 0, sum_dyx = 0;
        for (int64_t i = 0; sums && i < n; i++) {
            int64_t row = (i * channels + k) * inner;
            Sums s = {{0}, {0}};
            for (int64_t j = row; j < row + inner; j += PIECE) {
                int64_t size = piece_at(j, row + inner);
                add_sums(&s, x + j, masked(&map, x + j, dy + j, size, memory), size, mean);
            }
            sum_dy += lanes_total(s.d);
            sum_dyx += lanes_total(s.dx);
        }
        if (dgamma != NULL)
            dgamma[k] = gradient(c->beta[1], dgamma[k], (real)(sum_dyx * (double)r));
        if (dshift != NULL)
            dshift[k] = gradient(c->beta[2], dshift[k], (real)sum_dy);
        if (dx == NULL)
            continue;
        Gradient g = {.train = p->train, .scale = map.scale, .beta = c->beta[0]};
        if (p->train) {
            g.slope = (real)(sum_dyx * (double)(r * r * g.scale) / count);
            g.offset = g.slope * mean - (real)(sum_dy * (double)g.scale / count);
        }
        for (int64_t i = n - 1; i >= 0; i--) { /* the last rows are still in the cache */
            int64_t row = (i * channels + k) * inner;
            for (int64_t j = row; j < row + inner; j += PIECE) {
                int64_t size = piece_at(j, row + inner);
                gradient_row(&g, x + j, masked(&map, x + j, dy + j, size, memory), size, dx + j);
            }
        }
    }
}
